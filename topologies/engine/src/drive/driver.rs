//! The driver: the one loop that has epochs bound, computed and published.
//!
//! Owns the order of things: an epoch is bound, durably; it goes to the workers; when all of them are past it, its output becomes
//! visible at once and its changes of state are handed to the next checkpoint. At most [`EPOCHS_IN_FLIGHT_MAX`] epochs are
//! between binding and being visible.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use epochs::backfill::Backfill;
use epochs::binding::BoundRange;
use epochs::coordinator::{Coordinator, EpochInput, StateChanges};
use epochs::crash_point::{COMPUTED, PUBLISHED, crash_point};
use epochs::disk::{DiskAction, DiskCause};
use epochs::error::EpochError;
use epochs::reader::Records;
use schemas::dead_letter::{DeadLetter, RowError};
use schemas::position::{Epoch, Offset, Partition, Topic};
use schemas::row::Diff;
use sinks::views::{Commit, Hydration, ViewPublisher, Views};
use sources::log::Log;
use sources::record::StoredRecord;

use crate::compute::engine::{Allowance, Engine, Left};
use crate::compute::worker::Done;
use crate::deploy::candidate::Bound;
use crate::deploy::deploying::{Deploying, Takeover};
use crate::deploy::handle::DeploymentHandle;
use crate::deploy::request::Deployment;
use crate::epoch_clock::{Clock, EpochClock};
use crate::follow::SinkTasks;
use crate::limits::{EPOCHS_IN_FLIGHT_MAX, IDLE_INTERVAL, WAIT_MAX};
use crate::options::Options;
use crate::render::drain::EpochOutput;
use crate::state::checkpointer::Checkpointer;
use crate::state::dead_letters::{DeadLetterState, LetterRecord, letters_in_order};
use crate::state::quarantine::Quarantine;
use crate::state::retention::Retention;
use crate::status::Status;
use crate::storage::Storage;
use crate::topics::DEAD_LETTER_TOPIC;

/// The same while no epoch is bound because two topologies change places.
const HELD_WAIT_MAX: Duration = Duration::from_millis(1);

/// An epoch between binding and being visible.
pub(super) struct InFlight {
    pub(super) epoch: u64,
    pub(super) wall_micros: i64,
    pub(super) ranges: Vec<BoundRange>,
    pub(super) has_records: bool,
    pub(super) allowance: Allowance,
    bound_at: Instant,
    consumed: BTreeMap<(Topic, Partition), Offset>,
    /// events that were refused at ingest or are quarantined, each with the time when it was appended
    pub(super) refused: Vec<(i64, DeadLetter)>,
    pub(super) retried: Vec<u64>,
    pub(super) outputs: Vec<EpochOutput>,
}

/// Output of all workers for an epoch.
struct Assembled {
    commit: Commit,
    stream_errors: Vec<(RowError, Diff)>,
    state: StateChanges,
    events: u64,
    duplicates: u64,
}

/// Parts of a driver.
pub struct Parts {
    /// the engine and its topology
    pub engine: Engine,
    /// requested deployments
    pub deployments: Receiver<Deployment>,
    /// their status
    pub deployment_handle: Arc<DeploymentHandle>,
    /// quarantined records
    pub quarantine: Arc<Quarantine>,
    /// the log
    pub log: Arc<dyn Log>,
    /// binds epochs
    pub coordinator: Coordinator<Storage>,
    /// writes checkpoints
    pub checkpointer: Checkpointer,
    /// forgets what the log need not keep
    pub retention: Retention,
    /// dead letters and errors of rows of streams
    pub letters: DeadLetterState,
    /// the wall clock
    pub wall: EpochClock,
    /// sinks that follow the views durably
    pub sink_tasks: SinkTasks,
    /// the served views, to be read
    pub views: Arc<Views>,
    /// the same views, to be published to
    pub publisher: Arc<dyn ViewPublisher>,
    /// progress of the driver
    pub status: Arc<Status>,
    /// identity of each view, for the checkpoints
    pub identities: BTreeMap<String, String>,
}

