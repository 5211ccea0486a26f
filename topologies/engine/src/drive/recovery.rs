//! Recovery: from a data directory to a driver that goes on where an earlier run got to.
//!
//! Owns the choice of the checkpoint and the fall back to an older one. Storage and log enter; the state of the newest checkpoint that can
//! be read is restored into workers, and the driver that leaves computes the bound epochs behind it again, as they were bound.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;

use epochs::backfill::Backfill;
use epochs::binding::{Binding, Control};
use epochs::checkpoint::Checkpoints;
use epochs::checkpoint::error::CheckpointError;
use epochs::coordinator::{Coordinator, EpochInput, Settings, Start};
use epochs::crash_point::{RESTORED, crash_point};
use epochs::error::EpochError;
use epochs::reader::Records;
use schemas::position::{Offset, Partition, Timeline, Topic};
use sinks::connector::Connections;
use sinks::contract::History;
use sinks::invalidations::Invalidations;
use sinks::search::SearchIndexes;
use sinks::views::{Hydration, ViewPublisher, Views, ViewsDefinition};
use sources::log::Log;
use sources::record::TopicMetadata;

use super::driver::{Driver, DriverParts};
use crate::compute::computation::{Computation, Resumption};
use crate::compute::error::WorkersError;
use crate::deploy::handle::DeploymentHandle;
use crate::deploy::request::Deployment;
use crate::epoch_clock::EpochClock;
use crate::event_limits::EventLimits;
use crate::follow::{self, Opening, Reports, SinkTasks};
use crate::options::Options;
use crate::state::checkpointer::Checkpointer;
use crate::state::dead_letters::{DeadLetterState, Meta};
use crate::state::quarantine::{Ends, Quarantine, QuarantinedGroup, ranges_of};
use crate::state::restore::restore;
use crate::state::restored::Restored;
use crate::state::retention::Retention;
use crate::status::Status;
use crate::storage::Storage;
use language::plan::kept::{KeptStates, plan_fingerprint, view_fingerprints};
use language::topology::Topology;

/// A data directory that was taken over.
pub struct Recovery {
    topology: Arc<Topology>,
    log: Arc<dyn Log>,
    storage: Storage,
    topics: Vec<TopicMetadata>,
    options: Options,
    deployment_handle: Arc<DeploymentHandle>,
    deployments: Receiver<Deployment>,
    states: Arc<KeptStates>,
    reports: Arc<Reports>,
    connections: Connections,
    taken: TakenOver,
}

struct TakenOver {
    wall: EpochClock,
    coordinator: Coordinator<Storage>,
    checkpoints: Checkpoints<Storage>,
    start: Start,
    opening: Opening,
}

/// Reason why a recovery ended without a driver.
#[derive(Debug, thiserror::Error)]
enum RecoveryError {
    #[error(transparent)]
    Epochs(#[from] EpochError),
    #[error("the checkpoint of epoch {epoch} can't be kept beside the others: {error}")]
    Checkpoint { epoch: u64, error: CheckpointError },
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
    #[error("a thread could not be started: {0}")]
    Workers(#[from] WorkersError),
    #[error(
        "computing epoch {epoch} ended the process {count} times, and it is not its records that can be quarantined: {detail}; start with a \
         topology without the view that fails"
    )]
    Ends { epoch: u64, count: u32, detail: String },
}

impl Recovery {
    /// Takes over the storage.
    pub fn open(
        topology: Arc<Topology>,
        log: Arc<dyn Log>,
        storage: Storage,
        topics: Vec<TopicMetadata>,
        options: Options,
        connections: Connections,
    ) -> Result<Self, EpochError> {
        let states = Arc::new(KeptStates::of(&topology));
        let taken = take_over(&topology, &connections, (&storage, &log), &topics, &options, &states)?;
        let (deployment_handle, deployments) = DeploymentHandle::new(Arc::clone(&topology), options.clock);
        let reports = Arc::default();
        Ok(Self { topology, log, storage, topics, options, deployment_handle, deployments, states, reports, connections, taken })
    }

    /// Returns the handle for deployments.
    pub fn deployment_handle(&self) -> Arc<DeploymentHandle> {
        Arc::clone(&self.deployment_handle)
    }

    /// The views that will be published, empty.
    pub fn views(&self) -> Arc<Views> {
        let timeline = Timeline(self.taken.coordinator.identity().timeline);
        let views = Views::new(ViewsDefinition { timeline, views: self.topology.views() });
        // Nobody may take them for empty before the state is restored.
        views.set_hydration_of_all(Some(Hydration::default()));
        views
    }

    /// The next offset of every partition where the log is read from.
    pub fn offsets(&self) -> BTreeMap<(Topic, Partition), Offset> {
        self.taken.start.offsets.clone()
    }

