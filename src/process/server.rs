//! One process: the log, the engine and the API, and the order in which they start and stop.
//!
//! Options enter; a [`Server`] leaves that takes events and answers readers until it is stopped.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::available_parallelism;
use std::time::Duration;

use api::{ApiConfig, ApiState, Figures, Health, LagLimits, Limits};
use engine::event_limits::EventLimits;
use engine::run::{DEAD_LETTER_TOPIC, DeploymentHandle, Options, Running, Storage, Trouble, start};
use engine::slt::all_visible;
use epochs::coordinator::RetainedLimits;
use epochs::disk::real::Lock;
use epochs::error::EpochError;
use schemas::position::{Partition, Timeline, Topic};
use schemas::secret_text::SecretText;
use schemas::server_url::ServerUrl;
use sinks::redis;
use sinks::search::Place;
use sinks::views::{ServedView, ViewReader, Views};
use sources::log::{Log, LogReader};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::admission::Admission;
use super::clock::wall_micros;
use super::cursor_key::cursor_key;
use super::data_directory::{SEARCH_DIRECTORY, open_log, take};
use super::deployments::choose::{Chosen, choose, remember_start};
use super::deployments::declared::Declared;
use super::deployments::deployer::Deployer;
use super::deployments::store::{Origin, Store};
use super::derived::DerivedTopics;
use super::descriptors::share_descriptors;
use super::disk::{DiskWatch, make_room};
use super::error::ProcessError;
use super::health::EngineHealth;
use super::ingest::LogIngest;
use super::ingest_topics::ingest_topics;
use super::lag::LagMeter;
use super::lineage::RowEvents;
use super::memory::MemoryLimit;
use super::options::ServerSettings;

/// The variable that says where Redis is when no option does.
const REDIS_URL_VARIABLE: &str = "TIDEWATER_REDIS_URL";
/// The most workers when nothing is said.
const WORKERS_DEFAULT_MAX: usize = 8;

/// Options of a server.
pub struct ServerOptions<'a> {
    /// statements to run, unless something else was deployed since
    pub declared: Declared,
    /// data directory
    pub data: &'a Path,
    /// address, workers and clock
    pub settings: &'a ServerSettings,
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
    reread_requests: mpsc::Receiver<()>,
    shutdown: oneshot::Sender<()>,
    served: JoinHandle<()>,
    runtime: Runtime,
}

