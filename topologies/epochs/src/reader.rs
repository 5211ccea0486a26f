//! Reading the log for epochs: live, up to an epoch's limits, and again, exactly what was bound.
//!
//! Owns the partitions that are followed and how far they were read. The log enters; the records of an epoch with the ranges that name
//! them leave. An epoch is a prefix of what is left of the log in the order of appending, so what is computed from one epoch after the other
//! does not depend on where they are cut. What is read again has to be what was bound, or the source is halted with a named reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemas::position::{Offset, Partition, Topic};
use sources::error::LogError;
use sources::log::LogReader;
use sources::record::{StoredRecord, TopicId, TopicMetadata};

use crate::binding::BoundRange;
use crate::error::{EpochError, HaltReason};
use crate::merged::{self, PartitionReader, Room, UpTo, take_merged};

/// Most records of one epoch.
pub const EPOCH_RECORDS_MAX: usize = 50_000;
/// Most bytes of records of one epoch.
pub const EPOCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The records of an epoch, by partition.
pub type Records = BTreeMap<(Topic, Partition), Vec<StoredRecord>>;

/// Reads the partitions of some topics.
pub struct Reader {
    /// the log
    log: Arc<dyn LogReader>,
    /// ordered by topic and partition
    followed: Vec<PartitionReader>,
    /// identity of each topic, so that one that was made again is noticed
    identities: BTreeMap<Topic, TopicId>,
    /// most records of one epoch
    records_max: usize,
    /// the last timestamp that was bound, as far as it is known, and the same with what was read last
    reached: (i64, i64),
    /// topics that were followed later are still behind the others
    is_catching_up: bool,
}

impl Reader {
    /// Follows every partition of these topics from `offsets` on, or else from its earliest record; an epoch has at most
    /// `records_max` records.
    pub fn new(
        log: Arc<dyn LogReader>,
        topics: &[TopicMetadata],
        offsets: &Offsets,
        records_max: usize,
    ) -> Result<Self, EpochError> {
        let records_max = records_max.clamp(1, EPOCH_RECORDS_MAX);
        let (followed, identities) = (Vec::new(), BTreeMap::new());
        let mut reader = Self { log, followed, identities, records_max, reached: (i64::MIN, i64::MIN), is_catching_up: false };
        reader.follow(topics, offsets)?;
        let reached = reader.last_timestamp(offsets).unwrap_or(i64::MIN);
        reader.reached = (reached, reached);
        Ok(reader)
    }

    /// The greatest timestamp of the last records before these offsets, as far as the log still has them. A log that can't be read now is
    /// found out when the next epoch is.
    fn last_timestamp(&self, offsets: &Offsets) -> Option<i64> {
        let timestamps = self.followed.iter().filter_map(|followed| {
            let (_, next) = offsets.0.get(&(followed.topic.clone(), followed.partition))?;
            let (_, end) = self.log.bounds(&followed.topic, followed.partition).ok()?;
            if *next > end {
                return None;
            }
            let last = self.log.last_before(&followed.topic, followed.partition, *next).ok()?;
            last.map(|record| record.timestamp)
        });
        timestamps.max()
    }

    /// True while topics that were followed later than others are behind them: from when they are followed until nothing of them is left
    /// behind by [`read_next`](Self::read_next).
    pub fn is_catching_up(&self) -> bool {
        self.is_catching_up
    }

    /// Follows these topics too, where it does not yet; nothing has changed when it fails.
    pub fn follow(&mut self, topics: &[TopicMetadata], offsets: &Offsets) -> Result<(), EpochError> {
        let mut added = Vec::new();
        let new: Vec<_> = topics.iter().filter(|topic| !self.identities.contains_key(&topic.topic)).collect();
        for topic in &new {
            for partition in (0..topic.partitions).map(Partition) {
                let (earliest, _) = self.log.bounds(&topic.topic, partition)?;
                let next = offsets.check(topic, partition)?.unwrap_or(earliest);
                added.push(PartitionReader::new(topic.topic.clone(), partition, next, None));
            }
        }
        self.is_catching_up |= !new.is_empty();
        self.identities.extend(new.into_iter().map(|topic| (topic.topic.clone(), topic.topic_id)));
        self.followed.extend(added);
        self.followed.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Ok(())
    }

