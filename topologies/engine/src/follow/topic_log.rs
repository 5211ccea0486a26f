//! The event log as the log of derived topics.

use std::sync::Arc;
use std::time::SystemTime;

use schemas::position::{Offset, Partition, Topic};
use schemas::time::unix_micros;
use sinks::topic::{TopicLog, TopicLogError, TopicRecord};
use sources::error::LogError;
use sources::log::Log;
use sources::record::Record;

/// A derived topic has one partition, so that its records have one order.
const DERIVED_PARTITIONS: u32 = 1;
/// The partition of a derived topic.
const PARTITION: Partition = Partition(0);

/// Derived topics in an event log, each with one partition.
#[derive(Clone)]
pub struct DerivedTopicLog(pub Arc<dyn Log>);

impl TopicLog for DerivedTopicLog {
    fn create(&self, topic: &Topic) -> Result<(), TopicLogError> {
        self.0.create_topic(topic, DERIVED_PARTITIONS).map(drop).map_err(failed)
    }

    fn bounds(&self, topic: &Topic) -> Result<(Offset, Offset), TopicLogError> {
        self.0.bounds(topic, PARTITION).map_err(failed)
    }

    fn value(&self, topic: &Topic, offset: Offset) -> Result<Option<Vec<u8>>, TopicLogError> {
        let records = self.0.read(topic, PARTITION, offset, 1, usize::MAX).map_err(failed)?;
        Ok(records.records.into_iter().next().map(|record| record.value))
    }

    fn append(&self, topic: &Topic, records: Vec<TopicRecord>) -> Result<(), TopicLogError> {
        let timestamp = unix_micros(SystemTime::now());
        let records = records.into_iter().map(|TopicRecord { key, value }| Record { key, value, timestamp });
        self.0.append(topic, records.collect()).map(drop).map_err(failed)
    }
}

fn failed(error: LogError) -> TopicLogError {
    match error {
        LogError::PartitionsDiffer { existing, .. } => TopicLogError::Partitions { existing },
        LogError::RecordTooLarge { .. } => TopicLogError::TooLarge(error.to_string()),
        // After these what was appended may be there.
        LogError::Io { .. } | LogError::Stopped { .. } => TopicLogError::Ambiguous(error.to_string()),
        error => TopicLogError::Unavailable(error.to_string()),
    }
}
