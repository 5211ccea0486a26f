//! The candidate: a topology that is computed beside the one that readers see, until it is as far.
//!
//! Owns a thread with a computation of its own. A checkpoint's state and the epochs bound since enter; the rows of new and changed views
//! are staged in the views, slice by slice. At the epoch of the control entry everything leaves as a [`Handover`].

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
use epochs::error::EpochError;
use epochs::reader::{Reader, Records};
use schemas::dead_letter::{DeadLetter, RowError};
use schemas::position::{Offset, Partition, Topic};
use schemas::row::{Diff, Row};
use sinks::views::{Hydration, IndexId, ViewPublisher, Views, ViewsError};
use sources::log::Log;
use sources::record::TopicMetadata;

use super::handle::DeploymentHandle;
use super::report::DeployPhase;
use super::told_letters::ToldLetters;
use crate::compute::allowance::Allowance;
use crate::compute::computation::{Computation, EpochResult, Resumption};
use crate::compute::error::{ComputeError, WorkersError};
use crate::limits::{EPOCHS_IN_FLIGHT_MAX, ROW_ERRORS_MAX};
use crate::state::dead_letters::letters_in_order;
use crate::state::quarantine::Quarantine;
use crate::state::restored::Restored;
use crate::status::Status;
use language::plan::kept::KeptStates;
use language::topology::Topology;

/// Longest wait of the thread for one thing before it looks at the others.
const CANDIDATE_WAIT_MAX: Duration = Duration::from_millis(20);

/// An epoch to compute, as it was bound.
pub struct BoundInput {
    /// its number
    pub epoch: u64,
    /// its wall clock
    pub wall_micros: i64,
    /// its records
    pub ranges: Vec<BoundRange>,
    /// it has the control entry: the topologies change places with it
    pub is_switch: bool,
}

/// Everything that a candidate starts with.
pub struct CandidateStart {
    /// the topology to compute
    pub topology: Arc<Topology>,
    /// the log
    pub log: Arc<dyn Log>,
    /// the topics that it reads
    pub topics: Vec<TopicMetadata>,
    /// the quarantined events that are on the list already
    pub told: ToldLetters,
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
    pub bound: Vec<BoundInput>,
    /// destination of rows
    pub views: Arc<Views>,
    /// the views that are staged
    pub staged: BTreeSet<String>,
    /// status of the deployment
    pub deployment_handle: Arc<DeploymentHandle>,
    /// quarantined records
    pub quarantine: Arc<Quarantine>,
}

/// Everything that a candidate hands over with the epoch of the control entry.
pub struct Handover {
    /// the computation that goes on from there
    pub computation: Computation<bool>,
    /// all entries of the states that the topology before has not got, by their numbers in the new plan
    pub state: StateChanges,
    /// the candidate's part of the commit that shows it
    pub shown: CandidateCommit,
}

/// Part of a candidate in the commit that shows it.
#[derive(Default)]
pub struct CandidateCommit {
    /// changes of staged views by the epoch of the control entry
    pub changes: Vec<(IndexId, Vec<(Row, Diff)>)>,
    /// all errors of rows
    pub row_errors: BTreeMap<RowError, Diff>,
    /// errors of rows of streams that were read once more
    pub stream_errors: BTreeMap<RowError, Diff>,
    /// events of new topics that were quarantined
    pub dead_letters: Vec<DeadLetter>,
}

