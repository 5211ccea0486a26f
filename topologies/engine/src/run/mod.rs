//! Running a topology: workers compute, one driver binds epochs and publishes them.
//!
//! Owns the life of one deployment in one process. A topology and a log enter; views that follow the log, and a status, leave.
//! An epoch is bound (which records, which wall clock) before any worker sees it, and visible only when all workers are past it.

mod change;
mod checkpointer;
mod dead_letters;
mod deploy;
mod driver;
mod engine;
mod epoch_clock;
mod marks;
pub(crate) mod quarantine;
mod rebuild;
mod recovery;
mod restore;
mod retention;
pub mod sink_tasks;
mod status;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use epochs::coordinator::RetainedLimits;
use epochs::disk::Disk;
use epochs::error::EpochError;
use schemas::position::{Timeline, Topic};
use sinks::invalidations::Invalidations;
use sinks::search::{Place, SearchIndexes};
use sinks::views::Views;
use sources::error::LogError;
use sources::log::{Log, TopicMetadata};

use self::recovery::Recovery;
use self::sink_tasks::{RedisUrl, Reports};

pub use self::change::{
    BACKFILL_RECORDS_PER_SECOND, Change, RetainedStates, TopicBackfill, ViewChange, plan_change, plan_switch,
};
pub use self::dead_letters::LetterRecord;
pub use self::deploy::candidate::ROW_ERRORS_MAX;
pub use self::deploy::{
    DIFFERENCE_ROWS_MAX, DeployError, DeployOutcome, DeployPhase, DeployReport, Deployment, DeploymentHandle, Record, Standing,
    Verify, ViewDifference,
};
pub use self::epoch_clock::{Clock, system_micros};
pub use self::quarantine::ENDS_MAX;
pub use self::restore::{Restored, partition_of};
pub use self::status::{Status, StatusReport, Trouble};
use crate::render::budget::Limits;
use crate::why::LineageQuery;
use language::topology::Topology;

/// The topic of events that were refused at ingest.
pub const DEAD_LETTER_TOPIC: &str = "tidewater.dead_letters";
/// Most epochs that are bound and not yet visible: timely has no backpressure of its own.
pub const EPOCHS_IN_FLIGHT_MAX: usize = 2;
/// Most workers of a process.
pub const WORKERS_MAX: usize = 64;
/// The shortest time between two epochs unless an option says otherwise.
pub const EPOCH_INTERVAL_DEFAULT: Duration = Duration::from_millis(20);
/// Interval at which the wall clock advances while no events come, so that rows of temporal filters leave in time.
pub const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// Longest wait of the driver for one thing before it looks at the others.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// Interval of checkpoints unless an option says otherwise.
pub const CHECKPOINT_INTERVAL_DEFAULT: Duration = Duration::from_secs(10);
/// Changes of state after which a checkpoint is written in any case: they wait in memory.
pub const CHECKPOINT_CHANGES_MAX: usize = 1_000_000;

/// Storage of bindings and checkpoints.
pub type Storage = Arc<dyn Disk>;

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
    /// changes of state after which a checkpoint is written in any case, at most [`CHECKPOINT_CHANGES_MAX`]
    pub checkpoint_changes: usize,
    /// bytes above which the log forgets what no restart needs; `None` keeps all
    pub log_retention_bytes: Option<u64>,
    /// states are computed also from a log whose beginning is gone: what the earlier records made is missing then
    pub accept_missing_history: bool,
    /// limits of keeping the states of earlier topologies, so that one that comes back has its rows again
    pub retained: RetainedLimits,
    /// limits of the rows that joins and lists make of one event
    pub event_limits: Limits,
    /// address for sinks with connector = 'redis'
    pub redis: Option<RedisUrl>,
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
            event_limits: Limits::default(),
            redis: None,
            search: Place::Memory,
        }
    }
}

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
    /// a sink needs Redis
    #[error("the sink '{sink}' writes to Redis, and it is not said where that is: start with --redis-url redis://host:6379")]
    NoRedis {
        /// the sink
        sink: String,
    },
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

