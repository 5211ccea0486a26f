//! The driver's part of a deployment: from the checkpoint to begin from, to the epoch at which the topologies change places.
//!
//! Owns [`Deploying`], one step after the other and each of them short, because epochs wait meanwhile. Until the switch is bound, giving
//! up leaves everything as it was. Nothing is bound in the moment between: when the candidate shows what readers see, the new generation is
//! recorded, the epoch of the switch is bound, both compute it, and it becomes visible with the new views in one commit.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use epochs::binding::Binding;
use epochs::checkpoint::CheckpointHeader;
use epochs::coordinator::stored_state;
use epochs::crash_point::{DEPLOY_BOUND, DEPLOY_RECORDED, crash_point};
use epochs::error::EpochError;
use epochs::lost_history::{MissingHistory, describe};
use schemas::position::Topic;
use sinks::views::CompareError;
use sources::record::TopicMetadata;

use super::driver::Driver;
use crate::deploy::candidate::{Bound, Candidate, Handover, Preparation};
use crate::deploy::deploying::{Deploying, Hydrating, Takeover};
use crate::deploy::plan_change::{replayed_states, view_changes};
use crate::deploy::report::{DIFFERENCE_ROWS_MAX, DeployOutcome, DeployPhase, ViewDifference};
use crate::deploy::request::{Deployment, Standing, Verify};
use crate::deploy::view_change::ViewChange;
use crate::rows::row_as_text;
use crate::state::checkpointer::ReadCheckpoint;
use crate::state::restored::Restored;
use crate::topics::{check_rendering, create_topics};
use language::plan::kept::{KeptStates, plan_fingerprint, view_fingerprints};

/// Epochs that a candidate may be behind when no more are bound until it has them: they are computed within a moment.
const HELD_EPOCHS: u64 = 4;

impl Driver {
    /// Goes a step further with a deployment, if there is one. An error is one of the log or the disk, which binding meets too.
    pub fn step_deployment(&mut self) -> Result<(), EpochError> {
        self.deploying = match std::mem::take(&mut self.deploying) {
            Deploying::Not => self.next_deployment(),
            Deploying::Checkpointing(deployment, topics, after) => self.await_checkpoint(deployment, topics, after),
            Deploying::Restoring(deployment, topics, retained, begin) => {
                self.await_restored(deployment, topics, retained, begin)?
            }
            Deploying::Computing(hydrating) => self.await_candidate(hydrating),
            Deploying::Ready(hydrating) => {
                // Kept for the case that the epoch can't be bound now.
                self.deploying = Deploying::Ready(hydrating);
                return self.bind_switch();
            }
            Deploying::Switching(hydrating, epoch, handover) => self.await_handover(hydrating, epoch, handover),
        };
        Ok(())
    }

    fn next_deployment(&mut self) -> Deploying {
        if self.is_recovering() {
            return Deploying::Not;
        }
        let Ok(deployment) = self.parts.deployments.try_recv() else { return Deploying::Not };
        match self.begin(&deployment) {
            Ok(topics) => {
                self.parts.deployment_handle.update(|report| report.phase = DeployPhase::Checkpointing);
                Deploying::Checkpointing(deployment, topics, self.parts.coordinator.completed())
            }
            Err(outcome) => self.end(&deployment, outcome, &BTreeSet::new()),
        }
    }

    /// Reads the topics that are new from now on: their records are bound to the epochs that both topologies compute.
    fn begin(&mut self, deployment: &Deployment) -> Result<Vec<TopicMetadata>, DeployOutcome> {
        let failed = |reason: String| DeployOutcome::Failed { reason };
        self.parts.sink_tasks.check(&deployment.topology).map_err(|error| failed(error.to_string()))?;
        check_rendering(&deployment.topology).map_err(|error| failed(error.to_string()))?;
        if let Some(reason) = self.lost_history(deployment).map_err(|error| failed(error.to_string()))? {
            return Err(DeployOutcome::Refused { reason });
        }
        let topics = create_topics(&deployment.topology, self.parts.log.as_ref()).map_err(|error| failed(error.to_string()))?;
        self.parts.wall.follow(&deployment.topology.sources);
        self.parts.coordinator.follow(&topics).map_err(|error| failed(error.to_string()))?;
        Ok(topics)
    }

