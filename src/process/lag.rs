//! Lag of the views behind the log: in records, in bytes and in time.
//!
//! Owns [`LagMeter`]. What ingest appends enters, with its sizes; the log's ends and the visible offsets are looked at when somebody asks,
//! so the answer is true at that moment and not at the end of the last epoch. The log counts the records: offsets may have gaps, so the
//! difference of two is only the most records that can lie between them. Bytes and times are known by append; a record whose append this
//! process has not seen counts with the mean of all others. What a topic held before a deployment began to follow it is no lag: no producer
//! can do anything about it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use api::Lag;
use engine::run::Status;
use parking_lot::Mutex;
use schemas::position::{Offset, Partition, Topic};
use sinks::views::Views;
use sources::error::LogError;
use sources::log::LogReader;

use super::clock::wall_micros;

/// Most bytes that are read to learn how old a record is.
const RECORD_READ_BYTES: usize = 1;
/// Most appends that are kept apart per partition. When there are more, neighbours are merged, and their bytes and times are known less
/// exactly.
const APPENDS_MAX: usize = 4_096;

/// A partition of a topic.
type TopicPartition = (Topic, Partition);
/// The next offset of each partition.
type Offsets = BTreeMap<TopicPartition, Offset>;

/// Measures the lag; clones share it.
#[derive(Clone)]
pub struct LagMeter(Arc<LagShared>);

struct LagShared {
    log: Arc<dyn LogReader>,
    /// records that are appended and not visible yet
    waiting: Mutex<WaitingRecords>,
    /// engine that makes them visible, once it was started
    engine: OnceLock<Followed>,
}

/// The engine, as far as lag is concerned.
struct Followed {
    views: Arc<Views>,
    status: Arc<Status>,
    /// the partitions that the engine was started with, as they were then
    at_start: BTreeMap<TopicPartition, PartitionAtStart>,
    caught_up: AtomicBool,
}

/// A partition as it was when the engine was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PartitionAtStart {
    /// its end
    end: Offset,
    /// the position behind its last record, 0 without one. The end may lie further behind: offsets without a record are never read, so no
    /// view ever gets beyond this position because of them.
    behind_last: Offset,
    /// number of its records
    records: u64,
}

#[derive(Default)]
struct WaitingRecords {
    partitions: BTreeMap<TopicPartition, PartitionAppends>,
    /// the offsets from which on records count: 0 for partitions that the engine started with, and for later ones where the log ended
    /// when they were first seen
    bases: Offsets,
    /// the ends of partitions, as the log last gave them
    ends: Offsets,
    /// records that were ever noted, and their bytes
    noted: (u64, u64),
}

/// The appends to one partition that are not visible yet, in the order of their offsets.
#[derive(Default)]
struct PartitionAppends {
    appends: VecDeque<Appended>,
    /// a record that was appended unseen, and when
    unseen: Option<(Offset, i64)>,
}

/// Consecutive records of one partition that were appended together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// the offset of the first
    pub first: Offset,
    /// the offset after the last
    pub next: Offset,
    /// bytes of their keys and values
    pub bytes: u64,
    /// append time of the oldest, microseconds since 1970
    pub timestamp: i64,
}

impl LagMeter {
    /// A meter for the records of a log.
    pub fn new(log: Arc<dyn LogReader>) -> Self {
        Self(Arc::new(LagShared { log, waiting: Mutex::default(), engine: OnceLock::new() }))
    }

    /// Measures these views from now on; until then nothing is behind.
    ///
    /// # Errors
    /// The log can't say where it ends.
    pub fn follow(&self, views: Arc<Views>, status: Arc<Status>) -> Result<(), LogError> {
        let at_start = |partition: TopicPartition| self.0.at_start(&partition).map(|at_start| (partition, at_start));
        let at_start: BTreeMap<_, _> = status.begin().into_keys().map(at_start).collect::<Result<_, LogError>>()?;
        let ends = at_start.iter().map(|(partition, at_start)| (partition.clone(), at_start.end)).collect();
        let engine = Followed { views, status, at_start, caught_up: AtomicBool::new(false) };
        let known = engine.visible().into_keys().chain(engine.at_start.keys().cloned());
        let mut waiting = self.0.waiting.lock();
        waiting.bases = known.map(|partition| (partition, Offset(0))).collect();
        waiting.ends = ends;
        drop(waiting);
        // A second engine in one process would be a mistake of the program; the first one holds.
        let _ = self.0.engine.set(engine);
        Ok(())
    }

