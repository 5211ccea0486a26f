//! One process: the log, the engine and the API, and the order in which they start and stop.
//!
//! Options enter; a [`Server`] leaves that takes events and answers readers until it is stopped.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::available_parallelism;
use std::time::Duration;

use api::{ApiConfig, ApiState, Figures, HaltedSource, Health, HostStatus, LagLimits, Readiness, SinkStatus};
use engine::follow::{RedisUrl, Reports, SinkTaskReport, SinkTaskState};
use engine::render::budget::Limits;
use engine::run::{Clock, DEAD_LETTER_TOPIC, DeploymentHandle, Options, Running, Status, StatusReport, Storage, Trouble, start};
use engine::slt::all_visible;
use epochs::coordinator::RetainedLimits;
use epochs::disk::real::{Lock, RealDisk};
use epochs::error::EpochError;
use language::builder::PARTITIONS_DEFAULT;
use language::lineage::lineage;
use language::topology::Topology;
use schemas::catalogue::catalogue;
use schemas::event::Encoding;
use schemas::lineage::Lineage;
use schemas::position::{Epoch, Partition, Timeline, Topic};
use sinks::search::Place;
use sinks::views::{ServedView, Views};
use sources::embedded::EmbeddedLog;
use sources::log::Log;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::admission::Admission;
use crate::backup::UNFINISHED_FILE;
use crate::cli::{self, ServerArguments};
use crate::deployments::store::{Origin, Store};
use crate::deployments::{Chosen, Declared, Deployer, choose, remember_start};
use crate::derived::DerivedTopics;
use crate::error::Failure;
use crate::ingest::{LogIngest, TopicFormat, wall_micros};
use crate::lag::LagMeter;
use crate::memory::MemoryLimit;
use crate::why::RowEvents;

/// The part of the data directory that is the event log.
pub(crate) const LOG_DIRECTORY: &str = "log";
/// The part of the data directory where full-text indexes are.
const SEARCH_DIRECTORY: &str = "search";
/// The file that the process has locked that has the data directory.
pub(crate) const LOCK_FILE: &str = "lock";
/// The variable that says where Redis is when no option does.
const REDIS_URL_VARIABLE: &str = "TIDEWATER_REDIS_URL";
/// The most workers when nothing is said.
const WORKERS_DEFAULT_MAX: usize = 8;
/// Advice to the operator for a halted source, beside what the reason says.
const HALTED_ACTION: &str =
    "do what the reason says, then start the process again; 'tidewater doctor --data' looks at the data while it is stopped";

/// Options of a server.
pub struct ServerOptions<'a> {
    /// statements to run, unless something else was deployed since
    pub declared: Declared,
    /// data directory
    pub data: &'a Path,
    /// address, workers and clock
    pub arguments: &'a ServerArguments,
    /// permissions
    pub api: ApiConfig,
}

/// Generation that a process began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenerationAtStart {
    /// its number
    pub number: u64,
    /// it was deployed, and is not what the directory says
    pub is_deployed: bool,
}

/// A running process.
pub struct Server {
    /// the address of the API, with the port that was taken
    pub address: SocketAddr,
    /// the way into the log
    pub ingest: LogIngest,
    /// the served views
    pub views: Arc<Views>,
    /// the generation that was in force at the start
    pub generation: GenerationAtStart,
    log: Arc<dyn Log>,
    deployment_handle: Arc<DeploymentHandle>,
    health: Arc<EngineHealth>,
    engine: Running,
    /// Held until everything else has ended.
    _lock: Lock,
    stop_requests: mpsc::Receiver<()>,
    shutdown: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
    runtime: Runtime,
}

