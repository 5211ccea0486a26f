//! The candidate: a topology that is computed beside the one that readers see, until it is as far.
//!
//! Owns a thread with an engine of its own. A checkpoint's state and the epochs bound since enter; the rows of new and changed views go
//! aside into the views, slice by slice. At the epoch of the switch everything leaves as a [`Handover`].

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use epochs::backfill::Backfill;
use epochs::binding::BoundRange;
use epochs::checkpoint::CheckpointHeader;
use epochs::coordinator::{StateChanges, offsets_of};
use epochs::reader::{Reader, Records};
use schemas::dead_letter::{DeadLetter, RowError};
use schemas::position::Topic;
use schemas::row::{Diff, Row};
use sinks::views::{Hydration, IndexId, ViewPublisher, Views};
use sources::log::Log;
use sources::record::TopicMetadata;

use super::handle::DeploymentHandle;
use super::report::DeployPhase;
use crate::compute::engine::{Allowance, Engine};
use crate::compute::worker::{self, Done};
use crate::limits::{EPOCHS_IN_FLIGHT_MAX, ROW_ERRORS_MAX};
use crate::render::drain::EpochOutput;
use crate::render::keep::RestoreContext;
use crate::state::dead_letters::letters_in_order;
use crate::state::quarantine::Quarantine;
use crate::state::restored::Restored;
use crate::status::Status;
use language::plan::kept::KeptStates;
use language::topology::Topology;

/// Longest wait of the thread for one thing before it looks at the others.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// An epoch to compute.
pub struct Bound {
    /// its number
    pub epoch: u64,
    /// its wall clock
    pub wall_micros: i64,
    /// its records
    pub ranges: Vec<BoundRange>,
    /// the topologies change places with it
    pub is_switch: bool,
}

/// Start of a candidate.
pub struct Preparation {
    /// the topology to compute
    pub topology: Arc<Topology>,
    /// the log
    pub log: Arc<dyn Log>,
    /// the topics that it reads
    pub topics: Vec<TopicMetadata>,
    /// the topics that the running topology reads: what they put aside is on the list already
    pub known: BTreeSet<Topic>,
    /// the checkpoint
    pub header: CheckpointHeader,
    /// its entries, for each worker
    pub restored: Vec<Restored>,
    /// the states that the topology keeps
    pub states: Arc<KeptStates>,
    /// those that are computed from the log
    pub missing: BTreeSet<u32>,
    /// states that are handed over, because the running topology has not got them: the missing ones, and those brought up to date
    pub handed: BTreeSet<u32>,
    /// true if missing states are computed also from a log whose beginning is gone
    pub accept_missing_history: bool,
    /// the epochs since the checkpoint, and those to come
    pub bound: Vec<Bound>,
    /// destination of rows
    pub views: Arc<Views>,
    /// the views that are staged
    pub staged: BTreeSet<String>,
    /// status of the deployment
    pub deployment_handle: Arc<DeploymentHandle>,
    /// quarantined records
    pub quarantine: Arc<Quarantine>,
}

/// Everything that a candidate hands over at the switch.
pub struct Handover {
    /// the engine that computes from now on
    pub engine: Engine,
    /// changes by the epoch of the switch in staged views
    pub changes: Vec<(IndexId, Vec<(Row, Diff)>)>,
    /// all entries of the states that the topology before has not got, by their numbers in the new plan
    pub state: StateChanges,
    /// all errors of rows
    pub row_errors: BTreeMap<RowError, Diff>,
    /// errors of rows of streams that were read once more
    pub stream_errors: BTreeMap<RowError, Diff>,
    /// events of new topics that were quarantined
    pub dead_letters: Vec<DeadLetter>,
}

