//! Reading the log for epochs: live, up to an epoch's limits, and again, exactly what was bound.
//!
//! Owns the partitions that are followed and how far they were read. The log enters; the records of an epoch with the ranges that name
//! them leave. What is read again has to be what was bound, or the source is halted with a named reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::position::{Offset, Partition, Topic};
use sources::error::LogError;
use sources::log::{Log, StoredRecord, TopicId, TopicMetadata};

use crate::binding::BoundRange;
use crate::error::{EpochError, HaltReason};

/// Most records of one epoch.
pub const EPOCH_RECORDS_MAX: usize = 50_000;
/// Most bytes of records of one epoch.
pub const EPOCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The records of an epoch, by partition.
pub type Records = BTreeMap<(Topic, Partition), Vec<StoredRecord>>;

/// Where one partition is read next.
#[derive(Clone, Debug)]
struct Followed {
    topic: Topic,
    partition: Partition,
    topic_id: TopicId,
    next: Offset,
}

/// Reads the partitions of some topics.
pub struct Reader {
    log: Arc<dyn Log>,
    followed: Vec<Followed>,
    records_max: usize,
    /// the partition that is read first, so that a busy one can't keep others out
    turn: usize,
}

impl Reader {
    /// Follows every partition of these topics from `offsets` on, or else from its earliest record; an epoch has at most
    /// `records_max` records.
    pub fn new(log: Arc<dyn Log>, topics: &[TopicMetadata], offsets: &Offsets, records_max: usize) -> Result<Self, EpochError> {
        let mut reader = Self { log, followed: Vec::new(), records_max: records_max.clamp(1, EPOCH_RECORDS_MAX), turn: 0 };
        reader.follow(topics, offsets)?;
        Ok(reader)
    }

    /// Follows these topics too, where it does not yet; nothing has changed when it fails.
    pub fn follow(&mut self, topics: &[TopicMetadata], offsets: &Offsets) -> Result<(), EpochError> {
        let mut added = Vec::new();
        for topic in topics.iter().filter(|topic| self.followed.iter().all(|followed| followed.topic != topic.topic)) {
            for partition in (0..topic.partitions).map(Partition) {
                let (earliest, _) = self.log.bounds(&topic.topic, partition)?;
                let next = offsets.check(topic, partition)?.unwrap_or(earliest);
                added.push(Followed { topic: topic.topic.clone(), partition, topic_id: topic.topic_id, next });
            }
        }
        self.followed.extend(added);
        Ok(())
    }

    /// The next offset of every partition.
    pub fn offsets(&self) -> BTreeMap<(Topic, Partition), Offset> {
        self.followed.iter().map(|followed| ((followed.topic.clone(), followed.partition), followed.next)).collect()
    }

    /// The same with the identities of the topics, to be kept.
    pub fn positions(&self) -> Offsets {
        Offsets(
            self.followed
                .iter()
                .map(|followed| ((followed.topic.clone(), followed.partition), (followed.topic_id, followed.next)))
                .collect(),
        )
    }

    /// An empty range per partition: with it, the first epoch names all of them.
    pub fn first_ranges(&self) -> Vec<BoundRange> {
        self.followed.iter().map(|followed| followed.range(&[])).collect()
    }

    /// Reads what the next epoch may hold, without moving on: nothing when the log was read to its end.
    pub fn read_next(&mut self) -> Result<(Vec<BoundRange>, Records), EpochError> {
        let (mut ranges, mut records) = (Vec::new(), Records::new());
        let (mut count, mut bytes) = (0, 0);
        let partitions = self.followed.len();
        self.turn = (self.turn + 1) % partitions.max(1);
        for followed in (0..partitions).map(|place| &self.followed[(place + self.turn) % partitions]) {
            if count >= self.records_max || bytes >= EPOCH_BYTES_MAX {
                break;
            }
            let from = followed.next;
            let read =
                self.log.read(&followed.topic, followed.partition, from, self.records_max - count, EPOCH_BYTES_MAX - bytes);
            let read = read.map_err(|error| named(error, followed))?;
            if read.is_empty() {
                continue;
            }
            count += read.len();
            bytes += read.iter().map(|record| record.key.len() + record.value.len()).sum::<usize>();
            ranges.push(followed.range(&read));
            records.insert((followed.topic.clone(), followed.partition), read);
        }
        ranges.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Ok((ranges, records))
    }

    /// Moves on behind ranges that are bound.
    pub fn advance(&mut self, ranges: &[BoundRange]) {
        for range in ranges {
            if let Some(followed) = self.followed.iter_mut().find(|followed| followed.is(range)) {
                followed.next = Offset(range.next);
            }
        }
    }

    /// Goes to the beginning of a range.
    pub fn rewind(&mut self, range: &BoundRange) -> Result<(), EpochError> {
        if let Some(followed) = self.followed.iter_mut().find(|followed| followed.is(range)) {
            followed.check_identity(range)?;
            followed.next = Offset(range.from);
        }
        Ok(())
    }