/// Has epochs bound, waits, publishes.
pub struct Driver {
    pub(super) parts: Parts,
    pub(super) deploying: Deploying,
    ticks_when_idle: bool,
    interval: Duration,
    checkpoint_interval: Duration,
    checkpoint_changes: usize,
    bound_at: Instant,
    checkpointed_at: Instant,
    /// the next one is not to wait for its time
    pub(super) is_checkpoint_due: bool,
    pub(super) in_flight: VecDeque<InFlight>,
    /// `None` when everything that an earlier run has shown is visible
    recovering: Option<Recovering>,
}

/// A recovery that is under way.
struct Recovering {
    since: Instant,
    /// the last epoch that an earlier run bound: it can't have shown more, and what came into the log since is not waited for
    goal: u64,
    /// records that were read for states the checkpoint does not hold, and how many there are
    backfilled: (u64, u64),
}

impl Driver {
    /// A driver that begins where its coordinator does.
    pub fn new(parts: Parts, options: &Options) -> Self {
        Self {
            deploying: Deploying::Not,
            ticks_when_idle: options.clock == Clock::System,
            interval: options.epoch_interval,
            checkpoint_interval: options.checkpoint_interval,
            checkpoint_changes: options.checkpoint_changes,
            bound_at: Instant::now(),
            checkpointed_at: Instant::now(),
            is_checkpoint_due: false,
            in_flight: VecDeque::new(),
            recovering: Some(Recovering { since: Instant::now(), goal: parts.coordinator.last_bound(), backfilled: (0, 0) }),
            parts,
        }
    }

    /// Runs until it is told to stop, or until going on would be wrong; then the reason is in the status and readers keep what is visible.
    pub fn run(mut self, backfill: Option<Backfill>, start: EpochInput, stop: &AtomicBool) {
        self.show_recovery();
        if let Some(backfill) = backfill
            && let Err(error) = self.backfill(backfill, start.wall_micros, stop)
        {
            return self.halt(&error);
        }
        if stop.load(Ordering::Acquire) {
            // What was computed so far is a part; nothing of it is shown or kept.
            return;
        }
        self.start_epoch(start);
        let mut seen = 0;
        while !stop.load(Ordering::Acquire) {
            let bound = match self.step_deployment().and_then(|()| self.bind_next()) {
                Ok(bound) => bound,
                Err(error) if self.is_passing(&error) => false,
                Err(error) => return self.halt(&error),
            };
            if self.in_flight.is_empty() {
                if let Err(error) = self.keep_up_checkpoints() {
                    return self.halt(&error);
                }
                if !bound {
                    seen = self.parts.log.wait(seen, self.wait_max());
                }
            } else if !bound || self.in_flight.len() >= self.in_flight_max() {
                let collected = self.collect();
                self.show_recovery();
                if let Err(error) = collected.and_then(|()| self.keep_up_checkpoints()) {
                    return self.halt(&error);
                }
            }
        }
        self.last_checkpoint();
    }

    /// One epoch at a time shows which one it is that ends the process.
    fn in_flight_max(&self) -> usize {
        if self.parts.quarantine.is_watching() { 1 } else { EPOCHS_IN_FLIGHT_MAX }
    }

    fn wait_max(&self) -> Duration {
        if self.deploying.holds() { HELD_WAIT_MAX } else { WAIT_MAX }
    }

    /// Returns true if an earlier run may have shown something that is not visible yet.
    pub(super) fn is_recovering(&self) -> bool {
        self.recovering.is_some()
    }

    /// Returns true if everything that was bound is visible.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// The last epoch that was bound.
    pub(super) fn last_bound(&self) -> u64 {
        self.in_flight.back().map_or(self.parts.coordinator.completed(), |last| last.epoch)
    }