impl Server {
    /// Takes the address, opens the log, starts the engine and answers requests.
    pub fn start(options: ServerOptions<'_>) -> Result<Self, Failure> {
        let ServerOptions { declared, data, arguments, mut api } = options;
        let runtime = Runtime::new().map_err(|source| Failure::Start { source })?;
        let listen_failure = |source| Failure::Listen { address: arguments.listen, source };
        let listener = runtime.block_on(TcpListener::bind(arguments.listen)).map_err(listen_failure)?;
        let address = listener.local_addr().map_err(listen_failure)?;
        let (storage, lock) = open_storage(data)?;
        let log = open_log(data)?;
        let mut store = Store::open(Arc::clone(&storage)).map_err(EpochError::from)?;
        let Chosen { declared: Declared { files, topology }, directory, accept_missing_history } = choose(declared, &store)?;
        let topology = Arc::new(topology);
        let meter = LagMeter::new(Arc::clone(&log));
        let admission = Admission::new(lag_limits(arguments), MemoryLimit::new(arguments.ingest_memory_bytes), meter.clone());
        let ingest = LogIngest::open(Arc::clone(&log), admission, |topic| topic_format(&topology, topic))?;
        let records = records_logged(log.as_ref())?;
        let mut engine_options = engine_options(arguments, data)?;
        engine_options.accept_missing_history |= accept_missing_history;
        let engine = start(Arc::clone(&topology), Arc::clone(&log), storage, engine_options)?;
        // A start that is refused leaves in force what was.
        remember_start(&files, directory, &mut store, arguments.accept_missing_history).map_err(EpochError::from)?;
        let generation =
            GenerationAtStart { number: store.current().generation, is_deployed: store.current().origin != Origin::Start };
        let views = Arc::clone(&engine.views);
        meter.follow(Arc::clone(&views), engine.status_handle())?;
        let health = Arc::new(EngineHealth {
            ingest: ingest.clone(),
            views: Arc::clone(&views),
            log: Arc::clone(&log),
            status: engine.status_handle(),
            sinks: engine.sink_tasks(),
            deployment_handle: Arc::clone(&engine.deployment_handle),
        });
        let deployer = Deployer::new(store, Arc::clone(&engine.deployment_handle), Arc::clone(&log), ingest.clone());
        api.derived = Some(Arc::new(DerivedTopics { log: Arc::clone(&log), reports: engine.sink_tasks() }));
        api.invalidations = Some(engine.invalidations());
        api.search = engine.search();
        api.provenance = Some(Arc::new(RowEvents::new(engine.lineage_query())));
        let state = ApiState::new(Arc::clone(&views), Arc::new(ingest.clone()), Arc::clone(&health) as Arc<dyn Health>, api)
            .with_deployments(Arc::new(deployer));
        let (shutdown, shut_down) = oneshot::channel();
        let wait = async move {
            // A dropped sender means the same as one that sends: the server is going.
            let _ = shut_down.await;
        };
        let served = runtime.spawn(api::serve(listener, api::router(state), wait));
        let stop_requests = watch_signals(&runtime)?;
        tracing::info!(%address, records, workers = worker_count(arguments), "serving");
        let deployment_handle = Arc::clone(&engine.deployment_handle);
        Ok(Self {
            address,
            ingest,
            views,
            generation,
            log,
            deployment_handle,
            health,
            engine,
            _lock: lock,
            stop_requests,
            shutdown,
            served,
            runtime,
        })
    }

