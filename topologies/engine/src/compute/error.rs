//! Reasons why workers could not start, or do not finish an epoch.

use epochs::error::EpochError;

use crate::render::budget::Exceeded;

/// Reason why the workers of a topology could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkersError {
    /// the system refused their threads
    #[error("{detail}")]
    Threads {
        /// timely's error
        detail: String,
    },
    /// one of them panicked while it built the dataflow
    #[error("{detail}")]
    Panicked {
        /// its message
        detail: String,
    },
    /// one of them ended without a message
    #[error("a worker ended at its start")]
    Ended,
}

/// Reason why a computation does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    /// an epoch made too much: what its workers have made is a part, and they are of no further use
    #[error(transparent)]
    OverBudget(#[from] Exceeded),
    /// a worker panicked
    #[error("{detail}")]
    Panicked {
        /// its message
        detail: String,
    },
    /// the workers ended without a message
    #[error("a worker ended")]
    Ended,
    /// the log could not be read
    #[error(transparent)]
    Read(#[from] EpochError),
}