/// Handle of a candidate for the driver. Dropping it ends the thread.
pub struct Candidate {
    epochs: Option<Sender<Bound>>,
    outcome: Receiver<Result<Box<Handover>, String>>,
    reached: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Candidate {
    /// Starts the thread.
    pub fn start(preparation: Preparation) -> std::io::Result<Self> {
        let (epochs, queue) = channel();
        let (report, outcome) = channel();
        // What is in the checkpoint is not there yet.
        let reached = Arc::new(AtomicU64::new(preparation.header.epoch.saturating_sub(1)));
        let progress = Arc::clone(&reached);
        let run = move || {
            let handover = Computation::run(preparation, &queue, &progress);
            // The driver may have given it up.
            let _ = report.send(handover.map(Box::new));
        };
        let thread = std::thread::Builder::new().name("deployment".to_owned()).spawn(run)?;
        Ok(Self { epochs: Some(epochs), outcome, reached, thread: Some(thread) })
    }

    /// Tells of an epoch that was bound.
    pub fn bound(&self, bound: Bound) {
        // A thread that has ended has reported why.
        let _ = self.epochs.as_ref().map(|epochs| epochs.send(bound));
    }

    /// The last epoch whose rows are in the views that are staged.
    pub fn reached(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    /// Returns the handover, or the reason of the failure; `None` while it computes.
    pub fn outcome(&self) -> Option<Result<Box<Handover>, String>> {
        match self.outcome.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err("its thread panicked".to_owned())),
        }
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        drop(self.epochs.take());
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, has been printed.
            thread.join().ok();
        }
    }
}

/// The computation on its thread.
struct Computation<'a> {
    engine: Engine,
    status: Arc<Status>,
    queue: &'a Receiver<Bound>,
    reached: &'a AtomicU64,
    publisher: Arc<dyn ViewPublisher>,
    deployment_handle: Arc<DeploymentHandle>,
    staged: BTreeSet<IndexId>,
    names: BTreeSet<String>,
    handed: BTreeSet<u32>,
    known: BTreeSet<Topic>,
    waiting: VecDeque<Bound>,
    in_flight: VecDeque<(u64, bool, Vec<EpochOutput>)>,
    state: BTreeMap<(u32, Row), Option<Row>>,
    row_errors: BTreeMap<RowError, Diff>,
    stream_errors: BTreeMap<RowError, Diff>,
    dead_letters: Vec<(i64, DeadLetter)>,
}

impl<'a> Computation<'a> {
    fn run(preparation: Preparation, queue: &'a Receiver<Bound>, reached: &'a AtomicU64) -> Result<Handover, String> {
        let Preparation {
            topology,
            log,
            topics,
            known,
            header,
            restored,
            states,
            missing,
            handed,
            accept_missing_history,
            bound,
            views,
            staged,
            deployment_handle,
            quarantine,
        } = preparation;
        let offsets = offsets_of(&header);
        let mut reader = Reader::new(log.clone(), &topics, &offsets, usize::MAX).map_err(|error| error.to_string())?;
        let anew = Arc::new(missing.clone());
        let keep =
            |restored| RestoreContext { start: header.epoch, missing: Arc::clone(&anew), states: Arc::clone(&states), restored };
        let state = brought_along(&restored, &handed);
        let keeping = restored.into_iter().map(keep).collect();
        let status = Arc::new(Status::default());
        let workers = worker::start(&topology, keeping, &status)?;
        let find = |name: &str| if staged.contains(name) { views.staged(name) } else { views.view(name) };
        let indexes = staged.iter().filter_map(|name| views.staged(name));
        let indexes = indexes.flat_map(|served| served.indexes.iter().map(|(id, _)| *id).collect::<Vec<_>>()).collect();
        let read = states.topics(&topology, &missing);
        let mut computation = Computation {
            engine: Engine::new(topology, workers, quarantine, find),
            status,
            queue,
            reached,
            staged: indexes,
            names: staged,
            handed,
            known,
            waiting: bound.into(),
            in_flight: VecDeque::new(),
            state,
            row_errors: BTreeMap::new(),
            stream_errors: BTreeMap::new(),
            dead_letters: Vec::new(),
            publisher: views,
            deployment_handle,
        };
        if !missing.is_empty() {
            let backfill = Backfill::new(log, &read, &offsets, header.epoch).map_err(|error| error.to_string())?;
            // What was there when the deployment began may have been trimmed before it was held back.
            if let Some((topic, partition, earliest)) = backfill.gaps.first().filter(|_| !accept_missing_history) {
                return Err(format!(
                    "the log of topic '{topic}', partition {partition} now begins at offset {earliest}: try again"
                ));
            }
            computation.backfill(backfill, header.wall_micros)?;
        }
        computation.send(header.epoch, header.wall_micros, false, Records::new());
        computation.deployment_handle.update(|report| report.phase = DeployPhase::CatchingUp);
        let changes = computation.catch_up(&mut reader)?;
        Ok(computation.hand_over(changes))
    }

