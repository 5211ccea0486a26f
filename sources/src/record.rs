//! Records and topics as a log takes and gives them.
//!
//! Owns the types alone. Keys and values are bytes, and nothing is decoded. A record is named by topic, partition and offset.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use schemas::position::{Offset, Partition, Topic};
use schemas::raw_record::RawRecord;

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
    /// its place in the partition: greater than that of the record before, by one or by more
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

/// Records that one read found, and the place where the next read goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRecords {
    /// the records, in the order of their offsets
    pub records: Vec<StoredRecord>,
    /// the offset from which to read on: behind the last record, or the partition's end when no record is left
    pub next: Offset,
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

impl StoredRecord {
    /// The record as decoders take it.
    pub fn raw(&self) -> RawRecord<'_> {
        let Self { partition, offset, timestamp, key, value } = self;
        RawRecord { partition: *partition, offset: *offset, appended_at: *timestamp, key, value }
    }

    /// The bytes of key and value.
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.len()
    }
}
