//! A topology that is computed: its workers, the epochs that they have, and what they make of them.
//!
//! Owns [`Computation`], the only way to have anything computed: the driver, the candidate of a deployment and the search for records that
//! make too much use the same. Records by topic enter and go to the workers by source; the output of an epoch leaves once all workers are
//! past it, with its changes under the numbers of the indexes that are served.
//!
//! Epochs leave in the order in which they were sent: a worker answers in that order, and the oldest one is whole before the next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use epochs::backfill::Backfill;
use epochs::coordinator::StateChanges;
use epochs::reader::Records;
use schemas::dead_letter::{DeadLetter, RowError};
use schemas::position::Topic;
use schemas::row::{Diff, Row};
use sinks::views::{IndexId, ServedView};
use sources::record::StoredRecord;

use super::allowance::Allowance;
use super::error::{ComputeError, WorkersError};
use super::worker::{self, Done, Work, WorkerFailure, Workers};
use crate::epoch_clock::Clock;
use crate::limits::{EPOCHS_IN_FLIGHT_MAX, WAIT_MAX};
use crate::render::drain::EpochOutput;
use crate::render::restore_context::RestoreContext;
use crate::state::quarantine::Quarantine;
use crate::state::restored::Restored;
use crate::status::Status;
use language::plan::kept::KeptStates;
use language::topology::Topology;

/// A topology and the state that it resumes from.
pub struct Resumption {
    /// the topology to compute
    pub topology: Arc<Topology>,
    /// the states that it keeps
    pub states: Arc<KeptStates>,
    /// the states that are computed from the log, in times before `epoch`
    pub missing: BTreeSet<u32>,
    /// the epoch that the restored entries are of, and the first one whose output leaves
    pub epoch: u64,
    /// the entries of each worker
    pub restored: Vec<Restored>,
    /// counts the rows that are computed again
    pub status: Arc<Status>,
    /// quarantined records, which no worker is given
    pub quarantine: Arc<Quarantine>,
    /// the clock by which rows of tables end
    pub clock: Clock,
}

/// A topology that is computed; `T` is what its owner knows of an epoch while the workers have it.
pub struct Computation<T> {
    /// the computed topology
    pub topology: Arc<Topology>,
    workers: Workers,
    /// the served index for each index of the plan, in the order that numbers them there
    indexes: Vec<IndexId>,
    sources: BTreeMap<Topic, usize>,
    quarantine: Arc<Quarantine>,
    in_flight: VecDeque<EpochInFlight<T>>,
    /// parts of chunks from before the first epoch that workers have not finished
    early_parts: usize,
}

/// An epoch that the workers have.
struct EpochInFlight<T> {
    epoch: u64,
    owned: T,
    outputs: Vec<EpochOutput>,
}

/// Output of all workers for an epoch.
pub struct EpochResult {
    /// the epoch
    pub epoch: u64,
    /// changes of the rows of each index that is served or staged; an index may occur several times
    pub changes: Vec<(IndexId, Vec<(Row, Diff)>)>,
    /// events that were quarantined, each with the time when it was appended
    pub dead_letters: Vec<(i64, DeadLetter)>,
    /// errors of rows that came or went
    pub row_errors: Vec<(RowError, Diff)>,
    /// those of rows of streams
    pub stream_errors: Vec<(RowError, Diff)>,
    /// changes of kept states by the numbers of the plan
    pub state: StateChanges,
    /// decoded events, duplicates among them
    pub events: u64,
    /// events that were seen before
    pub duplicates: u64,
}

/// The part of an epoch that no worker is given.
#[derive(Default)]
pub struct Left {
    /// records that no source of the plan reads
    pub others: Records,
    /// records that are quarantined, each with the time when it was appended
    pub quarantined: Vec<(i64, DeadLetter)>,
}

