//! States that can't be computed in full: the log no longer has the beginning of what they are computed from.
//!
//! Owns [`LostHistory`]. States with their topics and the log enter; each partition that no longer has its first record leaves with the
//! first offset that it has. A state that is computed from such a log all the same is that of the rest, so somebody has to ask for it.

use std::collections::BTreeMap;

use schemas::position::{Offset, Partition, Topic};
use sources::error::LogError;
use sources::log::LogReader;

/// Partitions of a topic that a message names; of more it says how many.
const PARTITIONS_NAMED_MAX: usize = 4;

/// A state, and a partition that it is computed from whose first records are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostHistory {
    /// the name of the state
    pub state: String,
    /// the topic
    pub topic: Topic,
    /// the partition
    pub partition: Partition,
    /// the first offset that the log still has
    pub earliest: Offset,
}

/// The error that states are not computed: rows would be missing for ever.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: what the earlier records made would be missing for ever; leave these states as they are declared, or accept the loss with \
     --accept-missing-history",
    describe(lost)
)]
/// The error that states would be computed from a part of their records.
pub struct MissingHistory {
    /// every partition of every state, ordered by state
    pub lost: Vec<LostHistory>,
}

/// The partitions without their first record that these states are computed from.
///
/// # Errors
/// An input or output failure of the log.
pub fn lost_history<'s>(
    log: &dyn LogReader,
    states: impl IntoIterator<Item = (&'s str, &'s [Topic])>,
) -> Result<Vec<LostHistory>, LogError> {
    let mut lost = Vec::new();
    for (state, topics) in states {
        for topic in topics {
            // A topic that does not exist yet has lost nothing.
            let partitions = log.topic(topic)?.map_or(0, |metadata| metadata.partitions);
            for partition in (0..partitions).map(Partition) {
                let (earliest, _) = log.bounds(topic, partition)?;
                if earliest > Offset(0) {
                    lost.push(LostHistory { state: state.to_owned(), topic: topic.clone(), partition, earliest });
                }
            }
        }
    }
    Ok(lost)
}

/// The states with their topics and the first offsets that are left, for people.
pub fn describe(lost: &[LostHistory]) -> String {
    let mut states: BTreeMap<(&str, &str), Vec<&LostHistory>> = BTreeMap::new();
    for loss in lost {
        states.entry((&loss.state, loss.topic.as_str())).or_default().push(loss);
    }
    let parts = states.iter().map(|((state, topic), partitions)| {
        let begins = |loss: &&LostHistory| format!("partition {} begins at offset {}", loss.partition, loss.earliest);
        let named: Vec<String> = partitions.iter().take(PARTITIONS_NAMED_MAX).map(begins).collect();
        let more = match partitions.len().saturating_sub(PARTITIONS_NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("state '{state}' would be computed from topic '{topic}', whose beginning is gone ({}{more})", named.join(", "))
    });
    parts.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use sources::log::LogAppender;
    use sources::memory::MemoryLog;
    use sources::record::Record;

    use super::*;

    #[test]
    fn a_state_is_lost_with_the_first_record_of_a_partition() {
        let log = MemoryLog::new();
        let topics = [Topic::new("whole"), Topic::new("trimmed"), Topic::new("unknown")];
        log.create_topic(&topics[0], 2).unwrap();
        log.create_topic(&topics[1], 2).unwrap();
        let record = |number: u8| Record { key: vec![number], value: vec![number], timestamp: 0 };
        for topic in &topics[..2] {
            log.append(topic, (0..100).map(record).collect()).unwrap();
        }
        let states = [("table a", &topics[..1]), ("table b", &topics[..])];
        assert_eq!(lost_history(&log, states).unwrap(), []);
        log.trim(&topics[1], Partition(1), Offset(7)).unwrap();
        let lost = lost_history(&log, states).unwrap();
        let expected =
            LostHistory { state: "table b".into(), topic: topics[1].clone(), partition: Partition(1), earliest: Offset(7) };
        assert_eq!(lost, [expected]);
        let text = MissingHistory { lost }.to_string();
        for part in ["'table b'", "'trimmed'", "partition 1 begins at offset 7", "--accept-missing-history"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_message_names_few_of_many_partitions() {
        let loss = |partition| LostHistory {
            state: "s".into(),
            topic: Topic::new("t"),
            partition: Partition(partition),
            earliest: Offset(1),
        };
        let text = describe(&(0..10).map(loss).collect::<Vec<_>>());
        assert!(text.contains("partition 3 begins") && text.contains("and 6 more") && !text.contains("partition 4"), "{text}");
    }
}
