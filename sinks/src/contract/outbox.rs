//! Outbox of a sink: what is applied to it, when, and how it is repaired.
//!
//! Owns [`Outbox`], the one place that applies epochs to a sink. Units of complete epochs enter; each is applied once, in order, guarded
//! by the identity of the epoch before. After an answer that never came, the sink is asked for its progress. A sink that went back is
//! given again what is retained; one that cannot be matched is rebuilt from a snapshot.

use std::collections::VecDeque;

use schemas::chain::Chain;
use schemas::fingerprint::Fingerprint;
use schemas::row::{Diff, Row};

use super::progress::{History, Progress};
use super::sink::{Contents, Sink, SinkError, SinkKind, Unit};

/// Epochs that are retained for a sink after it has acknowledged them, in case it loses them again.
pub const RETAINED_EPOCHS: usize = 64;
/// Changes that may wait for a sink; one that lags further is detached and rebuilt later, so that memory stays bounded.
pub const WAITING_CHANGES_MAX: usize = 4_000_000;

/// Limits of an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// epochs that are retained after the sink has acknowledged them
    pub retained_epochs: usize,
    /// changes that wait for the sink
    pub waiting_changes: usize,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { retained_epochs: RETAINED_EPOCHS, waiting_changes: WAITING_CHANGES_MAX }
    }
}

/// The part of a run that an outbox needs.
pub struct Run<'a> {
    /// the epochs that can be told apart
    pub history: &'a History,
    /// the run of the process
    pub incarnation: u64,
    /// the plan of this sink's data
    pub plan: Fingerprint,
    /// the last complete epoch: the units of all later ones are still to be pushed
    pub completed: u64,
    /// the sink's rows at the last complete epoch, with that epoch's number; asked for when the sink is rebuilt
    pub snapshot: &'a dyn Fn() -> (u64, Vec<(Row, Diff)>),
}

/// State of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkState {
    /// it was not asked yet how far it is
    Unknown,
    /// it follows
    Attached,
    /// it will be rebuilt
    Reconciling,
    /// its data does not belong to this history, and it can't be rebuilt: an operator has to choose
    Halted(String),
}

/// Applies epochs to one sink.
pub struct Outbox<S> {
    /// the sink; nobody else writes to it
    sink: S,
    /// state of the sink
    state: SinkState,
    /// progress that the sink has told; what follows it is still needed
    acknowledged: Option<Progress>,
    /// units by epoch; the first `applied` of them are acknowledged and retained
    units: VecDeque<Unit>,
    /// number of units at the front that the sink has; at most their number
    applied: usize,
    /// changes of the units that the sink does not have
    waiting: usize,
    /// counts rebuilds across runs, so that a reader tells two of them apart
    generation: u64,
    /// bounds of memory
    limits: OutboxLimits,
    /// the sink has held data of ours: when it no longer knows how far it is, that is a loss and no beginning
    seen: bool,
    /// number of times that it was rebuilt, and went back to what is retained
    pub reconciled: u64,
    /// number of times that units were applied a second time because the sink had lost them
    pub repaired: u64,
    /// number of units and rebuilds that the sink has acknowledged; an answer to the question how far it is counts for none
    pub commits: u64,
}

impl<S: Sink> Outbox<S> {
    /// An outbox for a sink; `seen` tells whether an earlier run has written to it, and `found` how far it was when this run was opened, if
    /// that can be gone on with: until it is asked again, nothing after that may be forgotten.
    pub fn new(sink: S, seen: bool, found: Option<Progress>, limits: OutboxLimits) -> Self {
        Self {
            sink,
            seen,
            state: SinkState::Unknown,
            acknowledged: found,
            units: VecDeque::new(),
            applied: 0,
            waiting: 0,
            generation: 0,
            limits,
            reconciled: 0,
            repaired: 0,
            commits: 0,
        }
    }

    /// The sink.
    pub fn sink(&self) -> &S {
        &self.sink
    }

    /// Returns its state.
    pub fn state(&self) -> &SinkState {
        &self.state
    }

