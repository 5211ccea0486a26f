//! A log of topics in memory: nothing is there after a restart.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use schemas::position::{Offset, Topic};

use super::log::{TopicLog, TopicLogError, TopicRecord};

/// Offsets that a log with gaps skips before a topic's first record and behind every append.
const SKIPPED: u64 = 3;

/// Topics in memory.
#[derive(Default)]
pub struct MemoryTopicLog {
    topics: Mutex<BTreeMap<String, MemoryTopic>>,
    /// offsets are skipped behind appends
    has_gaps: bool,
}

/// A topic in memory.
struct MemoryTopic {
    records: Vec<(Offset, TopicRecord)>,
    end: Offset,
}

impl MemoryTopicLog {
    /// A log whose offsets have gaps, as those of logs with transactions do.
    pub fn with_gaps() -> Self {
        Self { has_gaps: true, ..Self::default() }
    }

    /// Every record of a topic, in order; none when there is no such topic.
    pub fn records(&self, topic: &Topic) -> Vec<TopicRecord> {
        let topics = self.topics.lock();
        let stored = topics.get(topic.as_str()).into_iter().flat_map(|stored| &stored.records);
        stored.map(|(_, record)| record.clone()).collect()
    }

    /// Number of offsets that are skipped each time.
    fn skipped(&self) -> u64 {
        if self.has_gaps { SKIPPED } else { 0 }
    }
}

impl TopicLog for MemoryTopicLog {
    fn create(&self, topic: &Topic) -> Result<(), TopicLogError> {
        let empty = || MemoryTopic { records: Vec::new(), end: Offset(self.skipped()) };
        self.topics.lock().entry(topic.as_str().to_owned()).or_insert_with(empty);
        Ok(())
    }

    fn end(&self, topic: &Topic) -> Result<Offset, TopicLogError> {
        let topics = self.topics.lock();
        Ok(topics.get(topic.as_str()).ok_or_else(|| missing(topic))?.end)
    }

    fn last(&self, topic: &Topic, before: Offset) -> Result<Option<Vec<u8>>, TopicLogError> {
        let topics = self.topics.lock();
        let stored = topics.get(topic.as_str()).ok_or_else(|| missing(topic))?;
        let last = stored.records.iter().rfind(|(offset, _)| *offset < before);
        Ok(last.map(|(_, record)| record.value.clone()))
    }

    fn append(&self, topic: &Topic, records: Vec<TopicRecord>) -> Result<Offset, TopicLogError> {
        let mut topics = self.topics.lock();
        let stored = topics.get_mut(topic.as_str()).ok_or_else(|| missing(topic))?;
        for record in records {
            stored.records.push((stored.end, record));
            stored.end = stored.end.behind();
        }
        stored.end.0 += self.skipped();
        Ok(stored.end)
    }
}

/// Makes the error of a topic that was not created.
fn missing(topic: &Topic) -> TopicLogError {
    TopicLogError::Unavailable(format!("topic '{topic}' does not exist"))
}