    /// Waits for a request to stop (SIGINT, SIGTERM), at most for `wait`; true when there was one.
    pub fn stop_requested(&self, wait: Duration) -> bool {
        !matches!(self.stop_requests.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
    }

    /// Returns the reason why the process has to end by itself, if there is one.
    pub fn lost(&self) -> Option<Failure> {
        match self.engine.status().trouble {
            Trouble::Fenced(reason) => Some(Failure::Fenced { reason }),
            _ => None,
        }
    }

    /// Returns the values of the metrics.
    pub fn figures(&self) -> Figures {
        self.health.figures()
    }

    /// Returns true if the views show everything that was appended before this call.
    pub fn is_current(&self) -> bool {
        all_visible(&self.deployment_handle.topology(), self.log.as_ref(), &self.views)
    }

    /// Records in the log.
    pub fn records_logged(&self) -> Result<u64, Failure> {
        Ok(records_logged(self.log.as_ref())?)
    }

    /// Rows of each view, by name.
    pub fn view_rows(&self) -> Vec<(String, u64)> {
        let snapshot = self.views.snapshot();
        let rows = |served: &ServedView| served.indexes.first().map_or(0, |(index, _)| snapshot.rows(*index));
        snapshot.views().map(|served| (served.view.name.clone(), rows(served))).collect()
    }

    /// Finishes the requests that have begun, then stops the engine. What was acknowledged is in the log.
    pub fn stop(mut self) -> Result<(), Failure> {
        // The API may have ended by itself, then nobody listens; its error is returned below.
        let _ = self.shutdown.send(());
        let served = self.runtime.block_on(self.served);
        self.engine.stop();
        match served {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(Failure::Listen { address: self.address, source }),
            Err(error) => Err(Failure::Start { source: std::io::Error::other(error) }),
        }
    }
}

/// Takes the data directory for this process alone.
fn open_storage(data: &Path) -> Result<(Storage, Lock), Failure> {
    fs::create_dir_all(data).map_err(Failure::write(data))?;
    if data.join(UNFINISHED_FILE).exists() {
        return Err(Failure::HalfRestored { directory: data.to_owned() });
    }
    let disk = RealDisk::open(data).map_err(EpochError::from)?;
    let lock = disk.lock(LOCK_FILE).map_err(EpochError::from)?;
    Ok((Arc::new(disk), lock))
}

fn open_log(data: &Path) -> Result<Arc<dyn Log>, Failure> {
    let directory = data.join(LOG_DIRECTORY);
    fs::create_dir_all(&directory).map_err(Failure::write(&directory))?;
    Ok(Arc::new(EmbeddedLog::open(&directory)?))
}

/// As the topology's source says; a topic that no source reads is kept for one that will.
fn topic_format(topology: &Topology, topic: &str) -> TopicFormat {
    match topology.source_of_topic(topic) {
        Some(source) => TopicFormat { partitions: source.partitions, encoding: source.encoding },
        None => TopicFormat { partitions: PARTITIONS_DEFAULT, encoding: Encoding::Protobuf },
    }
}

fn records_logged(log: &dyn Log) -> Result<u64, sources::error::LogError> {
    let mut records = 0;
    let is_input = |topic: &Topic| topic.as_str() == DEAD_LETTER_TOPIC || catalogue().topic(topic.as_str()).is_some();
    // What was derived is written here too, and read by others only.
    for topic in log.topics()?.into_iter().filter(|topic| is_input(&topic.topic)) {
        for partition in (0..topic.partitions).map(Partition) {
            let (earliest, end) = log.bounds(&topic.topic, partition)?;
            records += end.0 - earliest.0;
        }
    }
    Ok(records)
}

/// Returns the greatest lag within which events are taken.
fn lag_limits(arguments: &ServerArguments) -> LagLimits {
    LagLimits { records: arguments.ingest_lag_records, bytes: arguments.ingest_lag_bytes, time: arguments.ingest_lag_time }
}

fn engine_options(arguments: &ServerArguments, data: &Path) -> Result<Options, Failure> {
    Ok(Options {
        workers: worker_count(arguments),
        clock: match arguments.clock {
            cli::Clock::System => Clock::System,
            cli::Clock::Event => Clock::Event,
        },
        // Only a data directory that is empty takes it: positions of another one must not be taken for its own.
        timeline: Timeline(wall_micros().unsigned_abs()),
        checkpoint_interval: arguments.checkpoint_interval,
        log_retention_bytes: arguments.log_retention_bytes,
        accept_missing_history: arguments.accept_missing_history,
        retained: RetainedLimits { bytes: arguments.rollback_log_bytes, ..RetainedLimits::default() },
        event_limits: Limits { rows: arguments.event_rows_max, bytes: arguments.event_bytes_max },
        redis: redis_url(arguments)?,
        search: Place::Folder(data.join(SEARCH_DIRECTORY)),
        ..Options::default()
    })
}

/// Returns the address of Redis, if one is given: it may hold a password, which no list of processes shows when it is in the environment.
fn redis_url(arguments: &ServerArguments) -> Result<Option<RedisUrl>, Failure> {
    let url = arguments.redis_url.clone().or_else(|| std::env::var(REDIS_URL_VARIABLE).ok());
    url.map(|url| RedisUrl::new(&url).map_err(|source| Failure::Redis { source })).transpose()
}

fn worker_count(arguments: &ServerArguments) -> usize {
    let half_of_cores = || available_parallelism().map_or(1, |cores| cores.get() / 2).clamp(1, WORKERS_DEFAULT_MAX);
    arguments.workers.map_or_else(half_of_cores, usize::from)
}

/// A message for each SIGINT and SIGTERM.
fn watch_signals(runtime: &Runtime) -> Result<mpsc::Receiver<()>, Failure> {
    let (request, requests) = mpsc::channel();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let request = request.clone();
        let mut signals = {
            let _entered = runtime.enter();
            signal(kind).map_err(|source| Failure::Start { source })?
        };
        runtime.spawn(async move { while signals.recv().await.is_some() && request.send(()).is_ok() {} });
    }
    Ok(requests)
}

