//! `tidewater run`: serves a topology until it is asked to stop, or another process took over.

use std::time::Duration;

use super::arguments::{Format, RunArguments};
use super::check::declare_or_report;
use super::failure::Failure;
use crate::process::auth::api_config;
use crate::process::error::ProcessError;
use crate::process::key_reading::KeyReading;
use crate::process::server::{Server, ServerOptions};
use crate::terminal::print_line;

/// Longest wait for a signal.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Starts and waits for SIGINT or SIGTERM; a process that lost its data directory ends by itself.
pub(super) fn run(arguments: &RunArguments) -> Result<(), Failure> {
    let auth = arguments.auth.options();
    let api = arguments.answers.apply(api_config(&auth, arguments.server.listen.most_open())?);
    let keys = api.verifier.clone().map(|verifier| KeyReading::start(auth, verifier)).transpose();
    // Held until the end: dropping it would leave the keys as they are.
    let keys = keys.map_err(|source| ProcessError::Start { source })?;
    let declared = declare_or_report(&arguments.topologies, Format::Text)?;
    let settings = arguments.server.settings();
    let server = Server::start(ServerOptions { declared, data: &arguments.data, settings: &settings, api })?;
    print_line(&format!("serving {} views on http://{}", server.views.views().count(), server.address));
    if server.generation.is_deployed {
        let (number, directory) = (server.generation.number, arguments.topologies.display());
        print_line(&format!("going on with generation {number}, which was deployed; '{directory}' has not changed since"));
    }
    let lost = loop {
        if server.stop_requested(WATCH_INTERVAL) {
            break None;
        }
        if server.reread_requested()
            && let Some(keys) = &keys
        {
            keys.read_again();
        }
        if let Some(failure) = server.lost() {
            break Some(failure);
        }
    };
    tracing::info!("stopping");
    let stopped = server.stop();
    Ok(lost.map_or(stopped, Err)?)
}
