//! The parts of the process that the API needs: somewhere to put events, and the state of the process.
//!
//! Owns the two traits that the front door implements. Raw lines leave, outcomes and figures enter.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use schemas::dead_letter::{DeadLetter, Fault};
use schemas::lineage::Lineage;
use schemas::position::{Epoch, LogPosition, Offset, Partition, Topic};

/// A future behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The destination of posted events.
pub trait Ingest: Send + Sync + 'static {
    /// Validates and appends lines; called once per request, from many requests at a time. Returns one outcome per line in
    /// order, after everything accepted is synced to disk. Lines that are refused for now are the last ones. An error means that none
    /// of the lines may be relied on. May wait a little while much is under way.
    fn submit(&self, lines: Vec<Vec<u8>>) -> BoxFuture<'_, Result<Vec<LineOutcome>, IngestError>>;

    /// Takes the bytes of a dead letter as if they were sent now. What is taken, or was before, is off the list of dead letters soon
    /// after, durably; what is rejected stays on it.
    fn retry(&self, id: u64, letter: DeadLetter) -> BoxFuture<'_, Result<LineOutcome, IngestError>>;

    /// The topics that events can be sent to, by name. May not block for long.
    fn topics(&self) -> Result<Vec<TopicInfo>, IngestError>;
}

/// Outcome of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineOutcome {
    /// appended here, and synced
    Accepted(LogPosition),
    /// an event with this id was appended before, there if it is still known
    Duplicate(Option<LogPosition>),
    /// not an event; it is among the dead letters
    Rejected(Fault),
    /// nothing but white space
    Empty,
    /// not looked at, because too much is under way already: it is no dead letter, and may be sent again as it is
    Refused(Refusal),
}

/// Reason why a line is not taken for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// the views lack too many records of the log
    #[error("the views are {behind} records behind the log, and {limit} are allowed (--ingest-lag-records): {}", again(*retry_after))]
    LagRecords {
        /// records that no view shows yet, with those that are being appended
        behind: u64,
        /// records that there may be
        limit: u64,
        /// time after which it is worth trying again
        retry_after: Duration,
    },
    /// the views lack too many bytes of the log
    #[error("the views are {behind} bytes behind the log, and {limit} are allowed (--ingest-lag-bytes): {}", again(*retry_after))]
    LagBytes {
        /// bytes that no view shows yet, with those that are being appended
        behind: u64,
        /// bytes that there may be
        limit: u64,
        /// time after which it is worth trying again
        retry_after: Duration,
    },
    /// the oldest record that the views lack is too old
    #[error(
        "the views are {:.1} s behind the log, and {:.1} s are allowed (--ingest-lag-time): {}",
        behind.as_secs_f64(), limit.as_secs_f64(), again(*retry_after)
    )]
    LagTime {
        /// age of the oldest record that no view shows yet
        behind: Duration,
        /// age that it may have
        limit: Duration,
        /// time after which it is worth trying again
        retry_after: Duration,
    },
    /// the process has no memory for what events lead to
    #[error(
        "{used} of {limit} bytes of memory are used: no events are taken until it is less; try again, or give the process more"
    )]
    Memory {
        /// bytes that are used
        used: u64,
        /// bytes that may be
        limit: u64,
        /// time after which it is worth trying again
        retry_after: Duration,
    },
}

impl Refusal {
    /// Stable name, for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::LagRecords { .. } => "lag_records",
            Self::LagBytes { .. } => "lag_bytes",
            Self::LagTime { .. } => "lag_time",
            Self::Memory { .. } => "memory_full",
        }
    }

    /// Returns the time after which it is worth trying again.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::LagRecords { retry_after, .. }
            | Self::LagBytes { retry_after, .. }
            | Self::LagTime { retry_after, .. }
            | Self::Memory { retry_after, .. } => *retry_after,
        }
    }
}

/// Returns the advice for the sender of a refused line.
fn again(after: Duration) -> String {
    format!("send the event again in {} s", after.as_secs().max(1))
}

/// Reason why no line could be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// the log could not be read or written
    #[error("the event log could not be used: {detail}")]
    Storage {
        /// the failure, in words
        detail: String,
    },
    /// no space is left for the log
    #[error("the event log's disk is full: free space on it, then send the events again")]
    StorageFull,
}

/// A topic of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// its name
    pub name: Topic,
    /// the protobuf message of its events
    pub message: String,
    /// per partition the earliest offset that is kept, and the next that will be written
    pub partitions: Vec<(Offset, Offset)>,
}

/// Topics that are derived beside the views.
pub trait Derived: Send + Sync + 'static {
    /// The view that a derived topic follows; `None` when the topic is none.
    fn view_of(&self, topic: &str) -> Option<String>;

    /// Records of complete epochs of a derived topic, from an offset on or from the first that is kept. An offset that the topic does not
    /// have gives none.
    fn records(&self, topic: &str, from: Option<Offset>, limit: usize) -> BoxFuture<'_, Result<RecordPage, IngestError>>;
}

/// Records of a derived topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordPage {
    /// the first offset that is kept
    pub earliest: Offset,
    /// end of the records of complete epochs
    pub end: Offset,
    /// in order
    pub records: Vec<TopicRecord>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// its place
    pub offset: Offset,
    /// append time, microseconds since 1970
    pub timestamp: i64,
    /// its key
    pub key: Vec<u8>,
    /// a JSON object
    pub value: Vec<u8>,
}

/// State of the process.
pub trait Health: Send + Sync + 'static {
    /// Returns true once the views show all that was in the log at the start. Called often; must not block.
    fn readiness(&self) -> Readiness;

    /// Returns the values of the metrics. Called at every scrape; must not block.
    fn figures(&self) -> Figures;

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
    /// the next offset that will be written of every partition that is read
    pub ends: BTreeMap<(Topic, Partition), Offset>,
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
}
