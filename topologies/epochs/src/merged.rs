//! Reading several partitions as one sequence: in the order of appending.
//!
//! Owns [`PartitionReader`] and [`take_merged`]. The log enters; the next records of all partitions leave, each partition in its own order,
//! cut everywhere at one place of the order of the whole log. What was read beyond the cut waits in memory, within [`AHEAD_BYTES_MAX`].

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};

use schemas::position::{Offset, Partition, Topic};
use sources::error::LogError;
use sources::log::LogReader;
use sources::record::StoredRecord;

/// About the most bytes of all partitions that are read and not taken yet.
const AHEAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The fewest bytes that a partition is read by, so that many partitions do not make for many small reads.
const READ_BYTES_MIN: usize = 64 * 1024;

/// One partition: where it is read next, and what was read of it beyond that.
#[derive(Clone, Debug)]
pub struct PartitionReader {
    /// the topic
    pub topic: Topic,
    /// the partition
    pub partition: Partition,
    /// the position from which the next record is taken
    pub next: Offset,
    /// the offset before which records are taken; `None` for all that are there
    pub end: Option<Offset>,
    /// records that were read and not taken
    ahead: VecDeque<StoredRecord>,
    /// the position from which `ahead` was read, or behind the record that was taken from it last
    ahead_from: Offset,
    /// the position from which to read on behind `ahead`
    read: Offset,
    /// nothing was there any more when it was read last
    is_at_end: bool,
}

/// Room for records that may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// records that are taken whatever their bytes
    pub least: usize,
    /// records
    pub records: usize,
    /// bytes of keys and values
    pub bytes: usize,
}

/// The position in the order of appending up to which records are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpTo(
    /// the last timestamp
    pub i64,
);

impl UpTo {
    /// Everything that is there.
    pub const ALL: Self = Self(i64::MAX);
}

impl Room {
    /// Takes the room of a record; false when there is none. The first `least` records are taken whatever their size.
    fn take(&mut self, record: &StoredRecord) -> bool {
        let bytes = record.bytes();
        if self.least == 0 && (self.records == 0 || self.bytes < bytes) {
            return false;
        }
        self.least = self.least.saturating_sub(1);
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}

impl PartitionReader {
    /// Reads a partition from an offset on.
    pub fn new(topic: Topic, partition: Partition, next: Offset, end: Option<Offset>) -> Self {
        Self { topic, partition, next, end, ahead: VecDeque::new(), ahead_from: next, read: next, is_at_end: false }
    }

    /// Begins at the next offset: what was read before is used if it goes on there and the log still has it.
    fn begin(&mut self, log: &dyn LogReader) -> Result<(), LogError> {
        let is_read = !self.ahead.is_empty() && self.ahead_from == self.next;
        let goes_on = is_read && log.bounds(&self.topic, self.partition)?.0 <= self.next;
        if !goes_on {
            self.ahead.clear();
            self.read = self.next;
        }
        self.is_at_end = false;
        Ok(())
    }

    /// The timestamp of the first record that was not taken; reads on when nothing is left of what was read.
    fn head(&mut self, log: &dyn LogReader, records: usize, bytes: usize) -> Result<Option<i64>, LogError> {
        if self.ahead.is_empty() && !self.is_at_end {
            // No more records than this can lie before the end; offsets have gaps, so it may be fewer.
            let left =
                self.end.map_or(usize::MAX, |end| usize::try_from(end.0.saturating_sub(self.read.0)).unwrap_or(usize::MAX));
            // Most partitions have nothing new most of the time, and that costs less to ask than to read.
            self.is_at_end |= left == 0 || log.bounds(&self.topic, self.partition)?.1 == self.read;
            if self.is_at_end {
                return Ok(None);
            }
            let mut read = log.read(&self.topic, self.partition, self.read, left.min(records), bytes)?;
            if let Some(end) = self.end {
                read.records.retain(|record| record.offset < end);
            }
            self.ahead_from = self.read;
            self.read = read.next;
            self.ahead = read.records.into();
        }
        Ok(self.ahead.front().map(|first| first.timestamp))
    }

    /// Takes the first record that was read, if there is room for it.
    fn take(&mut self, room: &mut Room) -> Option<StoredRecord> {
        let record = self.ahead.pop_front_if(|record| room.take(record))?;
        self.ahead_from = record.offset.behind();
        Some(record)
    }

    /// Returns true if a record at or before a timestamp is still to be taken; what is there must have been read.
    pub fn is_behind(&self, timestamp: i64) -> bool {
        self.ahead.front().is_some_and(|first| first.timestamp <= timestamp)
    }
}

/// Takes the first records of some partitions in the order of appending, as long as there is room: for each of `partitions`, which are
/// ordered by topic and partition, `taken` gets its share. Of those that `admits` does not admit nothing is taken. Moves no
/// partition on: whoever keeps the records sets `next`, and if nobody does they are read again.
///
/// # Errors
/// The number of the partition that could not be read, and why.
pub fn take_merged(
    log: &dyn LogReader,
    partitions: &mut [PartitionReader],
    admits: impl Fn(usize) -> bool,
    up_to: UpTo,
    room: &mut Room,
    taken: &mut [Vec<StoredRecord>],
) -> Result<(), (usize, LogError)> {
    if room.least == 0 && room.records == 0 {
        return Ok(());
    }
    let bytes = (AHEAD_BYTES_MAX / partitions.len().max(1)).max(READ_BYTES_MIN);
    let records = room.records.max(room.least);
    let mut heads = BinaryHeap::with_capacity(partitions.len());
    for (number, partition) in partitions.iter_mut().enumerate().filter(|(number, _)| admits(*number)) {
        let head = partition.head(log, records, bytes).map_err(|error| (number, error))?;
        heads.extend(head.filter(|head| *head <= up_to.0).map(|head| Reverse((head, number))));
    }
    while let Some(mut first) = heads.peek_mut() {
        let Reverse((_, number)) = *first;
        let partition = &mut partitions[number];
        let Some(record) = partition.take(room) else { break };
        taken[number].push(record);
        match partition.head(log, records, bytes).map_err(|error| (number, error))? {
            Some(head) if head <= up_to.0 => *first = Reverse((head, number)),
            _ => drop(PeekMut::pop(first)),
        }
    }
    Ok(())
}

/// Begins to take records: reads what was taken before and not kept once more.
///
/// # Errors
/// The number of the partition that could not be read, and why.
pub fn begin(log: &dyn LogReader, partitions: &mut [PartitionReader]) -> Result<(), (usize, LogError)> {
    let begin = |(number, partition): (usize, &mut PartitionReader)| partition.begin(log).map_err(|error| (number, error));
    partitions.iter_mut().enumerate().try_for_each(begin)
}
