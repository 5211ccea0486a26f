//! Reading what was bound before a checkpoint once more, for states that the checkpoint does not hold.
//!
//! Owns [`Backfill`]. The log enters; the records before the checkpoint's offsets leave, in chunks, each partition in order. What the log
//! no longer has is told: a state that is computed from the rest is that of the rest.

use std::sync::Arc;

use schemas::position::{Offset, Partition, Topic};
use sources::log::Log;

use crate::error::EpochError;
use crate::reader::{EPOCH_BYTES_MAX, EPOCH_RECORDS_MAX, Offsets, Records};

struct Place {
    topic: Topic,
    partition: Partition,
    next: Offset,
    end: Offset,
}

/// Reads the records before some offsets.
pub struct Backfill {
    log: Arc<dyn Log>,
    places: Vec<Place>,
    chunk_records: usize,
    done: u64,
    total: u64,
    /// partitions whose first records are gone, and where they begin now
    pub gaps: Vec<(Topic, Partition, Offset)>,
}

impl Backfill {
    /// Reads the partitions of some topics up to `offsets`, in fewer than `chunks_max` chunks.
    pub fn new(log: Arc<dyn Log>, topics: &[Topic], offsets: &Offsets, chunks_max: u64) -> Result<Self, EpochError> {
        let (mut places, mut gaps, mut total) = (Vec::new(), Vec::new(), 0);
        for ((topic, partition), (_, end)) in offsets.0.iter().filter(|((topic, _), _)| topics.contains(topic)) {
            let (earliest, _) = log.bounds(topic, *partition)?;
            if earliest > Offset(0) {
                gaps.push((topic.clone(), *partition, earliest));
            }
            total += end.0.saturating_sub(earliest.0);
            places.push(Place { topic: topic.clone(), partition: *partition, next: earliest, end: *end });
        }
        let fewest = usize::try_from(total / chunks_max.max(1) + 1).unwrap_or(usize::MAX);
        Ok(Self { log, places, chunk_records: fewest.max(EPOCH_RECORDS_MAX), done: 0, total, gaps })
    }

    /// Records that were read, and how many there are.
    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// The next records; none when all were read.
    pub fn read_next(&mut self) -> Result<Records, EpochError> {
        let mut records = Records::new();
        let mut room = self.chunk_records;
        for place in &mut self.places {
            let missing = usize::try_from(place.end.0.saturating_sub(place.next.0)).unwrap_or(usize::MAX);
            if missing == 0 || room == 0 {
                continue;
            }
            let read = self.log.read(&place.topic, place.partition, place.next, missing.min(room), EPOCH_BYTES_MAX)?;
            place.next = Offset(place.next.0 + read.len() as u64);
            room -= read.len();
            self.done += read.len() as u64;
            records.insert((place.topic.clone(), place.partition), read);
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sources::log::Record;
    use sources::memory::MemoryLog;

    use super::*;

    #[test]
    fn every_record_before_the_offsets_comes_once_and_in_order() {
        let log = Arc::new(MemoryLog::default());
        let topic = Topic::new("t");
        let metadata = log.create_topic(&topic, 3).expect("a topic");
        let record =
            |number: u32| Record { key: number.to_be_bytes().to_vec(), value: number.to_be_bytes().to_vec(), timestamp: 0 };
        log.append(&topic, (0..1000).map(record).collect()).expect("appended");
        let ends = (0..3).map(Partition).map(|partition| (partition, log.bounds(&topic, partition).expect("bounds").1));
        let offsets: BTreeMap<_, _> =
            ends.map(|(partition, end)| ((topic.clone(), partition), (metadata.topic_id, end))).collect();
        log.append(&topic, (1000..2000).map(record).collect()).expect("appended");
        let mut backfill = Backfill::new(log, std::slice::from_ref(&topic), &Offsets(offsets), 7).expect("it begins");
        backfill.chunk_records = 90;
        let mut found: BTreeMap<Partition, Vec<u64>> = BTreeMap::new();
        loop {
            let records = backfill.read_next().expect("read");
            if records.is_empty() {
                break;
            }
            for ((_, partition), records) in records {
                found.entry(partition).or_default().extend(records.iter().map(|record| record.offset.0));
            }
        }
        assert_eq!(found.values().map(Vec::len).sum::<usize>(), 1000);
        assert!(found.values().all(|offsets| offsets.iter().copied().eq(0..offsets.len() as u64)), "{found:?}");
        assert_eq!(backfill.progress(), (1000, 1000));
    }
}