    /// Returns the keys that become stale in caches, as they do.
    pub fn invalidations(&self) -> Arc<Invalidations> {
        Arc::clone(&self.connections.invalidations)
    }

    /// The full-text indexes.
    pub fn search(&self) -> Arc<SearchIndexes> {
        Arc::clone(&self.connections.search)
    }

    /// Returns the reports of the sinks.
    pub fn reports(&self) -> Arc<Reports> {
        Arc::clone(&self.reports)
    }

    /// Restores, and runs until it is told to stop.
    pub fn run(self, views: Arc<Views>, status: Arc<Status>, stop: &AtomicBool) {
        let status_of_failure = Arc::clone(&status);
        match self.driver(views, status) {
            Ok((driver, backfill, first)) => driver.run(backfill, first, stop),
            Err(error) => {
                tracing::error!(%error, "the state can't be restored");
                status_of_failure.halt(error.to_string(), false);
            }
        }
    }

    /// Restores the newest checkpoint that can be read, and makes a driver that begins there.
    fn driver(mut self, views: Arc<Views>, status: Arc<Status>) -> Result<(Driver, Option<Backfill>, EpochInput), RecoveryError> {
        let (restored, own) = self.restore_newest(&status)?;
        let Self { topology, log, storage, options, deployment_handle, deployments, states, taken, reports, connections, .. } =
            self;
        let TakenOver { wall, mut coordinator, checkpoints, start, opening } = taken;
        check_start(&start, &coordinator);
        let quarantine = open_quarantine(&storage, options.event_limits, &mut coordinator)?;
        quarantine.computing(start.epoch);
        let meta = start.checkpoint.as_ref().map(Meta::read).transpose().map_err(EpochError::from)?.unwrap_or_default();
        let letters = restore_letters(&states, &meta, &own, &views);
        show_start(&status, &start, &meta, &coordinator);
        let missing: BTreeSet<u32> = start.missing.iter().copied().collect();
        let backfill = if missing.is_empty() { None } else { Some(coordinator.backfill(&states.topics(&topology, &missing))?) };
        let resumption = Resumption {
            topology: Arc::clone(&topology),
            states,
            missing,
            epoch: start.epoch,
            restored,
            status: Arc::clone(&status),
            quarantine: Arc::clone(&quarantine),
            clock: options.clock,
        };
        let computation = Computation::start(resumption, |name| views.view(name))?;
        computation.take_service();
        deployment_handle.show_retained(coordinator.retained());
        let checkpointer = Checkpointer::start(storage, checkpoints, Arc::clone(&status)).map_err(RecoveryError::Thread)?;
        let retention = Retention::start(Arc::clone(&log), options.log_retention_bytes).map_err(RecoveryError::Thread)?;
        let sink_tasks =
            SinkTasks::start(opening, connections, &coordinator, (start.epoch, &meta.sink_tasks), (&views, &reports));
        let sink_tasks = sink_tasks.map_err(RecoveryError::Thread)?;
        crash_point(RESTORED);
        let identities = view_fingerprints(&topology).into_iter().map(|(name, identity)| (name, identity.to_string())).collect();
        let parts = DriverParts {
            identities,
            computation,
            deployment_handle,
            deployments,
            quarantine,
            log,
            coordinator,
            checkpointer,
            retention,
            letters,
            wall,
            sink_tasks,
            publisher: Arc::clone(&views) as Arc<dyn ViewPublisher>,
            views,
            status,
        };
        Ok((Driver::new(parts, &options), backfill, first_epoch(start)))
    }

    /// The entries of the newest checkpoint that can be read, for each worker and for the driver.
    fn restore_newest(&mut self, status: &Status) -> Result<(Vec<Restored>, Restored), RecoveryError> {
        loop {
            match self.restore(status)? {
                Some(restored) => return Ok(restored),
                None => {
                    self.taken = take_over(
                        &self.topology,
                        &self.connections,
                        (&self.storage, &self.log),
                        &self.topics,
                        &self.options,
                        &self.states,
                    )?
                }
            }
        }
    }

    /// The entries of the checkpoint; `None` when it is damaged and was quarantined.
    fn restore(&mut self, status: &Status) -> Result<Option<(Vec<Restored>, Restored)>, RecoveryError> {
        let workers = self.options.workers;
        let Some(header) = &self.taken.start.checkpoint else {
            return Ok(Some(((0..workers).map(|_| Restored::new()).collect(), Restored::new())));
        };
        match restore(&self.taken.checkpoints, header, &self.states, &BTreeSet::new(), workers, status) {
            Ok(restored) => Ok(Some(restored)),
            Err(error) => {
                let epoch = header.epoch;
                tracing::error!(%error, epoch, "a checkpoint is damaged; an older one is taken, or everything is computed again");
                let kept = self.taken.checkpoints.retain(|header| header.epoch != epoch);
                kept.map_err(|error| RecoveryError::Checkpoint { epoch, error })?;
                Ok(None)
            }
        }
    }
}