    /// Reads bound ranges again and moves on behind them.
    pub fn read_again(&mut self, ranges: &[BoundRange]) -> Result<Records, EpochError> {
        let mut records = Records::new();
        for range in ranges {
            let Some(followed) = self.followed.iter().find(|followed| followed.is(range)) else {
                // A topic that no plan reads any more.
                continue;
            };
            followed.check_identity(range)?;
            let read = self.read_range(range)?;
            if !read.is_empty() {
                records.insert((followed.topic.clone(), followed.partition), read);
            }
        }
        self.advance(ranges);
        Ok(records)
    }

    fn read_range(&self, range: &BoundRange) -> Result<Vec<StoredRecord>, EpochError> {
        let (topic, partition) = (range.topic(), Partition(range.partition));
        let (earliest, end) = self.log.bounds(&topic, partition)?;
        if range.from < earliest.0 && range.from < range.next {
            let detail = format!(
                "offsets {} to {} are needed to compute again what was bound, but the earliest record is {}; restore the log, or start from an empty data directory",
                range.from, range.next, earliest.0
            );
            return Err(halted(HaltReason::RetentionGap, range, detail));
        }
        if range.next > end.0 {
            let detail = format!(
                "offsets {} to {} were bound, but the log ends at {end}: acknowledged records are missing; restore the log from a backup",
                range.from, range.next
            );
            return Err(halted(HaltReason::LogDiverged, range, detail));
        }
        let mut records: Vec<StoredRecord> = Vec::new();
        while let Some(missing) = range.next.checked_sub(range.from + records.len() as u64).filter(|missing| *missing > 0) {
            let from = Offset(range.from + records.len() as u64);
            let missing = usize::try_from(missing).unwrap_or(usize::MAX);
            records.extend(self.log.read(&topic, partition, from, missing, EPOCH_BYTES_MAX)?);
        }
        if crc(&records) != range.crc {
            let detail = format!(
                "the records at offsets {} to {} are others than those that were bound; restore the log from a backup",
                range.from, range.next
            );
            return Err(halted(HaltReason::LogDiverged, range, detail));
        }
        Ok(records)
    }
}

impl Followed {
    fn is(&self, range: &BoundRange) -> bool {
        self.topic.as_str() == range.topic && self.partition.0 == range.partition
    }

    fn range(&self, records: &[StoredRecord]) -> BoundRange {
        let next = records.last().map_or(self.next.0, |last| last.offset.0 + 1);
        BoundRange {
            topic: self.topic.as_str().to_owned(),
            topic_id: self.topic_id.0.to_be_bytes().to_vec(),
            partition: self.partition.0,
            from: self.next.0,
            next,
            crc: crc(records),
        }
    }

    fn check_identity(&self, range: &BoundRange) -> Result<(), EpochError> {
        if range.topic_id == self.topic_id.0.to_be_bytes() {
            return Ok(());
        }
        Err(identity_changed(&self.topic, range.partition))
    }
}

fn identity_changed(topic: &Topic, partition: u32) -> EpochError {
    EpochError::Halted {
        reason: HaltReason::SourceIdentityChanged,
        topic: topic.as_str().to_owned(),
        partition: Some(partition),
        detail: "the topic was deleted and made again since its records were bound; restore the log, or start from an empty data directory".to_owned(),
    }
}

/// A reader that is not where the log is can't go on by waiting.
fn named(error: LogError, followed: &Followed) -> EpochError {
    let LogError::OffsetOutOfRange { offset, earliest, next, .. } = error else { return error.into() };
    let range = followed.range(&[]);
    if offset < earliest {
        let detail = format!(
            "records were read up to offset {offset}, but the earliest is {earliest}: those between were never read; restore the log, or \
             start from an empty data directory"
        );
        return halted(HaltReason::RetentionGap, &range, detail);
    }
    let detail = format!(
        "records were read up to offset {offset}, but the log ends at {next}: acknowledged records are missing; restore the log from a backup"
    );
    halted(HaltReason::LogDiverged, &range, detail)
}

fn halted(reason: HaltReason, range: &BoundRange, detail: String) -> EpochError {
    EpochError::Halted { reason, topic: range.topic.clone(), partition: Some(range.partition), detail }
}

/// The CRC-32 of records with their places.
fn crc(records: &[StoredRecord]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for record in records {
        hasher.update(&record.offset.0.to_le_bytes());
        hasher.update(&record.timestamp.to_le_bytes());
        hasher.update(&(record.key.len() as u64).to_le_bytes());
        hasher.update(&record.key);
        hasher.update(&record.value);
    }
    hasher.finalize()
}

/// How far partitions were read, with the identities of their topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets(pub BTreeMap<(Topic, Partition), (TopicId, Offset)>);

impl Offsets {
    /// Applies the ranges of an epoch.
    pub fn advance(&mut self, ranges: &[BoundRange]) {
        for range in ranges {
            let id = <[u8; 16]>::try_from(range.topic_id.as_slice()).map(u128::from_be_bytes).unwrap_or_default();
            self.0.insert((range.topic(), Partition(range.partition)), (TopicId(id), Offset(range.next)));
        }
    }

    /// The offset of a partition; refuses one that belongs to another topic of the same name.
    fn check(&self, topic: &TopicMetadata, partition: Partition) -> Result<Option<Offset>, EpochError> {
        match self.0.get(&(topic.topic.clone(), partition)) {
            Some((id, _)) if *id != topic.topic_id => Err(identity_changed(&topic.topic, partition.0)),
            Some((_, offset)) => Ok(Some(*offset)),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