    /// Returns why states of a deployment can't be computed: the log no longer has all that they would be made of.
    fn lost_history(&self, deployment: &Deployment) -> Result<Option<String>, EpochError> {
        let states = KeptStates::of(&deployment.topology);
        let anew = replayed_states(&deployment.topology, &states, &deployment.replay);
        let lost = self.parts.coordinator.lost_history(&states.specs, &anew)?;
        Ok(match (lost.is_empty(), deployment.replay.is_empty()) {
            (true, _) => None,
            // What is served is more than what the log still has: nobody can want that.
            (false, false) => {
                Some(format!("{}: computing it once more would lose what the earlier records made", describe(&lost)))
            }
            (false, true) if deployment.accept_missing_history => None,
            (false, true) => Some(MissingHistory { lost }.to_string()),
        })
    }

    /// Ends a deployment that has not taken over: everything is as it was.
    fn give_up(&mut self, deployment: &Deployment, reason: String, staged: &BTreeSet<String>) -> Deploying {
        self.end(deployment, DeployOutcome::Failed { reason }, staged)
    }

    /// Ends the deployment that is under way, if there is one.
    pub fn abandon_deployment(&mut self, reason: &str) {
        let (deployment, staged) = match std::mem::take(&mut self.deploying) {
            Deploying::Not => return,
            Deploying::Checkpointing(deployment, ..) | Deploying::Restoring(deployment, ..) => (deployment, BTreeSet::new()),
            Deploying::Computing(hydrating) | Deploying::Ready(hydrating) | Deploying::Switching(hydrating, ..) => {
                (hydrating.deployment, hydrating.staged)
            }
        };
        self.deploying = self.give_up(&deployment, reason.to_owned(), &staged);
    }

    fn end(&mut self, deployment: &Deployment, outcome: DeployOutcome, staged: &BTreeSet<String>) -> Deploying {
        let generation = deployment.generation;
        tracing::warn!(generation, ?outcome, "a deployment did not take over; everything is as it was");
        if let Err(error) = (deployment.record)(Standing::Ended(&outcome)) {
            tracing::error!(generation, %error, "the end of a deployment could not be recorded: a restart may begin with its topology");
        }
        for name in staged {
            self.parts.publisher.unstage(name);
        }
        self.parts.deployment_handle.finish(outcome);
        Deploying::Not
    }

    fn await_checkpoint(&mut self, deployment: Deployment, topics: Vec<TopicMetadata>, after: u64) -> Deploying {
        if self.parts.coordinator.newest_checkpoint().is_none_or(|newest| newest < after) {
            self.begin_checkpoint();
            return Deploying::Checkpointing(deployment, topics, after);
        }
        let states = KeptStates::of(&deployment.topology);
        let anew = replayed_states(&deployment.topology, &states, &deployment.replay);
        // What an earlier topology has kept is read on from where that one ended.
        let retained = self.parts.coordinator.retained_checkpoint(&states.specs, &anew).map(|header| header.epoch);
        let begin = self.parts.checkpointer.read(retained, states, anew, self.parts.engine.workers.count());
        self.parts.deployment_handle.update(|report| report.phase = DeployPhase::Restoring);
        Deploying::Restoring(deployment, topics, retained, begin)
    }

    fn await_restored(
        &mut self,
        deployment: Deployment,
        topics: Vec<TopicMetadata>,
        retained: Option<u64>,
        begin: Receiver<ReadCheckpoint>,
    ) -> Result<Deploying, EpochError> {
        Ok(match begin.try_recv() {
            Err(TryRecvError::Empty) => Deploying::Restoring(deployment, topics, retained, begin),
            Err(TryRecvError::Disconnected) => {
                self.give_up(&deployment, "the checkpoint could not be read".to_owned(), &BTreeSet::new())
            }
            Ok(Err(reason)) => {
                // Another attempt does without it.
                retained.into_iter().for_each(|epoch| self.parts.coordinator.forget_retained(epoch));
                self.give_up(&deployment, reason.to_string(), &BTreeSet::new())
            }
            Ok(Ok((header, restored))) => {
                let bound = self.parts.coordinator.bound_after(header.epoch).map(|binding| {
                    let Binding { epoch, wall_micros, ranges, .. } = binding?;
                    Ok(Bound { epoch, wall_micros, ranges, is_switch: false })
                });
                let bound = bound.collect::<Result<Vec<Bound>, EpochError>>()?;
                self.start_candidate(deployment, topics, header, restored, bound)
            }
        })
    }