/// Counts how the run before ended. Quarantines the records of an epoch that has ended the process too often, and has the bindings say so.
fn quarantine_records(quarantine: &Quarantine, coordinator: &mut Coordinator<Storage>) -> Result<(), RecoveryError> {
    quarantine.count_last_end().map_err(EpochError::from)?;
    let Some(Ends { epoch, count, detail, cause }) = quarantine.due() else { return Ok(()) };
    let binding = coordinator.bound_after(epoch.saturating_sub(1)).next().transpose()?.filter(|binding| binding.epoch == epoch);
    let group = |binding: &Binding| QuarantinedGroup { detail: detail.clone(), ranges: ranges_of(binding) };
    match binding {
        Some(binding) if quarantine.add(epoch, vec![group(&binding)], cause).map_err(EpochError::from)? => {
            let records = binding.records();
            tracing::error!(
                epoch,
                records,
                detail,
                "records are quarantined: computing them ended the process, or made too much"
            );
            coordinator.announce(Control::Quarantine(format!("epoch {epoch}: {detail}")));
            Ok(())
        }
        _ => Err(RecoveryError::Ends { epoch, count, detail }),
    }
}

/// The invariants that what follows relies on. Bound epochs are computed again from the one behind the checkpoint, so a checkpoint of
/// another epoch would have records counted twice or left out; and a binding that ends before it would make an epoch of other records.
fn check_start(start: &Start, coordinator: &Coordinator<Storage>) {
    let Start { epoch, checkpoint, missing, .. } = start;
    if let Some(header) = checkpoint {
        assert_eq!(header.epoch, *epoch, "a run was to begin with epoch {epoch} and the checkpoint of epoch {}", header.epoch);
    } else {
        assert!(
            *epoch == 0 && missing.is_empty(),
            "a run without a checkpoint begins with everything, at epoch 0 and not {epoch}"
        );
    }
    assert_eq!(coordinator.completed(), *epoch, "the epoch that a run begins with is the last complete one");
    assert!(
        coordinator.last_bound() >= *epoch,
        "epoch {epoch} is in a checkpoint, and only {} is bound",
        coordinator.last_bound()
    );
}

/// Opens the quarantine and counts how the run before ended.
fn open_quarantine(
    storage: &Storage,
    limits: EventLimits,
    coordinator: &mut Coordinator<Storage>,
) -> Result<Arc<Quarantine>, RecoveryError> {
    let quarantine = Quarantine::open(Arc::clone(storage)).map_err(EpochError::from)?.with_limits(limits);
    quarantine_records(&quarantine, coordinator)?;
    Ok(Arc::new(quarantine))
}

/// Takes over the dead letters and the errors of rows of streams, and shows them to readers.
fn restore_letters(states: &KeptStates, meta: &Meta, own: &Restored, views: &Views) -> DeadLetterState {
    let (letters, seed) = DeadLetterState::restore(states, meta, own);
    if let Err(error) = views.seed_dead_letters(seed) {
        tracing::warn!(%error, "the list of dead letters starts again; their bytes are in the log");
    }
    letters
}

fn show_start(status: &Status, start: &Start, meta: &Meta, coordinator: &Coordinator<Storage>) {
    status.expect_rows(meta.rows);
    status.begins_at(start.offsets.clone());
    status.begins(coordinator.identity().incarnation, start.checkpoint.as_ref().map(|header| header.epoch));
}

/// The epoch that a run begins with: its state was restored, and it has no records.
fn first_epoch(start: Start) -> EpochInput {
    EpochInput {
        epoch: start.epoch,
        wall_micros: start.wall_micros,
        records: Records::new(),
        ranges: Vec::new(),
        consumed: start.offsets,
        replayed: true,
        control: None,
    }
}

fn take_over(
    topology: &Topology,
    connections: &Connections,
    (storage, log): (&Storage, &Arc<dyn Log>),
    topics: &[TopicMetadata],
    options: &Options,
    states: &KeptStates,
) -> Result<TakenOver, EpochError> {
    let mut wall = EpochClock::new(options.clock, &topology.sources);
    let settings = Settings {
        epoch_records: options.epoch_records,
        plan: plan_fingerprint(topology),
        states: states.specs.clone(),
        timeline: options.timeline.0,
        accept_missing_history: options.accept_missing_history,
        retained: options.retained,
    };
    let mut opening = Opening::new(follow::plans(topology, connections));
    let mut floors = |history: &History, incarnation| Ok(opening.fence(history, incarnation));
    let (storage, log) = (Arc::new(Arc::clone(storage)), Arc::clone(log));
    let (coordinator, checkpoints, start) = Coordinator::open(storage, log, topics, settings, &mut wall, &mut floors)?;
    Ok(TakenOver { wall, coordinator, checkpoints, start, opening })
}
