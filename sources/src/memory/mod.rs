//! A log in memory, for tests and for trying out topologies: everything a log does but last.
//!
//! Memory: the keys and values of all records that were not trimmed, and about 100 bytes per record. Appends and trims wait for readers
//! and for each other.

mod partition;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use schemas::position::{Offset, Partition, Topic};
use schemas::source_connector::SOURCE_MEMORY;

use self::partition::PartitionRecords;
use crate::changes::Changes;
use crate::checks::{self, ReadBudget};
use crate::connector::{Connector, LogContext};
use crate::error::LogError;
use crate::log::{Log, LogAppender, LogReader, LogSpace};
use crate::partitioner::partition_of;
use crate::record::{ReadRecords, Record, StoredRecord, TopicId, TopicMetadata};

/// The connector `memory`: a log for tests of a topology, which statements cannot name.
pub const CONNECTOR: Connector = Connector { spec: &SOURCE_MEMORY, open };

/// Opens an empty log: there is nothing to come back to.
fn open(_: LogContext<'_>) -> Result<Arc<dyn Log>, LogError> {
    Ok(Arc::new(MemoryLog::new()))
}

/// An event log that ends with its process.
#[derive(Default)]
pub struct MemoryLog {
    stored: RwLock<Stored>,
    changes: Changes,
    /// offsets are skipped behind some records
    has_gaps: bool,
}

/// All topics under one lock, so that an append is seen whole or not at all and timestamps grow over all of them.
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

impl MemoryLog {
    /// A log without topics, whose offsets have no gaps.
    pub fn new() -> Self {
        Self::default()
    }

    /// A log without topics whose offsets have gaps, as those of logs with transactions or compaction do: within partitions, before their
    /// first record and behind their last.
    pub fn with_gaps() -> Self {
        Self { has_gaps: true, ..Self::default() }
    }

    /// Looks at a partition under the read lock.
    ///
    /// # Errors
    /// An unknown topic or partition, and whatever `answer` finds.
    fn with_partition<T>(
        &self,
        topic: &Topic,
        partition: Partition,
        answer: impl FnOnce(&PartitionRecords) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let stored = self.stored.read();
        let records = stored.topics.get(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })?;
        checks::check_partition(&records.metadata, partition)?;
        answer(&records.partitions[partition.0 as usize])
    }
}

impl LogReader for MemoryLog {
    fn topics(&self) -> Result<Vec<TopicMetadata>, LogError> {
        Ok(self.stored.read().topics.values().map(|records| records.metadata.clone()).collect())
    }

    fn topic(&self, topic: &Topic) -> Result<Option<TopicMetadata>, LogError> {
        Ok(self.stored.read().topics.get(topic).map(|records| records.metadata.clone()))
    }

    fn read(
        &self,
        topic: &Topic,
        partition: Partition,
        from: Offset,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<ReadRecords, LogError> {
        self.with_partition(topic, partition, |stored| {
            checks::check_offset(topic, partition, from, stored.bounds())?;
            Ok(stored.read(from, ReadBudget::new(max_records, max_bytes)))
        })
    }

    fn last_before(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<Option<StoredRecord>, LogError> {
        self.with_partition(topic, partition, |stored| Ok(stored.last_before(before).cloned()))
    }

    fn stable(&self) -> Result<i64, LogError> {
        Ok(self.stored.read().newest)
    }

    fn bounds(&self, topic: &Topic, partition: Partition) -> Result<(Offset, Offset), LogError> {
        self.with_partition(topic, partition, |stored| Ok(stored.bounds()))
    }

    fn records_from(&self, topic: &Topic, partition: Partition, from: Offset) -> Result<u64, LogError> {
        self.with_partition(topic, partition, |stored| Ok(stored.count_from(from)))
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, timestamp: i64) -> Result<Offset, LogError> {
        self.with_partition(topic, partition, |stored| Ok(stored.offset_at(timestamp)))
    }

    fn bytes(&self) -> u64 {
        let stored = self.stored.read();
        stored.topics.values().flat_map(|records| &records.partitions).map(PartitionRecords::bytes).sum()
    }

    fn topic_bytes(&self, topic: &Topic) -> Result<u64, LogError> {
        let stored = self.stored.read();
        let records = stored.topics.get(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })?;
        Ok(records.partitions.iter().map(PartitionRecords::bytes).sum())
    }

    fn space(&self) -> Option<LogSpace> {
        None
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.changes.wait(seen, timeout)
    }
}

impl LogAppender for MemoryLog {
    fn create_topic(&self, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError> {
        checks::check_topic(topic, partitions)?;
        let topics = &mut self.stored.write().topics;
        if let Some(existing) = topics.get(topic) {
            return checks::check_existing(&existing.metadata, partitions);
        }
        let metadata = TopicMetadata { topic: topic.clone(), topic_id: TopicId::random(), partitions };
        let partitions = vec![PartitionRecords::new(self.has_gaps); partitions as usize];
        topics.insert(topic.clone(), TopicRecords { metadata: metadata.clone(), partitions });
        Ok(metadata)
    }

    fn append(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError> {
        let mut stored = self.stored.write();
        let Stored { topics, newest } = &mut *stored;
        let of_topic = topics.get_mut(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })?;
        checks::check_records(topic, &records)?;
        let mut positions = Vec::with_capacity(records.len());
        for record in records {
            let partition = partition_of(&record.key, of_topic.metadata.partitions);
            *newest = checks::next_timestamp(*newest, record.timestamp);
            let offset = of_topic.partitions[partition.0 as usize].push(partition, *newest, record);
            positions.push((partition, offset));
        }
        drop(stored);
        if !positions.is_empty() {
            self.changes.announce();
        }
        Ok(positions)
    }

    fn trim(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<(), LogError> {
        let mut stored = self.stored.write();
        let records = stored.topics.get_mut(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.clone() })?;
        checks::check_partition(&records.metadata, partition)?;
        records.partitions[partition.0 as usize].trim(before);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn conforms() {
        conformance::check(|| Arc::new(MemoryLog::new()));
    }

    #[test]
    fn conforms_with_gaps_to_the_reading_half() {
        conformance::check_reading(|content| conformance::filled(Arc::new(MemoryLog::with_gaps()), content));
    }

    #[test]
    fn gaps_are_before_between_and_behind_records() {
        let log = MemoryLog::with_gaps();
        let topic = Topic::new("a");
        log.create_topic(&topic, 1).expect("the topic is created");
        let records = vec![Record { key: Vec::new(), value: Vec::new(), timestamp: 0 }; 20];
        let offsets: Vec<u64> = log.append(&topic, records).expect("appended").iter().map(|(_, offset)| offset.0).collect();
        let end = log.bounds(&topic, Partition(0)).expect("bounds").1;
        assert!(offsets[0] > 0 && offsets.windows(2).any(|pair| pair[1] > pair[0] + 1), "{offsets:?}");
        assert!(offsets.windows(2).any(|pair| pair[1] == pair[0] + 1) && end.0 > offsets[19] + 1, "{offsets:?} and {end}");
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
