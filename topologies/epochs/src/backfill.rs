//! Reading what was bound before a checkpoint once more, for states that the checkpoint does not hold.
//!
//! Owns [`Backfill`]. The log enters; the records before the checkpoint's offsets leave in chunks, all partitions together in the order of
//! appending, as they were bound. What the log no longer has is told: a state that is computed from the rest is that of the rest.

use std::sync::Arc;

use schemas::position::{Offset, Partition, Topic};
use sources::error::LogError;
use sources::log::LogReader;

use crate::error::EpochError;
use crate::merged::{self, PartitionReader, Room, UpTo, take_merged};
use crate::reader::{EPOCH_BYTES_MAX, EPOCH_RECORDS_MAX, Offsets, Records};

/// Reads the records before some offsets.
pub struct Backfill {
    /// the log that is read once more
    log: Arc<dyn LogReader>,
    /// ordered by topic and partition
    partitions: Vec<PartitionReader>,
    /// number of chunks that may still come
    chunks_left: u64,
    /// most records that are handed out at a time
    chunk_records: usize,
    /// offsets that were read past: offsets have gaps, so they are at least as many as the records
    done: u64,
    /// offsets to read past, counted when it began
    total: u64,
    /// partitions whose first records are gone, and where they begin now
    pub gaps: Vec<(Topic, Partition, Offset)>,
}

impl Backfill {
    /// Reads the partitions of some topics up to `offsets`, in at most `chunks_max` chunks.
    pub fn new(log: Arc<dyn LogReader>, topics: &[Topic], offsets: &Offsets, chunks_max: u64) -> Result<Self, EpochError> {
        let (mut partitions, mut gaps, mut total) = (Vec::new(), Vec::new(), 0);
        for ((topic, partition), (_, end)) in offsets.0.iter().filter(|((topic, _), _)| topics.contains(topic)) {
            let (earliest, _) = log.bounds(topic, *partition)?;
            if earliest > Offset(0) {
                gaps.push((topic.clone(), *partition, earliest));
            }
            total += end.0.saturating_sub(earliest.0);
            partitions.push(PartitionReader::new(topic.clone(), *partition, earliest, Some(*end)));
        }
        let chunks_left = chunks_max.max(1);
        Ok(Self { log, partitions, chunks_left, chunk_records: EPOCH_RECORDS_MAX, done: 0, total, gaps })
    }

    /// Offsets that were read past, and how many there are: the same as records where the log has no gaps.
    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// The next records; none when all were read.
    pub fn read_next(&mut self) -> Result<Records, EpochError> {
        // What is left has to fit into the chunks that are left, however large it is.
        let least = usize::try_from((self.total - self.done).div_ceil(self.chunks_left.max(1))).unwrap_or(usize::MAX);
        let mut room = Room { least: least.max(1), records: self.chunk_records.max(least), bytes: EPOCH_BYTES_MAX };
        let mut taken = vec![Vec::new(); self.partitions.len()];
        let failed = |(_, error): (usize, LogError)| EpochError::from(error);
        merged::begin(self.log.as_ref(), &mut self.partitions).map_err(failed)?;
        take_merged(self.log.as_ref(), &mut self.partitions, |_| true, UpTo::ALL, &mut room, &mut taken).map_err(failed)?;
        let mut records = Records::new();
        for (partition, taken) in self.partitions.iter_mut().zip(taken).filter(|(_, taken)| !taken.is_empty()) {
            let next = taken.last().map_or(partition.next, |last| last.offset.behind());
            self.done += next.0 - partition.next.0;
            partition.next = next;
            records.insert((partition.topic.clone(), partition.partition), taken);
        }
        if records.is_empty() {
            // What is left of the offsets is a gap.
            self.done = self.total;
        }
        self.chunks_left = self.chunks_left.saturating_sub(u64::from(!records.is_empty()));
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sources::log::LogAppender;
    use sources::memory::MemoryLog;
    use sources::record::Record;

    use super::*;

    /// A log with two topics of three partitions and so many records, and the offsets behind them; as many again come later.
    fn filled(log: MemoryLog, records: u32) -> (Arc<MemoryLog>, Vec<Topic>, Offsets) {
        let log = Arc::new(log);
        let topics = vec![Topic::new("s"), Topic::new("t")];
        let ids: Vec<_> = topics.iter().map(|topic| log.create_topic(topic, 3).expect("a topic").topic_id).collect();
        let append = |number: u32| {
            let record = Record {
                key: number.to_be_bytes().to_vec(),
                value: number.to_be_bytes().to_vec(),
                timestamp: i64::from(number % 5),
            };
            log.append(&topics[number as usize * 7 / 3 % 2], vec![record]).expect("appended");
        };
        (0..records).for_each(append);
        let mut offsets = Offsets::default();
        for (topic, id) in topics.iter().zip(ids) {
            for partition in (0..3).map(Partition) {
                offsets.0.insert((topic.clone(), partition), (id, log.bounds(topic, partition).expect("bounds").1));
            }
        }
        (records..records * 2).for_each(append);
        (log, topics, offsets)
    }

    /// The numbers of the records of each chunk, in the order of their timestamps.
    fn chunks(mut backfill: Backfill) -> Vec<Vec<u32>> {
        let mut chunks = Vec::new();
        let mut found: BTreeMap<(Topic, Partition), Vec<u64>> = BTreeMap::new();
        loop {
            let records = backfill.read_next().expect("read");
            if records.is_empty() {
                break;
            }
            let mut chunk: Vec<(i64, u32)> = Vec::new();
            for (place, records) in records {
                found.entry(place).or_default().extend(records.iter().map(|record| record.offset.0));
                let number = |value: &[u8]| u32::from_be_bytes(value.try_into().expect("4 bytes"));
                chunk.extend(records.iter().map(|record| (record.timestamp, number(&record.value))));
            }
            chunk.sort_unstable();
            chunks.push(chunk.into_iter().map(|(_, number)| number).collect());
        }
        assert!(found.values().all(|offsets| offsets.windows(2).all(|pair| pair[0] < pair[1])), "{found:?}");
        assert_eq!(backfill.progress().0, backfill.progress().1);
        chunks
    }

    #[test]
    fn every_record_before_the_offsets_comes_once_in_the_order_of_appending() {
        let (log, topics, offsets) = filled(MemoryLog::new(), 1000);
        let mut backfill = Backfill::new(log, &topics, &offsets, 1000).expect("it begins");
        backfill.chunk_records = 90;
        let chunks = chunks(backfill);
        assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [90, 90, 90, 90, 90, 90, 90, 90, 90, 90, 90, 10]);
        assert_eq!(chunks.concat(), (0..1000).collect::<Vec<u32>>(), "a chunk is no prefix of what was left");
    }

    #[test]
    fn there_are_no_more_chunks_than_there_may_be() {
        for (chunks_max, log) in [1, 3, 7].into_iter().flat_map(|most| [(most, MemoryLog::new()), (most, MemoryLog::with_gaps())])
        {
            let (log, topics, offsets) = filled(log, 500);
            let mut backfill = Backfill::new(log, &topics, &offsets, chunks_max).expect("it begins");
            backfill.chunk_records = 10;
            let chunks = chunks(backfill);
            assert!(chunks.len() as u64 <= chunks_max, "{} chunks instead of {chunks_max}", chunks.len());
            assert_eq!(chunks.concat(), (0..500).collect::<Vec<u32>>());
        }
    }
}
