//! A log in memory, for tests and for trying out topologies: everything a log does but last.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use parking_lot::RwLock;
use schemas::position::{Offset, Partition, Topic};

use crate::changes::Changes;
use crate::error::LogError;
use crate::log::{self, Log, ReadBudget, Record, StoredRecord, TopicId, TopicMetadata};
use crate::partitioner::partition_of;

/// An event log that ends with its process.
#[derive(Default)]
pub struct MemoryLog {
    stored: RwLock<Stored>,
    changes: Changes,
}

struct Stored {
    topics: BTreeMap<Topic, TopicRecords>,
    /// the timestamp of the last record; `i64::MIN` while there is none
    newest: i64,
}

impl Default for Stored {
    fn default() -> Self {
        Self { topics: BTreeMap::new(), newest: i64::MIN }
    }
}

struct TopicRecords {
    metadata: TopicMetadata,
    partitions: Vec<PartitionRecords>,
}

/// The records of a partition that were not trimmed.
#[derive(Clone, Default)]
struct PartitionRecords {
    earliest: u64,
    records: VecDeque<StoredRecord>,
}

impl PartitionRecords {
    fn next(&self) -> u64 {
        self.earliest + self.records.len() as u64
    }

    fn bounds(&self) -> (Offset, Offset) {
        (Offset(self.earliest), Offset(self.next()))
    }

    fn trim(&mut self, before: Offset) {
        let before = before.0.min(self.next());
        let removed = before.saturating_sub(self.earliest);
        self.records.drain(..removed as usize);
        self.records.shrink_to(self.records.len() * 2);
        self.earliest += removed;
    }
}

impl MemoryLog {
    /// A log without topics.
    pub fn new() -> Self {
        Self::default()
    }

    fn with_partition<T>(
        &self,
        topic: &Topic,
        partition: Partition,
        answer: impl FnOnce(&PartitionRecords) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let stored = self.stored.read();
        let records = stored.topics.get(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })?;
        log::check_partition(&records.metadata, partition)?;
        answer(&records.partitions[partition.0 as usize])
    }
}

impl Log for MemoryLog {
    fn create_topic(&self, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError> {
        log::check_topic(topic, partitions)?;
        let topics = &mut self.stored.write().topics;
        if let Some(existing) = topics.get(topic) {
            return log::check_existing(&existing.metadata, partitions);
        }
        let metadata = TopicMetadata { topic: topic.clone(), topic_id: TopicId::random(), partitions };
        let partitions = vec![PartitionRecords::default(); partitions as usize];
        topics.insert(topic.clone(), TopicRecords { metadata: metadata.clone(), partitions });
        Ok(metadata)
    }

    fn topics(&self) -> Result<Vec<TopicMetadata>, LogError> {
        Ok(self.stored.read().topics.values().map(|records| records.metadata.clone()).collect())
    }

    fn topic(&self, topic: &Topic) -> Result<Option<TopicMetadata>, LogError> {
        Ok(self.stored.read().topics.get(topic).map(|records| records.metadata.clone()))
    }

    fn append(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError> {
        let mut stored = self.stored.write();
        let Stored { topics, newest } = &mut *stored;
        let of_topic = topics.get_mut(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })?;
        log::check_records(topic, &records)?;
        let mut positions = Vec::with_capacity(records.len());
        for Record { key, value, timestamp } in records {
            let partition = partition_of(&key, of_topic.metadata.partitions);
            let of_partition = &mut of_topic.partitions[partition.0 as usize];
            let offset = Offset(of_partition.next());
            *newest = log::next_timestamp(*newest, timestamp);
            of_partition.records.push_back(StoredRecord { partition, offset, timestamp: *newest, key, value });
            positions.push((partition, offset));
        }
        drop(stored);
        if !positions.is_empty() {
            self.changes.announce();
        }
        Ok(positions)
    }

    fn read(
        &self,
        topic: &Topic,
        partition: Partition,
        from: Offset,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<StoredRecord>, LogError> {
        self.with_partition(topic, partition, |stored| {
            log::check_offset(topic, partition, from, stored.bounds())?;
            let mut budget = ReadBudget::new(max_records, max_bytes);
            let fits = |record: &&StoredRecord| budget.take(record.key.len() + record.value.len());
            let first = (from.0 - stored.earliest) as usize;
            Ok(stored.records.range(first..).take_while(fits).cloned().collect())
        })
    }

    fn stable(&self) -> Result<i64, LogError> {
        Ok(self.stored.read().newest)
    }

    fn bounds(&self, topic: &Topic, partition: Partition) -> Result<(Offset, Offset), LogError> {
        self.with_partition(topic, partition, |stored| Ok(stored.bounds()))
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, timestamp: i64) -> Result<Offset, LogError> {
        self.with_partition(topic, partition, |stored| {
            let found = stored.records.iter().find(|record| record.timestamp >= timestamp);
            Ok(found.map_or(Offset(stored.next()), |record| record.offset))
        })
    }

    fn trim(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<(), LogError> {
        let mut stored = self.stored.write();
        let records = stored.topics.get_mut(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })?;
        log::check_partition(&records.metadata, partition)?;
        records.partitions[partition.0 as usize].trim(before);
        Ok(())
    }

    fn bytes(&self) -> u64 {
        let stored = self.stored.read();
        let partitions = stored.topics.values().flat_map(|records| &records.partitions);
        let records = partitions.flat_map(|partition| &partition.records);
        records.map(|record| (size_of::<StoredRecord>() + record.key.len() + record.value.len()) as u64).sum()
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.changes.wait(seen, timeout)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn conforms() {
        crate::conformance::check(|| Arc::new(MemoryLog::new()));
    }

    #[test]
    fn trimming_frees_memory() {
        let log = MemoryLog::new();
        let topic = Topic::new("a");
        log.create_topic(&topic, 1).expect("the topic is created");
        assert_eq!(log.bytes(), 0);
        let records = vec![Record { key: Vec::new(), value: vec![0; 1_000], timestamp: 0 }; 100];
        log.append(&topic, records).expect("the records are appended");
        let full = log.bytes();
        assert!(full >= 100_000, "{full}");
        log.trim(&topic, Partition(0), Offset(90)).expect("the records are trimmed");
        assert_eq!(log.bytes(), full / 10);
    }
}
