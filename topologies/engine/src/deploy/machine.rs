//! States of a deployment as a pure machine: events enter, commands leave.
//!
//! Owns [`DeploymentMachine`], which knows no thread, clock, disk or view. The driver tells it what happened and does what it answers; what
//! a command finds out is the next event. So every order of events can be tested without running anything.
//!
//! Two invariants hold, and the tests walk all paths to show it. Until the control entry is bound, giving up leaves everything as it was.
//! The entry is bound only after the new generation is recorded: a start that reads the entry finds the generation in force.

use super::report::{DeployOutcome, DeployPhase};
use super::request::Verify;

/// Epochs that a candidate may be behind when no more are bound until it has them: they are computed within a moment.
pub const HELD_EPOCHS: u64 = 4;

/// Something that happened to a deployment, or that the driver saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployEvent {
    /// a topology is to take over; the driver tells of one at a time, when the views are whole
    Requested {
        /// treatment of differences
        verify: Verify,
    },
    /// its expressions compile, and its topics are there and read from now on
    Prepared {
        /// the last complete epoch: the checkpoint to begin from is of this one or a later one
        completed: u64,
    },
    /// it must not begin, or can't
    Rejected(DeployOutcome),
    /// the newest durable checkpoint
    CheckpointSeen {
        /// its epoch
        newest: Option<u64>,
    },
    /// a checkpoint was read
    CheckpointRead,
    /// a checkpoint can't be read
    CheckpointUnreadable {
        /// the reason
        reason: String,
        /// its epoch, if an earlier topology left it
        retained: Option<u64>,
    },
    /// the candidate computes
    CandidateStarted,
    /// the candidate could not start, or has ended
    CandidateFailed {
        /// the reason
        reason: String,
    },
    /// the candidate has come this far
    CandidateSeen(CandidateProgress),
    /// the rows of both topologies were compared
    Compared {
        /// true if some differ
        differs: bool,
    },
    /// the new generation is durably in force
    Recorded,
    /// it could not be recorded
    NotRecorded {
        /// the reason
        reason: String,
    },
    /// nothing else is to be done before the control entry
    MayBind,
    /// the control entry is bound
    SwitchBound {
        /// its epoch
        epoch: u64,
    },
    /// the candidate has computed the epoch of the control entry
    HandedOver,
    /// the epoch of the control entry is visible
    Shown,
    /// it can't go on, because the running topology is computed once more
    Abandoned {
        /// the reason
        reason: String,
    },
    /// the process stops
    Stopping,
}

/// Progress of a candidate beside the running topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateProgress {
    /// the last epoch whose rows it has staged
    pub reached: u64,
    /// the last epoch that is bound
    pub bound: u64,
    /// the last epoch that is visible
    pub visible: u64,
    /// true while the history of new topics is bound epoch by epoch: to hold epochs back would end that
    pub is_catching_up: bool,
}

/// Something that the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployCommand {
    /// checks the topology, creates its topics and reads them from now on
    Prepare,
    /// shows readers of the status this phase
    ShowPhase(DeployPhase),
    /// begins a checkpoint, unless one is being written
    WriteCheckpoint,
    /// reads the checkpoint that the candidate begins from
    ReadCheckpoint,
    /// forgets a checkpoint of an earlier topology: another attempt does without it
    ForgetRetained {
        /// its epoch
        epoch: u64,
    },
    /// stages the new views and starts the candidate
    StartCandidate,
    /// shows readers of the status how far the candidate is behind
    ShowBehind {
        /// in epochs
        epochs: u64,
    },
    /// compares the rows of changed views
    Compare,
    /// records durably that the new generation is in force
    Record,
    /// binds an epoch with the control entry
    BindSwitch,
    /// hands the epoch of the control entry to the workers and to the candidate
    ComputeSwitch,
    /// makes the candidate's computation that of the driver
    Complete {
        /// the epoch of the control entry
        epoch: u64,
    },
    /// ends it without a change, and says why
    End(DeployOutcome),
    /// gives up its threads without a word: the process stops
    Release,
}

