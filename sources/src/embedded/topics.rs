//! The topics of the embedded log: their stored descriptions, and how far each partition of them reaches.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use schemas::position::{Offset, Partition, Topic};

use super::batch::{Batch, BatchPlace};
use super::store::{self, Store};
use crate::error::{Action, LogError};
use crate::log::{self, TopicId, TopicMetadata};

/// The version of the stored description: version u8, id u128, partitions u32 (little endian), CRC-32 of the name and those.
const FORMAT: u8 = 1;
const DESCRIPTION_BYTES: usize = 1 + 16 + 4;

/// How far a partition reaches.
#[derive(Clone, Copy, Debug)]
pub struct PartitionEnd {
    /// the offset of the next record
    pub next: Offset,
    /// the greatest timestamp so far
    pub newest: i64,
}

/// A topic in memory.
#[derive(Debug)]
pub struct TopicState {
    /// what it is
    pub metadata: TopicMetadata,
    /// the durable ends of its partitions: readers see nothing beyond, and the writer moves them all at once
    pub ends: RwLock<Vec<PartitionEnd>>,
}

/// All topics by name.
pub struct Topics {
    by_name: RwLock<BTreeMap<Topic, Arc<TopicState>>>,
}

impl TopicState {
    /// Where the batches of a partition are.
    pub fn place(&self, partition: Partition) -> BatchPlace {
        BatchPlace { topic_id: self.metadata.topic_id, partition }
    }

    /// The end of a partition, which must exist.
    pub fn end(&self, partition: Partition) -> PartitionEnd {
        self.ends.read()[partition.0 as usize]
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
            let ends = (0..metadata.partitions).map(|partition| stored_end(store, &metadata, Partition(partition)));
            let ends = ends.collect::<Result<Vec<_>, _>>()?;
            by_name.insert(topic, Arc::new(TopicState { metadata, ends: RwLock::new(ends) }));
        }
        Ok(Self { by_name: RwLock::new(by_name) })
    }

    /// A topic by name.
    pub fn get(&self, topic: &Topic) -> Result<Arc<TopicState>, LogError> {
        self.by_name.read().get(topic).cloned().ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })
    }

    /// What all topics are, by name.
    pub fn list(&self) -> Vec<TopicMetadata> {
        self.by_name.read().values().map(|state| state.metadata.clone()).collect()
    }

    /// Creates a topic, or finds it.
    pub fn create(&self, store: &Store, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError> {
        log::check_topic(topic, partitions)?;
        // Held while the description is made durable: nobody may use, or create again, a topic that a crash would forget.
        let mut by_name = self.by_name.write();
        if let Some(existing) = by_name.get(topic) {
            return log::check_existing(&existing.metadata, partitions);
        }
        let metadata = TopicMetadata { topic: topic.clone(), topic_id: TopicId::random(), partitions };
        let pair = (topic.as_str().as_bytes().to_vec(), encode(&metadata));
        store.commit(&store.topics, vec![pair]).map_err(|error| store.failed(Action::Create, topic, &error))?;
        let end = PartitionEnd { next: Offset(0), newest: i64::MIN };
        let ends = RwLock::new(vec![end; partitions as usize]);
        by_name.insert(topic.clone(), Arc::new(TopicState { metadata: metadata.clone(), ends }));
        Ok(metadata)
    }
}

/// Finds how far a partition reaches by its last batch.
fn stored_end(store: &Store, metadata: &TopicMetadata, partition: Partition) -> Result<PartitionEnd, LogError> {
    let place = BatchPlace { topic_id: metadata.topic_id, partition };
    let all = place.key(Offset(0))..=place.key(Offset(u64::MAX));
    let Some(last) = store.batches.range(all).next_back() else {
        return Ok(PartitionEnd { next: Offset(0), newest: i64::MIN });
    };
    let (key, value) = last.into_inner().map_err(|error| store.failed_read(metadata, place, Offset(0), &error))?;
    let batch = Batch::open(place, &key, &value).map_err(|damage| {
        let offset = key.last_chunk().map_or(Offset(0), |last| Offset(u64::from_be_bytes(*last)));
        store::corrupt(metadata, place, offset, damage)
    })?;
    Ok(PartitionEnd { next: batch.next, newest: batch.newest })
}

fn encode(metadata: &TopicMetadata) -> Vec<u8> {
    let mut description = vec![FORMAT];
    description.extend_from_slice(&metadata.topic_id.0.to_le_bytes());
    description.extend_from_slice(&metadata.partitions.to_le_bytes());
    let checksum = checksum(&metadata.topic, &description);
    description.extend_from_slice(&checksum.to_le_bytes());
    description
}

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

fn checksum(topic: &Topic, description: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(topic.as_str().as_bytes());
    hasher.update(description);
    hasher.finalize()
}
