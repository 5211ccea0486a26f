//! The content that logs are filled with before they are read, and how it has to come back.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::position::{Partition, Topic};

use crate::error::LogError;
use crate::log::{Log, LogReader};
use crate::partitioner::partition_of;
use crate::record::Record;

/// Topics with their partitions, and the appends to them in order.
pub struct Content {
    /// topics to create, with the number of their partitions
    pub topics: Vec<(Topic, u32)>,
    /// appends, one after the other
    pub appends: Vec<(Topic, Vec<Record>)>,
}

/// A record as it comes back: its timestamp, its key and its value.
pub(super) type Returned = (i64, Vec<u8>, Vec<u8>);

impl Content {
    /// No topic and no record.
    pub(super) fn empty() -> Self {
        Self { topics: Vec::new(), appends: Vec::new() }
    }

    /// Three topics, one of them empty; appends of several sizes, with times that stand still, fall and jump.
    pub(super) fn varied() -> Self {
        let topics = vec![(Topic::new("a"), 3), (Topic::new("b"), 1), (Topic::new("empty"), 2)];
        let append = |number: i64| {
            let record = |place: i64| Record {
                key: format!("key {}", (number * 31 + place) % 13).into_bytes(),
                value: vec![number as u8; ((number * 7 + place * 5) % 23) as usize],
                timestamp: 1_000 + number * number * 37 % 91 - place % 3,
            };
            (topics[number as usize * 5 / 3 % 2].0.clone(), (0..1 + number % 9).map(record).collect())
        };
        let appends = (0..40).map(append).collect();
        Self { topics, appends }
    }

    /// The records of every partition, in order.
    pub(super) fn returned(&self) -> BTreeMap<(Topic, Partition), Vec<Returned>> {
        let partitions = |topic: &(Topic, u32)| {
            (0..topic.1).map(|partition| ((topic.0.clone(), Partition(partition)), Vec::new())).collect::<Vec<_>>()
        };
        let mut returned: BTreeMap<(Topic, Partition), Vec<Returned>> = self.topics.iter().flat_map(partitions).collect();
        let given: Vec<i64> = self.appends.iter().flat_map(|(_, records)| records).map(|record| record.timestamp).collect();
        let records = self.appends.iter().flat_map(|(topic, records)| records.iter().map(move |record| (topic, record)));
        for ((topic, record), timestamp) in records.zip(stamped(&given)) {
            let partitions = self.topics.iter().find(|(name, _)| name == topic).map_or(0, |(_, partitions)| *partitions);
            let partition = partition_of(&record.key, partitions);
            returned.entry((topic.clone(), partition)).or_default().push((timestamp, record.key.clone(), record.value.clone()));
        }
        returned
    }
}

/// Puts content into an empty log, for implementations that have both halves. Returns the reading half.
///
/// # Errors
/// The log's own failure.
pub fn filled<L: Log + 'static>(log: Arc<L>, content: &Content) -> Result<Arc<dyn LogReader>, LogError> {
    fill(log.as_ref(), content)?;
    Ok(log)
}

/// Puts content into an empty log.
pub(super) fn fill(log: &(impl Log + ?Sized), content: &Content) -> Result<(), LogError> {
    for (topic, partitions) in &content.topics {
        log.create_topic(topic, *partitions)?;
    }
    content.appends.iter().try_for_each(|(topic, records)| log.append(topic, records.clone()).map(drop))
}

/// The timestamps of records whose callers give these times.
pub(super) fn stamped(given: &[i64]) -> Vec<i64> {
    let mut newest = i64::MIN;
    let stamp = |time: &i64| {
        newest = (newest + 1).max(*time);
        newest
    };
    given.iter().map(stamp).collect()
}