    /// The epoch up to which the sink's data is known to be, if it is attached: nothing after it may be forgotten.
    pub fn floor(&self) -> Option<u64> {
        // One that did not answer is waited for: until it does, it may need everything from its last answer on.
        let follows = matches!(self.state, SinkState::Attached | SinkState::Unknown);
        self.acknowledged.as_ref().filter(|_| follows).map(|acknowledged| acknowledged.epoch)
    }

    /// Returns the progress that the sink acknowledged.
    pub fn acknowledged(&self) -> Option<&Progress> {
        self.acknowledged.as_ref()
    }

    /// Changes that were handed over and are not in the sink.
    pub fn waiting_changes(&self) -> usize {
        self.waiting
    }

    /// Returns true if everything that was handed over is in the sink.
    pub fn is_idle(&self) -> bool {
        self.state == SinkState::Attached && self.applied == self.units.len()
    }

    /// Asks the sink how far it is and decides whether it can go on from there. Until it answers nothing else happens.
    pub fn attach(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        // As long as it does not answer, nothing is sent.
        self.state = SinkState::Unknown;
        let found = self.sink.fence(run.incarnation)?;
        self.generation = self.generation.max(found.as_ref().map_or(0, |found| found.generation));
        match found {
            Some(progress) => self.follow(progress, run),
            None if !self.seen => self.state = SinkState::Reconciling,
            None => self.refuse("it has lost how far it was"),
        }
        Ok(())
    }

    /// Goes on from where the sink is, if everything after that is or will be here.
    fn follow(&mut self, progress: Progress, run: &Run<'_>) {
        let is_good = run.history.is_good(&progress, run.plan);
        match self.position(&progress, run.completed).filter(|_| is_good) {
            Some(place) => {
                self.repaired += u64::from(place < self.applied);
                self.set_applied(place);
                self.acknowledge(progress);
            }
            None => self.refuse(&format!("its data is of epoch {} of another history or plan, or too old", progress.epoch)),
        }
    }

    /// Notes progress that the sink has told. From then on it holds data of ours, also for later runs.
    fn acknowledge(&mut self, progress: Progress) {
        self.acknowledged = Some(progress);
        self.state = SinkState::Attached;
        self.seen = true;
    }

    /// Returns true if the sink holds data of ours.
    pub fn is_seen(&self) -> bool {
        self.seen
    }

    /// Returns the number of units here that the sink has; `None` when it is before the first of them.
    fn position(&self, progress: &Progress, completed: u64) -> Option<usize> {
        match (self.units.front(), self.units.back()) {
            // Its history was checked: what it has and is not here yet comes again with the next epochs.
            (_, Some(last)) if progress.epoch > last.progress.epoch => Some(self.units.len()),
            (Some(first), _) if first.after.0 == progress.chain => Some(0),
            (None, _) => (progress.epoch >= completed).then_some(0),
            (Some(_), _) => self.units.iter().position(|unit| unit.progress.chain == progress.chain).map(|place| place + 1),
        }
    }

    /// Gives up on following: state is rebuilt, and a record of changes waits for a person, since others have read it.
    fn refuse(&mut self, why: &str) {
        self.state = match self.sink.kind() {
            SinkKind::State => SinkState::Reconciling,
            SinkKind::Append => SinkState::Halted(format!(
                "sink '{}' can't go on: {why}; choose a new topic, publish the difference, or accept what is there",
                self.sink.name()
            )),
        };
    }

    /// Takes the output of a complete epoch.
    ///
    /// Epochs ascend, and each unit begins where the one before ends. A halted sink takes nothing any more.
    pub fn push(&mut self, unit: Unit) {
        if matches!(self.state, SinkState::Halted(_)) {
            return;
        }
        let has_it = self.acknowledged.as_ref().is_some_and(|acknowledged| acknowledged.epoch >= unit.progress.epoch);
        if has_it && self.state == SinkState::Attached {
            self.units.push_back(unit);
            self.set_applied(self.units.len());
            return self.forget();
        }
        self.waiting += unit.changes.len();
        self.units.push_back(unit);
        if self.waiting > self.limits.waiting_changes {
            self.detach();
        }
    }

