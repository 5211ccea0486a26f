//! State of the process: readiness, status, figures and lineage.
//!
//! Owns the trait that the process implements. Nothing enters; the state as it is now leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use schemas::lineage::Lineage;
use schemas::position::{Epoch, Offset, Partition, Topic};

/// State of the process.
pub trait Health: Send + Sync + 'static {
    /// Returns true once the views show all that was in the log at the start. Called often; must not block.
    fn readiness(&self) -> Readiness;

    /// Returns the values of the metrics. Called at every scrape; must not block.
    fn figures(&self) -> Figures;

    /// Returns the measurements of parts of the process. Called at every scrape; must not block.
    fn measurements(&self) -> Measurements;

    /// Returns the status for an operator. May not block for long.
    fn status(&self) -> HostStatus;

    /// Returns the relations and the edges between them, as deployed now. Must not block.
    fn lineage(&self) -> Lineage;
}

/// Freshness of answers, compared with the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// caught up
    Ready,
    /// still reading what was logged before the start
    CatchingUp {
        /// records read
        records_done: u64,
        /// records there were at the start
        records_total: u64,
    },
    /// answers are not kept current for now, which is tried again and again
    Stalled {
        /// the obstacle, in words
        reason: String,
    },
    /// a source is no longer read; answers are no longer kept current
    Halted {
        /// the source and the reason, in words
        reason: String,
    },
}

/// State of the process for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostStatus {
    /// number of starts of the process on its data, 0 when it does not count
    pub incarnation: u64,
    /// the epoch a restart would go on from, if there is one
    pub checkpoint: Option<Epoch>,
    /// the end of every partition that is read; one is missing while the log can't be asked
    pub ends: BTreeMap<(Topic, Partition), PartitionEnd>,
    /// sources that are no longer read
    pub halted: Vec<HaltedSource>,
    /// reason why nothing moves for now
    pub stalled: Option<String>,
    /// the sinks that follow the views
    pub sinks: Vec<SinkStatus>,
    /// time by which the machine's clock is ahead of the views', because it jumped and the jump is held
    pub clock_held: Duration,
    /// lag of the views behind the log
    pub lag: Lag,
    /// lag from which events are refused
    pub lag_limits: LagLimits,
    /// space on the disk of the log, where it says so
    pub disk: Option<DiskSpace>,
}

/// Space on the disk of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskSpace {
    /// bytes that are free
    pub free_bytes: u64,
    /// bytes that stay free while events are taken
    pub reserve_bytes: u64,
    /// true while no events are taken for lack of space
    pub is_full: bool,
}

/// End of a partition, and what the views lack of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionEnd {
    /// the next offset that will be written
    pub offset: Offset,
    /// records that no view shows yet; offsets may have gaps, so they may be fewer than the offsets up to the end
    pub records_behind: u64,
}

/// Distance of the views from the end of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// records in the log that no view shows yet
    pub records: u64,
    /// about how many bytes of keys and values they have
    pub bytes: u64,
    /// age of the oldest of them in microseconds
    pub micros: u64,
}

/// Greatest lag of the views behind the log while events are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LagLimits {
    /// records
    pub records: u64,
    /// bytes of keys and values
    pub bytes: u64,
    /// age of the oldest record
    pub time: Duration,
}

/// State of a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkStatus {
    /// its name
    pub name: String,
    /// the view that it follows
    pub view: String,
    /// destination, for people
    pub target: String,
    /// `waiting`, `attached`, `rebuilding`, `detached` or `halted`
    pub state: &'static str,
    /// the epoch that it holds
    pub epoch: Option<Epoch>,
    /// epochs that it does not hold yet
    pub lag_epochs: u64,
    /// changes that wait for it
    pub waiting_changes: u64,
    /// number of times that it was rebuilt
    pub rebuilt: u64,
    /// commits that it has acknowledged since the start
    pub commits: u64,
    /// attempts that failed since the start
    pub errors: u64,
    /// reason why it does not continue, for now or for good
    pub reason: Option<String>,
}

/// A source that can't be read on without losing or repeating something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaltedSource {
    /// its name in the topology
    pub source: String,
    /// the finding, in words
    pub reason: String,
    /// advice to the operator
    pub action: String,
}

/// Measurements of parts of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measurements {
    /// the sinks that follow the views
    pub sinks: Vec<SinkStatus>,
    /// the checkpoints
    pub checkpoint: CheckpointFigures,
    /// about how many bytes the records of each topic of the log have; empty until they are counted
    pub topic_bytes: BTreeMap<String, u64>,
}

/// Figures about checkpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointFigures {
    /// the epoch that a restart would go on from, if there is one
    pub epoch: Option<Epoch>,
    /// checkpoints that this process has written
    pub written: u64,
    /// time when the last of them became durable, microseconds since 1970
    pub at_micros: Option<i64>,
    /// time that writing it took
    pub duration: Duration,
    /// bytes of all that it stands on
    pub bytes: u64,
}

/// Figures about the flow of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// events appended to the log since the start
    pub events_ingested: u64,
    /// records that the views have taken in since the start
    pub events_processed: u64,
    /// lines that were refused for now since the start
    pub lines_refused: u64,
    /// lag of the views behind the log
    pub lag: Lag,
    /// lag from which events are refused
    pub lag_limits: LagLimits,
    /// duration of the last epoch, in microseconds
    pub epoch_micros: u64,
    /// space on the disk of the log, where it says so
    pub disk: Option<DiskSpace>,
}