    /// The next offset of every partition.
    pub fn offsets(&self) -> BTreeMap<(Topic, Partition), Offset> {
        self.followed.iter().map(|followed| ((followed.topic.clone(), followed.partition), followed.next)).collect()
    }

    /// The same with the identities of the topics, to be kept.
    pub fn positions(&self) -> Offsets {
        let position = |followed: &PartitionReader| {
            ((followed.topic.clone(), followed.partition), (self.identities[&followed.topic], followed.next))
        };
        Offsets(self.followed.iter().map(position).collect())
    }

    /// An empty range per partition: with it, the first epoch names all of them.
    pub fn first_ranges(&self) -> Vec<BoundRange> {
        self.followed.iter().map(|followed| self.range(followed, &[])).collect()
    }

    /// Reads what the next epoch may hold, without moving on: nothing when the log was read to its end.
    ///
    /// All partitions are cut at one timestamp. What lies beyond the one up to which the log was stable before it was read is left for the
    /// next epoch, because a record before it may still be missing.
    pub fn read_next(&mut self) -> Result<(Vec<BoundRange>, Records), EpochError> {
        let stable = self.log.stable()?;
        let mut taken: Vec<Vec<StoredRecord>> = vec![Vec::new(); self.followed.len()];
        let mut room = Room { least: 1, records: self.records_max, bytes: EPOCH_BYTES_MAX };
        merged::begin(self.log.as_ref(), &mut self.followed).map_err(|failed| self.named(failed))?;
        let behind = self.catch_up(stable, &mut room, &mut taken)?;
        self.is_catching_up = !behind.is_empty();
        let is_abreast: Vec<bool> = self.followed.iter().map(|followed| !behind.contains(&followed.topic)).collect();
        take_merged(self.log.as_ref(), &mut self.followed, |number| is_abreast[number], UpTo(stable), &mut room, &mut taken)
            .map_err(|failed| self.named(failed))?;
        let (mut ranges, mut records) = (Vec::new(), Records::new());
        for (followed, taken) in self.followed.iter().zip(taken).filter(|(_, taken)| !taken.is_empty()) {
            self.reached.1 = taken.iter().map(|record| record.timestamp).fold(self.reached.1, i64::max);
            ranges.push(self.range(followed, &taken));
            records.insert((followed.topic.clone(), followed.partition), taken);
        }
        Ok((ranges, records))
    }

    /// Takes records of topics that are behind the others, because nothing followed them before. They may fill half of an epoch: what is
    /// new in the others is not kept waiting. Returns the topics that are behind even then; no record of theirs may be taken together with
    /// the others'.
    fn catch_up(&mut self, stable: i64, room: &mut Room, taken: &mut [Vec<StoredRecord>]) -> Result<BTreeSet<Topic>, EpochError> {
        let (log, reached) = (Arc::clone(&self.log), self.reached.0.min(stable));
        let mut half = Room { records: room.records.div_ceil(2), bytes: room.bytes / 2, ..*room };
        let whole = half;
        take_merged(log.as_ref(), &mut self.followed, |_| true, UpTo(reached), &mut half, taken)
            .map_err(|failed| self.named(failed))?;
        room.least = half.least;
        room.records -= whole.records - half.records;
        room.bytes -= whole.bytes - half.bytes;
        let behind = self.followed.iter().filter(|followed| followed.is_behind(reached));
        Ok(behind.map(|followed| followed.topic.clone()).collect())
    }

    /// Moves on behind ranges that are bound.
    pub fn advance(&mut self, ranges: &[BoundRange]) {
        for range in ranges {
            if let Some(followed) = self.followed.iter_mut().find(|followed| is(followed, range)) {
                followed.next = Offset(range.next);
            }
        }
        self.reached.0 = self.reached.1;
    }

    /// Goes to the beginning of a range.
    pub fn rewind(&mut self, range: &BoundRange) -> Result<(), EpochError> {
        if let Some(followed) = self.followed.iter_mut().find(|followed| is(followed, range)) {
            check_identity(self.identities[&followed.topic], range)?;
            followed.next = Offset(range.from);
        }
        Ok(())
    }