/// State of the deployment of a running topology, if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum DeployState {
    #[default]
    None,
    Preparing {
        verify: Verify,
    },
    Checkpointing {
        verify: Verify,
        after: u64,
    },
    Restoring {
        verify: Verify,
    },
    Starting {
        verify: Verify,
    },
    Computing {
        verify: Verify,
        is_held: bool,
    },
    Comparing {
        verify: Verify,
    },
    Recording,
    Recorded,
    Switching {
        epoch: u64,
        is_handed_over: bool,
    },
}

/// An event that can't happen in the state that a deployment is in: the driver is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a deployment was told {event:?} while it is {state}")]
pub struct UnexpectedEvent {
    event: DeployEvent,
    state: String,
}

/// The deployment of a running topology.
#[derive(Clone, Debug, Default)]
pub struct DeploymentMachine {
    state: DeployState,
}

impl DeploymentMachine {
    /// Returns true if no further epoch may be bound for now.
    pub fn holds(&self) -> bool {
        match self.state {
            DeployState::Computing { is_held, .. } => is_held,
            DeployState::Comparing { .. } | DeployState::Recording | DeployState::Recorded | DeployState::Switching { .. } => {
                true
            }
            _ => false,
        }
    }

    /// Returns true if there is a deployment.
    pub fn is_under_way(&self) -> bool {
        self.state != DeployState::None
    }

    /// Returns true if it can't be given up any more.
    pub fn is_switching(&self) -> bool {
        matches!(self.state, DeployState::Switching { .. })
    }

    /// The epoch of the control entry, which both topologies have to compute before it becomes visible.
    pub fn switch_epoch(&self) -> Option<u64> {
        if let DeployState::Switching { epoch, .. } = self.state { Some(epoch) } else { None }
    }

    /// Returns true if this epoch is that of the control entry and both topologies have computed it.
    pub fn takes_over_with(&self, epoch: u64) -> bool {
        self.state == DeployState::Switching { epoch, is_handed_over: true }
    }

    /// Returns the thing that the driver has to look at for the next event.
    pub fn awaits(&self) -> Awaited {
        match self.state {
            DeployState::None => Awaited::Request,
            DeployState::Checkpointing { .. } => Awaited::Checkpoint,
            DeployState::Restoring { .. } => Awaited::Content,
            DeployState::Computing { .. } => Awaited::Candidate,
            DeployState::Recorded => Awaited::Binding,
            DeployState::Switching { is_handed_over: false, .. } => Awaited::Handover,
            // The answer of a command, or the end of the epoch that it takes over with.
            _ => Awaited::Nothing,
        }
    }

    /// Takes an event; returns what is to be done, in this order.
    ///
    /// # Errors
    /// The event can't happen now; nothing changes.
    pub fn handle(&mut self, event: DeployEvent) -> Result<Vec<DeployCommand>, UnexpectedEvent> {
        let (next, commands) = self.state.after(event)?;
        self.state = next;
        Ok(commands)
    }
}

/// Thing that the driver looks at for the next event of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// a request to deploy
    Request,
    /// the newest durable checkpoint
    Checkpoint,
    /// the content of the checkpoint that is being read
    Content,
    /// progress or end of the candidate
    Candidate,
    /// the moment to bind the control entry
    Binding,
    /// the handover of the candidate
    Handover,
    /// nothing that has to be looked for
    Nothing,
}

type Step = (DeployState, Vec<DeployCommand>);

