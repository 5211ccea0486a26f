//! Shared status of the deployments of a running topology, and the way to ask for one.
//!
//! Owns [`DeploymentHandle`]: a [`Deployment`] enters through [`DeploymentHandle::begin`], a [`DeployReport`] leaves at any time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use epochs::checkpoint::CheckpointHeader;
use parking_lot::Mutex;

use super::report::{DeployOutcome, DeployPhase, DeployReport};
use super::request::Deployment;
use super::view_change::RetainedStates;
use crate::epoch_clock::Clock;
use language::topology::Topology;

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
    clock: Clock,
}

impl DeploymentHandle {
    /// A handle for a topology that runs by a clock, and the queue where its driver finds requests.
    pub fn new(topology: Arc<Topology>, clock: Clock) -> (Arc<Self>, Receiver<Deployment>) {
        let (deployments, queue) = channel();
        let (report, retained) = (Mutex::default(), Mutex::default());
        (Arc::new(Self { report, topology: Mutex::new(topology), retained, deployments, clock }), queue)
    }

    /// The clock of the epochs, by which rows of tables end.
    pub fn clock(&self) -> Clock {
        self.clock
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
    pub(crate) fn show_retained<'h>(&self, headers: impl Iterator<Item = &'h CheckpointHeader>) {
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

    /// Changes the progress that operators see.
    pub(crate) fn update(&self, change: impl FnOnce(&mut DeployReport)) {
        change(&mut self.report.lock());
    }

    /// Ends the deployment that is under way.
    pub(crate) fn finish(&self, outcome: DeployOutcome) {
        self.update(|report| (report.phase, report.outcome) = (DeployPhase::Finished, Some(outcome)));
    }

    /// Puts another topology in force since this epoch.
    pub(crate) fn take_over(&self, topology: Arc<Topology>, epoch: u64) {
        *self.topology.lock() = topology;
        self.finish(DeployOutcome::Switched { epoch });
    }
}
