//! The topics of the embedded log: their stored descriptions, and where each partition of them starts and ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::{Mutex, RwLock};
use schemas::position::{Offset, Partition, Topic};

use super::batch::{Batch, BatchPlace};
use super::space::LOG_FREE_BYTES_MIN;
use super::start::Start;
use super::store::{self, Store};
use crate::checks;
use crate::error::{Action, Damage, LogError};
use crate::record::{TopicId, TopicMetadata};

/// The version of the stored description: version u8, id u128, partitions u32 (little endian), CRC-32 of the name and those.
const FORMAT: u8 = 1;
/// Bytes of a description before its checksum.
const DESCRIPTION_BYTES: usize = 1 + 16 + 4;

/// End of a partition.
#[derive(Clone, Copy, Debug)]
pub struct PartitionEnd {
    /// the offset of the next record
    pub next: Offset,
    /// the greatest timestamp so far
    pub newest: i64,
}

/// Beginning of the batches of a partition.
#[derive(Clone, Copy, Debug)]
pub struct StoredStart {
    /// the earliest offset that may be read
    pub earliest: Offset,
    /// no batch ends before this offset: it is less than the earliest while batches are removed, and after that was interrupted
    pub kept: Offset,
}

/// A topic in memory.
///
/// Invariant: for each partition `kept <= earliest <= next`, and each of them only grows. The lock of the ends is held for as long as it takes to
/// replace them.
#[derive(Debug)]
pub struct TopicState {
    /// its metadata
    pub metadata: TopicMetadata,
    /// the durable ends of its partitions: readers see nothing beyond, and the writer moves them all at once
    pub ends: RwLock<Vec<PartitionEnd>>,
    /// the durable starts of its partitions: readers see nothing before, and trimming moves them before it removes anything
    starts: RwLock<Vec<StoredStart>>,
    /// bytes of batches that were stored since the start, without those that were removed
    grown: AtomicI64,
    /// bytes of the batches that were there at the start, once they have been counted
    at_start: Mutex<Option<i64>>,
}

/// All topics by name.
pub struct Topics {
    by_name: RwLock<BTreeMap<Topic, Arc<TopicState>>>,
}

impl TopicState {
    fn new(metadata: TopicMetadata, ends: Vec<PartitionEnd>, starts: Vec<StoredStart>) -> Arc<Self> {
        let (ends, starts) = (RwLock::new(ends), RwLock::new(starts));
        Arc::new(Self { metadata, ends, starts, grown: AtomicI64::new(0), at_start: Mutex::default() })
    }