/// A topology that runs; dropping it stops it.
pub struct Running {
    /// the served views
    pub views: Arc<Views>,
    /// status of deployments, and the way to ask for one
    pub deployment_handle: Arc<DeploymentHandle>,
    status: Arc<Status>,
    sink_tasks: Arc<Reports>,
    invalidations: Arc<Invalidations>,
    search: Arc<SearchIndexes>,
    lineage_query: LineageQuery,
    stop: Arc<AtomicBool>,
    driver: Option<JoinHandle<()>>,
}

/// Starts a topology on a log, where the storage says that an earlier run got to; creates the topics that its sources name. Returns
/// before the state is restored: until then the views say how far that is.
pub fn start(topology: Arc<Topology>, log: Arc<dyn Log>, storage: Storage, options: Options) -> Result<Running, StartError> {
    if options.workers == 0 || options.workers > WORKERS_MAX {
        return Err(StartError::Workers { workers: options.workers });
    }
    if let Some(sink) = sink_tasks::without_connection(&topology, options.redis.as_ref()) {
        return Err(StartError::NoRedis { sink: sink.name.clone() });
    }
    check_rendering(&topology)?;
    let topics = create_topics(&topology, log.as_ref())?;
    let (shared_log, shared_storage) = (Arc::clone(&log), Arc::clone(&storage));
    let recovery = Recovery::open(topology, log, storage, topics, options)?;
    let (views, deployment_handle) = (recovery.views(), recovery.deployment_handle());
    let lineage_query = LineageQuery::new(Arc::clone(&deployment_handle), shared_log, shared_storage);
    let (sink_tasks, invalidations, search) = (recovery.reports(), recovery.invalidations(), recovery.search());
    let status = Arc::new(Status::default());
    status.begins_at(recovery.offsets());
    let stop = Arc::new(AtomicBool::new(false));
    let (running_views, running_status, stopping) = (Arc::clone(&views), Arc::clone(&status), Arc::clone(&stop));
    let thread = std::thread::Builder::new()
        .name("driver".to_owned())
        .spawn(move || recovery.run(running_views, running_status, &stopping))
        .map_err(|error| StartError::Thread { detail: error.to_string() })?;
    Ok(Running { views, deployment_handle, status, sink_tasks, invalidations, search, lineage_query, stop, driver: Some(thread) })
}

/// Every expression is compiled once here, so that workers meet no error.
fn check_rendering(topology: &Topology) -> Result<(), StartError> {
    language::expression::check::check(topology)
        .map_err(|error| StartError::Render { detail: language::plan::wording::message(&error).0 })
}

fn create_topics(topology: &Topology, log: &dyn Log) -> Result<Vec<TopicMetadata>, StartError> {
    let sources = topology.sources.iter().map(|source| (source.schema.topic.clone(), source.partitions));
    let create = |(name, count): (String, u32)| {
        log.create_topic(&Topic::new(&name), count).map_err(|error| StartError::Log { topic: name.clone(), error })
    };
    sources.chain([(DEAD_LETTER_TOPIC.to_owned(), 1)]).map(create).collect()
}

impl Running {
    /// Returns its progress.
    pub fn status(&self) -> StatusReport {
        self.status.report()
    }

    /// The status as it goes on, for another thread.
    pub fn status_handle(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Returns the reports of the sinks, for another thread.
    pub fn sink_tasks(&self) -> Arc<Reports> {
        Arc::clone(&self.sink_tasks)
    }

    /// The full-text indexes.
    pub fn search(&self) -> Arc<SearchIndexes> {
        Arc::clone(&self.search)
    }

    /// Returns the finder of the events that made a row.
    pub fn lineage_query(&self) -> LineageQuery {
        self.lineage_query.clone()
    }

    /// Returns the keys that become stale in caches, as they do.
    pub fn invalidations(&self) -> Arc<Invalidations> {
        Arc::clone(&self.invalidations)
    }

    /// Stops all threads and waits for them.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(driver) = self.driver.take()
            && driver.join().is_err()
        {
            tracing::error!("the driver panicked");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