/// State of the engine, as the API asks for it.
struct EngineHealth {
    ingest: LogIngest,
    views: Arc<Views>,
    log: Arc<dyn Log>,
    status: Arc<Status>,
    sinks: Arc<Reports>,
    deployment_handle: Arc<DeploymentHandle>,
}

impl Health for EngineHealth {
    fn readiness(&self) -> Readiness {
        match self.status.report().trouble {
            Trouble::Halted(reason) | Trouble::Fenced(reason) => Readiness::Halted { reason },
            Trouble::Stalled(reason) => Readiness::Stalled { reason },
            Trouble::None => match self.ingest.admission().meter().catching_up() {
                None => Readiness::Ready,
                Some((records_done, records_total)) => Readiness::CatchingUp { records_done, records_total },
            },
        }
    }

    fn figures(&self) -> Figures {
        let report = self.status.report();
        Figures {
            events_ingested: self.ingest.events(),
            events_processed: report.events,
            lines_refused: self.ingest.refused(),
            lag: self.ingest.admission().meter().lag(),
            lag_limits: self.ingest.admission().limits(),
            epoch_micros: u64::try_from(report.epoch_duration.as_micros()).unwrap_or(u64::MAX),
        }
    }

    fn lineage(&self) -> Lineage {
        lineage(&self.deployment_handle.topology())
    }

    fn status(&self) -> HostStatus {
        let read = self.views.consumed().into_keys();
        let end = |key: (Topic, Partition)| {
            let (_, end) = self.log.bounds(&key.0, key.1).ok()?;
            Some((key, end))
        };
        let StatusReport { incarnation, checkpoint: (checkpoint, _), clock_held, trouble, .. } = self.status.report();
        let (halted, stalled) = match trouble {
            Trouble::None => (None, None),
            Trouble::Stalled(reason) => (None, Some(reason)),
            Trouble::Halted(reason) | Trouble::Fenced(reason) => (Some(reason), None),
        };
        // One source that can't be read stops all: an epoch without it would not be the one that is computed again later.
        let halt = |reason| HaltedSource { source: "every source".to_owned(), reason, action: HALTED_ACTION.to_owned() };
        HostStatus {
            incarnation,
            checkpoint: (checkpoint > 0).then_some(Epoch(checkpoint)),
            ends: read.filter_map(end).collect(),
            halted: halted.map(halt).into_iter().collect(),
            stalled,
            sinks: self.sinks.list().into_iter().map(sink_status).collect(),
            clock_held,
            lag: self.ingest.admission().meter().lag(),
            lag_limits: self.ingest.admission().limits(),
        }
    }
}

fn sink_status(report: SinkTaskReport) -> SinkStatus {
    let (lag_epochs, epoch) = (report.lag_epochs(), report.epoch.map(Epoch));
    let (state, reason) = match report.state {
        SinkTaskState::Waiting => ("waiting", report.trouble),
        SinkTaskState::Attached => ("attached", report.trouble),
        SinkTaskState::Rebuilding => ("rebuilding", report.trouble),
        SinkTaskState::Detached => ("detached", report.trouble),
        SinkTaskState::Halted(why) => ("halted", Some(why)),
    };
    SinkStatus {
        name: report.name,
        view: report.view,
        target: report.target,
        state,
        epoch,
        lag_epochs,
        waiting_changes: report.waiting_changes,
        rebuilt: report.reconciled,
        reason,
    }
}