    fn start_candidate(
        &mut self,
        deployment: Deployment,
        topics: Vec<TopicMetadata>,
        header: CheckpointHeader,
        restored: Vec<Restored>,
        bound: Vec<Bound>,
    ) -> Deploying {
        let topology = Arc::clone(&deployment.topology);
        let states = Arc::new(KeptStates::of(&topology));
        let anew = replayed_states(&topology, &states, &deployment.replay);
        let is_missing = |number: &u32| anew.contains(number) || stored_state(&header, &states.specs[*number as usize]).is_none();
        let missing: BTreeSet<u32> = (0..states.specs.len() as u32).filter(is_missing).collect();
        let is_handed =
            |number: &u32| anew.contains(number) || !self.parts.coordinator.has_state(&states.specs[*number as usize]);
        let handed: BTreeSet<u32> = (0..states.specs.len() as u32).filter(is_handed).collect();
        let changes = view_changes(&topology, &self.parts.identities, &states, &handed);
        let is_staged = |change: &ViewChange| matches!(change, ViewChange::Added | ViewChange::Changed);
        let staged: BTreeSet<String> =
            changes.iter().filter(|(_, change)| is_staged(change)).map(|(name, _)| name.clone()).collect();
        self.parts.deployment_handle.update(|report| report.views.clone_from(&changes));
        for served in topology.served.iter().filter(|served| staged.contains(&served.view.name)) {
            if let Err(error) = self.parts.publisher.stage(served.view.clone()) {
                return self.give_up(&deployment, error.to_string(), &staged);
            }
        }
        let sources = self.parts.engine.topology.sources.iter();
        let preparation = Preparation {
            topology,
            log: Arc::clone(&self.parts.log),
            topics,
            known: sources.map(|source| Topic::new(&source.schema.topic)).collect(),
            header,
            restored,
            states: Arc::clone(&states),
            missing,
            handed: handed.clone(),
            accept_missing_history: deployment.accept_missing_history,
            bound,
            views: Arc::clone(&self.parts.views),
            staged: staged.clone(),
            deployment_handle: Arc::clone(&self.parts.deployment_handle),
            quarantine: Arc::clone(&self.parts.quarantine),
        };
        match Candidate::start(preparation) {
            Ok(candidate) => {
                Deploying::Computing(Hydrating { deployment, candidate, changes, states, handed, staged, is_held: false })
            }
            Err(error) => self.give_up(&deployment, format!("a thread could not be started: {error}"), &staged),
        }
    }

    fn await_candidate(&mut self, mut hydrating: Hydrating) -> Deploying {
        if let Some(outcome) = hydrating.candidate.outcome() {
            let reason = outcome.err().unwrap_or_else(|| "it ended before the switch".to_owned());
            return self.give_up(&hydrating.deployment, reason, &hydrating.staged);
        }
        let reached = hydrating.candidate.reached();
        let behind = self.last_bound().saturating_sub(reached);
        self.parts.deployment_handle.update(|report| report.behind = behind);
        // As long as a topic that is new is behind the others, its history is bound epoch by epoch: to hold them back would end that.
        hydrating.is_held |= behind <= HELD_EPOCHS && !self.parts.coordinator.is_catching_up();
        if !hydrating.is_held || !self.is_idle() || reached != self.parts.coordinator.completed() {
            return Deploying::Computing(hydrating);
        }
        if hydrating.deployment.verify != Verify::Not && self.compare(&hydrating) && hydrating.deployment.verify == Verify::Refuse
        {
            return self.end(&hydrating.deployment, DeployOutcome::Differs, &hydrating.staged);
        }
        if let Err(error) = (hydrating.deployment.record)(Standing::InForce) {
            return self.give_up(&hydrating.deployment, format!("it could not be recorded: {error}"), &hydrating.staged);
        }
        crash_point(DEPLOY_RECORDED);
        self.parts.deployment_handle.update(|report| report.phase = DeployPhase::Switching);
        Deploying::Ready(hydrating)
    }

