//! A log in memory whose answers a test changes, for crates that have to get along with a log which fails, or which others write to.
//!
//! Owns [`HookedLog`]. Each crate writes the hooks that it needs; everything else is as the log in memory has it.

use std::time::Duration;

use schemas::position::{Offset, Partition, Topic};

use crate::error::LogError;
use crate::log::{LogAppender, LogReader, LogSpace};
use crate::memory::MemoryLog;
use crate::record::{ReadRecords, Record, StoredRecord, TopicMetadata};

/// Places where a test changes what a log does. Each does nothing unless it is written.
pub trait LogHooks: Send + Sync {
    /// Called before the ends of a partition are read.
    fn before_bounds(&self, _topic: &Topic) -> Result<(), LogError> {
        Ok(())
    }

    /// Called before the records of a partition are counted.
    fn before_count(&self, _topic: &Topic) -> Result<(), LogError> {
        Ok(())
    }

    /// Called after each append.
    fn after_append(&self, _log: &MemoryLog, _topic: &Topic) -> Result<(), LogError> {
        Ok(())
    }

    /// Returns the timestamp of a record that is read.
    fn timestamp(&self, stored: i64) -> i64 {
        stored
    }

    /// Returns the timestamp up to which the log does not change any more.
    fn stable(&self, log: &MemoryLog) -> Result<i64, LogError> {
        log.stable()
    }
}

/// A log in memory with hooks.
#[derive(Default)]
pub struct HookedLog<H> {
    /// the log, which a test may use without hooks
    pub log: MemoryLog,
    /// the changes
    pub hooks: H,
}

impl<H: LogHooks> LogReader for HookedLog<H> {
    fn topics(&self) -> Result<Vec<TopicMetadata>, LogError> {
        self.log.topics()
    }

    fn topic(&self, topic: &Topic) -> Result<Option<TopicMetadata>, LogError> {
        self.log.topic(topic)
    }

    fn read(
        &self,
        topic: &Topic,
        partition: Partition,
        from: Offset,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<ReadRecords, LogError> {
        let mut read = self.log.read(topic, partition, from, max_records, max_bytes)?;
        read.records.iter_mut().for_each(|record| record.timestamp = self.hooks.timestamp(record.timestamp));
        Ok(read)
    }

    fn last_before(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<Option<StoredRecord>, LogError> {
        let last = self.log.last_before(topic, partition, before)?;
        Ok(last.map(|record| StoredRecord { timestamp: self.hooks.timestamp(record.timestamp), ..record }))
    }

    fn stable(&self) -> Result<i64, LogError> {
        self.hooks.stable(&self.log)
    }

    fn bounds(&self, topic: &Topic, partition: Partition) -> Result<(Offset, Offset), LogError> {
        self.hooks.before_bounds(topic)?;
        self.log.bounds(topic, partition)
    }

    fn records_from(&self, topic: &Topic, partition: Partition, from: Offset) -> Result<u64, LogError> {
        self.hooks.before_count(topic)?;
        self.log.records_from(topic, partition, from)
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, timestamp: i64) -> Result<Offset, LogError> {
        self.log.offset_at(topic, partition, timestamp)
    }

    fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    fn topic_bytes(&self, topic: &Topic) -> Result<u64, LogError> {
        self.log.topic_bytes(topic)
    }

    fn space(&self) -> Option<LogSpace> {
        self.log.space()
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.log.wait(seen, timeout)
    }
}

impl<H: LogHooks> LogAppender for HookedLog<H> {
    fn create_topic(&self, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError> {
        self.log.create_topic(topic, partitions)
    }

    fn append(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError> {
        let places = self.log.append(topic, records)?;
        self.hooks.after_append(&self.log, topic)?;
        Ok(places)
    }

    fn trim(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<(), LogError> {
        self.log.trim(topic, partition, before)
    }
}