/// Reason why a candidate can't take over.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    /// its workers could not start
    #[error(transparent)]
    Workers(#[from] WorkersError),
    /// a worker panicked, or an epoch made too much
    #[error("computing it failed: {0}")]
    Compute(ComputeError),
    /// the log could not be read
    #[error(transparent)]
    Read(#[from] EpochError),
    /// records that it needs were trimmed after the deployment began
    #[error("the log of topic '{topic}', partition {partition} now begins at offset {earliest}: try again")]
    Trimmed {
        /// the topic
        topic: Topic,
        /// the partition
        partition: Partition,
        /// the first offset that is left
        earliest: Offset,
    },
    /// more rows fail than are remembered
    #[error("its expressions fail on {errors} rows, more than {ROW_ERRORS_MAX}: 'tidewater test' shows on which")]
    RowErrors {
        /// number of rows
        errors: usize,
    },
    /// its rows do not fit the staged views
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// the driver does not want it any more
    #[error("it was given up")]
    GivenUp,
    /// its thread panicked
    #[error("its thread panicked")]
    Panicked,
}

impl From<ComputeError> for CandidateError {
    fn from(error: ComputeError) -> Self {
        match error {
            ComputeError::Read(error) => Self::Read(error),
            other => Self::Compute(other),
        }
    }
}

/// Handle of a candidate for the driver. Dropping it ends the thread.
pub struct Candidate {
    epochs: Option<Sender<BoundInput>>,
    outcome: Receiver<Result<Box<Handover>, CandidateError>>,
    reached: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Candidate {
    /// Starts the thread.
    pub fn start(start: CandidateStart) -> std::io::Result<Self> {
        let (epochs, queue) = channel();
        let (report, outcome) = channel();
        // What is in the checkpoint is not there yet.
        let reached = Arc::new(AtomicU64::new(start.header.epoch.saturating_sub(1)));
        let progress = Arc::clone(&reached);
        let run = move || {
            let handover = CandidateThread::run(start, &queue, &progress);
            // The driver may have given it up.
            let _ = report.send(handover.map(Box::new));
        };
        let thread = std::thread::Builder::new().name("deployment".to_owned()).spawn(run)?;
        Ok(Self { epochs: Some(epochs), outcome, reached, thread: Some(thread) })
    }

    /// Tells of an epoch that was bound.
    pub fn bound(&self, bound: BoundInput) {
        let Some(epochs) = &self.epochs else {
            panic!("epoch {} was bound for a candidate that is being dropped", bound.epoch);
        };
        // A thread that has ended has reported why.
        let _ = epochs.send(bound);
    }

    /// The last epoch whose rows are in the views that are staged.
    pub fn reached(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    /// Returns the handover, or the reason of the failure; `None` while it computes.
    pub fn outcome(&self) -> Option<Result<Box<Handover>, CandidateError>> {
        match self.outcome.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(CandidateError::Panicked)),
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

/// State of the candidate's thread.
struct CandidateThread<'a> {
    /// an epoch in flight is true if it has the control entry
    computation: Computation<bool>,
    progress: CandidateWatch<'a>,
    staged: BTreeSet<IndexId>,
    handed: BTreeSet<u32>,
    told: ToldLetters,
    state: BTreeMap<(u32, Row), Option<Row>>,
    row_errors: BTreeMap<RowError, Diff>,
    stream_errors: BTreeMap<RowError, Diff>,
    dead_letters: Vec<(i64, DeadLetter)>,
}

/// Link of the candidate's thread to the rest of the process: it receives the epochs that the driver binds, and shows the candidate's
/// progress to the driver, in the report of the deployment and at the views that are staged.
struct CandidateWatch<'a> {
    /// source of the epochs that the driver binds; it is closed when the driver gives the candidate up
    queue: &'a Receiver<BoundInput>,
    /// epochs that were bound and not sent to the workers yet, oldest first
    waiting: VecDeque<BoundInput>,
    /// the last epoch whose rows are staged, for the driver
    reached: &'a AtomicU64,
    /// status of the candidate's computation, which counts rows
    status: Arc<Status>,
    /// destination of staged rows and of their hydration
    publisher: Arc<dyn ViewPublisher>,
    /// the views that are staged
    names: BTreeSet<String>,
    /// report of the deployment
    deployment_handle: Arc<DeploymentHandle>,
}

impl CandidateWatch<'_> {
    /// Shows how many rows were computed, and takes the epochs that were bound meanwhile. Waits at most `wait` for the first of them.
    ///
    /// # Errors
    /// The driver has given the candidate up.
    fn look(&mut self, wait: Duration) -> Result<(), CandidateError> {
        let rows = self.status.report().rows.0;
        self.deployment_handle.update(|report| report.rows = rows);
        match self.queue.recv_timeout(wait) {
            Ok(bound) => self.waiting.push_back(bound),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(CandidateError::GivenUp),
        }
        self.waiting.extend(self.queue.try_iter());
        Ok(())
    }

    fn show_backfill(&self, (done, total): (u64, u64)) {
        self.deployment_handle.update(|report| report.backfill = (done, total));
        for name in &self.names {
            self.publisher.set_staged_hydration(name, Hydration { done, total, seconds_left: None });
        }
    }

    fn show_phase(&self, phase: DeployPhase) {
        self.deployment_handle.update(|report| report.phase = phase);
    }
}

impl<'a> CandidateThread<'a> {
    fn run(start: CandidateStart, queue: &'a Receiver<BoundInput>, reached: &'a AtomicU64) -> Result<Handover, CandidateError> {
        let offsets = offsets_of(&start.header);
        let mut reader = Reader::new(start.log.clone(), &start.topics, &offsets, usize::MAX)?;
        let (epoch, wall_micros) = (start.header.epoch, start.header.wall_micros);
        let backfill = backfill_of(&start)?;
        let mut thread = Self::start(start, queue, reached)?;
        if let Some(backfill) = backfill {
            thread.progress.show_phase(DeployPhase::Backfilling);
            let progress = &mut thread.progress;
            thread.computation.backfill(backfill, wall_micros, |read| {
                progress.show_backfill(read);
                progress.look(Duration::ZERO)
            })?;
        }
        thread.send(epoch, wall_micros, Records::new(), false);
        thread.progress.show_phase(DeployPhase::CatchingUp);
        let changes = thread.catch_up(&mut reader)?;
        Ok(thread.hand_over(changes))
    }

    fn start(start: CandidateStart, queue: &'a Receiver<BoundInput>, reached: &'a AtomicU64) -> Result<Self, WorkersError> {
        let CandidateStart { topology, told, header, restored, states, missing, handed, bound, views, staged, .. } = start;
        let state = brought_along(&restored, &handed);
        let status = Arc::new(Status::default());
        let find = |name: &str| if staged.contains(name) { views.staged(name) } else { views.view(name) };
        let (epoch, quarantine) = (header.epoch, start.quarantine);
        let (clock, status_of_rows) = (start.deployment_handle.clock(), Arc::clone(&status));
        let resumption =
            Resumption { topology, states, missing, epoch, restored, status: status_of_rows, quarantine, clock };
        let computation = Computation::start(resumption, find)?;
        let served =
            |name: &String| views.staged(name).unwrap_or_else(|| panic!("view '{name}' is computed, but not staged any more"));
        let indexes = staged.iter().map(served);
        let indexes = indexes.flat_map(|served| served.indexes.iter().map(|(id, _)| *id).collect::<Vec<_>>()).collect();
        let deployment_handle = start.deployment_handle;
        let progress =
            CandidateWatch { queue, waiting: bound.into(), reached, status, publisher: views, names: staged, deployment_handle };
        Ok(Self {
            computation,
            progress,
            staged: indexes,
            handed,
            told,
            state,
            row_errors: BTreeMap::new(),
            stream_errors: BTreeMap::new(),
            dead_letters: Vec::new(),
        })
    }

    fn send(&mut self, epoch: u64, wall_micros: i64, records: Records, is_switch: bool) {
        // Events that were refused at ingest or are quarantined are on their list already.
        self.computation.send(epoch, wall_micros, records, Allowance::Twice, |_| is_switch);
    }

    /// Computes epoch after epoch until that of the control entry, whose changes of the staged views it returns.
    fn catch_up(&mut self, reader: &mut Reader) -> Result<Vec<(IndexId, Vec<(Row, Diff)>)>, CandidateError> {
        loop {
            while self.computation.in_flight().len() < EPOCHS_IN_FLIGHT_MAX
                && let Some(bound) = self.progress.waiting.pop_front()
            {
                let records = reader.read_again(&bound.ranges)?;
                self.send(bound.epoch, bound.wall_micros, records, bound.is_switch);
            }
            if self.computation.is_idle() {
                self.progress.look(CANDIDATE_WAIT_MAX)?;
                continue;
            }
            self.computation.receive(CANDIDATE_WAIT_MAX)?;
            self.progress.look(Duration::ZERO)?;
            while let Some((is_switch, result)) = self.computation.take_finished() {
                let epoch = result.epoch;
                let changes = self.absorb(result)?;
                if is_switch {
                    return Ok(changes);
                }
                for (index, changes) in changes {
                    self.progress.publisher.hydrate(index, changes)?;
                }
                self.progress.reached.store(epoch, Ordering::Release);
            }
        }
    }

    /// Keeps the part of an epoch that is handed over; returns the changes of the views that are staged.
    fn absorb(&mut self, result: EpochResult) -> Result<Vec<(IndexId, Vec<(Row, Diff)>)>, CandidateError> {
        let state = result.state.into_iter().filter(|(number, ..)| self.handed.contains(number));
        self.state.extend(state.map(|(number, key, value)| ((number, key), value)));
        let is_new = |(_, letter): &(i64, DeadLetter)| !self.told.has(letter);
        self.dead_letters.extend(result.dead_letters.into_iter().filter(is_new));
        add(&mut self.row_errors, result.row_errors);
        add(&mut self.stream_errors, result.stream_errors);
        let errors = self.row_errors.len().max(self.stream_errors.len());
        if errors > ROW_ERRORS_MAX {
            return Err(CandidateError::RowErrors { errors });
        }
        // The rows of views that are the same are equal to those that readers see.
        Ok(result.changes.into_iter().filter(|(index, _)| self.staged.contains(index)).collect())
    }

    fn hand_over(self, changes: Vec<(IndexId, Vec<(Row, Diff)>)>) -> Handover {
        // An entry that came and went leaves nothing: no checkpoint has anything under the number of a new state.
        let state = self.state.into_iter().filter(|(_, value)| value.is_some());
        Handover {
            computation: self.computation,
            state: state.map(|((number, key), value)| (number, key, value)).collect(),
            shown: CandidateCommit {
                changes,
                row_errors: self.row_errors,
                stream_errors: self.stream_errors,
                dead_letters: letters_in_order(self.dead_letters),
            },
        }
    }
}

/// Records to read for states that the checkpoint does not hold, if there are any.
fn backfill_of(start: &CandidateStart) -> Result<Option<Backfill>, CandidateError> {
    if start.missing.is_empty() {
        return Ok(None);
    }
    let topics = start.states.topics(&start.topology, &start.missing);
    let backfill = Backfill::new(start.log.clone(), &topics, &offsets_of(&start.header), start.header.epoch)?;
    // A record that was there when the deployment began may have been trimmed before that was held back.
    match backfill.gaps.first().filter(|_| !start.accept_missing_history).cloned() {
        Some((topic, partition, earliest)) => Err(CandidateError::Trimmed { topic, partition, earliest }),
        None => Ok(Some(backfill)),
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
