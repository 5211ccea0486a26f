//! The event log as the rest of Tidewater sees it: a stream of records per partition, and the appender that makes it grow.
//!
//! [`LogReader`] is the reading half and [`LogAppender`] the appending half; who only reads takes only the former. Keys and values enter
//! and leave as bytes; nothing is decoded here. An implementation of the reading half has to pass
//! [`crate::conformance::check_reading`], one of both halves [`crate::conformance::check`].

use std::time::Duration;

use schemas::position::{Offset, Partition, Topic};

use crate::error::LogError;
use crate::record::{ReadRecords, Record, StoredRecord, TopicMetadata};

/// Space on the disk that a log is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSpace {
    /// the bytes that are free
    pub free: u64,
    /// the bytes that appends leave free: with less than these, none is taken
    pub reserve: u64,
}

impl LogSpace {
    /// Returns true while appends are refused for lack of space.
    pub fn is_full(&self) -> bool {
        self.free < self.reserve
    }
}

/// The reading half of an event log: what it holds, as streams of records.
///
/// One driver thread per process reads: it takes the change counter with [`wait`](LogReader::wait), reads every partition up to its end,
/// and waits for the counter to move on. Any method may be called from any thread at any time. All of them block, for the disk or the
/// network: call them from threads that may.
///
/// What is read is durable: a record that a reader has seen is there after a crash, at the same offset.
///
/// **Offsets have gaps.** Within a partition they grow from record to record, by one or by more: logs with transactions or compaction skip
/// some. So a position is any offset from the earliest to the end, whether a record is there or not; reading from it gives the next
/// record, wherever that is; and the difference of two positions is only the most records that can lie between them.
///
/// Records have one order, the **order of appending**: that of their timestamps, which grow strictly over all topics and partitions, also
/// after a restart, and the offsets of each partition follow them. Everything whose result depends on the order of records takes this one,
/// which depends on nothing but the log. Records that were written before timestamps grew strictly may share one, or fall within a
/// partition: those come behind the record before them in their partition, and equal ones by topic and partition.
pub trait LogReader: Send + Sync {
    /// All topics, ordered by name.
    ///
    /// # Errors
    /// An input or output failure, which a later call may not meet.
    fn topics(&self) -> Result<Vec<TopicMetadata>, LogError>;

    /// Returns the metadata of a topic, or nothing when it does not exist.
    ///
    /// # Errors
    /// As for [`topics`](LogReader::topics).
    fn topic(&self, topic: &Topic) -> Result<Option<TopicMetadata>, LogError>;

    /// Reads records from a position on, and returns the position from which to read on: at most `max_records` and `max_bytes` of keys and
    /// values, but at least one record if there is one. Without records exactly when none is left from there on; the position is then the
    /// partition's end. Does not wait for records.
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
    ) -> Result<ReadRecords, LogError>;

    /// Returns the last record before a position, or nothing when the log has none there.
    ///
    /// # Errors
    /// As for [`read`](LogReader::read).
    fn last_before(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<Option<StoredRecord>, LogError>;

    /// The timestamp up to which the log does not change any more: every record with this one or an earlier one can be read when this
    /// returns, and every record that can't be read yet gets a later one. `i64::MIN` while the log is empty; never falls.
    ///
    /// A reader of several partitions that takes it first, and leaves for the next time whatever it finds beyond it, reads a prefix of the
    /// order of appending.
    ///
    /// # Errors
    /// An input or output failure, which a later call may not meet.
    fn stable(&self) -> Result<i64, LogError>;

    /// The earliest position of a partition, 0 as long as no record was forgotten, and its end: the position behind every record.
    ///
    /// # Errors
    /// An unknown topic or partition, or an input or output failure.
    fn bounds(&self, topic: &Topic, partition: Partition) -> Result<(Offset, Offset), LogError>;

    /// Returns how many records a partition has from a position on: never too few, and 0 exactly when none is left. A position before the
    /// earliest counts as that one.
    ///
    /// # Errors
    /// As for [`bounds`](LogReader::bounds).
    fn records_from(&self, topic: &Topic, partition: Partition, from: Offset) -> Result<u64, LogError>;

    /// The offset of the first record that can be read and has this append time or a later one, or else the partition's end.
    ///
    /// # Errors
    /// As for [`read`](LogReader::read).
    fn offset_at(&self, topic: &Topic, partition: Partition, timestamp: i64) -> Result<Offset, LogError>;

    /// About how many bytes the log occupies, where it keeps its records: on disk or in memory. May be called often, not per record.
    fn bytes(&self) -> u64;

    /// About how many bytes the records of a topic have. The first call may take as long as reading the index of the topic, later ones return
    /// soon.
    ///
    /// # Errors
    /// An unknown topic, or an input or output failure.
    fn topic_bytes(&self, topic: &Topic) -> Result<u64, LogError>;

    /// Space on the disk of the log as it is now; `None` for a log that is on no disk of this machine, or whose disk does not say. May be
    /// called once a second.
    fn space(&self) -> Option<LogSpace>;

    /// Waits until the counter of appends is no longer `seen`, or for `timeout`, and returns the counter. A reader takes the
    /// counter first (with a timeout of zero), then reads to the end, then waits: so it misses nothing and does not poll.
    fn wait(&self, seen: u64, timeout: Duration) -> u64;
}

/// The appending half of an event log: creates topics, appends records, and forgets old ones.
///
/// The deployment creates topics, ingest and derived topics append, retention trims. Any method may be called from any thread at any time,
/// and all of them block.
///
/// A record gets the time that its caller gives, or one microsecond more than the record before it in the whole log, whichever is later;
/// the records of an append are stamped in the order in which they are given.
pub trait LogAppender: Send + Sync {
    /// Creates a topic and returns when that is durable. Creating one that exists with as many partitions returns what exists.
    ///
    /// # Errors
    /// A name or a number of partitions outside the limits, another number of partitions than the topic has, or an input or output
    /// failure, after which the topic may or may not exist: call again.
    fn create_topic(&self, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError>;

    /// Appends records and returns their places, in the order of `records`, when they are durable. Readers see all of them or none.
    /// Their timestamps grow strictly, from beyond that of every record of an append that has returned. Waits while the log is busy: that
    /// is the backpressure on producers.
    ///
    /// # Errors
    /// Records outside the limits, an unknown topic and too little space are refused before anything is written. After an input or
    /// output failure the records may or may not be there: who needs certainty appends again under the same event ids.
    fn append(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError>;

    /// Forgets the records of a partition before a position, or all when it lies beyond the end. Afterwards, and after a crash, `before`
    /// is the earliest position; its space comes back in time. Forgets nothing when the earliest position is there or later already.
    ///
    /// May take as long as rewriting the index of the log: call it from a thread that nobody waits for.
    ///
    /// # Errors
    /// An unknown topic or partition, or an input or output failure, after which the records may or may not be readable: call again.
    fn trim(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<(), LogError>;
}

/// An event log with both halves: one that this process reads and appends to.
pub trait Log: LogReader + LogAppender {}

impl<L: LogReader + LogAppender> Log for L {}