impl<T> Computation<T> {
    /// Starts the workers of a topology, one for each share of the restored entries. `find` finds a view by its name where it is served
    /// or staged.
    ///
    /// # Panics
    /// `find` does not know a view of the topology as the plan has it: changes would go to the rows of another one.
    pub fn start(begin: Resumption, find: impl Fn(&str) -> Option<Arc<ServedView>>) -> Result<Self, WorkersError> {
        let Resumption { topology, states, missing, epoch, restored, status, quarantine, clock } = begin;
        let missing = Arc::new(missing);
        let context = |restored| {
            let (missing, states) = (Arc::clone(&missing), Arc::clone(&states));
            RestoreContext { start: epoch, missing, states, restored, clock }
        };
        let workers = worker::start(&topology, restored.into_iter().map(context).collect(), &status)?;
        let mut indexes = Vec::new();
        for planned in topology.served.iter().map(|served| &served.view) {
            let Some(found) = find(&planned.name) else {
                panic!("view '{}' is computed, but neither served nor staged", planned.name);
            };
            assert_eq!(found.indexes.len(), planned.indexes.len(), "view '{}' has other indexes than planned", planned.name);
            indexes.extend(found.indexes.iter().map(|(id, _)| *id));
        }
        let sources = topology.sources.iter().enumerate();
        let sources = sources.map(|(number, source)| (Topic::new(source.schema.topic()), number)).collect();
        Ok(Self { topology, workers, indexes, sources, quarantine, in_flight: VecDeque::new(), early_parts: 0 })
    }

    /// Returns the number of workers.
    pub fn workers(&self) -> usize {
        self.workers.count()
    }

    /// Readers depend on the workers from now on: a panic is noted as an end of the process at its epoch, then the process ends.
    pub fn take_service(&self) {
        let quarantine = Arc::clone(&self.quarantine);
        self.workers.panic_policy.take_service(move |detail| quarantine.panicked(detail));
    }

    /// Hands the records of an epoch to the workers. `own` makes of what they are not given what is to be known of the epoch when it is
    /// finished.
    pub fn send(&mut self, epoch: u64, wall_micros: i64, records: Records, allowance: Allowance, own: impl FnOnce(Left) -> T) {
        if let Some(last) = self.in_flight.back() {
            assert!(
                last.epoch < epoch,
                "epoch {epoch} is sent after epoch {}: workers compute epochs in their order",
                last.epoch
            );
        }
        let left = self.share_out(epoch, wall_micros, records, allowance);
        let outputs = Vec::with_capacity(self.workers());
        self.in_flight.push_back(EpochInFlight { epoch, owned: own(left), outputs });
    }

    /// Feeds records from before the first epoch to the states that are computed from the log, in times of their own. `observe` is told
    /// how many of how many records were read, and may end it.
    ///
    /// # Errors
    /// The log or a worker fails, or `observe` does.
    pub fn backfill<E: From<ComputeError>>(
        &mut self,
        mut backfill: Backfill,
        wall_micros: i64,
        mut observe: impl FnMut((u64, u64)) -> Result<(), E>,
    ) -> Result<(), E> {
        assert!(self.in_flight.is_empty(), "what comes before the first epoch was to be computed after it");
        for (topic, partition, earliest) in &backfill.gaps {
            tracing::warn!(%topic, %partition, %earliest, "a new state is computed from what the log still has; earlier records are gone");
        }
        let mut time = 0;
        loop {
            let records = backfill.read_next().map_err(ComputeError::from)?;
            let is_over = records.is_empty();
            if !is_over {
                // Refused or quarantined events of that time are on their lists already.
                self.share_out(time, wall_micros, records, Allowance::Unlimited);
                self.early_parts += self.workers();
                time += 1;
            }
            observe(backfill.progress())?;
            while self.early_parts > 0 && (is_over || self.early_parts >= EPOCHS_IN_FLIGHT_MAX * self.workers()) {
                self.receive(WAIT_MAX)?;
                observe(backfill.progress())?;
            }
            if is_over {
                return Ok(());
            }
        }
    }

    /// Gives each worker its share of the records, within the budget of the epoch.
    fn share_out(&self, epoch: u64, wall_micros: i64, read: Records, allowance: Allowance) -> Left {
        let mut records: Vec<Vec<StoredRecord>> = vec![Vec::new(); self.sources.len()];
        let mut left = Left::default();
        for ((topic, partition), read) in read {
            match self.sources.get(&topic) {
                Some(&source) => {
                    let (read, mut quarantined) = self.quarantine.take_out(&topic, partition, read);
                    records[source].extend(read);
                    left.quarantined.append(&mut quarantined);
                }
                None => drop(left.others.insert((topic, partition), read)),
            }
        }
        let count = records.iter().map(Vec::len).sum();
        if let Some(limits) = allowance.limits(&self.quarantine, epoch, count) {
            self.workers.budget.limit(epoch, limits);
        }
        for (worker, records) in shares(records, self.workers()).into_iter().enumerate() {
            let records = records.into_iter().map(Arc::new).collect();
            self.workers.send(worker, Work { epoch, wall_micros, records });
        }
        left
    }

