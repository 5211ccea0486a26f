//! Parts of a server, in the order in which they start: the data directory, the way into the log, the engine, its health, the API.
//!
//! Statements, settings and a data directory enter; parts leave that a server holds until it stops.

use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use api::{ApiConfig, ApiState, CursorKey, Health, Ingest, LagLimits, Limits};
use engine::event_limits::EventLimits;
use engine::run::{DEAD_LETTER_TOPIC, Options, Running, Storage, start};
use epochs::coordinator::RetainedLimits;
use epochs::disk::real::Lock;
use epochs::error::EpochError;
use language::diagnostic::SourceFile;
use language::topology::Topology;
use schemas::position::{Partition, Timeline, Topic};
use schemas::secret_text::SecretText;
use schemas::server_url::ServerUrl;
use sinks::redis;
use sinks::search::Place;
use sinks::views::{ViewReader, Views};
use sources::error::LogError;
use sources::log::{Log, LogReader};

use super::admission::Admission;
use super::clock::wall_micros;
use super::cursor_key::cursor_key;
use super::data_directory::{SEARCH_DIRECTORY, open_log, take};
use super::deployments::choose::{Chosen, check_readers, choose, remember_start};
use super::deployments::declared::Declared;
use super::deployments::deployer::Deployer;
use super::deployments::records::{check_records, former_topics};
use super::deployments::store::Store;
use super::derived::DerivedTopics;
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

/// A data directory that belongs to this process, and the topology that it is started with.
pub(super) struct OpenedData {
    /// held for as long as the process writes
    pub(super) lock: Lock,
    pub(super) cursor_key: CursorKey,
    pub(super) store: Store,
    topology: Arc<Topology>,
    pub(super) log: Arc<dyn Log>,
    storage: Storage,
    files: Vec<SourceFile>,
    /// fingerprint of a directory that is in force from this start on
    directory: Option<String>,
    accept_missing_history: bool,
}

/// The way into the log, and the measure of how far the views are behind it.
pub(super) struct OpenedIngest {
    pub(super) ingest: LogIngest,
    pub(super) meter: LagMeter,
    /// records of the log at the start
    pub(super) records: u64,
}

/// Takes the data directory, chooses the topology and opens the log. Nothing is read of a directory before it was taken, and nothing is
/// written on a full disk before there is room.
pub(super) fn open_data(declared: Declared, data: &Path, settings: &ServerSettings) -> Result<OpenedData, ProcessError> {
    let (disk, lock) = take(data)?;
    make_room(data)?;
    let cursor_key = cursor_key(data)?;
    let storage: Storage = Arc::new(disk);
    let store = Store::open(Arc::clone(&storage)).map_err(EpochError::from)?;
    let Chosen { declared: Declared { files, topology }, directory, accept_missing_history } = choose(declared, &store)?;
    let log = open_log(&topology, data)?;
    if directory.is_some() && !settings.accept_wider_access {
        check_readers((&topology, &files), &store, log.as_ref())?;
    }
    let topology = Arc::new(topology);
    Ok(OpenedData { lock, cursor_key, store, topology, log, storage, files, directory, accept_missing_history })
}

/// Opens the way into the log.
pub(super) fn open_ingest(opened: &OpenedData, settings: &ServerSettings) -> Result<OpenedIngest, ProcessError> {
    let OpenedData { log, topology, store, .. } = opened;
    let meter = LagMeter::new(log.clone());
    let admission = Admission::new(lag_limits(settings), MemoryLimit::new(settings.ingest_memory_bytes), meter.clone());
    let former = former_topics(store).map_err(|source| ProcessError::Start { source })?;
    check_records(topology, store, |topic| former.encodings.get(topic).copied())?;
    let ingest = LogIngest::open(Arc::clone(log), admission, ingest_topics(topology), former.encodings)?;
    let records = records_logged(log.as_ref(), &ingest)?;
    Ok(OpenedIngest { ingest, meter, records })
}

/// Starts the engine, and remembers the topology when it has started: a start that is refused leaves in force what was.
pub(super) fn start_engine(opened: &mut OpenedData, data: &Path, settings: &ServerSettings) -> Result<Running, ProcessError> {
    let mut options = engine_options(settings, data)?;
    options.accept_missing_history |= opened.accept_missing_history;
    let engine = start(Arc::clone(&opened.topology), Arc::clone(&opened.log), Arc::clone(&opened.storage), options)?;
    let OpenedData { files, directory, store, .. } = opened;
    remember_start(files, directory.take(), store, settings.accept_missing_history).map_err(EpochError::from)?;
    Ok(engine)
}

/// Begins to watch the disk, and returns the state of the engine as the API asks for it.
pub(super) fn engine_health(
    engine: &Running,
    log: &Arc<dyn Log>,
    ingest: &LogIngest,
    data: &Path,
) -> Result<Arc<EngineHealth>, ProcessError> {
    Ok(Arc::new(EngineHealth {
        ingest: ingest.clone(),
        views: Arc::clone(&engine.views),
        log: Arc::clone(log),
        status: engine.status_handle(),
        sinks: engine.sink_tasks(),
        deployment_handle: Arc::clone(&engine.deployment_handle),
        disk: DiskWatch::start(data, Arc::clone(log)).map_err(|source| ProcessError::Start { source })?,
    }))
}

/// Gives the API whatever it asks the process for.
pub(super) fn api_state(
    engine: &Running,
    health: &Arc<EngineHealth>,
    deployer: Deployer,
    ingest: &LogIngest,
    mut api: ApiConfig,
) -> ApiState {
    api.derived = Some(Arc::new(DerivedTopics { log: Arc::clone(&health.log), reports: engine.sink_tasks() }));
    api.invalidations = Some(engine.invalidations());
    api.search = engine.search();
    api.provenance = Some(Arc::new(RowEvents::new(engine.lineage_query())));
    let reader = Arc::clone(&engine.views) as Arc<dyn ViewReader>;
    ApiState::new(reader, Arc::new(ingest.clone()), Arc::clone(health) as Arc<dyn Health>, api)
        .with_deployments(Arc::new(deployer))
}

/// A limit of a view that is not there limits nothing, most likely because its name is misspelt.
pub(super) fn warn_of_unknown(limits: &Limits, views: &Views) {
    for limit in limits.view_limits.iter().filter(|limit| views.view(&limit.view).is_none()) {
        tracing::warn!(view = limit.view, "--view-limit names a view that is not served");
    }
}

/// Returns the number of records of events and dead letters in the log.
pub(super) fn records_logged(log: &dyn LogReader, ingest: &LogIngest) -> Result<u64, LogError> {
    let mut records = 0;
    let is_input = |topic: &Topic| topic.as_str() == DEAD_LETTER_TOPIC || ingest.takes(topic.as_str());
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

/// Returns the number of threads that compute.
pub(super) fn worker_count(settings: &ServerSettings) -> usize {
    let half_of_cores = || available_parallelism().map_or(1, |cores| cores.get() / 2).clamp(1, WORKERS_DEFAULT_MAX);
    settings.workers.map_or_else(half_of_cores, usize::from)
}
