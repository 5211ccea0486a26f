//! One outlet: the thread that brings the changes of a view to a sink.
//!
//! Owns the [`Outbox`] of the sink. Published epochs enter through a [`Queue`]; units leave to the sink, one after the other. Epochs that
//! changed nothing are sent together, once in a while, so that an idle sink costs little and still does not hold anything back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use schemas::chain::Chain;
use schemas::fingerprint::Fingerprint;
use schemas::position::{Epoch, Position, Timeline};
use schemas::row::{Diff, Row};
use sinks::contract::{Effect, History, Outbox, OutboxLimits, Progress, Run, Sink, SinkError, SinkKind, SinkState, Unit};
use sinks::rows::as_declared;
use sinks::views::{EpochChanges, Range, ServedView, Views};

use super::queue::{Handed, Queue, TakenEpochs};
use super::report::{Reports, SinkTaskReport, SinkTaskState};

/// Interval at which an idle sink is told its progress.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Pause before a sink that does not answer is asked again.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);
/// After so long without an answer a sink that can be rebuilt holds nothing back any more.
pub const DETACH_AFTER: Duration = Duration::from_secs(60);
/// Longest wait of a stop for what is left to be sent; a start sends the rest.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// Units that are sent before the queue is looked at again.
const STEPS_MAX: usize = 64;
/// Interval at which an idle thread looks for work.
const IDLE_INTERVAL: Duration = Duration::from_secs(60);
/// Changes that may wait in an outbox.
const WAITING_CHANGES_MAX: usize = 1_000_000;

/// Everything that a sink task works with.
pub struct SinkTaskParts {
    /// its name
    pub name: String,
    /// its stable id across runs
    pub identity: String,
    /// the view that it follows
    pub view: String,
    /// destination, for people
    pub target: String,
    /// the derived topic that it writes, if it writes one
    pub topic: Option<String>,
    /// the identity of what it writes
    pub plan: Fingerprint,
    /// the sink
    pub sink: Box<dyn Sink + Send>,
    /// effect after each commit
    pub effect: Option<Box<dyn Effect>>,
    /// an earlier run has written to it
    pub seen: bool,
    /// progress when this run was opened, if it can resume
    pub found: Option<Progress>,
}

/// Context that all sink tasks of a run share.
#[derive(Clone)]
pub struct SinkContext {
    /// the followed views
    pub views: Arc<Views>,
    /// their reports
    pub reports: Arc<Reports>,
    /// the identities of epochs
    pub history: Arc<Mutex<History>>,
    /// the run of the process
    pub incarnation: u64,
    /// the epoch that the run begins with: what it shows is no change
    pub start: u64,
}

/// The thread's state.
pub struct SinkTask {
    around: SinkContext,
    queue: Arc<Queue>,
    outbox: Outbox<Box<dyn Sink + Send>>,
    effect: Option<Box<dyn Effect>>,
    view: String,
    plan: Fingerprint,
    /// the view as it was served after the last epoch
    served: Option<Arc<ServedView>>,
    history: History,
    /// the last epoch whose unit is in the outbox, or the one that the run began with
    completed: u64,
    /// epochs without changes, as one unit, and since when they are held
    held: Option<(Unit, Instant)>,
    /// rows are there
    has_begun: bool,
    /// time of the sink's last answer
    answered: Instant,
    retry_at: Option<Instant>,
    report: SinkTaskReport,
}

impl SinkTask {
    /// A sink task that begins with the run.
    pub fn new(parts: SinkTaskParts, around: SinkContext, queue: Arc<Queue>) -> Self {
        let SinkTaskParts { name, identity, view, target, topic, plan, sink, effect, seen, found } = parts;
        let limits = OutboxLimits { waiting_changes: WAITING_CHANGES_MAX, ..OutboxLimits::default() };
        let history = around.history.lock().clone();
        let served = around.views.view(&view);
        let mut sink_task = Self {
            outbox: Outbox::new(sink, seen, found, limits),
            history,
            completed: around.start,
            report: SinkTaskReport {
                name,
                identity,
                view: view.clone(),
                target,
                topic,
                handed: around.start,
                ..SinkTaskReport::default()
            },
            held: None,
            has_begun: false,
            answered: Instant::now(),
            retry_at: None,
            queue,
            effect,
            view,
            plan,
            served,
            around,
        };
        sink_task.publish_report();
        sink_task
    }

