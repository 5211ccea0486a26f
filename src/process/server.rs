//! One process: the log, the engine and the API, and the order in which they start and stop.
//!
//! Options enter; a [`Server`] leaves that takes events and answers readers until it is stopped.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use api::{ApiConfig, Figures, Health, Limits};
use engine::run::{DeploymentHandle, Running, Trouble};
use engine::slt::all_visible;
use epochs::disk::real::Lock;
use sinks::views::{ServedView, Views};
use sources::log::Log;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::certificates::CertificateReading;
use super::deployments::declared::Declared;
use super::deployments::deployer::Deployer;
use super::deployments::store::Origin;
use super::descriptors::share_descriptors;
use super::error::ProcessError;
use super::health::EngineHealth;
use super::ingest::LogIngest;
use super::options::ServerSettings;
use super::start::{
    OpenedIngest, api_state, engine_health, open_data, open_ingest, records_logged, start_engine, warn_of_unknown, worker_count,
};

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
    /// reads certificates again; none where TLS is not spoken
    certificates: Option<CertificateReading>,
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
        // The size of a page is said with the form of answers.
        api.limits = Limits { page_bytes_max: api.limits.page_bytes_max, ..settings.limits.clone() };
        let certificates = settings.tls.clone().map(CertificateReading::start).transpose()?;
        let runtime = Runtime::new().map_err(|source| ProcessError::Start { source })?;
        let (address, listeners) = runtime.block_on(settings.listen.bind())?;
        let mut opened = open_data(declared, data, settings)?;
        let OpenedIngest { ingest, meter, records } = open_ingest(&opened, settings)?;
        let engine = start_engine(&mut opened, data, settings)?;
        let current = opened.store.current();
        let generation = GenerationAtStart { number: current.generation, is_deployed: current.origin != Origin::Start };
        let (views, log) = (Arc::clone(&engine.views), opened.log);
        let deployment_handle = Arc::clone(&engine.deployment_handle);
        warn_of_unknown(&settings.limits, &views);
        meter.follow(Arc::clone(&views), engine.status_handle())?;
        let health = engine_health(&engine, &log, &ingest, data)?;
        api.cursor_key = opened.cursor_key;
        let deployer = Deployer::new(opened.store, Arc::clone(&deployment_handle), Arc::clone(&log), ingest.clone());
        let state = api_state(&engine, &health, deployer, &ingest, api);
        let (shutdown, shut_down) = oneshot::channel();
        let wait = async move {
            // A dropped sender means the same as one that sends: the server is going.
            let _ = shut_down.await;
        };
        let identity = certificates.as_ref().map(CertificateReading::identity);
        let served = runtime.spawn(api::serve(listeners, api::router(state), connections, identity, wait));
        let stop_requests = watch_signals(&runtime, &[SignalKind::interrupt(), SignalKind::terminate()])?;
        // A terminal sends it when it is closed, and an operator to have keys read again: neither is to end the process.
        let reread_requests = watch_signals(&runtime, &[SignalKind::hangup()])?;
        tracing::info!(%address, records, workers = worker_count(settings), tls = certificates.is_some(), "serving");
        Ok(Self {
            address,
            ingest,
            views,
            generation,
            log,
            deployment_handle,
            health,
            engine,
            certificates,
            _lock: opened.lock,
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

    /// Returns true if somebody asked to have files read again (SIGHUP) since the last call. Certificates are read again soon then.
    pub fn reread_requested(&self) -> bool {
        let is_requested = self.reread_requests.try_iter().count() > 0;
        if is_requested && let Some(certificates) = &self.certificates {
            certificates.read_again();
        }
        is_requested
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
