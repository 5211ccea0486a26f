//! `tidewater run`: serves a topology until it is asked to stop, or another process took over.

use super::arguments::{Format, RunArguments};
use super::check::declare_or_report;
use super::failure::Failure;
use crate::process::auth::api_config;
use crate::process::error::ProcessError;
use crate::process::key_reading::KeyReading;
use crate::process::options::ServerSettings;
use crate::process::server::{Server, ServerOptions};
use crate::process::waiting::stop_when_asked;
use crate::terminal::{counted, print_line};

/// Starts and waits for SIGINT or SIGTERM; a process that lost its data directory ends by itself.
pub(super) fn run(arguments: &RunArguments) -> Result<(), Failure> {
    let auth = arguments.auth.options();
    let api = arguments.answers.apply(api_config(&auth, arguments.server.listen.most_open())?)?;
    let keys = api.verifier.clone().map(|verifier| KeyReading::start(auth, verifier)).transpose();
    // Held until the end: dropping it would leave the keys as they are.
    let keys = keys.map_err(|source| ProcessError::Start { source })?;
    let declared = declare_or_report(&arguments.topologies, Format::Text)?;
    let settings = ServerSettings { tls: arguments.tls.files(), ..arguments.server.settings() };
    let server = Server::start(ServerOptions { declared, data: &arguments.data, settings: &settings, api })?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let views = counted(server.views.views().count(), "view");
    print_line(&format!("serving {views} on {scheme}://{}", server.address));
    if server.generation.is_deployed {
        let (number, directory) = (server.generation.number, arguments.topologies.display());
        print_line(&format!("going on with generation {number}, which was deployed; '{directory}' has not changed since"));
    }
    Ok(stop_when_asked(server, keys.as_ref())?)
}