    /// Follows until the queue is closed.
    pub fn run(mut self) {
        loop {
            let taken = self.queue.take(self.patience());
            let closed = taken.closed;
            self.take(taken);
            if closed {
                return self.finish();
            }
            if self.retry_at.is_none_or(|at| at <= Instant::now()) {
                self.work(STEPS_MAX);
            }
            self.publish_report();
        }
    }

    /// Returns the time for which the thread may sleep.
    fn patience(&self) -> Duration {
        if self.retry_at.is_none() && self.has_begun && self.has_work() {
            return Duration::ZERO;
        }
        let held = self.held.as_ref().map(|(_, since)| *since + HEARTBEAT_INTERVAL);
        let next = self.retry_at.into_iter().chain(held).min();
        next.map_or(IDLE_INTERVAL, |next| next.saturating_duration_since(Instant::now()))
    }

    fn has_work(&self) -> bool {
        !matches!(self.outbox.state(), SinkState::Halted(_)) && !self.outbox.is_idle()
    }

    fn take(&mut self, taken: TakenEpochs) {
        if let Some(last) = taken.dropped {
            self.lose(last);
        }
        for handed in taken.handed {
            self.report.handed = handed.epoch;
            self.history.push(handed.epoch, handed.chain);
            self.history.trim(handed.retained_from);
            if handed.epoch > self.around.start {
                self.take_epoch(handed);
            } else {
                // It shows everything that there is; what follows are changes.
                self.served = handed.served;
            }
            self.has_begun = true;
        }
        let is_due = self.held.as_ref().is_some_and(|(_, since)| since.elapsed() >= HEARTBEAT_INTERVAL);
        if is_due {
            self.release();
        }
    }

    /// Epochs were dropped, or are no changes of what the sink has.
    fn lose(&mut self, last: u64) {
        let sink = &self.report.name;
        match self.outbox.sink().kind() {
            SinkKind::State => {
                tracing::info!(sink, "more changed at once than is kept for the sink; it is rebuilt from its view")
            }
            SinkKind::Append => tracing::warn!(sink, "the sink did not keep up with the views; it is not waited for"),
        }
        self.history = self.around.history.lock().clone();
        self.forget(last);
    }

    fn forget(&mut self, last: u64) {
        self.held = None;
        self.has_begun = true;
        self.outbox.detach();
        (self.completed, self.around.start) = (last, last);
        self.report.handed = last;
        self.report.state = SinkTaskState::Detached;
        let position = self.position(last);
        if let Some(effect) = &mut self.effect {
            effect.reset(position);
        }
    }

    fn position(&self, epoch: u64) -> Position {
        Position { timeline: Timeline(self.history.timeline), epoch: Epoch(epoch) }
    }

    fn take_epoch(&mut self, handed: Handed) {
        // A deployment may give the view other indexes with this epoch: it changed those that were there before.
        let served = std::mem::replace(&mut self.served, handed.served);
        let changes = served.map_or(Vec::new(), |served| changes_of(&served, &handed.changes));
        let position = self.position(handed.epoch);
        if let Some(effect) = &mut self.effect {
            effect.epoch(position, &changes);
        }
        let progress = self.progress(handed.epoch, handed.chain);
        self.add(Unit { after: handed.after, progress, changes });
    }

    fn progress(&self, epoch: u64, chain: Chain) -> Progress {
        let (timeline, incarnation) = (self.history.timeline, self.around.incarnation);
        Progress { timeline, epoch, chain: chain.0, incarnation, plan: self.plan.0, generation: 0 }
    }

    /// Pushes a unit, together with the ones before that changed nothing. What the sink has already goes in alone: its place is found by
    /// the end of a unit. So does everything as long as it is not known what it has, unless it can be rebuilt.
    fn add(&mut self, unit: Unit) {
        let has_it = self.outbox.acknowledged().is_some_and(|known| known.epoch >= unit.progress.epoch);
        let is_unknown = self.outbox.acknowledged().is_none() && self.outbox.sink().kind() == SinkKind::Append;
        if has_it || is_unknown {
            self.release();
            return self.push(unit);
        }
        let is_empty = unit.changes.is_empty();
        let (mut unit, since) = match self.held.take() {
            Some((held, since)) => (Unit { after: held.after, ..unit }, since),
            None => (unit, Instant::now()),
        };
        if is_empty {
            self.held = Some((unit, since));
        } else {
            unit.changes.shrink_to_fit();
            self.push(unit);
        }
    }