    /// Gives up on what waits, and holds nothing back any more: when the sink answers again, it is too far behind.
    pub fn detach(&mut self) {
        self.units.clear();
        self.set_applied(0);
        self.acknowledged = None;
        self.state = SinkState::Unknown;
    }

    /// Does the next thing there is to do; `Ok(false)` when there is nothing.
    ///
    /// An error leaves the outbox as it was, so the same step may be tried again after a pause; only a refusal halts it for good.
    pub fn step(&mut self, run: &Run<'_>) -> Result<bool, SinkError> {
        let done = match &self.state {
            SinkState::Halted(_) => Ok(false),
            SinkState::Unknown => self.attach(run).map(|()| true),
            SinkState::Reconciling => self.reconcile(run).map(|()| true),
            SinkState::Attached if self.applied < self.units.len() => self.apply_next(run).map(|()| true),
            SinkState::Attached => Ok(false),
        };
        if let Err(SinkError::Refused(why)) = &done {
            self.state = SinkState::Halted(format!("sink '{}' can't go on: {why}", self.sink.name()));
            self.units.clear();
            self.set_applied(0);
        }
        done
    }

    /// Applies the first unit that the sink does not have.
    ///
    /// After an ambiguous answer nothing is sent blindly: the sink is fenced, which drains what was on its way, and asked for its progress.
    fn apply_next(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        let mut unit = self.units[self.applied].clone();
        unit.progress.generation = self.generation;
        unit.progress.incarnation = run.incarnation;
        match self.sink.apply(&unit) {
            Ok(()) => {
                self.commits += 1;
                self.acknowledge(unit.progress);
                self.set_applied(self.applied + 1);
                self.forget();
                Ok(())
            }
            // Never again blindly: first ask how far it is.
            Err(SinkError::Ambiguous(_) | SinkError::Guard) => self.attach(run),
            Err(error) => Err(error),
        }
    }

    /// Rebuilds the sink from the rows of one complete epoch.
    ///
    /// The snapshot may be of a later epoch than some units; those are dropped, because their changes are in it. A crash in between leaves the
    /// sink without progress or with the old one, and the next run decides again.
    fn reconcile(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        let (epoch, rows) = (run.snapshot)();
        let Some(chain) = run.history.chain(epoch) else {
            return Err(SinkError::Unavailable(format!("epoch {epoch} is not complete yet")));
        };
        self.generation += 1;
        let progress = Progress {
            timeline: run.history.timeline,
            epoch,
            chain: chain.0,
            incarnation: run.incarnation,
            plan: run.plan.0,
            generation: self.generation,
        };
        let built = match self.sink.kind() {
            // A new record of changes begins with everything that is there, as changes.
            SinkKind::Append => self.sink.apply(&Unit { after: Chain::default(), progress: progress.clone(), changes: rows }),
            SinkKind::State => self.sink.replace(&Contents { progress: progress.clone(), rows }),
        };
        match built {
            Ok(()) => {}
            Err(SinkError::Ambiguous(_) | SinkError::Guard) => {
                // It may be there: until that is known, it may need everything after it.
                self.acknowledged = Some(progress);
                self.state = SinkState::Unknown;
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        self.reconciled += 1;
        self.commits += 1;
        let place = self.units.iter().position(|unit| unit.progress.epoch > epoch).unwrap_or(self.units.len());
        self.units.drain(..place);
        self.set_applied(0);
        self.acknowledge(progress);
        Ok(())
    }

    /// Sets how many units the sink has, and counts what waits.
    fn set_applied(&mut self, applied: usize) {
        self.applied = applied;
        self.waiting = self.units.iter().skip(applied).map(|unit| unit.changes.len()).sum();
    }

    /// Drops units that are acknowledged and older than what is retained.
    fn forget(&mut self) {
        while self.applied > self.limits.retained_epochs {
            self.units.pop_front();
            self.applied -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
