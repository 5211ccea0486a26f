//! `tidewater run`: serves a topology until it is told to stop.

use std::time::Duration;

use super::check::load_or_report;
use super::output::print_line;
use super::{Format, RunArguments};
use crate::auth::api_config;
use crate::error::Failure;
use crate::server::{Server, ServerOptions};

/// How long one wait for a signal is.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Starts and waits for SIGINT or SIGTERM.
pub(super) fn run(arguments: &RunArguments) -> Result<(), Failure> {
    let api = api_config(&arguments.auth, arguments.server.listen)?;
    let topology = load_or_report(&arguments.topologies, Format::Text)?;
    let server = Server::start(ServerOptions { topology, data: &arguments.data, arguments: &arguments.server, api })?;
    print_line(&format!("serving {} views on http://{}", server.views.views().count(), server.address));
    while !server.stop_requested(WATCH_INTERVAL) {}
    tracing::info!("stopping");
    server.stop()
}