impl Server {
    /// Takes the address, opens the log, starts the engine and answers requests.
    pub fn start(options: ServerOptions<'_>) -> Result<Self, ProcessError> {
        let ServerOptions { declared, data, settings, mut api } = options;
        let connections = share_descriptors(settings.connections)?;
        api.limits = settings.limits.clone();
        let runtime = Runtime::new().map_err(|source| ProcessError::Start { source })?;
        let (address, listeners) = runtime.block_on(settings.listen.bind())?;
        let (disk, lock) = take(data)?;
        api.cursor_key = cursor_key(data)?;
        make_room(data)?;
        let storage: Storage = Arc::new(disk);
        let mut store = Store::open(Arc::clone(&storage)).map_err(EpochError::from)?;
        let Chosen { declared: Declared { files, topology }, directory, accept_missing_history } =
            choose(declared, &store, settings.accept_wider_access)?;
        let log = open_log(&topology, data)?;
        let topology = Arc::new(topology);
        let meter = LagMeter::new(log.clone());
        let admission = Admission::new(lag_limits(settings), MemoryLimit::new(settings.ingest_memory_bytes), meter.clone());
        let ingest = LogIngest::open(Arc::clone(&log), admission, ingest_topics(&topology))?;
        let records = records_logged(log.as_ref(), &ingest)?;
        let mut engine_options = engine_options(settings, data)?;
        engine_options.accept_missing_history |= accept_missing_history;
        let engine = start(Arc::clone(&topology), Arc::clone(&log), storage, engine_options)?;
        // A start that is refused leaves in force what was.
        remember_start(&files, directory, &mut store, settings.accept_missing_history).map_err(EpochError::from)?;
        let generation =
            GenerationAtStart { number: store.current().generation, is_deployed: store.current().origin != Origin::Start };
        let views = Arc::clone(&engine.views);
        warn_of_unknown(&settings.limits, &views);
        meter.follow(Arc::clone(&views), engine.status_handle())?;
        let health = Arc::new(EngineHealth {
            ingest: ingest.clone(),
            views: Arc::clone(&views),
            log: Arc::clone(&log),
            status: engine.status_handle(),
            sinks: engine.sink_tasks(),
            deployment_handle: Arc::clone(&engine.deployment_handle),
            disk: DiskWatch::start(data, Arc::clone(&log)).map_err(|source| ProcessError::Start { source })?,
        });
        let deployer = Deployer::new(store, Arc::clone(&engine.deployment_handle), Arc::clone(&log), ingest.clone());
        api.derived = Some(Arc::new(DerivedTopics { log: log.clone(), reports: engine.sink_tasks() }));
        api.invalidations = Some(engine.invalidations());
        api.search = engine.search();
        api.provenance = Some(Arc::new(RowEvents::new(engine.lineage_query())));
        let reader = Arc::clone(&views) as Arc<dyn ViewReader>;
        let state = ApiState::new(reader, Arc::new(ingest.clone()), Arc::clone(&health) as Arc<dyn Health>, api)
            .with_deployments(Arc::new(deployer));
        let (shutdown, shut_down) = oneshot::channel();
        let wait = async move {
            // A dropped sender means the same as one that sends: the server is going.
            let _ = shut_down.await;
        };
        let served = runtime.spawn(api::serve(listeners, api::router(state), connections, wait));
        let stop_requests = watch_signals(&runtime, &[SignalKind::interrupt(), SignalKind::terminate()])?;
        // A terminal sends it when it is closed, and an operator to have keys read again: neither is to end the process.
        let reread_requests = watch_signals(&runtime, &[SignalKind::hangup()])?;
        tracing::info!(%address, records, workers = worker_count(settings), "serving");
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
            reread_requests,
            shutdown,
            served,
            runtime,
        })
    }

    /// Waits for a request to stop (SIGINT, SIGTERM), at most for `wait`; true when there was one.
    pub fn stop_requested(&self, wait: Duration) -> bool {
        !matches!(self.stop_requests.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
    }

    /// Returns true if somebody asked to have files read again (SIGHUP) since the last call.
    pub fn reread_requested(&self) -> bool {
        self.reread_requests.try_iter().count() > 0
    }

    /// Returns the reason why the process has to end by itself, if there is one.
    pub fn lost(&self) -> Option<ProcessError> {
        match self.engine.status().trouble {
            Trouble::Fenced(reason) => Some(ProcessError::Fenced { reason }),
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
    pub fn records_logged(&self) -> Result<u64, ProcessError> {
        Ok(records_logged(self.log.as_ref(), &self.ingest)?)
    }

    /// Rows of each view, by name.
    pub fn view_rows(&self) -> Vec<(String, u64)> {
        let snapshot = self.views.snapshot();
        let rows = |served: &ServedView| served.indexes.first().map_or(0, |(index, _)| snapshot.rows(*index));
        snapshot.views().map(|served| (served.view.name.clone(), rows(served))).collect()
    }

    /// Finishes the requests that have begun, then stops the engine. What was acknowledged is in the log.
    pub fn stop(mut self) -> Result<(), ProcessError> {
        // The API may have ended by itself, then nobody listens; why is returned below.
        let _ = self.shutdown.send(());
        let served = self.runtime.block_on(self.served);
        self.engine.stop();
        served.map_err(|error| ProcessError::Start { source: std::io::Error::other(error) })
    }
}

/// A limit of a view that is not there limits nothing, most likely because its name is misspelt.
fn warn_of_unknown(limits: &Limits, views: &Views) {
    for limit in limits.view_limits.iter().filter(|limit| views.view(&limit.view).is_none()) {
        tracing::warn!(view = limit.view, "--view-limit names a view that is not served");
    }
}

fn records_logged(log: &dyn LogReader, ingest: &LogIngest) -> Result<u64, sources::error::LogError> {
    let mut records = 0;
    let is_input = |topic: &Topic| topic.as_str() == DEAD_LETTER_TOPIC || ingest.encoding(topic.as_str()).is_some();
    // What was derived is written here too, and read by others only.
    for topic in log.topics()?.into_iter().filter(|topic| is_input(&topic.topic)) {
        for partition in (0..topic.partitions).map(Partition) {
            let (earliest, _) = log.bounds(&topic.topic, partition)?;
            records += log.records_from(&topic.topic, partition, earliest)?;
        }
    }
    Ok(records)
}

/// Returns the greatest lag within which events are taken.
fn lag_limits(settings: &ServerSettings) -> LagLimits {
    LagLimits { records: settings.ingest_lag_records, bytes: settings.ingest_lag_bytes, time: settings.ingest_lag_time }
}

fn engine_options(settings: &ServerSettings, data: &Path) -> Result<Options, ProcessError> {
    Ok(Options {
        workers: worker_count(settings),
        clock: settings.clock,
        // Only a data directory that is empty takes it: positions of another one must not be taken for its own.
        timeline: Timeline(wall_micros().unsigned_abs()),
        checkpoint_interval: settings.checkpoint_interval,
        log_retention_bytes: settings.log_retention_bytes,
        accept_missing_history: settings.accept_missing_history,
        retained: RetainedLimits { bytes: settings.rollback_log_bytes, ..RetainedLimits::default() },
        event_limits: EventLimits { rows: settings.event_rows_max, bytes: settings.event_bytes_max },
        redis: redis_url(settings)?,
        search: Place::Folder(data.join(SEARCH_DIRECTORY)),
        ..Options::default()
    })
}

/// Returns the address of Redis, if one is given: it may hold a password, which no list of processes shows when it is in the environment.
fn redis_url(settings: &ServerSettings) -> Result<Option<ServerUrl>, ProcessError> {
    let of_environment = || std::env::var(REDIS_URL_VARIABLE).ok().map(SecretText::from);
    let url = settings.redis_url.clone().or_else(of_environment);
    url.map(|url| redis::address(url.secret()).map_err(ProcessError::from)).transpose()
}

fn worker_count(settings: &ServerSettings) -> usize {
    let half_of_cores = || available_parallelism().map_or(1, |cores| cores.get() / 2).clamp(1, WORKERS_DEFAULT_MAX);
    settings.workers.map_or_else(half_of_cores, usize::from)
}

/// A message for each of these signals, none of which ends the process by itself then.
fn watch_signals(runtime: &Runtime, kinds: &[SignalKind]) -> Result<mpsc::Receiver<()>, ProcessError> {
    let (request, requests) = mpsc::channel();
    for kind in kinds {
        let request = request.clone();
        let mut signals = {
            let _entered = runtime.enter();
            signal(*kind).map_err(|source| ProcessError::Start { source })?
        };
        runtime.spawn(async move { while signals.recv().await.is_some() && request.send(()).is_ok() {} });
    }
    Ok(requests)
}