impl DeployState {
    fn after(self, event: DeployEvent) -> Result<Step, UnexpectedEvent> {
        use {DeployCommand as Do, DeployEvent as On, DeployState as Is};
        Ok(match (self, event) {
            (Is::None, On::Requested { verify }) => (Is::Preparing { verify }, vec![Do::Prepare]),
            (Is::Preparing { verify }, On::Prepared { completed }) => {
                (Is::Checkpointing { verify, after: completed }, vec![Do::ShowPhase(DeployPhase::Checkpointing)])
            }
            (Is::Preparing { .. }, On::Rejected(outcome)) => (Is::None, vec![Do::End(outcome)]),
            (Is::Checkpointing { verify, after }, On::CheckpointSeen { newest }) => match newest {
                Some(newest) if newest >= after => {
                    (Is::Restoring { verify }, vec![Do::ReadCheckpoint, Do::ShowPhase(DeployPhase::Restoring)])
                }
                _ => (self, vec![Do::WriteCheckpoint]),
            },
            (Is::Restoring { verify }, On::CheckpointRead) => (Is::Starting { verify }, vec![Do::StartCandidate]),
            (Is::Restoring { .. }, On::CheckpointUnreadable { reason, retained }) => {
                let forget = retained.map(|epoch| Do::ForgetRetained { epoch });
                (Is::None, forget.into_iter().chain([Do::End(DeployOutcome::Failed { reason })]).collect())
            }
            (Is::Starting { verify }, On::CandidateStarted) => (Is::Computing { verify, is_held: false }, Vec::new()),
            (Is::Computing { verify, is_held }, On::CandidateSeen(progress)) => progress.step(verify, is_held),
            (Is::Comparing { verify: Verify::Refuse }, On::Compared { differs: true }) => {
                (Is::None, vec![Do::End(DeployOutcome::Differs)])
            }
            (Is::Comparing { .. }, On::Compared { .. }) => (Is::Recording, vec![Do::Record]),
            (Is::Recording, On::Recorded) => (Is::Recorded, vec![Do::ShowPhase(DeployPhase::Switching)]),
            (Is::Recording, On::NotRecorded { reason }) => failed(reason),
            // When the entry can't be bound now, the next attempt is made from the same state.
            (Is::Recorded, On::MayBind) => (self, vec![Do::BindSwitch]),
            (Is::Recorded, On::SwitchBound { epoch }) => {
                (Is::Switching { epoch, is_handed_over: false }, vec![Do::ComputeSwitch])
            }
            (Is::Switching { epoch, is_handed_over: false }, On::HandedOver) => {
                (Is::Switching { epoch, is_handed_over: true }, Vec::new())
            }
            (Is::Switching { epoch, is_handed_over: true }, On::Shown) => (Is::None, vec![Do::Complete { epoch }]),
            // The epoch is bound all the same; the topology that was there computes it as any other.
            (
                Is::Starting { .. } | Is::Computing { .. } | Is::Switching { is_handed_over: false, .. },
                On::CandidateFailed { reason },
            ) => failed(reason),
            (Is::None, On::Abandoned { .. } | On::Stopping) | (Is::Switching { .. }, On::Stopping) => (self, Vec::new()),
            (state, On::Abandoned { reason }) if !matches!(state, Is::Switching { .. }) => failed(reason),
            (_, On::Stopping) => (Is::None, vec![Do::Release]),
            (state, event) => return Err(UnexpectedEvent { event, state: format!("{state:?}") }),
        })
    }
}

impl CandidateProgress {
    /// Decides whether the candidate is as far as what readers see. Once epochs are held back they stay so: otherwise a candidate that is
    /// slower than the events would never arrive.
    fn step(self, verify: Verify, is_held: bool) -> Step {
        let behind = self.bound.saturating_sub(self.reached);
        let is_held = is_held || (behind <= HELD_EPOCHS && !self.is_catching_up);
        let mut commands = vec![DeployCommand::ShowBehind { epochs: behind }];
        let is_level = self.bound == self.visible && self.reached == self.visible;
        if !is_held || !is_level {
            return (DeployState::Computing { verify, is_held }, commands);
        }
        if verify == Verify::Not {
            commands.push(DeployCommand::Record);
            return (DeployState::Recording, commands);
        }
        commands.push(DeployCommand::Compare);
        (DeployState::Comparing { verify }, commands)
    }
}

fn failed(reason: String) -> Step {
    (DeployState::None, vec![DeployCommand::End(DeployOutcome::Failed { reason })])
}

#[cfg(test)]
mod tests;
