//! A deployment: another topology takes over while readers go on.
//!
//! Owns its vocabulary and what is known of it from outside: a [`Deployment`] enters through [`DeploymentHandle::begin`], a [`DeployReport`] leaves
//! at any time. [`candidate`] computes the new topology beside the running one, [`switch`] is the driver's part: from the checkpoint to
//! begin from, to the epoch at which both change places.

pub(super) mod candidate;
pub(super) mod switch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use epochs::checkpoint::CheckpointHeader;
use epochs::disk::DiskError;
use parking_lot::Mutex;
use sinks::views::Difference;

use super::change::{RetainedStates, ViewChange};
use language::topology::Topology;

/// Rows of a difference that are listed, on each side of each view.
pub const DIFFERENCE_ROWS_MAX: usize = 20;

/// Treatment of differences between the rows a view has and those it would have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// nothing is compared
    #[default]
    Not,
    /// they are reported, and the topology takes over all the same
    Report,
    /// they are reported, and everything stays as it was
    Refuse,
}

/// Standing of the generation that is deployed.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'o> {
    /// it is in force from the next epoch on
    InForce,
    /// it is not, or not any more: the one before is
    Ended(&'o DeployOutcome),
}

/// Remembers durably what becomes of the generation that is deployed. May be called again.
pub type Record = Box<dyn Fn(Standing<'_>) -> Result<(), DiskError> + Send>;

/// A topology that is to take over.
pub struct Deployment {
    /// its number
    pub generation: u64,
    /// the topology to compute
    pub topology: Arc<Topology>,
    /// views whose kept state is computed from the log once more
    pub replay: BTreeSet<String>,
    /// true if old and new rows are compared first
    pub verify: Verify,
    /// states are computed also from a log whose beginning is gone
    pub accept_missing_history: bool,
    /// remembers it
    pub record: Record,
}

/// Phase of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeployPhase {
    /// there was none since the start
    #[default]
    None,
    /// it waits until the views are whole
    Waiting,
    /// a checkpoint to begin from is being written
    Checkpointing,
    /// the kept state is being read
    Restoring,
    /// new state is being computed from the log
    Backfilling,
    /// the new views are being filled, up to what readers see
    CatchingUp,
    /// it takes over
    Switching,
    /// it is over
    Finished,
}

/// End of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployOutcome {
    /// it took over
    Switched {
        /// the first epoch that is its own
        epoch: u64,
    },
    /// rows differ, and everything is as it was
    Differs,
    /// rows would be missing for ever, and everything is as it was
    Refused {
        /// the states, and the remedy
        reason: String,
    },
    /// it could not take over, and everything is as it was
    Failed {
        /// the reason
        reason: String,
    },
}

/// Change of a view's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewDifference {
    /// the view
    pub view: String,
    /// rows on both sides, only in the old, only in the new; or why they can't be compared
    pub counts: Result<(u64, u64, u64), String>,
    /// the first rows that would go, value by value
    pub goes: Vec<Vec<String>>,
    /// the first rows that would come
    pub comes: Vec<Vec<String>>,
}

impl ViewDifference {
    /// Returns true if the rows are not the same.
    pub fn differs(&self) -> bool {
        self.counts.as_ref().map_or(true, |(_, old, new)| old + new > 0)
    }
}

/// Progress of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeployReport {
    /// its number
    pub generation: u64,
    /// its phase
    pub phase: DeployPhase,
    /// records that were read for its new state, and how many there are
    pub backfill: (u64, u64),
    /// rows of all its views that were computed
    pub rows: u64,
    /// epochs that it is behind what readers see
    pub behind: u64,
    /// change of every view
    pub views: BTreeMap<String, ViewChange>,
    /// differences that the comparison found
    pub differences: Vec<ViewDifference>,
    /// its end
    pub outcome: Option<DeployOutcome>,
}

/// Reason why a deployment could not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeployError {
    /// one at a time
    #[error("generation {generation} is being deployed: wait until it has taken over, then try again")]
    Busy {
        /// the one that is on its way
        generation: u64,
    },
    /// the engine is no longer running
    #[error("the engine has stopped: nothing can be deployed before the process is started again")]
    Stopped,
}

/// Shared, read-only status of a running topology's deployments.
pub struct DeploymentHandle {
    report: Mutex<DeployReport>,
    topology: Mutex<Arc<Topology>>,
    retained: Mutex<Vec<RetainedStates>>,
    deployments: Sender<Deployment>,
}

impl DeploymentHandle {
    /// A board for a topology that runs, and where its driver finds what is to be deployed.
    pub fn new(topology: Arc<Topology>) -> (Arc<Self>, Receiver<Deployment>) {
        let (deployments, queue) = channel();
        let (report, retained) = (Mutex::default(), Mutex::default());
        (Arc::new(Self { report, topology: Mutex::new(topology), retained, deployments }), queue)
    }

    /// The topology that readers see.
    pub fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.topology.lock())
    }

    /// The states of earlier topologies that can be brought up to date, the newest first.
    pub fn retained(&self) -> Vec<RetainedStates> {
        self.retained.lock().clone()
    }

    /// Tells which states of earlier topologies are kept.
    pub(super) fn show_retained<'h>(&self, headers: impl Iterator<Item = &'h CheckpointHeader>) {
        *self.retained.lock() = headers.map(RetainedStates::of).collect();
    }

    /// Returns the progress of the last deployment.
    pub fn report(&self) -> DeployReport {
        self.report.lock().clone()
    }

    /// Hands a deployment over, unless there is one.
    pub fn begin(&self, deployment: Deployment) -> Result<(), DeployError> {
        let mut report = self.report.lock();
        if !matches!(report.phase, DeployPhase::None | DeployPhase::Finished) {
            return Err(DeployError::Busy { generation: report.generation });
        }
        let generation = deployment.generation;
        self.deployments.send(deployment).map_err(|_| DeployError::Stopped)?;
        *report = DeployReport { generation, phase: DeployPhase::Waiting, ..DeployReport::default() };
        Ok(())
    }

    fn update(&self, change: impl FnOnce(&mut DeployReport)) {
        change(&mut self.report.lock());
    }

    fn finish(&self, outcome: DeployOutcome) {
        self.update(|report| (report.phase, report.outcome) = (DeployPhase::Finished, Some(outcome)));
    }

    fn take_over(&self, topology: Arc<Topology>, epoch: u64) {
        *self.topology.lock() = topology;
        self.finish(DeployOutcome::Switched { epoch });
    }
}

impl ViewDifference {
    fn of(view: String, difference: &Difference, text: impl Fn(&[u8]) -> Vec<String>) -> Self {
        let rows = |rows: &[(schemas::row::Row, schemas::row::Diff)]| rows.iter().map(|(row, _)| text(row.as_bytes())).collect();
        let counts = Ok((difference.equal_count, difference.only_old_count, difference.only_new_count));
        Self { view, counts, goes: rows(&difference.only_old), comes: rows(&difference.only_new) }
    }
}
