//! Keys of tokens that are read again while the process runs, so that they rotate without a restart.
//!
//! Owns the thread that does it: at an interval where a set of keys is configured, and whenever it is asked to. What can't be read or used
//! changes nothing, is said in the log and counted in the metrics.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use api::Verifier;

use super::auth::{AuthOptions, keys};

/// Reads the keys again; dropping it ends that.
pub struct KeyReading {
    request: Sender<()>,
}

impl KeyReading {
    /// Begins to keep the keys of `verifier` as `options` say.
    pub fn start(options: AuthOptions, verifier: Arc<Verifier>) -> io::Result<Self> {
        let (request, requests) = channel();
        thread::Builder::new().name("token-keys".to_owned()).spawn(move || keep(&options, &verifier, &requests))?;
        Ok(Self { request })
    }

    /// Reads all keys again soon, files too; for whoever has changed one and does not want to wait.
    pub fn read_again(&self) {
        // The thread ends with this handle, not before.
        let _ = self.request.send(());
    }
}

fn keep(options: &AuthOptions, verifier: &Verifier, requests: &Receiver<()>) {
    let interval = options.key_set.as_ref().map(|(_, interval)| *interval);
    while is_due(requests, interval) {
        match keys(options) {
            Ok(keys) => {
                let (added, gone) = verifier.replace(keys);
                if (added, gone) != (0, 0) {
                    tracing::info!(added, gone, "the keys of tokens have changed");
                }
            }
            Err(error) => {
                verifier.reading_failed();
                tracing::warn!(%error, "the keys of tokens could not be read again: those that were read last stay in force");
            }
        }
    }
}

/// Waits until the keys are to be read; false when nobody is left who wants it.
fn is_due(requests: &Receiver<()>, interval: Option<Duration>) -> bool {
    match interval {
        None => requests.recv().is_ok(),
        Some(interval) => !matches!(requests.recv_timeout(interval), Err(RecvTimeoutError::Disconnected)),
    }
}
