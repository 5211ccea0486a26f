//! Lag of the views behind the log: in records, in bytes and in time.
//!
//! Owns [`LagMeter`]. What ingest appends enters, with its sizes; the log's ends and the visible offsets are looked at when somebody asks,
//! so the answer is true at that moment and not at the end of the last epoch. Records are counted exactly. Bytes and times are known by
//! append; a record whose append this process has not seen counts with the mean of all others. What a topic held before a deployment began
//! to follow it is no lag: no producer can do anything about it.

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
    /// ends of the log when the engine was started
    ends_at_start: Offsets,
    caught_up: AtomicBool,
}

#[derive(Default)]
struct WaitingRecords {
    partitions: BTreeMap<TopicPartition, PartitionAppends>,
    /// the offsets from which on records count: 0 for partitions that the engine started with, and for later ones where the log ended
    /// when they were first seen
    bases: Offsets,
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
        let end_of = |partition: TopicPartition| {
            let bounds = self.0.log.bounds(&partition.0, partition.1);
            bounds.map(|(_, end)| (partition, end))
        };
        let ends_at_start = status.begin().into_keys().map(end_of).collect::<Result<_, _>>()?;
        let engine = Followed { views, status, ends_at_start, caught_up: AtomicBool::new(false) };
        let known = engine.visible().into_keys().chain(engine.ends_at_start.keys().cloned());
        self.0.waiting.lock().bases = known.map(|partition| (partition, Offset(0))).collect();
        // A second engine in one process would be a mistake of the program; the first one holds.
        let _ = self.0.engine.set(engine);
        Ok(())
    }

    /// Notes what was appended; may be told late and out of order.
    pub fn appended(&self, partition: TopicPartition, appended: Appended) {
        let mut waiting = self.0.waiting.lock();
        waiting.noted.0 += appended.next.0.saturating_sub(appended.first.0);
        waiting.noted.1 += appended.bytes;
        waiting.partitions.entry(partition).or_default().note(appended);
    }

    /// The lag now. A partition that the log can't tell the end of counts as one record.
    pub fn lag(&self) -> Lag {
        let Some(engine) = self.0.engine.get() else { return Lag::default() };
        let mut waiting = self.0.waiting.lock();
        let WaitingRecords { partitions, bases, noted } = &mut *waiting;
        let (mut lag, mut oldest) = (Lag::default(), None);
        let visible = engine.visible();
        // No view reads the others.
        partitions.retain(|partition, _| visible.contains_key(partition));
        for (partition, visible) in visible {
            let Ok((_, end)) = self.0.log.bounds(&partition.0, partition.1) else {
                lag.records += 1;
                continue;
            };
            let visible = visible.max(*bases.entry(partition.clone()).or_insert(end));
            let appends = partitions.entry(partition.clone()).or_default();
            appends.forget_before(visible);
            if end <= visible {
                continue;
            }
            let waiting = self.0.log.records_from(&partition.0, partition.1, visible);
            lag.records += waiting.unwrap_or(1);
            lag.bytes += appends.bytes(visible, end, *noted);
            let since = appends.oldest(visible).or_else(|| self.timestamp(&partition, visible, appends));
            oldest = oldest.into_iter().chain(since).min();
        }
        lag.micros = oldest.map_or(0, |oldest| u64::try_from(wall_micros() - oldest).unwrap_or(0));
        lag
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
        let visible = engine.visible();
        let of = |partition: &TopicPartition, end: Offset| visible.get(partition).map_or(0, |offset| offset.0.min(end.0));
        let total = engine.ends_at_start.values().map(|end| end.0).sum();
        let done = engine.ends_at_start.iter().map(|(partition, end)| of(partition, *end)).sum();
        if done == total && engine.status.report().published {
            engine.caught_up.store(true, Ordering::Release);
            return None;
        }
        Some((done, total))
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

    /// Bytes of the records from `visible` to `end`.
    fn bytes(&self, visible: Offset, end: Offset, noted: (u64, u64)) -> u64 {
        let (mut records, mut bytes) = (0, 0);
        for append in &self.appends {
            let all = append.next.0.saturating_sub(append.first.0);
            let left = append.next.0.saturating_sub(append.first.0.max(visible.0));
            records += left;
            bytes += part(append.bytes, left, all);
        }
        bytes + part(noted.1, (end.0 - visible.0).saturating_sub(records), noted.0)
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
mod tests {
    use schemas::position::{Epoch, Timeline};
    use sinks::views::{Commit, ViewsDefinition};
    use sources::log::LogAppender;
    use sources::memory::MemoryLog;
    use sources::record::Record;

    use super::*;

    fn append(first: u64, next: u64, bytes: u64, timestamp: i64) -> Appended {
        Appended { first: Offset(first), next: Offset(next), bytes, timestamp }
    }

    #[test]
    fn appends_that_nobody_forgets_are_merged_and_nothing_of_them_is_lost() {
        let mut appends = PartitionAppends::default();
        let count = 10 * APPENDS_MAX as u64;
        for number in 0..count {
            appends.note(append(number * 2, number * 2 + 2, 10, number as i64));
            assert!(appends.appends.len() <= APPENDS_MAX);
        }
        assert_eq!(appends.bytes(Offset(0), Offset(count * 2), (1, 1)), count * 10);
        assert_eq!(appends.oldest(Offset(0)), Some(0));
    }

    #[test]
    fn what_a_topic_held_before_it_was_followed_is_no_lag() {
        let log = Arc::new(MemoryLog::new());
        let append = |topic: &Topic, count| {
            let record = |_| Record { key: Vec::new(), value: vec![0], timestamp: wall_micros() };
            log.append(topic, (0..count).map(record).collect()).unwrap();
        };
        let (old, new) = (Topic::new("old"), Topic::new("new"));
        for topic in [&old, &new] {
            log.create_topic(topic, 1).unwrap();
            append(topic, 100);
        }
        let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: Vec::new() });
        let show = |consumed: &[(&Topic, u64)]| {
            let epoch = Epoch(views.position().epoch.0 + 1);
            let consumed = consumed.iter().map(|(topic, next)| (((*topic).clone(), Partition(0)), Offset(*next))).collect();
            views.publish(Commit { epoch, consumed, ..Commit::default() }).unwrap();
        };
        show(&[(&old, 40)]);
        let meter = LagMeter::new(Arc::clone(&log) as Arc<dyn LogReader>);
        meter.follow(Arc::clone(&views), Arc::new(Status::default())).unwrap();
        assert_eq!(meter.lag().records, 60);
        show(&[(&old, 100), (&new, 10)]);
        assert_eq!(meter.lag().records, 0, "the backlog of the new one does not count");
        append(&new, 5);
        assert_eq!(meter.lag().records, 5);
        show(&[(&old, 100), (&new, 102)]);
        assert_eq!(meter.lag().records, 3);
    }

    #[test]
    fn appends_to_partitions_that_no_view_reads_are_forgotten() {
        let log = Arc::new(MemoryLog::new());
        let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: Vec::new() });
        let meter = LagMeter::new(log);
        meter.follow(views, Arc::new(Status::default())).unwrap();
        meter.appended((Topic::new("unread"), Partition(0)), append(0, 3, 30, 5));
        assert_eq!(meter.lag().records, 0);
        assert!(meter.0.waiting.lock().partitions.is_empty());
    }

    #[test]
    fn what_is_visible_is_forgotten_and_a_part_of_an_append_counts_in_proportion() {
        let mut appends = PartitionAppends::default();
        appends.appends.extend([append(10, 20, 1_000, 5), append(20, 30, 2_000, 7)]);
        let bytes = |appends: &PartitionAppends, visible| appends.bytes(Offset(visible), Offset(30), (20, 3_000));
        assert_eq!((bytes(&appends, 10), appends.oldest(Offset(10))), (3_000, Some(5)));
        assert_eq!((bytes(&appends, 4), appends.oldest(Offset(4))), (3_000 + 6 * 150, None), "six records that nobody noted");
        appends.forget_before(Offset(15));
        assert_eq!((bytes(&appends, 15), appends.oldest(Offset(15))), (2_500, Some(5)));
        appends.forget_before(Offset(20));
        assert_eq!((bytes(&appends, 20), appends.appends.len()), (2_000, 1));
        appends.forget_before(Offset(30));
        assert_eq!((bytes(&appends, 30), appends.oldest(Offset(30))), (0, None));
    }
}
