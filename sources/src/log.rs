//! The event log as the rest of Tidewater sees it: named topics of numbered partitions that records are appended to and read from.
//!
//! Keys and values enter and leave as bytes; nothing is decoded here. A record is named by topic, partition and offset.
//! Every implementation has to pass [`crate::conformance::check`].

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use schemas::position::{Offset, Partition, Topic};

use crate::error::LogError;
use crate::limits::{APPEND_BYTES_MAX, APPEND_RECORDS_MAX, PARTITIONS_MAX, RECORD_BYTES_MAX};

/// The latest append time that a caller may give, microseconds since 1970: a later one counts as this one. So there is always a later one
/// for the next record.
pub const TIMESTAMP_MAX: i64 = i64::MAX / 2;

/// A record to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// key that decides the partition: records with equal keys get the same one, in the order in which they are appended
    pub key: Vec<u8>,
    /// the event as bytes
    pub value: Vec<u8>,
    /// the append time in microseconds since 1970, given by the caller; the log moves it behind that of the record before
    pub timestamp: i64,
}

/// A record as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// the partition it is in
    pub partition: Partition,
    /// its place in the partition
    pub offset: Offset,
    /// the append time in microseconds since 1970: no other record of the log has the same
    pub timestamp: i64,
    /// the key
    pub key: Vec<u8>,
    /// the event as bytes
    pub value: Vec<u8>,
}

/// Identity of a topic across deletion and creation under the same name: random, drawn at creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u128);

/// Metadata of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// the name
    pub topic: Topic,
    /// the identity
    pub topic_id: TopicId,
    /// number of its partitions, fixed at creation
    pub partitions: u32,
}

/// An event log.
///
/// The deployment creates topics, ingest appends, and one driver thread per process reads: it takes the change counter with
/// [`wait`](Log::wait), reads every partition up to its end, and waits for the counter to move on. Any method may be called from any
/// thread at any time. All of them block, for the disk or the network: call them from threads that may.
///
/// What is read is durable: a record that a reader has seen is there after a crash, at the same offset.
///
/// Records have one order, the **order of appending**: that of their timestamps. A record gets the time that its caller gives, or one
/// microsecond more than the record before it in the whole log, whichever is later; the records of an append are stamped in the
/// order in which they are given. So timestamps grow strictly over all topics and partitions, also after a restart, and the offsets of each
/// partition follow them. Everything whose result depends on the order of records takes this one, which depends on nothing but the log.
/// Records that were written before timestamps grew strictly may share one, or fall within a partition: those come behind the record
/// before them in their partition, and equal ones by topic and partition.
pub trait Log: Send + Sync {
    /// Creates a topic and returns when that is durable. Creating one that exists with as many partitions returns what exists.
    ///
    /// # Errors
    /// A name or a number of partitions outside the limits, another number of partitions than the topic has, or an input or output
    /// failure, after which the topic may or may not exist: call again.
    fn create_topic(&self, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError>;

    /// All topics, ordered by name.
    ///
    /// # Errors
    /// An input or output failure, which a later call may not meet.
    fn topics(&self) -> Result<Vec<TopicMetadata>, LogError>;

    /// Returns the metadata of a topic, or nothing when it does not exist.
    ///
    /// # Errors
    /// As for [`topics`](Log::topics).
    fn topic(&self, topic: &Topic) -> Result<Option<TopicMetadata>, LogError>;

    /// Appends records and returns their places, in the order of `records`, when they are durable. Readers see all of them or none.
    /// Their timestamps grow strictly, from beyond that of every record of an append that has returned. Waits while the log is busy: that
    /// is the backpressure on producers.
    ///
    /// # Errors
    /// Records outside the limits, an unknown topic and too little space are refused before anything is written. After an input or
    /// output failure the records may or may not be there: who needs certainty appends again under the same event ids.
    fn append(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError>;

    /// Reads records from an offset on, without gaps: at most `max_records` and `max_bytes` of keys and values, but at least one
    /// record if there is one. Empty exactly when `from` is the end. Does not wait for records.
    ///
    /// # Errors
    /// An unknown topic or partition, an offset that is not in the log, damaged records (which are never skipped), or an input or
    /// output failure.
    fn read(
        &self,
        topic: &Topic,
        partition: Partition,
        from: Offset,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<StoredRecord>, LogError>;

    /// The timestamp up to which the log does not change any more: every record with this one or an earlier one can be read when this
    /// returns, and every record that can't be read yet gets a later one. `i64::MIN` while the log is empty; never falls.
    ///
    /// A reader of several partitions that takes it first, and leaves for the next time whatever it finds beyond it, reads a prefix of the
    /// order of appending.
    ///
    /// # Errors
    /// An input or output failure, which a later call may not meet.
    fn stable(&self) -> Result<i64, LogError>;

    /// The earliest offset of a partition, and the offset that its next record gets.
    ///
    /// # Errors
    /// An unknown topic or partition, or an input or output failure.
    fn bounds(&self, topic: &Topic, partition: Partition) -> Result<(Offset, Offset), LogError>;

    /// The offset of the first record that can be read and has this append time or a later one, or else the partition's end.
    ///
    /// # Errors
    /// As for [`read`](Log::read).
    fn offset_at(&self, topic: &Topic, partition: Partition, timestamp: i64) -> Result<Offset, LogError>;

    /// Forgets the records of a partition before an offset, or all when it lies beyond the end. Afterwards, and after a crash, `before`
    /// is the earliest offset; its space comes back in time. Forgets nothing when the earliest offset is there or later already.
    ///
    /// May take as long as rewriting the index of the log: call it from a thread that nobody waits for.
    ///
    /// # Errors
    /// An unknown topic or partition, or an input or output failure, after which the records may or may not be readable: call again.
    fn trim(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<(), LogError>;

    /// About how many bytes the log occupies, where it keeps its records: on disk or in memory. May be called often, not per record.
    fn bytes(&self) -> u64;

    /// Waits until the counter of appends is no longer `seen`, or for `timeout`, and returns the counter. A reader takes the
    /// counter first (with a timeout of zero), then reads to the end, then waits: so it misses nothing and does not poll.
    fn wait(&self, seen: u64, timeout: Duration) -> u64;
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl TopicId {
    /// A new identity, from the random keys that the operating system seeds hash maps with.
    pub(crate) fn random() -> Self {
        let state = RandomState::new();
        Self(u128::from(state.hash_one(0_u8)) << 64 | u128::from(state.hash_one(1_u8)))
    }
}

impl Record {
    /// The bytes of key and value.
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

/// The timestamp of the next record, after a record with the timestamp `last`; `given` is the time that its caller gives.
pub(crate) fn next_timestamp(last: i64, given: i64) -> i64 {
    let Some(next) = last.checked_add(1) else {
        panic!("the log holds a record from the end of time: no later one can be stamped")
    };
    given.min(TIMESTAMP_MAX).max(next)
}

/// Remaining budget of one read.
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
