//! Running a topology: workers compute, one driver binds epochs and publishes them.
//!
//! Owns the life of one deployment in one process. A topology and a log enter; views that follow the log, and a status, leave.
//! An epoch is bound (which records, which wall clock) before any worker sees it, and visible only when all workers are past it.

mod binder;
mod clock;
mod driver;
mod status;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use schemas::position::{Offset, Partition, Timeline, Topic};
use sinks::views::{Definition, Views};
use sources::error::LogError;
use sources::log::Log;

pub use self::clock::Clock;
pub use self::status::{Status, StatusReport};
use crate::topology::Topology;

/// The topic of events that were refused at ingest.
pub const DEAD_LETTER_TOPIC: &str = "tidewater.dead_letters";
/// Most records of one epoch.
pub const EPOCH_RECORDS_MAX: usize = 50_000;
/// Most bytes of records of one epoch.
pub const EPOCH_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most epochs that are bound and not yet visible: timely has no backpressure of its own.
pub const EPOCHS_IN_FLIGHT_MAX: usize = 2;
/// Most workers of a process.
pub const WORKERS_MAX: usize = 64;
/// The shortest time between two epochs unless an option says otherwise.
pub const EPOCH_INTERVAL_DEFAULT: Duration = Duration::from_millis(20);
/// How often the wall clock advances while no events come, so that rows of temporal filters leave in time.
pub const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// How a topology is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// worker threads
    pub workers: usize,
    /// where the wall clock of epochs comes from
    pub clock: Clock,
    /// the shortest time between two epochs
    pub epoch_interval: Duration,
    /// most records of one epoch, at most [`EPOCH_RECORDS_MAX`]
    pub epoch_records: usize,
    /// the history that positions belong to
    pub timeline: Timeline,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 1,
            clock: Clock::System,
            epoch_interval: EPOCH_INTERVAL_DEFAULT,
            epoch_records: EPOCH_RECORDS_MAX,
            timeline: Timeline(1),
        }
    }
}

/// Why a topology could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// too few or too many workers
    #[error("{workers} workers were asked for: choose 1 to {WORKERS_MAX}")]
    Workers {
        /// how many
        workers: usize,
    },
    /// the log refused
    #[error("the log of topic '{topic}' can't be used: {error}")]
    Log {
        /// the topic
        topic: String,
        /// what the log said
        error: LogError,
    },
    /// a planned expression could not be compiled
    #[error("the topology can't be rendered: {detail}")]
    Render {
        /// what was refused
        detail: String,
    },
    /// the system refused a thread
    #[error("a thread could not be started: {detail}")]
    Thread {
        /// what the system said
        detail: String,
    },
}

/// A topology that runs; dropping it stops it.
pub struct Running {
    /// what is served
    pub views: Arc<Views>,
    status: Arc<Status>,
    stop: Arc<AtomicBool>,
    driver: Option<JoinHandle<()>>,
}

/// Starts a topology on a log; creates the topics that its sources name.
pub fn start(topology: Arc<Topology>, log: Arc<dyn Log>, options: Options) -> Result<Running, StartError> {
    if options.workers == 0 || options.workers > WORKERS_MAX {
        return Err(StartError::Workers { workers: options.workers });
    }
    check_rendering(&topology)?;
    let partitions = create_topics(&topology, log.as_ref())?;
    let views = Views::new(Definition { timeline: options.timeline, views: topology.views() });
    let status = Arc::new(Status::default());
    let stop = Arc::new(AtomicBool::new(false));
    let workers = worker::start(&topology, options.workers).map_err(|detail| StartError::Thread { detail })?;
    let driver = driver::Driver::new(topology, log, &options, partitions, Arc::clone(&views), Arc::clone(&status), workers);
    let stopping = Arc::clone(&stop);
    let thread = std::thread::Builder::new()
        .name("driver".to_owned())
        .spawn(move || driver.run(&stopping))
        .map_err(|error| StartError::Thread { detail: error.to_string() })?;
    Ok(Running { views, status, stop, driver: Some(thread) })
}

/// Every expression is compiled once here, so that workers meet no error.
fn check_rendering(topology: &Topology) -> Result<(), StartError> {
    crate::render::check(topology).map_err(|error| StartError::Render { detail: crate::plan::wording::message(&error).0 })
}

fn create_topics(topology: &Topology, log: &dyn Log) -> Result<BTreeMap<(Topic, Partition), Offset>, StartError> {
    let mut partitions = BTreeMap::new();
    let sources = topology.sources.iter().map(|source| (source.schema.topic.clone(), source.partitions));
    for (name, count) in sources.chain([(DEAD_LETTER_TOPIC.to_owned(), 1)]) {
        let topic = Topic::new(&name);
        let metadata = log.create_topic(&topic, count).map_err(|error| StartError::Log { topic: name.clone(), error })?;
        for partition in (0..metadata.partitions).map(Partition) {
            let (earliest, _) = log.bounds(&topic, partition).map_err(|error| StartError::Log { topic: name.clone(), error })?;
            partitions.insert((topic.clone(), partition), earliest);
        }
    }
    Ok(partitions)
}

impl Running {
    /// How far it is.
    pub fn status(&self) -> StatusReport {
        self.status.report()
    }

    /// The status as it goes on, for another thread.
    pub fn status_handle(&self) -> Arc<Status> {
        Arc::clone(&self.status)
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
