//! Options of a running topology, and their defaults.

use std::time::Duration;

use epochs::coordinator::RetainedLimits;
use schemas::position::Timeline;
use sinks::search::Place;

use crate::epoch_clock::Clock;
use crate::event_limits::EventLimits;
use schemas::server_url::ServerUrl;

/// The shortest time between two epochs unless an option says otherwise.
pub const EPOCH_INTERVAL_DEFAULT: Duration = Duration::from_millis(20);
/// Interval of checkpoints unless an option says otherwise.
pub const CHECKPOINT_INTERVAL_DEFAULT: Duration = Duration::from_secs(10);
/// Changes of state after which a checkpoint is written in any case: they wait in memory.
pub const CHECKPOINT_CHANGES_MAX: usize = 1_000_000;

/// Options of a running topology.
#[derive(Clone, Debug)]
pub struct Options {
    /// worker threads
    pub workers: usize,
    /// source of the epochs' wall clock
    pub clock: Clock,
    /// the shortest time between two epochs
    pub epoch_interval: Duration,
    /// most records of one epoch, at most [`EPOCH_RECORDS_MAX`](epochs::reader::EPOCH_RECORDS_MAX)
    pub epoch_records: usize,
    /// the name of the history that begins when the storage is empty
    pub timeline: Timeline,
    /// interval of checkpoints
    pub checkpoint_interval: Duration,
    /// changes of state after which a checkpoint is written in any case: they wait in memory
    pub checkpoint_changes: usize,
    /// bytes above which the log forgets what no restart needs; `None` keeps all
    pub log_retention_bytes: Option<u64>,
    /// states are computed also from a log whose beginning is gone: what the earlier records made is missing then
    pub accept_missing_history: bool,
    /// limits of keeping the states of earlier topologies, so that one that comes back has its rows again
    pub retained: RetainedLimits,
    /// limits of the rows that joins and lists make of one event
    pub event_limits: EventLimits,
    /// address for sinks with connector = 'redis' that give none
    pub redis: Option<ServerUrl>,
    /// location of the full-text indexes
    pub search: Place,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 1,
            clock: Clock::System,
            epoch_interval: EPOCH_INTERVAL_DEFAULT,
            epoch_records: epochs::reader::EPOCH_RECORDS_MAX,
            timeline: Timeline(1),
            checkpoint_interval: CHECKPOINT_INTERVAL_DEFAULT,
            checkpoint_changes: CHECKPOINT_CHANGES_MAX,
            log_retention_bytes: None,
            accept_missing_history: false,
            retained: RetainedLimits::default(),
            event_limits: EventLimits::default(),
            redis: None,
            search: Place::Memory,
        }
    }
}
