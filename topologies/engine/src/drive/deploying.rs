//! The driver's part of a deployment: it tells the state machine what happened and does what that answers.
//!
//! Owns the commands, each of them short, because epochs wait meanwhile. What comes next is decided in [`crate::deploy::machine`]: a
//! checkpoint is written and read, the candidate catches up, the new generation is recorded, the control entry is bound, both topologies
//! compute its epoch, and it becomes visible with the new views in one commit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use epochs::binding::Binding;
use epochs::checkpoint::CheckpointHeader;
use epochs::coordinator::stored_state;
use epochs::crash_point::{DEPLOY_BOUND, DEPLOY_RECORDED, crash_point};
use epochs::error::EpochError;
use epochs::lost_history::{MissingHistory, describe};
use sinks::views::CompareError;

use super::driver::Driver;
use crate::deploy::access_change::access_changes;
use crate::deploy::candidate::{BoundInput, Candidate, CandidateError, CandidateStart, Handover};
use crate::deploy::machine::{Awaited, CandidateProgress, DeployCommand, DeployEvent};
use crate::deploy::plan_change::{replayed_states, sink_changes, view_changes};
use crate::deploy::report::{DIFFERENCE_ROWS_MAX, DeployOutcome, ViewDifference};
use crate::deploy::request::{Deployment, Standing};
use crate::deploy::told_letters::ToldLetters;
use crate::deploy::underway::{Hydrating, Reading, Underway};
use crate::deploy::view_change::ViewChange;
use crate::follow::{RecomputedViews, identities};
use crate::rows::row_as_text;
use crate::topics::{check_rendering, create_topics};
use language::plan::kept::{KeptStates, plan_fingerprint, view_fingerprints};
use language::plan::sink::definitions;
use language::topology::Topology;

impl Driver {
    /// Goes a step further with a deployment, if there is one. An error is one of the log or the disk, which binding meets too.
    pub(super) fn step_deployment(&mut self) -> Result<(), EpochError> {
        match self.look_at_deployment() {
            Some(event) => self.deployment_event(event),
            None => Ok(()),
        }
    }

    /// Ends the deployment that is under way, if there is one: everything is as it was.
    pub(super) fn abandon_deployment(&mut self, reason: &str) -> Result<(), EpochError> {
        self.deployment_event(DeployEvent::Abandoned { reason: reason.to_owned() })
    }

    /// Gives a deployment up that is not bound: nothing of it is to be seen yet, and a start does not know of it.
    pub(super) fn stop_deployment(&mut self) -> Result<(), EpochError> {
        self.deployment_event(DeployEvent::Stopping)
    }

