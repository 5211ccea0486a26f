//! The event log as the log of derived topics.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use schemas::position::{Offset, Partition, Topic};
use schemas::time::unix_micros;
use sinks::topic::{TopicLog, TopicLogError, TopicRecord};
use sources::error::{Action, LogError};
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

    fn end(&self, topic: &Topic) -> Result<Offset, TopicLogError> {
        self.0.bounds(topic, PARTITION).map(|(_, end)| end).map_err(failed)
    }

    fn last(&self, topic: &Topic, before: Offset) -> Result<Option<Vec<u8>>, TopicLogError> {
        let last = self.0.last_before(topic, PARTITION, before).map_err(failed)?;
        Ok(last.map(|record| record.value))
    }

    fn append(&self, topic: &Topic, records: Vec<TopicRecord>) -> Result<Offset, TopicLogError> {
        let timestamp = unix_micros(SystemTime::now());
        let records = records.into_iter().map(|TopicRecord { key, value }| Record { key, value, timestamp });
        let places = self.0.append(topic, records.collect()).map_err(failed)?;
        let last = places.last().map(|(_, offset)| *offset);
        // From here on the records are there, whatever fails.
        self.end_behind(topic, last).map_err(|error| TopicLogError::Ambiguous(error.to_string()))
    }
}

impl DerivedTopicLog {
    /// Returns the end of a topic whose last record has to be the one at the offset that an append returned. A log may skip offsets behind
    /// its last record, so the end alone does not tell whether another record came behind it.
    fn end_behind(&self, topic: &Topic, appended: Option<Offset>) -> Result<Offset, LogError> {
        let (_, end) = self.0.bounds(topic, PARTITION)?;
        let last = self.0.last_before(topic, PARTITION, end)?.map(|record| record.offset);
        if appended.is_some() && last == appended {
            return Ok(end);
        }
        let told = |offset: Option<Offset>| offset.map_or("at no offset".to_owned(), |offset| format!("at offset {offset}"));
        let source = io::Error::other(format!("the append ended {}, the last record is {}", told(appended), told(last)));
        Err(LogError::Io { action: Action::Append, topic: topic.clone(), source })
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

#[cfg(test)]
mod tests;
