//! Header of a checkpoint, and the numbers of the states in it.
//!
//! Owns what the manifest, the runs and the coordinator all name. Plain data: nothing here reads or writes.

/// Number of checkpoints that are kept in any case: when the newest is damaged, there is another.
pub const CHECKPOINTS_KEPT: usize = 2;

/// The number that the manifest gives a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(pub u32);

/// Change of the entry of a key: its new value, or `None` when it was deleted.
pub type StateChange = (StateId, Box<[u8]>, Option<Box<[u8]>>);

/// An older checkpoint that is not removed, because it holds states that later ones do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetainedCheckpoint {
    /// its epoch
    pub epoch: u64,
    /// bytes of the records that were bound since
    pub bytes: u64,
}

/// Header of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointHeader {
    /// the history
    pub timeline: u64,
    /// the epoch after which the state was as it is here
    pub epoch: u64,
    /// the identity of that epoch
    pub chain: [u8; 32],
    /// the plan
    pub plan: [u8; 32],
    /// the wall clock of the epoch, microseconds since 1970
    pub wall_micros: i64,
    /// positions from which the log is read on: topic, identity of the topic, partition, next offset
    pub offsets: Vec<(String, u128, u32, u64)>,
    /// the states: number, what it is computed from and how, name
    pub states: Vec<(StateId, [u8; 32], String)>,
    /// the number that the next new state gets: one that was given once is never given again, because runs may still hold its entries
    pub next_state: u32,
    /// older checkpoints that are kept beside the newest [`CHECKPOINTS_KEPT`]
    pub retained: Vec<RetainedCheckpoint>,
    /// further data of the driver
    pub meta: Vec<u8>,
}
