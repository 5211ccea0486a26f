//! The records of one partition in memory, in the order of their offsets, with or without gaps between them.

use std::collections::VecDeque;

use schemas::position::{Offset, Partition};

use crate::checks::ReadBudget;
use crate::record::{ReadRecords, Record, StoredRecord};

/// Offsets skipped behind the records of a log with gaps, in turn.
const SKIPPED: [u64; 5] = [2, 0, 1, 0, 7];

/// The records of a partition that were not trimmed.
///
/// Invariant: `earliest <= offset of every record < end`, and offsets grow from record to record. Lookups rely on it: they search by
/// halving.
#[derive(Clone, Default)]
pub(super) struct PartitionRecords {
    earliest: Offset,
    end: Offset,
    records: VecDeque<StoredRecord>,
    has_gaps: bool,
    /// number of records that were ever appended
    appended: usize,
}

impl PartitionRecords {
    /// An empty partition.
    pub(super) fn new(has_gaps: bool) -> Self {
        let mut partition = Self { has_gaps, ..Self::default() };
        partition.skip();
        partition
    }

    /// Appends a record. Returns its offset.
    pub(super) fn push(&mut self, partition: Partition, timestamp: i64, record: Record) -> Offset {
        let Record { key, value, .. } = record;
        let offset = self.end;
        assert!(self.records.back().is_none_or(|last| last.offset < offset), "a record was put at or before the last one");
        self.records.push_back(StoredRecord { partition, offset, timestamp, key, value });
        self.appended += 1;
        self.end = offset.behind();
        self.skip();
        offset
    }

    /// Skips offsets behind what was appended, if this log has gaps.
    fn skip(&mut self) {
        if self.has_gaps {
            self.end.0 += SKIPPED[self.appended % SKIPPED.len()];
        }
    }

    /// The earliest position and the end.
    pub(super) fn bounds(&self) -> (Offset, Offset) {
        (self.earliest, self.end)
    }

    /// Number of the first record at a position or behind it.
    fn place(&self, position: Offset) -> usize {
        self.records.partition_point(|record| record.offset < position)
    }

    /// Records from a position on, as far as the budget goes.
    ///
    /// Costs a search by halving and a copy of what is read.
    pub(super) fn read(&self, from: Offset, mut budget: ReadBudget) -> ReadRecords {
        let fits = |record: &&StoredRecord| budget.take(record.bytes());
        let records: Vec<StoredRecord> = self.records.range(self.place(from)..).take_while(fits).cloned().collect();
        let next = records.last().map_or(self.end, |last| last.offset.behind());
        ReadRecords { records, next }
    }

    /// The last record before a position.
    pub(super) fn last_before(&self, before: Offset) -> Option<&StoredRecord> {
        self.records.get(self.place(before).checked_sub(1)?)
    }

    /// Number of records from a position on.
    pub(super) fn count_from(&self, from: Offset) -> u64 {
        (self.records.len() - self.place(from)) as u64
    }

    /// The offset of the first record with this time or a later one, or the end.
    pub(super) fn offset_at(&self, timestamp: i64) -> Offset {
        let found = self.records.iter().find(|record| record.timestamp >= timestamp);
        found.map_or(self.end, |record| record.offset)
    }

    /// Forgets the records before a position.
    pub(super) fn trim(&mut self, before: Offset) {
        let before = before.min(self.end);
        self.records.drain(..self.place(before));
        self.records.shrink_to(self.records.len() * 2);
        self.earliest = self.earliest.max(before);
    }

    /// Bytes of the records.
    pub(super) fn bytes(&self) -> u64 {
        self.records.iter().map(|record| (size_of::<StoredRecord>() + record.bytes()) as u64).sum()
    }
}
