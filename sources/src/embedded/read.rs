//! Reading the embedded log: records from an offset on, and the offset of a time. Never beyond the durable end.

use schemas::position::{Offset, Partition};

use super::batch::{Batch, BatchPlace};
use super::store::{self, Store};
use super::topics::TopicState;
use crate::checks::{self, ReadBudget};
use crate::error::{Damage, LogError};
use crate::record::ReadRecords;

/// Reads records of a partition from an offset on.
///
/// Costs one seek, and the decoding of each batch that is touched: up to 1 MiB, whatever is asked for.
///
/// # Errors
/// An unknown partition, an offset outside of the log, a batch that is damaged or missing, and a failed read.
pub fn read(
    store: &Store,
    topic: &TopicState,
    partition: Partition,
    from: Offset,
    mut budget: ReadBudget,
) -> Result<ReadRecords, LogError> {
    checks::check_partition(&topic.metadata, partition)?;
    // In this order: what is before the end is in the snapshot that is taken next, and what is not yet trimmed then is still in it.
    let end = topic.end(partition).next;
    let mut batches = Batches::new(store, topic, partition, from);
    let earliest = topic.earliest(partition);
    checks::check_offset(&topic.metadata.topic, partition, from, (earliest, end.max(earliest)))?;
    let mut records = Vec::new();
    while batches.expected < end && !budget.is_spent() {
        let room = batches.next(|batch| batch.read(from, &mut budget, &mut records))?;
        if !room {
            break;
        }
    }
    let next = records.last().map_or(from, |last| last.offset.behind());
    Ok(ReadRecords { records, next })
}

/// Finds the first record that can be read and has this timestamp or a later one.
///
/// Searches by halving the offsets: a few dozen batches are opened, whatever the partition's size.
pub fn offset_at(store: &Store, topic: &TopicState, partition: Partition, timestamp: i64) -> Result<Offset, LogError> {
    checks::check_partition(&topic.metadata, partition)?;
    loop {
        let earliest = topic.earliest(partition);
        let found = offset_from(store, topic, partition, earliest, timestamp);
        // Records that were trimmed meanwhile are missing, but that is no damage.
        if found.is_ok() || topic.earliest(partition) == earliest {
            return found;
        }
    }
}

/// The same from an earliest offset that may be trimmed meanwhile; the error is then no damage.
fn offset_from(
    store: &Store,
    topic: &TopicState,
    partition: Partition,
    earliest: Offset,
    timestamp: i64,
) -> Result<Offset, LogError> {
    let end = topic.end(partition);
    if end.next <= earliest || end.newest < timestamp {
        return Ok(end.next);
    }
    let reached = first_reaching(store, topic, partition, (earliest, end.next), timestamp)?;
    // It is in that batch, unless it was trimmed; the next one may then be in any later batch.
    let mut batches = Batches::new(store, topic, partition, reached);
    while batches.expected < end.next {
        if let Some(found) = batches.next(|batch| batch.first_at(earliest, timestamp))? {
            return Ok(found);
        }
    }
    Ok(end.next)
}

/// Finds an offset in the first batch up to which a partition reaches a timestamp, by the newest timestamp so far that every batch
/// carries: it only grows, whatever the order of the records' own. There must be such a batch.
fn first_reaching(
    store: &Store,
    topic: &TopicState,
    partition: Partition,
    (earliest, next): (Offset, Offset),
    timestamp: i64,
) -> Result<Offset, LogError> {
    // `low` is in or begins a batch before which none reaches the timestamp; `high` is in one that does.
    let (mut low, mut high) = (earliest.0, next.0 - 1);
    loop {
        let middle = Offset(low + (high - low) / 2);
        let visit = |batch: &Batch<'_>| Ok((batch.base.0, batch.next.0, batch.newest >= timestamp));
        let (base, next, reaches) = Batches::new(store, topic, partition, middle).next(visit)?;
        match reaches {
            true if base <= low => return Ok(middle),
            true => high = base,
            false => low = next,
        }
    }
}

/// The batches of a partition from the one that holds an offset.
///
/// Invariant: batches follow one another without a gap. A batch that is not where the one before it ended is missing, which is damage: a reader
/// that went on would skip acknowledged records.
struct Batches<'a> {
    store: &'a Store,
    topic: &'a TopicState,
    place: BatchPlace,
    entries: fjall::Iter,
    /// the offset that the next batch has to hold; past the first batch, where it has to begin
    expected: Offset,
    started: bool,
}

impl<'a> Batches<'a> {
    /// Begins at the batch that holds an offset. The snapshot is taken now: later appends and trims do not show.
    fn new(store: &'a Store, topic: &'a TopicState, partition: Partition, from: Offset) -> Self {
        let place = topic.place(partition);
        let entries = store.snapshot(place.key(from)..=place.key(Offset(u64::MAX)));
        Self { store, topic, place, entries, expected: from, started: false }
    }

    /// Visits the next batch, which must be there: the caller asks for durable offsets only.
    fn next<T>(&mut self, visit: impl FnOnce(&Batch<'_>) -> Result<T, Damage>) -> Result<T, LogError> {
        let corrupt = |damage| store::corrupt(&self.topic.metadata, self.place, self.expected, damage);
        let entry = self.entries.next().ok_or_else(|| corrupt(Damage::Missing))?;
        let (key, value) = entry
            .into_inner()
            .map_err(|error| self.store.failed_read(&self.topic.metadata, self.place, self.expected, &error))?;
        let batch = Batch::open(self.place, &key, &value).map_err(corrupt)?;
        let continues = if self.started { batch.base == self.expected } else { batch.base <= self.expected };
        if !continues {
            return Err(corrupt(Damage::Missing));
        }
        let answer = visit(&batch).map_err(corrupt)?;
        self.expected = batch.next;
        self.started = true;
        Ok(answer)
    }
}
