//! The driver: the one loop that binds epochs and publishes them.
//!
//! Owns the order of things: records become an epoch, the epoch goes to the workers, and when all of them are past it, its output
//! becomes visible at once. At most [`super::EPOCHS_IN_FLIGHT_MAX`] epochs are between binding and being visible.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use operators::Time;
use schemas::dead_letter::DeadLetter;
use schemas::position::{Epoch, Offset, Partition, Topic};
use sinks::views::{Commit, Views};
use sources::log::{Log, StoredRecord};

use super::binder::{Binder, Bound};
use super::clock::{Clock, WallClock};
use super::status::Status;
use super::worker::{Done, Work, Workers};
use super::{EPOCH_RECORDS_MAX, EPOCHS_IN_FLIGHT_MAX, IDLE_INTERVAL, Options};
use crate::render::drain::EpochOutput;
use crate::topology::Topology;

/// How long the driver waits for one thing before it looks at the others.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// An epoch between binding and being visible.
struct InFlight {
    epoch: Time,
    wall_micros: i64,
    bound_at: Instant,
    consumed: BTreeMap<(Topic, Partition), Offset>,
    refused: Vec<DeadLetter>,
    outputs: Vec<EpochOutput>,
}

/// Binds, waits, publishes.
pub struct Driver {
    log: Arc<dyn Log>,
    binder: Binder,
    clock: WallClock,
    ticks_when_idle: bool,
    interval: Duration,
    views: Arc<Views>,
    status: Arc<Status>,
    workers: Workers,
    next: Time,
    bound_at: Instant,
    in_flight: VecDeque<InFlight>,
    visible: BTreeMap<(Topic, Partition), Offset>,
}

impl Driver {
    /// A driver that starts with epoch 0 at these offsets.
    pub fn new(
        topology: Arc<Topology>,
        log: Arc<dyn Log>,
        options: &Options,
        offsets: BTreeMap<(Topic, Partition), Offset>,
        views: Arc<Views>,
        status: Arc<Status>,
        workers: Workers,
    ) -> Self {
        let records_max = options.epoch_records.min(EPOCH_RECORDS_MAX);
        Self {
            binder: Binder::new(Arc::clone(&log), offsets.clone(), &topology, records_max),
            clock: WallClock::new(options.clock, &topology.sources),
            ticks_when_idle: options.clock == Clock::System,
            interval: options.epoch_interval,
            log,
            views,
            status,
            workers,
            next: 0,
            bound_at: Instant::now(),
            in_flight: VecDeque::new(),
            visible: offsets,
        }
    }

    /// Runs until it is told to stop.
    pub fn run(mut self, stop: &AtomicBool) {
        let first = self.binder.first();
        self.start_epoch(first);
        let mut seen = 0;
        while !stop.load(Ordering::Acquire) {
            let bound = self.bind_next();
            if self.in_flight.is_empty() {
                self.measure_lag();
                if !bound {
                    seen = self.log.wait(seen, WAIT_MAX);
                }
            } else if !bound || self.in_flight.len() >= EPOCHS_IN_FLIGHT_MAX {
                self.collect();
            }
        }
    }

    /// Binds the next epoch if there is room, time and reason for one.
    fn bind_next(&mut self) -> bool {
        if self.in_flight.len() >= EPOCHS_IN_FLIGHT_MAX {
            return false;
        }
        let since = self.bound_at.elapsed();
        if since < self.interval {
            if self.in_flight.is_empty() {
                std::thread::sleep(self.interval - since);
            } else {
                return false;
            }
        }
        let bound = match self.binder.bind() {
            Ok(bound) => bound,
            Err(error) => {
                tracing::error!(%error, "the log can't be read; trying again");
                std::thread::sleep(WAIT_MAX);
                return false;
            }
        };
        let idle_tick = self.ticks_when_idle && since >= IDLE_INTERVAL;
        if bound.count == 0 && !idle_tick {
            return false;
        }
        self.start_epoch(bound);
        true
    }

    fn start_epoch(&mut self, bound: Bound) {
        let epoch = self.next;
        self.next += 1;
        self.bound_at = Instant::now();
        let wall_micros = self.clock.bind(&bound.records);
        let count = self.workers.count();
        for (worker, records) in share(bound.records, count).into_iter().enumerate() {
            self.workers.send(worker, Work { epoch, wall_micros, records: records.into_iter().map(Arc::new).collect() });
        }
        self.in_flight.push_back(InFlight {
            epoch,
            wall_micros,
            bound_at: self.bound_at,
            consumed: bound.consumed,
            refused: bound.refused,
            outputs: Vec::with_capacity(count),
        });
    }

    /// Waits for the workers and publishes what is complete.
    fn collect(&mut self) {
        match self.workers.done.recv_timeout(WAIT_MAX.min(self.interval.max(Duration::from_millis(1)))) {
            Ok(Done { epoch, output }) => {
                let slot = self.in_flight.iter_mut().find(|slot| slot.epoch == epoch);
                slot.unwrap_or_else(|| panic!("epoch {epoch} was finished but never bound")).outputs.push(output);
            }
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => panic!("all workers ended while epochs were in flight"),
        }
        while let Some(oldest) = self.in_flight.pop_front_if(|oldest| oldest.outputs.len() == self.workers.count()) {
            self.publish(oldest);
        }
    }

    fn publish(&mut self, epoch: InFlight) {
        let mut commit = Commit {
            epoch: Epoch(epoch.epoch),
            wall_micros: epoch.wall_micros,
            consumed: epoch.consumed.clone(),
            dead_letters: epoch.refused,
            ..Commit::default()
        };
        let (mut events, mut duplicates) = (0, 0);
        for output in epoch.outputs {
            events += output.events;
            duplicates += output.duplicates;
            commit.changes.extend(output.changes);
            commit.dead_letters.extend(output.dead_letters);
            commit.row_errors.extend(output.row_errors);
        }
        // Workers finish in any order; the log's order is the same every time.
        commit.dead_letters.sort_by(|a, b| (&a.topic, a.partition, a.offset).cmp(&(&b.topic, b.partition, b.offset)));
        if let Err(error) = self.views.publish(commit) {
            eprintln!("epoch {} can't be published: {error}; the process ends, acknowledged events are in the log", epoch.epoch);
            std::process::abort();
        }
        self.visible.extend(epoch.consumed);
        self.status.published(epoch.epoch, events, duplicates, epoch.bound_at.elapsed());
        self.measure_lag();
    }

    fn measure_lag(&self) {
        let behind = self.visible.iter().map(|((topic, partition), visible)| match self.log.bounds(topic, *partition) {
            Ok((_, end)) => end.0.saturating_sub(visible.0),
            Err(_) => 1,
        });
        self.status.lag(behind.sum());
    }
}

/// Each worker's records by source: a partition always goes to the same worker.
fn share(records: Vec<Vec<StoredRecord>>, workers: usize) -> Vec<Vec<Vec<StoredRecord>>> {
    let mut shares: Vec<Vec<Vec<StoredRecord>>> = (0..workers).map(|_| vec![Vec::new(); records.len()]).collect();
    for (source, records) in records.into_iter().enumerate() {
        for record in records {
            shares[record.partition.0 as usize % workers][source].push(record);
        }
    }
    shares
}