    /// Counts bytes of batches that were stored, or removed when it is less than none.
    pub fn grow(&self, bytes: i64) {
        self.grown.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns about how many bytes the batches have. The first call reads the index; batches that are stored meanwhile may count twice or
    /// not at all.
    pub fn bytes(&self, store: &Store) -> Result<u64, LogError> {
        let mut at_start = self.at_start.lock();
        let at_start = match *at_start {
            Some(known) => known,
            None => {
                let grown = self.grown.load(Ordering::Relaxed);
                *at_start.insert(self.stored_bytes(store)? - grown)
            }
        };
        Ok((at_start + self.grown.load(Ordering::Relaxed)).max(0).unsigned_abs())
    }

    fn stored_bytes(&self, store: &Store) -> Result<i64, LogError> {
        let mut bytes = 0;
        for partition in (0..self.metadata.partitions).map(Partition) {
            let place = self.place(partition);
            for entry in store.snapshot(place.key(Offset(0))..=place.key(Offset(u64::MAX))) {
                let size = entry.size().map_err(|error| store.failed(Action::Read, &self.metadata.topic, &error))?;
                bytes += i64::from(size);
            }
        }
        Ok(bytes)
    }

    /// Returns the location of the batches of a partition.
    pub fn place(&self, partition: Partition) -> BatchPlace {
        BatchPlace { topic_id: self.metadata.topic_id, partition }
    }

    /// The end of a partition, which must exist.
    pub fn end(&self, partition: Partition) -> PartitionEnd {
        self.ends.read()[partition.0 as usize]
    }

    /// Returns the beginning of the batches of a partition, which must exist.
    pub fn stored_start(&self, partition: Partition) -> StoredStart {
        self.starts.read()[partition.0 as usize]
    }

    /// The earliest offset of a partition, which must exist.
    pub fn earliest(&self, partition: Partition) -> Offset {
        self.stored_start(partition).earliest
    }

    /// Hides the records before an offset from readers.
    pub fn set_earliest(&self, partition: Partition, earliest: Offset) {
        self.starts.write()[partition.0 as usize].earliest = earliest;
    }

    /// Notes that no batch ends before an offset.
    pub fn set_kept(&self, partition: Partition, kept: Offset) {
        self.starts.write()[partition.0 as usize].kept = kept;
    }
}

impl Topics {
    /// Reads the stored topics.
    pub fn load(store: &Store) -> Result<Self, LogError> {
        let mut by_name = BTreeMap::new();
        for entry in store.topics.iter() {
            let (name, description) = entry.into_inner().map_err(|error| store::open_error(&store.directory, &error))?;
            let topic = Topic::new(&String::from_utf8_lossy(&name));
            let metadata = decode(&topic, &description)
                .ok_or_else(|| LogError::CorruptTopic { directory: store.directory.clone(), topic: topic.clone() })?;
            let bounds = (0..metadata.partitions).map(|partition| stored_bounds(store, &metadata, Partition(partition)));
            let (starts, ends): (Vec<_>, Vec<_>) = bounds.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
            by_name.insert(topic, TopicState::new(metadata, ends, starts));
        }
        Ok(Self { by_name: RwLock::new(by_name) })
    }

    /// A topic by name.
    pub fn get(&self, topic: &Topic) -> Result<Arc<TopicState>, LogError> {
        self.find(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })
    }

    /// A topic by name, if it exists.
    pub fn find(&self, topic: &Topic) -> Option<Arc<TopicState>> {
        self.by_name.read().get(topic).cloned()
    }

    /// The greatest timestamp of all topics; `i64::MIN` while there is no record.
    pub fn newest(&self) -> i64 {
        let by_name = self.by_name.read();
        let of_topic = |state: &Arc<TopicState>| state.ends.read().iter().map(|end| end.newest).max();
        by_name.values().filter_map(of_topic).max().unwrap_or(i64::MIN)
    }

    /// Returns the metadata of all topics, by name.
    pub fn list(&self) -> Vec<TopicMetadata> {
        self.by_name.read().values().map(|state| state.metadata.clone()).collect()
    }

