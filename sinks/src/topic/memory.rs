//! A log of topics in memory: nothing is there after a restart.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use schemas::position::{Offset, Topic};

use super::log::{TopicLog, TopicLogError, TopicRecord};

/// Topics in memory.
#[derive(Default)]
pub struct MemoryTopicLog(Mutex<BTreeMap<String, Vec<TopicRecord>>>);

impl MemoryTopicLog {
    /// Every record of a topic, in order; none when there is no such topic.
    pub fn records(&self, topic: &Topic) -> Vec<TopicRecord> {
        self.0.lock().get(topic.as_str()).cloned().unwrap_or_default()
    }
}

impl TopicLog for MemoryTopicLog {
    fn create(&self, topic: &Topic) -> Result<(), TopicLogError> {
        self.0.lock().entry(topic.as_str().to_owned()).or_default();
        Ok(())
    }

    fn bounds(&self, topic: &Topic) -> Result<(Offset, Offset), TopicLogError> {
        let topics = self.0.lock();
        let records = topics.get(topic.as_str()).ok_or_else(|| missing(topic))?;
        Ok((Offset(0), Offset(records.len() as u64)))
    }

    fn value(&self, topic: &Topic, offset: Offset) -> Result<Option<Vec<u8>>, TopicLogError> {
        let topics = self.0.lock();
        let records = topics.get(topic.as_str()).ok_or_else(|| missing(topic))?;
        let record = usize::try_from(offset.0).ok().and_then(|place| records.get(place));
        Ok(record.map(|record| record.value.clone()))
    }

    fn append(&self, topic: &Topic, records: Vec<TopicRecord>) -> Result<(), TopicLogError> {
        self.0.lock().get_mut(topic.as_str()).ok_or_else(|| missing(topic))?.extend(records);
        Ok(())
    }
}

/// Makes the error of a topic that was not created.
fn missing(topic: &Topic) -> TopicLogError {
    TopicLogError::Unavailable(format!("topic '{topic}' does not exist"))
}