    /// Computes the states that are new, in times before the checkpoint's.
    fn backfill(&mut self, mut backfill: Backfill, wall_micros: i64) -> Result<(), String> {
        self.deployment_handle.update(|report| report.phase = DeployPhase::Backfilling);
        for (topic, partition, earliest) in &backfill.gaps {
            tracing::warn!(%topic, %partition, %earliest, "a new state is computed from what the log still has; earlier records are gone");
        }
        let count = self.engine.workers.count();
        let (mut time, mut unanswered) = (0, 0);
        loop {
            let records = backfill.read_next().map_err(|error| error.to_string())?;
            self.show_backfill(backfill.progress());
            let is_over = records.is_empty();
            if !is_over {
                self.engine.send(time, wall_micros, records, Allowance::Unlimited);
                time += 1;
                unanswered += count;
            }
            while unanswered >= EPOCHS_IN_FLIGHT_MAX * count || (is_over && unanswered > 0) {
                unanswered -= usize::from(self.receive()?.is_some());
            }
            if is_over {
                return Ok(());
            }
        }
    }

    fn show_backfill(&self, (done, total): (u64, u64)) {
        self.deployment_handle.update(|report| report.backfill = (done, total));
        for name in &self.names {
            self.publisher.set_staged_hydration(name, Hydration { done, total, seconds_left: None });
        }
    }

    /// Receives finished work of a worker, if there is any; an error when continuing makes no sense.
    fn receive(&mut self) -> Result<Option<Done>, String> {
        let done = match self.engine.workers.done.recv_timeout(WAIT_MAX) {
            Ok(done) => Some(done),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Err(self.failure()),
        };
        if self.engine.workers.panic_policy.failure().is_some() {
            return Err(self.failure());
        }
        let rows = self.status.report().rows.0;
        self.deployment_handle.update(|report| report.rows = rows);
        self.take_epochs(Duration::ZERO)?;
        Ok(done)
    }

    fn failure(&self) -> String {
        format!("computing it failed: {}", self.engine.workers.panic_policy.failure().unwrap_or("a worker ended"))
    }

    /// Takes the epochs that were bound meanwhile; waits for one at most as long as this.
    fn take_epochs(&mut self, wait: Duration) -> Result<(), String> {
        match self.queue.recv_timeout(wait) {
            Ok(bound) => self.waiting.push_back(bound),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err("it was given up".to_owned()),
        }
        self.waiting.extend(self.queue.try_iter());
        Ok(())
    }

    fn send(&mut self, epoch: u64, wall_micros: i64, is_switch: bool, records: Records) {
        // Events that were refused at ingest, or put aside, are on their list already.
        self.engine.send(epoch, wall_micros, records, Allowance::Twice);
        self.in_flight.push_back((epoch, is_switch, Vec::new()));
    }