    /// Creates a topic, or finds it.
    ///
    /// # Errors
    /// A name or a count outside the limits, another count than the topic has, too little space, or a failed write.
    pub fn create(&self, store: &Store, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError> {
        checks::check_topic(topic, partitions)?;
        // Held while the description is made durable: nobody may use, or create again, a topic that a crash would forget.
        let mut by_name = self.by_name.write();
        if let Some(existing) = by_name.get(topic) {
            return checks::check_existing(&existing.metadata, partitions);
        }
        store.check_space(Action::Create, topic, LOG_FREE_BYTES_MIN)?;
        let metadata = TopicMetadata { topic: topic.clone(), topic_id: TopicId::random(), partitions };
        let pair = (topic.as_str().as_bytes().to_vec(), encode(&metadata));
        store.commit(&store.topics, vec![pair], Vec::new()).map_err(|error| store.failed(Action::Create, topic, &error))?;
        let end = PartitionEnd { next: Offset(0), newest: i64::MIN };
        let ends = vec![end; partitions as usize];
        let start = StoredStart { earliest: Offset(0), kept: Offset(0) };
        let starts = vec![start; partitions as usize];
        by_name.insert(topic.clone(), TopicState::new(metadata.clone(), ends, starts));
        Ok(metadata)
    }
}

/// Finds where a partition starts and ends.
///
/// # Errors
/// A failed read, and a partition that ends before the place that was recorded when it was trimmed: its last batches are missing.
fn stored_bounds(store: &Store, metadata: &TopicMetadata, partition: Partition) -> Result<(StoredStart, PartitionEnd), LogError> {
    let place = BatchPlace { topic_id: metadata.topic_id, partition };
    let failed = |error| store.failed_read(metadata, place, Offset(0), &error);
    let start = match store.batches.get(place.start_key()).map_err(failed)? {
        None => Start::UNTRIMMED,
        Some(value) => Start::decode(place, &value).map_err(|damage| store::corrupt(metadata, place, Offset(0), damage))?,
    };
    let end = last_end(store, metadata, place)?.unwrap_or(PartitionEnd { next: start.earliest, newest: start.newest });
    if end.next < start.next {
        return Err(store::corrupt(metadata, place, end.next, Damage::Missing));
    }
    let kept = first_key(store, place).map_err(failed)?.unwrap_or(start.earliest);
    Ok((StoredStart { earliest: start.earliest, kept }, end))
}

/// The offset that the first batch of a partition ends with.
fn first_key(store: &Store, place: BatchPlace) -> Result<Option<Offset>, fjall::Error> {
    let first = store.batches.range(place.key(Offset(0))..=place.key(Offset(u64::MAX))).next();
    let key = first.map(fjall::Guard::key).transpose()?;
    Ok(key.and_then(|key| key.last_chunk().map(|last| Offset(u64::from_be_bytes(*last)))))
}

/// Returns the end of a partition by its last batch, if it has one.
fn last_end(store: &Store, metadata: &TopicMetadata, place: BatchPlace) -> Result<Option<PartitionEnd>, LogError> {
    let all = place.key(Offset(0))..=place.key(Offset(u64::MAX));
    let Some(last) = store.batches.range(all).next_back() else {
        return Ok(None);
    };
    let (key, value) = last.into_inner().map_err(|error| store.failed_read(metadata, place, Offset(0), &error))?;
    let batch = Batch::open(place, &key, &value).map_err(|damage| {
        let offset = key.last_chunk().map_or(Offset(0), |last| Offset(u64::from_be_bytes(*last)));
        store::corrupt(metadata, place, offset, damage)
    })?;
    Ok(Some(PartitionEnd { next: batch.next, newest: batch.newest }))
}

/// The stored description of a topic, with its checksum.
fn encode(metadata: &TopicMetadata) -> Vec<u8> {
    let mut description = vec![FORMAT];
    description.extend_from_slice(&metadata.topic_id.0.to_le_bytes());
    description.extend_from_slice(&metadata.partitions.to_le_bytes());
    let checksum = checksum(&metadata.topic, &description);
    description.extend_from_slice(&checksum.to_le_bytes());
    description
}

/// Reads what [`encode`] wrote; `None` when it is damaged or of another version.
fn decode(topic: &Topic, bytes: &[u8]) -> Option<TopicMetadata> {
    let (description, sum) = bytes.split_last_chunk()?;
    if checksum(topic, description) != u32::from_le_bytes(*sum) || description.len() != DESCRIPTION_BYTES {
        return None;
    }
    let (format, rest) = description.split_first()?;
    let (topic_id, rest) = rest.split_first_chunk()?;
    let (partitions, _) = rest.split_first_chunk()?;
    let topic_id = TopicId(u128::from_le_bytes(*topic_id));
    let metadata = TopicMetadata { topic: topic.clone(), topic_id, partitions: u32::from_le_bytes(*partitions) };
    (*format == FORMAT).then_some(metadata)
}

/// The CRC-32 of a name and the description that is filed under it: one that lies under another name is found out.
fn checksum(topic: &Topic, description: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(topic.as_str().as_bytes());
    hasher.update(description);
    hasher.finalize()
}