    /// Notes what was appended; may be called late and out of order.
    pub fn appended(&self, partition: TopicPartition, appended: Appended) {
        let mut waiting = self.0.waiting.lock();
        waiting.noted.0 += appended.next.0.saturating_sub(appended.first.0);
        waiting.noted.1 += appended.bytes;
        waiting.partitions.entry(partition).or_default().note(appended);
    }

    /// The lag now. While the log can't count the records of a partition, they are as many as the offsets up to its end as it was last known:
    /// never too few, or too much would be let in.
    pub fn lag(&self) -> Lag {
        let Some(engine) = self.0.engine.get() else { return Lag::default() };
        let mut waiting = self.0.waiting.lock();
        let WaitingRecords { partitions, bases, ends, noted } = &mut *waiting;
        let (mut lag, mut oldest) = (Lag::default(), None);
        let visible = engine.visible();
        // No view reads the others.
        partitions.retain(|partition, _| visible.contains_key(partition));
        for (partition, visible) in visible {
            // The end of a partition that was added later may not be known yet: then it has no base from which records count.
            let Some(end) = self.0.end(&partition, ends) else { continue };
            let visible = visible.max(*bases.entry(partition.clone()).or_insert(end));
            let appends = partitions.entry(partition.clone()).or_default();
            appends.forget_before(visible);
            let records = self.0.records(&partition, visible, end);
            if records == 0 {
                continue;
            }
            lag.records += records;
            lag.bytes += appends.bytes(visible, records, *noted);
            let since = appends.oldest(visible).or_else(|| self.timestamp(&partition, visible, appends));
            oldest = oldest.into_iter().chain(since).min();
        }
        lag.micros = oldest.map_or(0, |oldest| u64::try_from(wall_micros() - oldest).unwrap_or(0));
        lag
    }

    /// Returns how many records of a partition that is visible up to a position no view shows; `None` while the log can't say.
    pub fn records_behind(&self, partition: &TopicPartition, visible: Offset) -> Option<u64> {
        self.0.log.records_from(&partition.0, partition.1, visible).ok()
    }

    /// Returns the append time of a record that this process has not seen, read once per record.
    fn timestamp(&self, partition: &TopicPartition, at: Offset, appends: &mut PartitionAppends) -> Option<i64> {
        if appends.unseen.is_none_or(|(known, _)| known != at) {
            let read = self.0.log.read(&partition.0, partition.1, at, 1, RECORD_READ_BYTES).ok()?;
            appends.unseen = read.records.first().map(|record| (at, record.timestamp));
        }
        appends.unseen.map(|(_, timestamp)| timestamp)
    }

    /// Records that were in the log at the start: those that are visible by now, and all; `None` once they have all been.
    pub fn catching_up(&self) -> Option<(u64, u64)> {
        let engine = self.0.engine.get()?;
        if engine.caught_up.load(Ordering::Acquire) {
            return None;
        }
        let (done, total) = self.0.since_start(engine);
        if done == total && engine.status.report().published {
            engine.caught_up.store(true, Ordering::Release);
            return None;
        }
        Some((done, total))
    }
}

impl LagShared {
    /// Looks at a partition before the engine reads it.
    fn at_start(&self, partition: &TopicPartition) -> Result<PartitionAtStart, LogError> {
        let (earliest, end) = self.log.bounds(&partition.0, partition.1)?;
        let last = self.log.last_before(&partition.0, partition.1, end)?;
        let behind_last = last.map_or(Offset(0), |record| record.offset.behind());
        Ok(PartitionAtStart { end, behind_last, records: self.records_between(partition, earliest, end)? })
    }

