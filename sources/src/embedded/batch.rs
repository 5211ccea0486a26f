//! The stored form of records: one value per batch of one partition. Pure: bytes in, bytes out.
//!
//! A batch is filed under its partition and its *last* offset, so the batch that holds an offset is the first one at or after it.
//! Its value, numbers little endian:
//!
//! ```text
//! checksum u32 | format u8 | base offset u64 | count u32 | newest timestamp of the partition i64 | records
//! record: timestamp i64 | bytes of key u32 | bytes of value u32 | key | value
//! ```
//!
//! The checksum is the CRC-32 of the key and of all that follows it, so a batch that is filed in the wrong place is found out too.

use schemas::position::{Offset, Partition};

use crate::checks::ReadBudget;
use crate::error::Damage;
use crate::record::{Record, StoredRecord, TopicId};

/// The version of this form.
const FORMAT: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
const HEADER_BYTES: usize = CHECKSUM_BYTES + 1 + 8 + 4 + 8;
const RECORD_HEADER_BYTES: usize = 8 + 4 + 4;
const PLACE_BYTES: usize = 16 + 4;
const KEY_BYTES: usize = PLACE_BYTES + 8;

/// The key that a batch is filed under.
pub type BatchKey = [u8; KEY_BYTES];

/// Location of the batches of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchPlace {
    /// the topic
    pub topic_id: TopicId,
    /// the partition
    pub partition: Partition,
}

impl BatchPlace {
    /// The key of what is stored about the partition itself: right before its batches, and none of them.
    pub fn start_key(self) -> [u8; PLACE_BYTES] {
        let mut key = [0; PLACE_BYTES];
        key[..16].copy_from_slice(&self.topic_id.0.to_be_bytes());
        key[16..].copy_from_slice(&self.partition.0.to_be_bytes());
        key
    }

    /// The key of the batch that ends with an offset.
    pub fn key(self, last: Offset) -> BatchKey {
        let mut key = [0; KEY_BYTES];
        key[..PLACE_BYTES].copy_from_slice(&self.start_key());
        key[PLACE_BYTES..].copy_from_slice(&last.0.to_be_bytes());
        key
    }
}

/// Consecutive records of one partition in stored form, not yet numbered or stamped.
#[derive(Debug)]
pub struct Section {
    /// the partition
    pub partition: Partition,
    /// number of records
    pub count: u32,
    /// the greatest of their timestamps
    pub newest: i64,
    /// the records
    pub bytes: Vec<u8>,
    /// place of each record's timestamp among the bytes
    stamps: Vec<usize>,
}

impl Section {
    /// A section without records.
    pub fn new(partition: Partition) -> Self {
        Self { partition, count: 0, newest: i64::MIN, bytes: Vec::new(), stamps: Vec::new() }
    }