    /// Sends what is held.
    fn release(&mut self) {
        if let Some((unit, _)) = self.held.take() {
            self.push(unit);
        }
    }

    fn push(&mut self, unit: Unit) {
        self.completed = unit.progress.epoch;
        self.outbox.push(unit);
    }

    /// Sends what waits, up to so many units.
    fn work(&mut self, steps: usize) {
        self.retry_at = None;
        for _ in 0..steps {
            if !self.has_begun {
                return;
            }
            if !matches!(self.outbox.state(), SinkState::Attached) {
                // It may go on from the middle of what is held.
                self.release();
            }
            if matches!(self.outbox.state(), SinkState::Reconciling) {
                self.history = self.around.history.lock().clone();
            }
            match self.step() {
                Ok(true) => {
                    self.answered = Instant::now();
                    self.report.trouble = None;
                }
                Ok(false) => {
                    self.answered = Instant::now();
                    return;
                }
                Err(error) => return self.fail(&error),
            }
        }
    }

    fn step(&mut self) -> Result<bool, SinkError> {
        let (views, view, history) = (Arc::clone(&self.around.views), self.view.clone(), &self.history);
        let snapshot = move || rows_of(&views, &view);
        let run = Run {
            history,
            incarnation: self.around.incarnation,
            plan: self.plan,
            completed: self.completed,
            snapshot: &snapshot,
        };
        self.outbox.step(&run)
    }

    fn fail(&mut self, error: &SinkError) {
        let text = error.to_string();
        self.report.errors += 1;
        if self.report.trouble.as_ref() != Some(&text) {
            tracing::warn!(sink = self.report.name, error = text, "the sink does not take changes now; trying again");
            self.report.trouble = Some(text);
        }
        self.retry_at = Some(Instant::now() + RETRY_INTERVAL);
        let may_detach = self.outbox.sink().kind() == SinkKind::State && self.outbox.floor().is_some();
        if may_detach && self.answered.elapsed() > DETACH_AFTER {
            tracing::warn!(sink = self.report.name, "the sink did not answer for too long; it will be rebuilt");
            self.outbox.detach();
            self.report.state = SinkTaskState::Detached;
        }
    }

    /// Sends what is left, for a while.
    fn finish(mut self) {
        let deadline = Instant::now() + STOP_PATIENCE;
        self.release();
        while self.has_begun && self.has_work() && self.retry_at.is_none() && Instant::now() < deadline {
            self.work(1);
        }
        self.publish_report();
    }

    fn publish_report(&mut self) {
        let is_detached = self.report.state == SinkTaskState::Detached;
        let report = &mut self.report;
        report.state = match self.outbox.state() {
            SinkState::Unknown if is_detached => SinkTaskState::Detached,
            SinkState::Unknown => SinkTaskState::Waiting,
            SinkState::Attached => SinkTaskState::Attached,
            SinkState::Reconciling => SinkTaskState::Rebuilding,
            SinkState::Halted(why) => SinkTaskState::Halted(why.clone()),
        };
        report.epoch = self.outbox.acknowledged().map(|progress| progress.epoch);
        report.floor = self.outbox.floor();
        report.seen = self.outbox.is_seen();
        report.waiting_changes = self.outbox.waiting_changes() as u64;
        (report.reconciled, report.repaired) = (self.outbox.reconciled, self.outbox.repaired);
        report.commits = self.outbox.commits;
        self.around.reports.set(report.clone());
    }
}

/// Returns the changes of an epoch in a view.
fn changes_of(served: &ServedView, changes: &EpochChanges) -> Vec<(Row, Diff)> {
    let Some((index, layout)) = served.indexes.first() else { return Vec::new() };
    let Ok(place) = changes.changes.binary_search_by_key(index, |(index, _)| *index) else { return Vec::new() };
    let rows = &changes.changes[place].1;
    as_declared(layout, rows.iter().map(|(row, diff)| (row.as_bytes(), *diff)))
}

/// All rows of a view as they are visible now, and the epoch.
fn rows_of(views: &Views, view: &str) -> (u64, Vec<(Row, Diff)>) {
    let snapshot = views.snapshot();
    let index = snapshot.view(view).and_then(|served| served.indexes.first());
    let rows = index.map(|(index, layout)| as_declared(layout, snapshot.scan(*index, Range::ALL)));
    (snapshot.position().epoch.0, rows.unwrap_or_default())
}
