//! Rules that every log holds its callers to: names, sizes, places, and the timestamps of appended records.
//!
//! Requests enter; a [`LogError`] that names the rule leaves, before anything is read or written.

use schemas::position::{Offset, PARTITIONS_MAX, Partition, Topic};

use crate::error::LogError;
use crate::limits::{APPEND_BYTES_MAX, APPEND_RECORDS_MAX, RECORD_BYTES_MAX, TIMESTAMP_MAX};
use crate::record::{Record, TopicMetadata};

/// The timestamp of the next record, after a record with the timestamp `last`; `given` is the time that its caller gives.
///
/// At least one more than `last`, so that no two records of a log share one; at most [`TIMESTAMP_MAX`] by what the caller gives.
///
/// # Panics
/// At the end of time, which no caller can bring about: it is 2^62 records away.
pub(crate) fn next_timestamp(last: i64, given: i64) -> i64 {
    let Some(next) = last.checked_add(1) else {
        panic!("the log holds a record from the end of time: no later one can be stamped")
    };
    given.min(TIMESTAMP_MAX).max(next)
}

/// Remaining budget of one read.
///
/// A record is taken whole or not at all; the first is taken whatever its size.
pub(crate) struct ReadBudget {
    records: usize,
    bytes: usize,
    taken: bool,
}

impl ReadBudget {
    /// The budget of a read with these limits.
    pub fn new(max_records: usize, max_bytes: usize) -> Self {
        Self { records: max_records, bytes: max_bytes, taken: false }
    }

    /// Returns true if nothing more is taken.
    pub fn is_spent(&self) -> bool {
        self.taken && (self.records == 0 || self.bytes == 0)
    }

    /// Returns true if a record of so many bytes is taken. The first is, whatever its size, or a reader would never get past it.
    pub fn take(&mut self, bytes: usize) -> bool {
        if self.is_spent() || (self.taken && self.bytes < bytes) {
            return false;
        }
        self.taken = true;
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}

/// Refuses a topic that may not be created.
pub(crate) fn check_topic(topic: &Topic, partitions: u32) -> Result<(), LogError> {
    if !Topic::is_name(topic.as_str()) {
        return Err(LogError::BadTopicName { topic: topic.clone() });
    }
    if !(1..=PARTITIONS_MAX).contains(&partitions) {
        return Err(LogError::BadPartitionCount { topic: topic.clone(), partitions });
    }
    Ok(())
}

/// Answers the creation of a topic that exists.
pub(crate) fn check_existing(existing: &TopicMetadata, partitions: u32) -> Result<TopicMetadata, LogError> {
    if existing.partitions != partitions {
        let topic = existing.topic.clone();
        return Err(LogError::PartitionsDiffer { topic, existing: existing.partitions, requested: partitions });
    }
    Ok(existing.clone())
}

/// Refuses an append outside the limits. Returns the bytes of all keys and values.
///
/// Costs one look at each length. The first record that is too large is named by its place.
pub(crate) fn check_records(topic: &Topic, records: &[Record]) -> Result<usize, LogError> {
    if records.len() > APPEND_RECORDS_MAX {
        return Err(LogError::TooManyRecords { topic: topic.clone(), records: records.len() });
    }
    let mut total = 0;
    for (index, record) in records.iter().enumerate() {
        if record.bytes() > RECORD_BYTES_MAX {
            return Err(LogError::RecordTooLarge { topic: topic.clone(), index, bytes: record.bytes() });
        }
        total += record.bytes();
    }
    if total > APPEND_BYTES_MAX {
        return Err(LogError::AppendTooLarge { topic: topic.clone(), bytes: total });
    }
    Ok(total)
}

/// Refuses a partition that a topic does not have.
pub(crate) fn check_partition(metadata: &TopicMetadata, partition: Partition) -> Result<(), LogError> {
    if partition.0 >= metadata.partitions {
        let topic = metadata.topic.clone();
        return Err(LogError::UnknownPartition { topic, partition, partitions: metadata.partitions });
    }
    Ok(())
}

/// Refuses to read from an offset that the log does not have: a reader that was ahead of the log would skip records silently.
pub(crate) fn check_offset(
    topic: &Topic,
    partition: Partition,
    offset: Offset,
    (earliest, next): (Offset, Offset),
) -> Result<(), LogError> {
    if offset < earliest || offset > next {
        return Err(LogError::OffsetOutOfRange { topic: topic.clone(), partition, offset, earliest, next });
    }
    Ok(())
}