    /// Reads bound ranges again and moves on behind them.
    pub fn read_again(&mut self, ranges: &[BoundRange]) -> Result<Records, EpochError> {
        let mut records = Records::new();
        for range in ranges {
            let Some(followed) = self.followed.iter().find(|followed| is(followed, range)) else {
                // A topic that no plan reads any more.
                continue;
            };
            check_identity(self.identities[&followed.topic], range)?;
            let read = self.read_range(range)?;
            self.reached.1 = read.iter().map(|record| record.timestamp).fold(self.reached.1, i64::max);
            if !read.is_empty() {
                records.insert((followed.topic.clone(), followed.partition), read);
            }
        }
        self.advance(ranges);
        Ok(records)
    }

    /// Reads what an epoch bound and checks it against its CRC-32: the log may have been restored from another time.
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
        let (mut records, mut from): (Vec<StoredRecord>, Offset) = (Vec::new(), Offset(range.from));
        while from.0 < range.next {
            // No more records than this can be missing; offsets have gaps, so records behind the range may be read too.
            let missing = usize::try_from(range.next - from.0).unwrap_or(usize::MAX);
            let read = self.log.read(&topic, partition, from, missing, EPOCH_BYTES_MAX)?;
            if read.records.is_empty() {
                break;
            }
            from = read.next;
            records.extend(read.records.into_iter().filter(|record| record.offset.0 < range.next));
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

    /// The range of the next records of a partition.
    fn range(&self, followed: &PartitionReader, records: &[StoredRecord]) -> BoundRange {
        let next = records.last().map_or(followed.next, |last| last.offset.behind()).0;
        BoundRange {
            topic: followed.topic.as_str().to_owned(),
            topic_id: self.identities[&followed.topic].0.to_be_bytes().to_vec(),
            partition: followed.partition.0,
            from: followed.next.0,
            next,
            crc: crc(records),
        }
    }

    /// A reader that is not where the log is can't go on by waiting.
    fn named(&self, (number, error): (usize, LogError)) -> EpochError {
        let LogError::OffsetOutOfRange { offset, earliest, next, .. } = error else { return error.into() };
        let range = self.range(&self.followed[number], &[]);
        if offset < earliest {
            let detail = format!(
                "records were read up to offset {offset}, but the earliest is {earliest}: those between were never read; restore the \
                 log, or start from an empty data directory"
            );
            return halted(HaltReason::RetentionGap, &range, detail);
        }
        let detail = format!(
            "records were read up to offset {offset}, but the log ends at {next}: acknowledged records are missing; restore the log from a backup"
        );
        halted(HaltReason::LogDiverged, &range, detail)
    }
}

/// Returns true for the partition of a range.
fn is(followed: &PartitionReader, range: &BoundRange) -> bool {
    followed.topic.as_str() == range.topic && followed.partition.0 == range.partition
}

/// Refuses a topic that was deleted and made again: its offsets mean other records.
fn check_identity(identity: TopicId, range: &BoundRange) -> Result<(), EpochError> {
    if range.topic_id == identity.0.to_be_bytes() { Ok(()) } else { Err(identity_changed(&range.topic(), range.partition)) }
}

/// Makes the error of such a topic.
fn identity_changed(topic: &Topic, partition: u32) -> EpochError {
    EpochError::Halted {
        reason: HaltReason::SourceIdentityChanged,
        topic: topic.as_str().to_owned(),
        partition: Some(partition),
        detail: "the topic was deleted and made again since its records were bound; restore the log, or start from an empty data directory".to_owned(),
    }
}

/// Makes an error that stops reading, with its reason.
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

/// Positions in partitions, with the identities of their topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets(pub BTreeMap<(Topic, Partition), (TopicId, Offset)>);

impl Offsets {
    /// Applies the ranges of an epoch.
    pub fn advance(&mut self, ranges: &[BoundRange]) {
        for range in ranges {
            let id = <[u8; 16]>::try_from(range.topic_id.as_slice()).map(u128::from_be_bytes);
            let id = id.unwrap_or_else(|_| panic!("the identity of topic '{}' in a binding has not 16 bytes", range.topic));
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
