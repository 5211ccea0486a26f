//! A log in memory, for tests and for trying out topologies: everything a log does but last.

use std::collections::BTreeMap;
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
    topics: RwLock<BTreeMap<Topic, TopicRecords>>,
    changes: Changes,
}

struct TopicRecords {
    metadata: TopicMetadata,
    partitions: Vec<Vec<StoredRecord>>,
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
        answer: impl FnOnce(&[StoredRecord]) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let topics = self.topics.read();
        let records = topics.get(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })?;
        log::check_partition(&records.metadata, partition)?;
        answer(&records.partitions[partition.0 as usize])
    }
}

impl Log for MemoryLog {
    fn create_topic(&self, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError> {
        log::check_topic(topic, partitions)?;
        let mut topics = self.topics.write();
        if let Some(existing) = topics.get(topic) {
            return log::check_existing(&existing.metadata, partitions);
        }
        let metadata = TopicMetadata { topic: topic.clone(), topic_id: TopicId::random(), partitions };
        let records = TopicRecords { metadata: metadata.clone(), partitions: vec![Vec::new(); partitions as usize] };
        topics.insert(topic.clone(), records);
        Ok(metadata)
    }

    fn topics(&self) -> Result<Vec<TopicMetadata>, LogError> {
        Ok(self.topics.read().values().map(|records| records.metadata.clone()).collect())
    }

    fn append(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError> {
        let mut topics = self.topics.write();
        let stored = topics.get_mut(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })?;
        log::check_records(topic, &records)?;
        let mut positions = Vec::with_capacity(records.len());
        for Record { key, value, timestamp } in records {
            let partition = partition_of(&key, stored.metadata.partitions);
            let stored = &mut stored.partitions[partition.0 as usize];
            let offset = Offset(stored.len() as u64);
            stored.push(StoredRecord { partition, offset, timestamp, key, value });
            positions.push((partition, offset));
        }
        drop(topics);
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
        self.with_partition(topic, partition, |records| {
            log::check_offset(topic, partition, from, (Offset(0), Offset(records.len() as u64)))?;
            let mut budget = ReadBudget::new(max_records, max_bytes);
            let fits = |record: &&StoredRecord| budget.take(record.key.len() + record.value.len());
            Ok(records[from.0 as usize..].iter().take_while(fits).cloned().collect())
        })
    }

    fn bounds(&self, topic: &Topic, partition: Partition) -> Result<(Offset, Offset), LogError> {
        self.with_partition(topic, partition, |records| Ok((Offset(0), Offset(records.len() as u64))))
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, timestamp: i64) -> Result<Offset, LogError> {
        self.with_partition(topic, partition, |records| {
            let found = records.iter().position(|record| record.timestamp >= timestamp);
            Ok(Offset(found.unwrap_or(records.len()) as u64))
        })
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
}