    /// Computes epoch after epoch until that of the switch, whose changes of the views aside it returns.
    fn catch_up(&mut self, reader: &mut Reader) -> Result<Vec<(IndexId, Vec<(Row, Diff)>)>, String> {
        loop {
            while self.in_flight.len() < EPOCHS_IN_FLIGHT_MAX
                && let Some(bound) = self.waiting.pop_front()
            {
                let records = reader.read_again(&bound.ranges).map_err(|error| error.to_string())?;
                self.send(bound.epoch, bound.wall_micros, bound.is_switch, records);
            }
            if self.in_flight.is_empty() {
                self.take_epochs(WAIT_MAX)?;
                continue;
            }
            if let Some(Done { epoch, output }) = self.receive()?
                && let Some((_, _, outputs)) = self.in_flight.iter_mut().find(|(number, ..)| *number == epoch)
            {
                outputs.push(output);
            }
            let count = self.engine.workers.count();
            while let Some((epoch, is_switch, outputs)) = self.in_flight.pop_front_if(|(_, _, outputs)| outputs.len() == count) {
                let changes = self.absorb(outputs)?;
                if is_switch {
                    return Ok(changes);
                }
                for (index, changes) in changes {
                    self.publisher.hydrate(index, changes).map_err(|error| error.to_string())?;
                }
                self.reached.store(epoch, Ordering::Release);
            }
        }
    }

    /// Keeps what the switch needs of an epoch; returns the changes of the views that are staged.
    fn absorb(&mut self, outputs: Vec<EpochOutput>) -> Result<Vec<(IndexId, Vec<(Row, Diff)>)>, String> {
        let mut changes = Vec::new();
        for output in outputs {
            changes.extend(self.engine.served(output.changes).filter(|(index, _)| self.staged.contains(index)));
            let state = output.state.into_iter().filter(|(number, ..)| self.handed.contains(number));
            self.state.extend(state.map(|(number, key, value)| ((number, key), value)));
            let is_new = |(_, letter): &(i64, DeadLetter)| !self.known.contains(&Topic::new(&letter.topic));
            self.dead_letters.extend(output.dead_letters.into_iter().filter(is_new));
            add(&mut self.row_errors, output.row_errors);
            add(&mut self.stream_errors, output.stream_errors);
        }
        let errors = self.row_errors.len().max(self.stream_errors.len());
        if errors > ROW_ERRORS_MAX {
            return Err(format!(
                "its expressions fail on {errors} rows, more than {ROW_ERRORS_MAX}: 'tidewater test' shows on which"
            ));
        }
        Ok(changes)
    }

    fn hand_over(self, changes: Vec<(IndexId, Vec<(Row, Diff)>)>) -> Handover {
        Handover {
            engine: self.engine,
            changes,
            // What came and went leaves nothing: no checkpoint has anything under the number of a new state.
            state: self
                .state
                .into_iter()
                .filter(|(_, value)| value.is_some())
                .map(|((number, key), value)| (number, key, value))
                .collect(),
            row_errors: self.row_errors,
            stream_errors: self.stream_errors,
            dead_letters: letters_in_order(self.dead_letters),
        }
    }
}

/// The entries that a checkpoint has of the states that are handed over.
fn brought_along(restored: &[Restored], handed: &BTreeSet<u32>) -> BTreeMap<(u32, Row), Option<Row>> {
    let states = restored.iter().flatten().filter(|(number, _)| handed.contains(number));
    states
        .flat_map(|(number, entries)| entries.iter().map(|(key, value)| ((*number, key.clone()), Some(value.clone()))))
        .collect()
}

fn add(errors: &mut BTreeMap<RowError, Diff>, changes: Vec<(RowError, Diff)>) {
    for (error, diff) in changes {
        match errors.entry(error) {
            Entry::Vacant(entry) => drop(entry.insert(diff)),
            Entry::Occupied(entry) if entry.get() + diff == 0 => drop(entry.remove()),
            Entry::Occupied(mut entry) => *entry.get_mut() += diff,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_cancel_are_forgotten() {
        let error = RowError { relation: "v".into(), expression: "1 / x".into(), detail: "zero".into(), row: "{}".into() };
        let mut errors = BTreeMap::new();
        add(&mut errors, vec![(error.clone(), 2)]);
        add(&mut errors, vec![(error, -2)]);
        assert_eq!(errors, BTreeMap::new());
    }
}
