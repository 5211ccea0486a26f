//! The time of a server between its start and its end.
//!
//! A server enters that has started; the outcome leaves when it was asked to stop and has, or had to because another process took over its
//! data directory.

use std::time::Duration;

use super::error::ProcessError;
use super::key_reading::KeyReading;
use super::server::Server;

/// Longest wait for a signal.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Waits for SIGINT or SIGTERM, or the loss of the data directory, and stops the server then. Has keys of tokens read again on SIGHUP.
pub fn stop_when_asked(server: Server, keys: Option<&KeyReading>) -> Result<(), ProcessError> {
    let lost = loop {
        if server.stop_requested(WATCH_INTERVAL) {
            break None;
        }
        if server.reread_requested()
            && let Some(keys) = keys
        {
            keys.read_again();
        }
        if let Some(failure) = server.lost() {
            break Some(failure);
        }
    };
    tracing::info!("stopping");
    let stopped = server.stop();
    lost.map_or(stopped, Err)
}
