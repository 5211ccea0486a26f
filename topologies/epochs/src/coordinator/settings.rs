//! Settings of a coordinator: options of a run, limits of what is kept, and the names of its folders.
//!
//! Plain data that the parts of the coordinator share.

use schemas::fingerprint::{Fingerprint, StateSpec};
use schemas::row::Row;

use crate::bindings::SEGMENT_BYTES;

/// Epochs behind the oldest kept checkpoint whose bindings are kept for sinks that go back.
pub const RETAINED_EPOCHS: u64 = 256;

/// Earlier plans whose states are retained when later ones lack them, so that going back to one gives its rows exactly.
pub const RETAINED_GENERATIONS: usize = 3;
/// Epochs that may be bound before the states of an earlier plan are given up: their bindings are kept until then.
pub const RETAINED_GENERATION_EPOCHS: u64 = 500_000;
/// Bytes of records that may be bound before the states of an earlier plan are given up, unless an option says otherwise: the log keeps
/// these records until then.
pub const RETAINED_GENERATION_BYTES: u64 = 1 << 30;

/// The incarnations that one history may count, less one: a restored one begins above them.
pub(super) const RUNS_OF_A_HISTORY: u64 = u32::MAX as u64;

/// The folder of the bindings.
pub const BINDINGS: &str = "bindings";
/// The folder of the checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";

/// Limits of retaining the states of earlier plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetainedLimits {
    /// number of plans
    pub generations: usize,
    /// epochs that were bound since
    pub epochs: u64,
    /// bytes of the records that were bound since
    pub bytes: u64,
}

impl Default for RetainedLimits {
    fn default() -> Self {
        Self { generations: RETAINED_GENERATIONS, epochs: RETAINED_GENERATION_EPOCHS, bytes: RETAINED_GENERATION_BYTES }
    }
}

/// Limits of what is kept beyond need, and of how finely it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// epochs behind the oldest kept checkpoint whose bindings are kept
    pub epochs: u64,
    /// bytes of a segment of bindings, the least that is given back
    pub segment_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { epochs: RETAINED_EPOCHS, segment_bytes: SEGMENT_BYTES }
    }
}

/// Options of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// most records of one epoch
    pub epoch_records: usize,
    /// the plan
    pub plan: Fingerprint,
    /// the states that the plan keeps, in the order of their numbers
    pub states: Vec<StateSpec>,
    /// a random number: the timeline of a new history
    pub timeline: u64,
    /// states are computed also from a log whose beginning is gone
    pub accept_missing_history: bool,
    /// limits of retaining the states of earlier plans
    pub retained: RetainedLimits,
}

/// Changes of an epoch's state: the number of the state in [`Settings::states`], the key, and the entry; `None` when it is gone.
pub type StateChanges = Vec<(u32, Row, Option<Row>)>;
