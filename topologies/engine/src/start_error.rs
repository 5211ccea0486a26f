//! Reason why a topology can't be started.

use epochs::error::EpochError;
use sinks::connector::OpenError;
use sources::error::LogError;

use crate::limits::WORKERS_MAX;

/// Reason why a topology could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// too few or too many workers
    #[error("{workers} workers were asked for: choose 1 to {WORKERS_MAX}")]
    Workers {
        /// number of workers
        workers: usize,
    },
    /// the log refused
    #[error("the log of topic '{topic}' can't be used: {error}")]
    Log {
        /// the topic
        topic: String,
        /// the log's error
        error: LogError,
    },
    /// a planned expression could not be compiled
    #[error("the topology can't be rendered: {detail}")]
    Render {
        /// the refusal
        detail: String,
    },
    /// a sink can't be opened here
    #[error(transparent)]
    Sink(#[from] OpenError),
    /// the data directory can't be gone on with
    #[error(transparent)]
    Epochs(#[from] EpochError),
    /// the system refused a thread
    #[error("a thread could not be started: {detail}")]
    Thread {
        /// the system's error
        detail: String,
    },
}