    /// Adds a record.
    pub fn push(&mut self, record: &Record) {
        self.count += 1;
        self.newest = self.newest.max(record.timestamp);
        self.stamps.push(self.bytes.len());
        self.bytes.extend_from_slice(&record.timestamp.to_le_bytes());
        self.bytes.extend_from_slice(&(record.key.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&(record.value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&record.key);
        self.bytes.extend_from_slice(&record.value);
    }

    /// Gives the record at a place its timestamp, which is later than that of every record before it.
    pub fn stamp(&mut self, place: u64, timestamp: i64) {
        let at = self.stamps[place as usize];
        self.bytes[at..at + 8].copy_from_slice(&timestamp.to_le_bytes());
        self.newest = timestamp;
    }
}

/// A batch under construction.
#[derive(Debug)]
pub struct OpenBatch {
    base: Offset,
    count: u32,
    newest: i64,
    value: Vec<u8>,
}

impl OpenBatch {
    /// A batch that begins at an offset, in a partition whose newest timestamp so far is given.
    pub fn new(base: Offset, newest: i64, capacity: usize) -> Self {
        let mut value = Vec::with_capacity(HEADER_BYTES + capacity);
        value.resize(HEADER_BYTES, 0);
        Self { base, count: 0, newest, value }
    }

    /// Bytes of the batch so far.
    pub fn bytes(&self) -> usize {
        self.value.len()
    }

    /// Adds records. Returns the offset of the first.
    pub fn push(&mut self, section: &Section) -> Offset {
        let first = Offset(self.base.0 + u64::from(self.count));
        self.count += section.count;
        self.newest = self.newest.max(section.newest);
        self.value.extend_from_slice(&section.bytes);
        first
    }

    /// The key and value to store.
    pub fn seal(self, place: BatchPlace) -> (BatchKey, Vec<u8>) {
        assert!(self.count > 0, "a batch without records was to be stored");
        let key = place.key(Offset(self.base.0 + u64::from(self.count) - 1));
        let mut value = self.value;
        value[4] = FORMAT;
        value[5..13].copy_from_slice(&self.base.0.to_le_bytes());
        value[13..17].copy_from_slice(&self.count.to_le_bytes());
        value[17..25].copy_from_slice(&self.newest.to_le_bytes());
        let checksum = checksum(&key, &value[CHECKSUM_BYTES..]);
        value[..CHECKSUM_BYTES].copy_from_slice(&checksum.to_le_bytes());
        (key, value)
    }
}

/// A stored batch whose checksum has been verified.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    partition: Partition,
    /// the offset of its first record
    pub base: Offset,
    /// the offset after its last record
    pub next: Offset,
    /// the greatest timestamp of the partition up to the end of the batch
    pub newest: i64,
    records: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Verifies and opens a stored batch.
    pub fn open(place: BatchPlace, key: &[u8], value: &'a [u8]) -> Result<Self, Damage> {
        let (sum, rest) = value.split_first_chunk().ok_or(Damage::Format)?;
        if u32::from_le_bytes(*sum) != checksum(key, rest) {
            return Err(Damage::Checksum);
        }
        let mut fields = Fields(rest);
        let [format] = fields.take().ok_or(Damage::Format)?;
        let base = fields.take().map(u64::from_le_bytes).ok_or(Damage::Format)?;
        let count = fields.take().map(u32::from_le_bytes).ok_or(Damage::Format)?;
        let newest = fields.take().map(i64::from_le_bytes).ok_or(Damage::Format)?;
        let next = base.checked_add(u64::from(count)).ok_or(Damage::Format)?;
        if format != FORMAT || count == 0 || key != place.key(Offset(next - 1)) {
            return Err(Damage::Format);
        }
        Ok(Self { partition: place.partition, base: Offset(base), next: Offset(next), newest, records: fields.0 })
    }

    /// Reads records from an offset on until the budget ends. Answers whether there was room for all.
    pub fn read(&self, from: Offset, budget: &mut ReadBudget, out: &mut Vec<StoredRecord>) -> Result<bool, Damage> {
        let mut fields = Fields(self.records);
        for offset in self.base.0..self.next.0 {
            let (timestamp, key, value) = fields.record().ok_or(Damage::Format)?;
            if offset < from.0 {
                continue;
            }
            if !budget.take(key.len() + value.len()) {
                return Ok(false);
            }
            let (key, value) = (key.to_vec(), value.to_vec());
            out.push(StoredRecord { partition: self.partition, offset: Offset(offset), timestamp, key, value });
        }
        Ok(true)
    }

    /// The first record from an offset on with this timestamp or a later one.
    pub fn first_at(&self, from: Offset, timestamp: i64) -> Result<Option<Offset>, Damage> {
        let mut fields = Fields(self.records);
        for offset in self.base.0..self.next.0 {
            let (stored, ..) = fields.record().ok_or(Damage::Format)?;
            if stored >= timestamp && offset >= from.0 {
                return Ok(Some(Offset(offset)));
            }
        }
        Ok(None)
    }
}

/// The part that is left to read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn record(&mut self) -> Option<(i64, &'a [u8], &'a [u8])> {
        let timestamp = i64::from_le_bytes(self.take()?);
        let key_bytes = u32::from_le_bytes(self.take()?) as usize;
        let value_bytes = u32::from_le_bytes(self.take()?) as usize;
        Some((timestamp, self.bytes(key_bytes)?, self.bytes(value_bytes)?))
    }
}

/// The bytes that a record takes in stored form.
pub fn stored_bytes(record: &Record) -> usize {
    RECORD_HEADER_BYTES + record.bytes()
}

/// The CRC-32 of a key and of what is stored under it.
pub fn checksum(key: &[u8], rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(rest);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: BatchPlace = BatchPlace { topic_id: TopicId(7), partition: Partition(3) };

    fn sealed() -> (BatchKey, Vec<u8>) {
        let mut section = Section::new(PLACE.partition);
        for (key, value, timestamp) in [("a", "first", 5), ("", "", 9), ("b", "third", 7)] {
            section.push(&Record { key: key.into(), value: value.into(), timestamp });
        }
        let mut batch = OpenBatch::new(Offset(40), 6, section.bytes.len());
        assert_eq!(batch.push(&section), Offset(40));
        assert_eq!(batch.push(&section), Offset(43));
        batch.seal(PLACE)
    }

    #[test]
    fn records_survive_their_stored_form() {
        let (key, value) = sealed();
        let batch = Batch::open(PLACE, &key, &value).expect("the batch is whole");
        assert_eq!((batch.base, batch.next, batch.newest), (Offset(40), Offset(46), 9));
        let mut records = Vec::new();
        assert_eq!(batch.read(Offset(42), &mut ReadBudget::new(3, 1_000), &mut records), Ok(false));
        let seen: Vec<_> = records.iter().map(|record| (record.offset.0, record.timestamp, record.value.as_slice())).collect();
        assert_eq!(seen, [(42, 7, &b"third"[..]), (43, 5, b"first"), (44, 9, b"")]);
        assert_eq!(batch.first_at(Offset(40), 6), Ok(Some(Offset(41))));
        assert_eq!(batch.first_at(Offset(0), 5), Ok(Some(Offset(40))));
        assert_eq!(batch.first_at(Offset(42), 8), Ok(Some(Offset(44))));
        assert_eq!(batch.first_at(Offset(45), 8), Ok(None));
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let (key, value) = sealed();
        for byte in 0..value.len() {
            let mut damaged = value.clone();
            damaged[byte] ^= 0x10;
            assert!(Batch::open(PLACE, &key, &damaged).is_err(), "byte {byte}");
            assert!(Batch::open(PLACE, &key, &value[..byte]).is_err(), "{byte} bytes");
        }
    }

    #[test]
    fn a_batch_in_another_place_is_found() {
        let (_, value) = sealed();
        let elsewhere = BatchPlace { partition: Partition(4), ..PLACE };
        assert_eq!(Batch::open(elsewhere, &elsewhere.key(Offset(45)), &value).err(), Some(Damage::Checksum));
    }
}