    /// Compares the rows of changed views, all of one epoch; whether any differ.
    fn compare(&mut self, hydrating: &Hydrating) -> bool {
        let changed = hydrating.changes.iter().filter(|(_, change)| **change == ViewChange::Changed);
        let differences: Vec<ViewDifference> = changed.map(|(name, _)| self.difference(name)).collect();
        let differs = differences.iter().any(ViewDifference::differs);
        self.parts.deployment_handle.update(|report| report.differences = differences);
        differs
    }

    fn difference(&self, name: &str) -> ViewDifference {
        let views = &self.parts.views;
        let layout = views.view(name).and_then(|served| served.indexes.first().map(|(_, layout)| layout.clone()));
        match (views.compare(name, name, DIFFERENCE_ROWS_MAX), layout) {
            (Ok(difference), Some(layout)) => ViewDifference::of(name.to_owned(), &difference, |row| row_as_text(&layout, row)),
            (Ok(_), None) => incomparable(name, &CompareError::NotServed { view: name.to_owned() }),
            (Err(error), _) => incomparable(name, &error),
        }
    }

    fn bind_switch(&mut self) -> Result<(), EpochError> {
        let Deploying::Ready(hydrating) = &self.deploying else { return Ok(()) };
        let input = self.parts.coordinator.switch(&mut self.parts.wall, hydrating.deployment.generation)?;
        crash_point(DEPLOY_BOUND);
        let epoch = input.epoch;
        if let Deploying::Ready(hydrating) = std::mem::take(&mut self.deploying) {
            self.deploying = Deploying::Switching(hydrating, epoch, None);
        }
        self.start_epoch(input);
        Ok(())
    }

    fn await_handover(&mut self, hydrating: Hydrating, epoch: u64, handover: Option<Box<Handover>>) -> Deploying {
        if handover.is_some() {
            return Deploying::Switching(hydrating, epoch, handover);
        }
        match hydrating.candidate.outcome() {
            None => Deploying::Switching(hydrating, epoch, None),
            Some(Ok(handover)) => Deploying::Switching(hydrating, epoch, Some(handover)),
            Some(Err(reason)) => {
                // The epoch is bound all the same; the topology that was there computes it as any other.
                self.give_up(&hydrating.deployment, reason, &hydrating.staged)
            }
        }
    }

    /// The new topology is what readers see since the epoch that was published last.
    pub fn complete_takeover(&mut self, takeover: Takeover, epoch: u64) {
        let Takeover { handover, hydrating, .. } = takeover;
        let Hydrating { deployment, states, handed, .. } = hydrating;
        let topology = Arc::clone(&deployment.topology);
        let quarantine = Arc::clone(&self.parts.quarantine);
        handover.engine.workers.panic_policy.take_service(move |detail| quarantine.panicked(detail));
        let states_of_plan = states.specs.clone();
        self.parts.coordinator.redeploy(plan_fingerprint(&topology), states_of_plan, &handed, handover.state);
        self.parts.deployment_handle.show_retained(self.parts.coordinator.retained());
        self.parts.letters.renumber(&states);
        self.parts.sink_tasks.redeploy(&topology, self.parts.coordinator.history(), epoch, !deployment.replay.is_empty());
        self.parts.identities =
            view_fingerprints(&topology).into_iter().map(|(name, identity)| (name, identity.to_string())).collect();
        let before = std::mem::replace(&mut self.parts.engine, handover.engine);
        // Freeing the state of the old one takes as long as it is large; nobody waits for it.
        let freed = std::thread::Builder::new().name("old topology".to_owned()).spawn(move || drop(before));
        if let Err(error) = freed {
            tracing::warn!(%error, "the topology before was freed on the driver's thread");
        }
        tracing::info!(generation = deployment.generation, epoch, "another topology took over");
        // Until there is one that holds its states a restart has to do the same once more.
        self.is_checkpoint_due = true;
        self.parts.deployment_handle.take_over(topology, epoch);
    }
}

fn incomparable(name: &str, error: &CompareError) -> ViewDifference {
    ViewDifference { view: name.to_owned(), counts: Err(error.to_string()), goes: Vec::new(), comes: Vec::new() }
}