    /// Tells the state machine of an event and does what it answers, until nothing is left to do.
    pub(super) fn deployment_event(&mut self, event: DeployEvent) -> Result<(), EpochError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let commands = self.deploying.machine.handle(event).unwrap_or_else(|unexpected| panic!("{unexpected}"));
            for command in commands {
                events.extend(self.execute(command)?);
            }
        }
        Ok(())
    }

    /// Looks at what the deployment waits for.
    fn look_at_deployment(&mut self) -> Option<DeployEvent> {
        match self.deploying.machine.awaits() {
            Awaited::Nothing => None,
            Awaited::Request => self.look_for_request(),
            Awaited::Checkpoint => Some(DeployEvent::CheckpointSeen { newest: self.parts.coordinator.newest_checkpoint() }),
            Awaited::Content => self.deploying.underway().look_for_content(),
            Awaited::Candidate => Some(match self.candidate_outcome() {
                Some(Ok(_)) => DeployEvent::CandidateFailed { reason: "it ended before the switch".to_owned() },
                Some(Err(error)) => DeployEvent::CandidateFailed { reason: error.to_string() },
                None => DeployEvent::CandidateSeen(CandidateProgress {
                    reached: self.deploying.running_candidate().reached(),
                    bound: self.last_bound(),
                    visible: self.parts.coordinator.completed(),
                    is_catching_up: self.parts.coordinator.is_catching_up(),
                }),
            }),
            Awaited::Binding => Some(DeployEvent::MayBind),
            Awaited::Handover => Some(match self.candidate_outcome()? {
                Ok(handover) => {
                    self.deploying.underway().handover = Some(handover);
                    DeployEvent::HandedOver
                }
                Err(error) => DeployEvent::CandidateFailed { reason: error.to_string() },
            }),
        }
    }

    fn look_for_request(&mut self) -> Option<DeployEvent> {
        if self.is_recovering() {
            return None;
        }
        let deployment = self.parts.deployments.try_recv().ok()?;
        let verify = deployment.verify;
        self.deploying.underway = Some(Underway::new(deployment));
        Some(DeployEvent::Requested { verify })
    }

    fn candidate_outcome(&self) -> Option<Result<Box<Handover>, CandidateError>> {
        self.deploying.running_candidate().outcome()
    }

    /// Does what the state machine says; returns what came of it, where that is an event.
    fn execute(&mut self, command: DeployCommand) -> Result<Option<DeployEvent>, EpochError> {
        match command {
            DeployCommand::Prepare => return Ok(Some(self.prepare())),
            DeployCommand::ShowPhase(phase) => self.parts.deployment_handle.update(|report| report.phase = phase),
            DeployCommand::WriteCheckpoint => self.begin_checkpoint(),
            DeployCommand::ReadCheckpoint => self.read_checkpoint(),
            DeployCommand::ForgetRetained { epoch } => self.parts.coordinator.forget_retained(epoch),
            DeployCommand::StartCandidate => return Ok(Some(self.start_candidate())),
            DeployCommand::ShowBehind { epochs } => self.parts.deployment_handle.update(|report| report.behind = epochs),
            DeployCommand::Compare => return Ok(Some(DeployEvent::Compared { differs: self.compare() })),
            DeployCommand::Record => return Ok(Some(self.record())),
            DeployCommand::BindSwitch => return self.bind_switch().map(Some),
            DeployCommand::ComputeSwitch => self.compute_switch(),
            DeployCommand::Complete { epoch } => self.complete_takeover(epoch),
            DeployCommand::End(outcome) => self.end_deployment(outcome),
            DeployCommand::Release => self.deploying.underway = None,
        }
        Ok(None)
    }

    fn prepare(&mut self) -> DeployEvent {
        let rejected = |reason: String| DeployEvent::Rejected(DeployOutcome::Failed { reason });
        let deployment = &self.deploying.underway().deployment;
        let topology = Arc::clone(&deployment.topology);
        if let Err(error) = self.parts.sink_tasks.check(&topology) {
            return rejected(error.to_string());
        }
        if let Err(error) = check_rendering(&topology) {
            return rejected(error.to_string());
        }
        match self.lost_history() {
            Ok(None) => {}
            Ok(Some(reason)) => return DeployEvent::Rejected(DeployOutcome::Refused { reason }),
            Err(error) => return rejected(error.to_string()),
        }
        // The topics that are new are read from now on: their records are bound to the epochs that both topologies compute.
        let topics = match create_topics(&topology, self.parts.log.as_ref()) {
            Ok(topics) => topics,
            Err(error) => return rejected(error.to_string()),
        };
        self.parts.wall.follow(&topology.sources);
        if let Err(error) = self.parts.coordinator.follow(&topics) {
            return rejected(error.to_string());
        }
        self.deploying.underway().topics = topics;
        DeployEvent::Prepared { completed: self.parts.coordinator.completed() }
    }

    /// Returns why states of the deployment can't be computed: the log no longer has all that they would be made of.
    fn lost_history(&mut self) -> Result<Option<String>, EpochError> {
        let Deployment { topology, replay, accept_missing_history, .. } = &self.deploying.underway().deployment;
        let (is_replay, is_accepted) = (!replay.is_empty(), *accept_missing_history);
        let states = KeptStates::of(topology);
        let rebuilt = replayed_states(topology, &states, replay);
        let lost = self.parts.coordinator.lost_history(&states.specs, &rebuilt)?;
        Ok(match (lost.is_empty(), is_replay) {
            (true, _) => None,
            // What is served is more than what the log still has: nobody can want that.
            (false, true) => {
                Some(format!("{}: computing it once more would lose what the earlier records made", describe(&lost)))
            }
            (false, false) if is_accepted => None,
            (false, false) => Some(MissingHistory { lost }.to_string()),
        })
    }

    fn read_checkpoint(&mut self) {
        let workers = self.parts.computation.workers();
        let Deployment { topology, replay, .. } = &self.deploying.underway().deployment;
        let states = KeptStates::of(topology);
        let rebuilt = replayed_states(topology, &states, replay);
        // What an earlier topology has kept is read on from where that one ended.
        let retained = self.parts.coordinator.retained_checkpoint(&states.specs, &rebuilt).map(|header| header.epoch);
        let content = self.parts.checkpointer.read(retained, states, rebuilt, workers);
        self.deploying.underway().reading = Some(Reading { retained, content });
    }

    fn start_candidate(&mut self) -> DeployEvent {
        match self.new_candidate() {
            Ok(hydrating) => {
                self.deploying.underway().hydrating = Some(hydrating);
                DeployEvent::CandidateStarted
            }
            Err(error) => DeployEvent::CandidateFailed { reason: error.to_string() },
        }
    }

    /// Stages the views that are new or others, and starts the thread that fills them.
    fn new_candidate(&mut self) -> Result<Hydrating, CandidateStartError> {
        let underway = self.deploying.underway();
        let Some((header, restored)) = underway.content.take() else {
            panic!("a candidate was to start before its checkpoint was read");
        };
        let Deployment { topology, replay, accept_missing_history, .. } = &underway.deployment;
        let (topology, accept_missing_history) = (Arc::clone(topology), *accept_missing_history);
        let topics = std::mem::take(&mut underway.topics);
        let states = Arc::new(KeptStates::of(&topology));
        let rebuilt = replayed_states(&topology, &states, replay);
        let numbered = |is: &dyn Fn(usize) -> bool| -> BTreeSet<u32> {
            (0..states.specs.len())
                .filter(|&number| rebuilt.contains(&(number as u32)) || is(number))
                .map(|number| number as u32)
                .collect()
        };
        let missing = numbered(&|number| stored_state(&header, &states.specs[number]).is_none());
        let handed = numbered(&|number| !self.parts.coordinator.has_state(&states.specs[number]));
        let changes = view_changes(&topology, &self.parts.identities, &states, &handed);
        let staged = staged(&changes);
        self.show_changes(&changes, &topology)?;
        // Whatever happens next, they are unstaged at the end.
        self.deploying.underway().staged.clone_from(&staged);
        for served in topology.served.iter().filter(|served| staged.contains(&served.view.name)) {
            self.parts.publisher.stage(served.view.clone())?;
        }
        let told = ToldLetters::of(&self.parts.computation.topology, &topology);
        let candidate = Candidate::start(CandidateStart {
            topology,
            log: Arc::clone(&self.parts.log),
            topics,
            told,
            bound: self.bound_since(&header)?,
            header,
            restored,
            states: Arc::clone(&states),
            missing,
            handed: handed.clone(),
            accept_missing_history,
            views: Arc::clone(&self.parts.views),
            staged,
            deployment_handle: Arc::clone(&self.parts.deployment_handle),
            quarantine: Arc::clone(&self.parts.quarantine),
        })?;
        Ok(Hydrating { candidate, changes, states, handed })
    }

    /// Shows readers of the status the views, sinks and readers that change.
    fn show_changes(&self, views: &BTreeMap<String, ViewChange>, topology: &Topology) -> Result<(), EpochError> {
        let running = self.parts.deployment_handle.topology();
        let access = access_changes(Some(&running), topology, self.parts.log.as_ref())?;
        let sinks = sink_changes(topology, &identities(&running));
        self.parts.deployment_handle.update(|report| {
            report.views.clone_from(views);
            (report.sinks, report.access) = (sinks, access);
        });
        Ok(())
    }

    /// The epochs that were bound since a checkpoint, as they were bound.
    fn bound_since(&self, header: &CheckpointHeader) -> Result<Vec<BoundInput>, EpochError> {
        let bound = self.parts.coordinator.bound_after(header.epoch).map(|binding| {
            let Binding { epoch, wall_micros, ranges, .. } = binding?;
            Ok(BoundInput { epoch, wall_micros, ranges, is_switch: false })
        });
        bound.collect()
    }

    /// Compares the rows of changed views, all of one epoch; returns true if any differ.
    fn compare(&mut self) -> bool {
        let changed = self.deploying.hydrating().changes.iter().filter(|(_, change)| **change == ViewChange::Changed);
        let changed: Vec<String> = changed.map(|(name, _)| name.clone()).collect();
        let differences: Vec<ViewDifference> = changed.iter().map(|name| self.difference(name)).collect();
        let differs = differences.iter().any(ViewDifference::differs);
        self.parts.deployment_handle.update(|report| report.differences = differences);
        differs
    }

    fn difference(&self, name: &str) -> ViewDifference {
        let views = &self.parts.views;
        let layout = views.view(name).and_then(|served| served.indexes.first().map(|(_, layout)| layout.clone()));
        match (views.compare(name, name, DIFFERENCE_ROWS_MAX), layout) {
            (Ok(difference), Some(layout)) => ViewDifference::of(name.to_owned(), &difference, |row| row_as_text(&layout, row)),
            (Ok(_), None) => ViewDifference::incomparable(name, CompareError::NotServed { view: name.to_owned() }),
            (Err(error), _) => ViewDifference::incomparable(name, error),
        }
    }

    /// The views that sinks follow and whose rows were computed once more and are others than those that readers see.
    ///
    /// Both sides are of the last epoch that is bound, and compute the same ones from then on: what is equal now is equal at the switch.
    fn differing_views(&mut self) -> BTreeSet<String> {
        let Underway { deployment, hydrating: Some(hydrating), .. } = self.deploying.underway() else {
            panic!("a deployment is recorded that has no candidate");
        };
        let followed: BTreeSet<String> = definitions(&deployment.topology).map(|sink| sink.view).collect();
        let recomputed = recomputed(deployment, &hydrating.changes);
        let suspects: Vec<String> = followed.into_iter().filter(|view| recomputed.contains(view.as_str())).collect();
        suspects.into_iter().filter(|view| self.difference(view).differs()).collect()
    }

    fn record(&mut self) -> DeployEvent {
        let differing = self.differing_views();
        self.deploying.underway().differing = differing;
        if let Err(error) = (self.deploying.underway().deployment.record)(Standing::InForce) {
            return DeployEvent::NotRecorded { reason: format!("it could not be recorded: {error}") };
        }
        crash_point(DEPLOY_RECORDED);
        DeployEvent::Recorded
    }

    fn bind_switch(&mut self) -> Result<DeployEvent, EpochError> {
        let generation = self.deploying.underway().deployment.generation;
        let input = self.parts.coordinator.switch(&mut self.parts.wall, generation)?;
        crash_point(DEPLOY_BOUND);
        let epoch = input.epoch;
        self.deploying.underway().switch = Some(input);
        Ok(DeployEvent::SwitchBound { epoch })
    }

    fn compute_switch(&mut self) {
        match self.deploying.underway().switch.take() {
            Some(input) => self.start_epoch(input),
            None => panic!("the epoch of a control entry was to be computed before it was bound"),
        }
    }

    /// The new topology is what readers see since the epoch that was published last.
    fn complete_takeover(&mut self, epoch: u64) {
        let Some(Underway { deployment, differing, hydrating: Some(hydrating), handover: Some(handover), .. }) =
            self.deploying.underway.take()
        else {
            panic!("a topology took over with epoch {epoch} that was not handed over");
        };
        let (Hydrating { changes, states, handed, .. }, Handover { computation, state, .. }) = (hydrating, *handover);
        let topology = Arc::clone(&deployment.topology);
        computation.take_service();
        self.parts.coordinator.redeploy(plan_fingerprint(&topology), states.specs.clone(), &handed, state);
        self.parts.deployment_handle.show_retained(self.parts.coordinator.retained());
        self.parts.letters.renumber(&states);
        self.parts.wall.take_over(&topology.sources);
        let recomputed = RecomputedViews { all: recomputed(&deployment, &changes), differing };
        self.parts.sink_tasks.redeploy(&topology, self.parts.coordinator.history(), epoch, &recomputed);
        self.parts.identities =
            view_fingerprints(&topology).into_iter().map(|(name, identity)| (name, identity.to_string())).collect();
        let before = std::mem::replace(&mut self.parts.computation, computation.handed_over());
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

    /// Ends a deployment that has not taken over: everything is as it was.
    fn end_deployment(&mut self, outcome: DeployOutcome) {
        let Some(underway) = self.deploying.underway.take() else {
            panic!("a deployment ended that was not under way: {outcome:?}");
        };
        let generation = underway.deployment.generation;
        tracing::warn!(generation, ?outcome, "a deployment did not take over; everything is as it was");
        if let Err(error) = (underway.deployment.record)(Standing::Ended(&outcome)) {
            tracing::error!(generation, %error, "the end of a deployment could not be recorded: a restart may begin with its topology");
        }
        // The clock may have begun to read topics as the deployment would.
        self.parts.wall.take_over(&self.parts.computation.topology.sources);
        underway.end(self.parts.publisher.as_ref());
        // The last word on it: the candidate, which reports its phases, has ended.
        self.parts.deployment_handle.finish(outcome);
    }
}

/// Reason why a candidate could not start.
#[derive(Debug, thiserror::Error)]
enum CandidateStartError {
    #[error(transparent)]
    Views(#[from] sinks::views::ViewsError),
    #[error(transparent)]
    Epochs(#[from] EpochError),
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Returns the views whose rows were computed once more from the log because somebody asked for it.
fn recomputed<'c>(deployment: &Deployment, changes: &'c BTreeMap<String, ViewChange>) -> BTreeSet<&'c str> {
    // The topology is the one before then: a view is changed by its state alone.
    let is_recomputed = |change: &ViewChange| !deployment.replay.is_empty() && *change == ViewChange::Changed;
    changes.iter().filter(|(_, change)| is_recomputed(change)).map(|(name, _)| name.as_str()).collect()
}

/// The views that are new or others: their rows are computed beside those that readers see.
fn staged(changes: &BTreeMap<String, ViewChange>) -> BTreeSet<String> {
    let is_staged = |change: &ViewChange| matches!(change, ViewChange::Added | ViewChange::Changed);
    changes.iter().filter(|(_, change)| is_staged(change)).map(|(name, _)| name.clone()).collect()
}
