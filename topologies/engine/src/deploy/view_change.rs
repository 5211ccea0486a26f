//! Change of a view or sink by a deployment, and the states of earlier topologies that are kept.

use std::collections::BTreeSet;

use epochs::checkpoint::CheckpointHeader;

/// Change of a view or of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewChange {
    /// it was not there
    Added,
    /// its rows, columns or indexes are others; a sink's rows or what it writes
    Changed,
    /// it is not there any more
    Removed,
    /// it is the same
    Kept,
}

/// The states of an earlier topology, which are kept so that they can be brought up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetainedStates {
    /// the epoch that they are of
    pub epoch: u64,
    /// their fingerprints
    pub states: BTreeSet<[u8; 32]>,
}

impl RetainedStates {
    /// Those of a checkpoint.
    pub(crate) fn of(header: &CheckpointHeader) -> Self {
        Self { epoch: header.epoch, states: header.states.iter().map(|(_, fingerprint, _)| *fingerprint).collect() }
    }
}