    /// Waits at most this long for a worker to finish its part of an epoch. Returns true if one did.
    ///
    /// # Errors
    /// An epoch makes too much, or a worker panicked: the oldest epoch will not be finished.
    pub fn receive(&mut self, wait: Duration) -> Result<bool, ComputeError> {
        let done = self.workers.done.recv_timeout(wait);
        // In this order: after a panic other workers may still exceed a budget, and a budget is exceeded before workers are given up for it.
        if let Some(WorkerFailure::Panicked { detail }) = self.workers.panic_policy.failure() {
            return Err(ComputeError::Panicked { detail: detail.clone() });
        }
        if let Some(exceeded) = self.workers.budget.exceeded() {
            return Err(exceeded.clone().into());
        }
        match done {
            Ok(done) => {
                self.take_part(done);
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(ComputeError::Ended),
        }
    }

    fn take_part(&mut self, Done { epoch, output }: Done) {
        if self.early_parts > 0 {
            // The output of that time belongs to the first epoch, and leaves with it.
            self.early_parts -= 1;
            return;
        }
        match self.in_flight.iter_mut().find(|slot| slot.epoch == epoch) {
            Some(slot) => slot.outputs.push(output),
            None => panic!("epoch {epoch} was finished but never sent"),
        }
    }

    /// The oldest epoch, if all workers are past it.
    pub fn finished(&self) -> Option<u64> {
        self.in_flight.front().filter(|oldest| oldest.outputs.len() == self.workers()).map(|oldest| oldest.epoch)
    }

    /// Takes the oldest epoch, if all workers are past it.
    pub fn take_finished(&mut self) -> Option<(T, EpochResult)> {
        self.finished()?;
        let EpochInFlight { epoch, owned, outputs } = self.in_flight.pop_front()?;
        Some((owned, self.gather(epoch, outputs)))
    }

    /// Puts together what the workers made of an epoch. That of a lone worker is moved as it is.
    fn gather(&self, epoch: u64, outputs: Vec<EpochOutput>) -> EpochResult {
        let served = |changes: BTreeMap<IndexId, Vec<(Row, Diff)>>| {
            changes.into_iter().map(|(index, changes)| (self.indexes[index.0], changes))
        };
        let mut outputs = outputs.into_iter();
        let Some(first) = outputs.next() else { panic!("epoch {epoch} is finished, and no worker has computed it") };
        let EpochOutput { changes, dead_letters, row_errors, stream_errors, state, events, duplicates } = first;
        let changes = served(changes).collect();
        let mut result = EpochResult { epoch, changes, dead_letters, row_errors, stream_errors, state, events, duplicates };
        for output in outputs {
            result.changes.extend(served(output.changes));
            result.dead_letters.extend(output.dead_letters);
            result.row_errors.extend(output.row_errors);
            result.stream_errors.extend(output.stream_errors);
            result.state.extend(output.state);
            result.events += output.events;
            result.duplicates += output.duplicates;
        }
        result
    }

    /// The epochs that the workers have, oldest first.
    pub fn in_flight(&self) -> impl ExactSizeIterator<Item = &T> + DoubleEndedIterator {
        self.in_flight.iter().map(|slot| &slot.owned)
    }

    /// Returns true if the workers have no epoch.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Gives the workers up; the epochs that they had leave unfinished, oldest first.
    pub fn into_unfinished(self) -> Vec<T> {
        self.in_flight.into_iter().map(|slot| slot.owned).collect()
    }

    /// The same for another owner.
    ///
    /// # Panics
    /// The workers have an epoch: its output would have no owner.
    pub fn handed_over<U>(self) -> Computation<U> {
        let Self { topology, workers, indexes, sources, quarantine, in_flight, early_parts } = self;
        assert!(in_flight.is_empty() && early_parts == 0, "a computation is handed over while its workers have an epoch");
        Computation { topology, workers, indexes, sources, quarantine, in_flight: VecDeque::new(), early_parts }
    }
}

/// Each worker's records by source: a partition always goes to the same worker.
fn shares(records: Vec<Vec<StoredRecord>>, workers: usize) -> Vec<Vec<Vec<StoredRecord>>> {
    let mut shares: Vec<Vec<Vec<StoredRecord>>> = (0..workers).map(|_| vec![Vec::new(); records.len()]).collect();
    for (source, records) in records.into_iter().enumerate() {
        for record in records {
            shares[record.partition.0 as usize % workers][source].push(record);
        }
    }
    shares
}

#[cfg(test)]
mod tests;