    /// Feeds what was bound before the start to the states that are new, in times of their own before that of the start.
    fn backfill(&mut self, mut backfill: Backfill, wall_micros: i64, stop: &AtomicBool) -> Result<(), EpochError> {
        for (topic, partition, earliest) in &backfill.gaps {
            tracing::warn!(%topic, %partition, %earliest, "a new state is computed from what the log still has; earlier records are gone");
        }
        let (mut time, mut unanswered) = (0, 0);
        while !stop.load(Ordering::Acquire) {
            let records = backfill.read_next()?;
            if records.is_empty() && unanswered == 0 {
                break;
            }
            if !records.is_empty() {
                self.send(time, wall_micros, records, Allowance::Unlimited);
                time += 1;
                unanswered += self.parts.engine.workers.count();
            }
            let (done, total) = backfill.progress();
            self.parts.status.replayed(done, total);
            if let Some(recovering) = &mut self.recovering {
                recovering.backfilled = (done, total);
            }
            self.show_recovery();
            while unanswered >= EPOCHS_IN_FLIGHT_MAX * self.parts.engine.workers.count() || (unanswered > 0 && done == total) {
                match self.parts.engine.workers.done.recv_timeout(WAIT_MAX) {
                    Ok(_) => unanswered -= 1,
                    Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Acquire) => return Ok(()),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => panic!("all workers ended while there was work"),
                }
            }
        }
        Ok(())
    }

    /// Until everything that an earlier run has shown is visible again, readers are told how far that is and not shown less. From then on
    /// they are served, however much was appended meanwhile.
    fn show_recovery(&mut self) {
        let Some(Recovering { since, goal, backfilled }) = &self.recovering else { return };
        let report = self.parts.status.report();
        if report.published && report.epoch >= *goal {
            self.recovering = None;
            return self.parts.publisher.set_hydration_of_all(None);
        }
        let (rows, records) = (report.rows, self.parts.coordinator.replayed());
        let total = rows.1 + records.1 + backfilled.1;
        let done = rows.0.min(rows.1) + records.0 + backfilled.0;
        let left = since.elapsed().as_secs_f64() * (total.saturating_sub(done)) as f64 / done.max(1) as f64;
        let seconds_left = (done > 0).then_some(left.ceil() as u64);
        self.parts.publisher.set_hydration_of_all(Some(Hydration { done, total, seconds_left }));
    }

    /// Returns true if it may help to try again later: the disk is full, or the log can't be read now.
    fn is_passing(&self, error: &EpochError) -> bool {
        match error {
            EpochError::Disk(error) if error.action == DiskAction::Sync => {
                self.parts.quarantine.excuse();
                eprintln!("{error}; the process ends, acknowledged events and bound epochs are on disk");
                std::process::abort();
            }
            EpochError::Disk(disk) if disk.cause == DiskCause::NoSpace => {}
            EpochError::Log(_) => {}
            _ => return false,
        }
        self.parts.status.stall(&error.to_string());
        std::thread::sleep(WAIT_MAX);
        true
    }

    fn halt(&self, error: &EpochError) {
        tracing::error!(%error, "no further epoch is computed");
        self.parts.quarantine.excuse();
        self.parts.status.halt(error.to_string(), matches!(error, EpochError::Fenced { .. }));
    }

    /// Has the next epoch bound if there is room, time and reason for one.
    fn bind_next(&mut self) -> Result<bool, EpochError> {
        if self.in_flight.len() >= self.in_flight_max() || self.deploying.holds() {
            return Ok(false);
        }
        let since = self.bound_at.elapsed();
        if since < self.interval && !self.parts.coordinator.is_replaying() {
            if !self.in_flight.is_empty() {
                return Ok(false);
            }
            std::thread::sleep(self.interval - since);
        }
        let tick = self.ticks_when_idle && since >= IDLE_INTERVAL;
        let Some(input) = self.parts.coordinator.next(&mut self.parts.wall, tick)? else { return Ok(false) };
        self.parts.status.goes_on(self.parts.wall.held_micros());
        let (done, total) = self.parts.coordinator.replayed();
        self.parts.status.replayed(done, total);
        self.start_epoch(input);
        Ok(true)
    }

    pub(super) fn start_epoch(&mut self, input: EpochInput) {
        self.bound_at = Instant::now();
        if let Some(candidate) = self.deploying.candidate() {
            let is_switch = self.deploying.switch_epoch() == Some(input.epoch);
            let (epoch, wall_micros) = (input.epoch, input.wall_micros);
            candidate.bound(Bound { epoch, wall_micros, ranges: input.ranges.clone(), is_switch });
        }
        let has_records = input.records.values().any(|records| !records.is_empty());
        if self.in_flight.is_empty() {
            self.parts.quarantine.computing(input.epoch);
        }
        if has_records {
            self.parts.quarantine.given(input.epoch);
        }
        let allowance = if input.replayed { Allowance::Twice } else { Allowance::Once };
        let (refused, retried) = self.send(input.epoch, input.wall_micros, input.records, allowance);
        let count = self.parts.engine.workers.count();
        self.in_flight.push_back(InFlight {
            epoch: input.epoch,
            wall_micros: input.wall_micros,
            ranges: input.ranges,
            has_records,
            allowance,
            bound_at: self.bound_at,
            consumed: input.consumed,
            refused,
            retried,
            outputs: Vec::with_capacity(count),
        });
    }

    /// Hands records to the workers; returns the events that were refused at ingest or are quarantined, and the ids of those that were sent again.
    pub(super) fn send(
        &self,
        epoch: u64,
        wall_micros: i64,
        read: Records,
        allowance: Allowance,
    ) -> (Vec<(i64, DeadLetter)>, Vec<u64>) {
        // A topic that only the next topology reads is followed before that takes over.
        let Left { others, aside } = self.parts.engine.send(epoch, wall_micros, read, allowance);
        let (mut refused, mut retried) = (aside, Vec::new());
        for (_, records) in others.into_iter().filter(|((topic, _), _)| topic.as_str() == DEAD_LETTER_TOPIC) {
            records.into_iter().for_each(|record| read_letter(record, &mut refused, &mut retried));
        }
        (refused, retried)
    }

    /// Waits for the workers and publishes what is complete; what makes too much is quarantined.
    fn collect(&mut self) -> Result<(), EpochError> {
        if let Some(exceeded) = self.parts.engine.workers.budget.exceeded().cloned() {
            return self.over_budget(&exceeded);
        }
        let wait = self.wait_max().min(self.interval.max(HELD_WAIT_MAX));
        match self.parts.engine.workers.done.recv_timeout(wait) {
            Ok(Done { epoch, output }) => {
                let slot = self.in_flight.iter_mut().find(|slot| slot.epoch == epoch);
                slot.unwrap_or_else(|| panic!("epoch {epoch} was finished but never bound")).outputs.push(output);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let is_over_budget = self.parts.engine.workers.budget.exceeded().is_some();
                assert!(is_over_budget, "all workers ended while epochs were in flight");
                return Ok(());
            }
        }
        let count = self.parts.engine.workers.count();
        while self.in_flight.front().is_some_and(|oldest| oldest.outputs.len() == count) {
            let epoch = self.in_flight.front().map_or(0, |oldest| oldest.epoch);
            let takeover = self.deploying.take_over(epoch);
            if takeover.is_none() && self.deploying.switch_epoch() == Some(epoch) {
                // The other topology has not computed it yet.
                return Ok(());
            }
            if let Some(oldest) = self.in_flight.pop_front() {
                self.publish(oldest, takeover);
            }
        }
        Ok(())
    }

    fn publish(&mut self, epoch: InFlight, mut takeover: Option<Takeover>) {
        let (number, bound_at) = (epoch.epoch, epoch.bound_at);
        self.parts.quarantine.computed(number);
        let Assembled { mut commit, mut stream_errors, mut state, events, duplicates } = self.assemble(epoch);
        if let Some(takeover) = &mut takeover {
            commit.changes.append(&mut takeover.handover.changes);
            commit.dead_letters.append(&mut takeover.handover.dead_letters);
            let known =
                |error: &RowError| self.parts.letters.knows(error) || stream_errors.iter().any(|(other, _)| other == error);
            let new: Vec<_> =
                std::mem::take(&mut takeover.handover.stream_errors).into_iter().filter(|(error, _)| !known(error)).collect();
            stream_errors.extend(new);
        }
        // In this order: a letter and the mark that it was sent again may be in one epoch.
        self.parts.letters.epoch(&commit.dead_letters, &stream_errors, &mut state);
        commit.retried = self.parts.letters.retry(std::mem::take(&mut commit.retried), &mut state);
        match &mut takeover {
            None => commit.row_errors.extend(stream_errors),
            Some(takeover) => {
                commit.row_errors = std::mem::take(&mut takeover.handover.row_errors).into_iter().collect();
                commit.row_errors.extend(self.parts.letters.errors());
                commit.row_errors_anew = true;
                commit.catalogue = Some(std::mem::take(&mut takeover.catalogue));
                // Partitions that were not read before are waited for from now on.
                commit.consumed = self.parts.coordinator.bound_offsets();
            }
        }
        crash_point(COMPUTED);
        let changes = self.parts.publisher.publish(commit).unwrap_or_else(|error| {
            eprintln!("epoch {number} can't be published: {error}; the process ends, acknowledged events are in the log");
            std::process::abort();
        });
        crash_point(PUBLISHED);
        self.parts.coordinator.complete(number, state);
        if let Some(takeover) = takeover {
            self.complete_takeover(takeover, number);
        }
        self.parts.quarantine.completed(number);
        if let Some(next) = self.in_flight.front() {
            self.parts.quarantine.computing(next.epoch);
        }
        if let Some(next) = self.in_flight.iter().find(|epoch| epoch.has_records) {
            self.parts.quarantine.given(next.epoch);
        }
        self.parts.sink_tasks.published(self.parts.coordinator.history(), &changes);
        self.parts.status.published(number, events, duplicates, bound_at.elapsed());
        // Before the next epoch, which may hold what no earlier run has shown.
        self.show_recovery();
    }

    /// Puts together what the workers made of an epoch.
    fn assemble(&self, epoch: InFlight) -> Assembled {
        let mut commit = Commit {
            epoch: Epoch(epoch.epoch),
            wall_micros: epoch.wall_micros,
            consumed: epoch.consumed,
            retried: epoch.retried,
            ..Commit::default()
        };
        let (mut events, mut duplicates) = (0, 0);
        let (mut state, mut stream_errors, mut letters) = (Vec::new(), Vec::new(), epoch.refused);
        for output in epoch.outputs {
            events += output.events;
            duplicates += output.duplicates;
            commit.changes.extend(self.parts.engine.served(output.changes));
            letters.extend(output.dead_letters);
            append(&mut commit.row_errors, output.row_errors);
            append(&mut stream_errors, output.stream_errors);
            append(&mut state, output.state);
        }
        commit.dead_letters = letters_in_order(letters);
        Assembled { commit, stream_errors, state, events, duplicates }
    }

    /// Begins a checkpoint when it is time, and forgets what the last one made superfluous.
    fn keep_up_checkpoints(&mut self) -> Result<(), EpochError> {
        for epoch in self.parts.checkpointer.written() {
            self.parts.coordinator.checkpoint_written(epoch, self.parts.sink_tasks.floor())?;
            self.parts.status.checkpoint(epoch);
            if !self.deploying.is_under_way() {
                // A candidate may have to read from before.
                self.parts.retention.trim(self.parts.coordinator.log_floor());
                self.give_up_retained();
            }
        }
        let unsaved = self.parts.coordinator.unsaved_changes();
        let is_time = self.is_checkpoint_due || (self.checkpointed_at.elapsed() >= self.checkpoint_interval && unsaved > 0);
        if (is_time || unsaved >= self.checkpoint_changes) && !self.parts.coordinator.is_replaying() {
            self.begin_checkpoint();
        }
        Ok(())
    }

    /// Tells which states of earlier topologies are kept; some are kept no longer.
    fn give_up_retained(&mut self) {
        for epoch in self.parts.coordinator.give_up_retained() {
            tracing::warn!(
                epoch,
                "the states of an earlier topology, as of this epoch, are given up: too much came since, or too many took over since; \
                 a rollback to it computes them from what the log has"
            );
        }
        self.parts.deployment_handle.show_retained(self.parts.coordinator.retained());
    }

    pub(super) fn begin_checkpoint(&mut self) {
        let (identities, seen) = (self.parts.identities.clone(), self.parts.sink_tasks.seen());
        let meta = self.parts.letters.meta(total_rows(&self.parts.views), identities, seen);
        let meta = serde_json::to_vec(&meta).unwrap_or_default();
        if let Some(job) = self.parts.coordinator.checkpoint(meta, self.parts.sink_tasks.floor()) {
            self.checkpointed_at = Instant::now();
            self.is_checkpoint_due = false;
            self.parts.checkpointer.write(job);
        }
    }

    /// A process that is asked to stop leaves a checkpoint behind, so that the next start has little to compute again.
    fn last_checkpoint(&mut self) {
        if !self.deploying.is_switching() {
            // Nothing of it is to be seen yet.
            self.deploying = Deploying::Not;
        }
        while !self.in_flight.is_empty() {
            if let Err(error) = self.collect() {
                return tracing::warn!(%error, "the process stops without a last checkpoint");
            }
            if self.deploying.is_switching()
                && let Err(error) = self.step_deployment()
            {
                tracing::warn!(%error, "a deployment could not go on while the process stops");
            }
        }
        if self.keep_up_checkpoints().is_ok() && self.parts.coordinator.unsaved_changes() > 0 {
            self.begin_checkpoint();
        }
        if self.parts.coordinator.is_writing_checkpoint()
            && let Some(epoch) = self.parts.checkpointer.wait()
            && let Err(error) = self.parts.coordinator.checkpoint_written(epoch, self.parts.sink_tasks.floor())
        {
            tracing::warn!(%error, "what the last checkpoint made superfluous could not be removed");
        }
    }
}

/// Rows of all indexes.
/// Adds the output of a worker; that of a lone worker, or of the first one, is moved and not copied.
fn append<T>(into: &mut Vec<T>, more: Vec<T>) {
    if into.is_empty() {
        *into = more;
    } else {
        into.extend(more);
    }
}

fn total_rows(views: &Views) -> u64 {
    let snapshot = views.snapshot();
    snapshot.total_rows()
}

/// A record of the topic of refused events; a letter's own place is where its bytes lie.
fn read_letter(record: StoredRecord, refused: &mut Vec<(i64, DeadLetter)>, retried: &mut Vec<u64>) {
    match serde_json::from_slice(&record.value) {
        Ok(LetterRecord::Retried { retried: id }) => retried.push(id),
        Ok(LetterRecord::Refused(letter)) => {
            let (partition, offset) = (record.partition.0, record.offset.0);
            let letter = DeadLetter { topic: DEAD_LETTER_TOPIC.to_owned(), partition, offset, ..letter };
            refused.push((record.timestamp, letter));
        }
        Err(error) => tracing::error!(offset = record.offset.0, %error, "a record of '{DEAD_LETTER_TOPIC}' is not a dead letter"),
    }
}
