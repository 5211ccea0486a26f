//! Running a topology: workers compute, one driver binds epochs and publishes them.
//!
//! Owns [`start`] and [`Running`], the life of one topology in one process, and names what callers need for it. A topology and a log
//! enter; views that follow the log, and a status, leave. An epoch is bound (which records, which wall clock) before any worker sees it,
//! and visible only when all workers are past it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use sinks::invalidations::Invalidations;
use sinks::search::SearchIndexes;
use sinks::views::Views;
use sources::log::Log;

pub use crate::deploy::access_change::{AccessChange, AccessSubject, WiderAccess, access_changes};
pub use crate::deploy::handle::{DeployError, DeploymentHandle};
pub use crate::deploy::max_age_change::MaxAgeChange;
pub use crate::deploy::plan_change::{TopicBackfill, TopologyChange, plan_change, plan_switch};
pub use crate::deploy::report::{DeployOutcome, DeployPhase, DeployReport, ViewDifference};
pub use crate::deploy::request::{Deployment, Record, Standing, Verify};
pub use crate::deploy::view_change::{RetainedStates, ViewChange};
pub use crate::epoch_clock::Clock;
pub use crate::limits::WORKERS_MAX;
pub use crate::options::{CHECKPOINT_INTERVAL_DEFAULT, Options};
pub use crate::start_error::StartError;
pub use crate::state::dead_letters::LetterRecord;
pub use crate::status::{Status, StatusReport, Trouble, WrittenCheckpoint};
pub use crate::storage::Storage;
pub use crate::topics::DEAD_LETTER_TOPIC;

use crate::drive::recovery::Recovery;
use crate::follow::{Reports, check, connections};
use crate::lineage::LineageQuery;
use crate::topics::{check_rendering, create_topics};
use language::topology::Topology;

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
    let connections = connections(&log, &options);
    check(&topology, &connections)?;
    check_rendering(&topology)?;
    let topics = create_topics(&topology, log.as_ref())?;
    let (shared_log, shared_storage) = (Arc::clone(&log), Arc::clone(&storage));
    let recovery = Recovery::open(topology, log, storage, topics, options, connections)?;
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
