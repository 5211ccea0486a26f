//! Reasons why the protocol stops, waits or refuses, each with what to do.

use std::fmt;

use sources::error::LogError;

use crate::checkpoint::error::CheckpointError;
use crate::disk::DiskError;
use crate::lost_history::MissingHistory;
use schemas::chain::Chain;

/// A failure of the protocol.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// the disk
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// the checkpoints
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// the log can't be read now
    #[error(transparent)]
    Log(#[from] LogError),
    /// states would be computed from a log whose beginning is gone
    #[error(transparent)]
    MissingHistory(#[from] MissingHistory),
    /// a source is not what it was: going on would skip, repeat or mix up records
    #[error("{reason}: topic '{topic}'{}: {detail}", partition.map(|partition| format!(", partition {partition}")).unwrap_or_default())]
    Halted {
        /// the named reason
        reason: HaltReason,
        /// the topic
        topic: String,
        /// the partition, where there is one
        partition: Option<u32>,
        /// the finding, with numbers, and what to do
        detail: String,
    },
    /// a later run of the process took over
    #[error("FENCED: incarnation {found} took over from incarnation {ours}; this process must not write any more and ends")]
    Fenced {
        /// this process
        ours: u64,
        /// the one that is current
        found: u64,
    },
    /// a file of the data directory is damaged
    #[error("'{path}' is damaged at byte {offset}: {detail}; restore the data directory from a backup")]
    Damaged {
        /// the file
        path: String,
        /// its offset
        offset: u64,
        /// the fault
        detail: String,
    },
    /// the data directory was written by another version
    #[error(
        "'{path}' has format {found}, this version reads format {supported}: use the version that wrote it, or restore a backup"
    )]
    Format {
        /// the file
        path: String,
        /// the version that it has
        found: u64,
        /// the newest version that is understood
        supported: u64,
    },
    /// an epoch was bound that does not follow the last one
    #[error("epoch {epoch} does not follow epoch {last} ({chain}): the process is wrong and ends")]
    NotNext {
        /// the epoch
        epoch: u64,
        /// the last one
        last: u64,
        /// its identity
        chain: Chain,
    },
    /// nothing is left to start from
    #[error(
        "no checkpoint can be read and the bindings before epoch {first} are gone, so the state can't be computed again{}; \
         restore the data directory from a backup",
        damages.iter().map(|damage| format!("; {damage}")).collect::<String>()
    )]
    NothingToStartFrom {
        /// the first epoch that is still bound
        first: u64,
        /// reasons why each checkpoint can't be read
        damages: Vec<String>,
    },
}

impl EpochError {
    /// Returns true if the disk refused what may be tried again: it was full, or too many files were open.
    pub fn is_of_passing_disk(&self) -> bool {
        match self {
            Self::Disk(error) => error.is_passing(),
            Self::Checkpoint(error) => error.is_passing(),
            _ => false,
        }
    }
}

/// Reason why a source is not read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaltReason {
    /// the topic was deleted and made again, or is gone
    SourceIdentityChanged,
    /// records that are still needed are gone
    RetentionGap,
    /// records are others than those that were bound
    LogDiverged,
}

impl fmt::Display for HaltReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SourceIdentityChanged => "SOURCE_IDENTITY_CHANGED",
            Self::RetentionGap => "RETENTION_GAP",
            Self::LogDiverged => "LOG_DIVERGED",
        })
    }
}
