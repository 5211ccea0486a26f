//! Errors of writing and reading a checkpoint.

use super::header::StateId;
use crate::disk::{DiskAction, DiskError};

/// A failure of the checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// the disk
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// a file does not hold what was written
    #[error(
        "checkpoint file '{path}' is damaged{}: {detail}; start from an older checkpoint or restore the data directory from a backup",
        block.map(|block| format!(" in block {block}")).unwrap_or_default()
    )]
    Damaged {
        /// the file
        path: String,
        /// the block, counted from 0 on, where it is one
        block: Option<usize>,
        /// the fault
        detail: String,
    },
    /// another version wrote it
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
    /// a checkpoint is not newer than the newest one
    #[error("cannot write a checkpoint of epoch {epoch}: there is one of epoch {newest}; remove the newer ones first")]
    NotNewer {
        /// the epoch to be written
        epoch: u64,
        /// the newest epoch there is
        newest: u64,
    },
    /// a change names a state that the header does not
    #[error("cannot write a checkpoint of epoch {epoch}: a change is of state {state}, which its header does not name", state = state.0)]
    UnknownState {
        /// the checkpoint
        epoch: u64,
        /// the state
        state: StateId,
    },
    /// a key with its value is too long
    #[error("cannot write an entry of {bytes} bytes of state {state}: at most {maximum} are possible", state = state.0)]
    EntryTooLong {
        /// the state
        state: StateId,
        /// key and value
        bytes: usize,
        /// the limit
        maximum: usize,
    },
    /// a checkpoint was asked for that is not kept
    #[error("there is no checkpoint of epoch {epoch} in timeline {timeline}")]
    NotKept {
        /// the history
        timeline: u64,
        /// the epoch
        epoch: u64,
    },
}

impl CheckpointError {
    /// A sync failed: nothing is known of what it was to write, and the process has to end.
    pub fn is_failed_sync(&self) -> bool {
        matches!(self, Self::Disk(DiskError { action: DiskAction::Sync, .. }))
    }

    /// No space was left or too many files were open: the checkpoints are as before, and the same may be tried again.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Disk(error) if error.is_passing())
    }

    /// Makes the error of a file as a whole.
    pub(super) fn damaged(path: &str, detail: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), block: None, detail: detail.into() }
    }
}