    /// Returns the number of records between two positions; more while records are appended.
    fn records_between(&self, partition: &TopicPartition, from: Offset, to: Offset) -> Result<u64, LogError> {
        // In this order: a record that is appended in between counts as one too many, never as one too few.
        let behind = self.log.records_from(&partition.0, partition.1, to)?;
        Ok(self.log.records_from(&partition.0, partition.1, from)?.saturating_sub(behind))
    }

    /// Records that were in the log at the start: those that are visible, and all. A partition whose records can't be counted now has none
    /// that is visible.
    fn since_start(&self, engine: &Followed) -> (u64, u64) {
        let visible = engine.visible();
        let (mut done, mut total) = (0, 0);
        for (partition, at_start) in &engine.at_start {
            let visible = visible.get(partition).map_or(Offset(0), |offset| *offset);
            let left = if visible >= at_start.behind_last {
                0
            } else {
                // One at least is left, the last one.
                let left = self.records_between(partition, visible, at_start.end);
                left.map_or(at_start.records, |left| left.clamp(1, at_start.records.max(1)))
            };
            total += at_start.records.max(left);
            done += at_start.records.saturating_sub(left);
        }
        (done, total)
    }

    /// The end of a partition: as the log gives it now, or else as it gave it last.
    fn end(&self, partition: &TopicPartition, ends: &mut Offsets) -> Option<Offset> {
        if let Ok((_, end)) = self.log.bounds(&partition.0, partition.1) {
            ends.insert(partition.clone(), end);
        }
        ends.get(partition).copied()
    }

    /// Returns how many records lie between the visible position and the end, or the most that there can be when the log can't say.
    fn records(&self, partition: &TopicPartition, visible: Offset, end: Offset) -> u64 {
        if end <= visible {
            return 0;
        }
        self.log.records_from(&partition.0, partition.1, visible).unwrap_or(end.0 - visible.0)
    }
}

impl Followed {
    /// The next offset of every partition that is read, as it is visible. Before the first epoch that is where the log is read from.
    fn visible(&self) -> Offsets {
        let consumed = self.views.consumed();
        if consumed.is_empty() { self.status.begin() } else { consumed }
    }
}

impl PartitionAppends {
    /// Inserts an append in the order of offsets.
    fn note(&mut self, appended: Appended) {
        let place = self.appends.iter().rposition(|other| other.first < appended.first).map_or(0, |before| before + 1);
        self.appends.insert(place, appended);
        if self.appends.len() > APPENDS_MAX {
            self.merge();
        }
    }

    /// Merges every two neighbours into one append, as old as the older of them. Records between them that were not noted then count as
    /// noted without bytes.
    fn merge(&mut self) {
        let mut merged = VecDeque::with_capacity(self.appends.len().div_ceil(2));
        let mut appends = self.appends.drain(..);
        while let Some(first) = appends.next() {
            merged.push_back(match appends.next() {
                None => first,
                Some(second) => Appended {
                    first: first.first,
                    next: first.next.max(second.next),
                    bytes: first.bytes + second.bytes,
                    timestamp: first.timestamp.min(second.timestamp),
                },
            });
        }
        drop(appends);
        self.appends = merged;
    }

    fn forget_before(&mut self, visible: Offset) {
        while self.appends.front().is_some_and(|first| first.next <= visible) {
            self.appends.pop_front();
        }
    }

    /// Bytes of so many records from `visible` on, which are all.
    fn bytes(&self, visible: Offset, waiting: u64, noted: (u64, u64)) -> u64 {
        let (mut records, mut bytes) = (0, 0);
        for append in &self.appends {
            let all = append.next.0.saturating_sub(append.first.0);
            let left = append.next.0.saturating_sub(append.first.0.max(visible.0));
            records += left;
            bytes += part(append.bytes, left, all);
        }
        bytes + part(noted.1, waiting.saturating_sub(records), noted.0)
    }

    /// Returns the append time of the record at an offset, if it was seen.
    fn oldest(&self, visible: Offset) -> Option<i64> {
        self.appends.front().filter(|first| first.first <= visible).map(|first| first.timestamp)
    }
}

/// So many records' share of the bytes of all.
fn part(bytes: u64, records: u64, all: u64) -> u64 {
    let share = u128::from(bytes) * u128::from(records) / u128::from(all.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
