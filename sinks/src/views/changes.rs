//! Changes of the last epochs, for those who follow a view from one epoch to the next.
//!
//! Owns [`History`], one for all followers: a follower is no more than the epoch it has come to. Published changes enter; [`Step`]s
//! leave, one epoch at a time and none left out. What is older than the limits is forgotten, and who has not come that far is told.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use schemas::position::Epoch;
use schemas::row::{Diff, ROW_INLINE_BYTES, Row};
use schemas::serving::IndexLayout;

use super::read::{Range, prefix_end};
use super::served::first_field_end;
use super::{EpochChanges, IndexId, Views};

/// The most bytes of changes that are remembered, unless configured.
pub const HISTORY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most epochs whose changes are remembered, unless configured.
pub const HISTORY_EPOCHS_MAX: usize = 4_096;

/// Limits of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// bytes of changes
    pub bytes: usize,
    /// epochs
    pub epochs: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { bytes: HISTORY_BYTES_MAX, epochs: HISTORY_EPOCHS_MAX }
    }
}

/// The way from one published epoch to the next.
#[derive(Clone, Debug)]
pub struct Step {
    /// the epoch before
    pub previous: Epoch,
    /// changes that became visible after it
    pub changes: Arc<EpochChanges>,
}

/// The error that the changes after an epoch are not known, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the changes after epoch {epoch} are not remembered; read the rows again and follow them from there")]
pub struct Forgotten {
    /// the epoch that was asked for
    pub epoch: Epoch,
}

/// The changes of the last epochs, in their order, without a gap.
#[derive(Default)]
pub(super) struct History {
    limits: HistoryLimits,
    steps: VecDeque<(Step, usize)>,
    bytes: usize,
    /// `None` until the first publish, which shows rows and changes none
    latest: Option<Epoch>,
    /// epochs at which indexes became visible that were not there from the start
    shown: BTreeMap<IndexId, Epoch>,
}

impl History {
    /// Adds an epoch, with the indexes that became visible and those that went away with it; returns what is forgotten, to be freed where
    /// no reader has to wait for it.
    pub fn push(&mut self, changes: &Arc<EpochChanges>, shown: &[IndexId], removed: &[IndexId]) -> Vec<Step> {
        let epoch = changes.epoch;
        removed.iter().for_each(|index| {
            self.shown.remove(index);
        });
        self.shown.extend(shown.iter().map(|index| (*index, epoch)));
        if let Some(previous) = self.latest.replace(epoch) {
            let bytes = changes.memory_bytes();
            self.bytes += bytes;
            self.steps.push_back((Step { previous, changes: Arc::clone(changes) }, bytes));
        }
        self.forget()
    }

    fn forget(&mut self) -> Vec<Step> {
        let mut forgotten = Vec::new();
        while self.bytes > self.limits.bytes || self.steps.len() > self.limits.epochs {
            let Some((step, bytes)) = self.steps.pop_front() else { break };
            self.bytes -= bytes;
            forgotten.push(step);
        }
        forgotten
    }

    /// The steps after an epoch at which the index was there.
    pub fn after(&self, index: IndexId, epoch: Epoch) -> Result<impl Iterator<Item = &Step>, Forgotten> {
        let first = self.steps.partition_point(|(step, _)| step.previous < epoch);
        let begins_there = match self.steps.get(first) {
            Some((step, _)) => step.previous == epoch,
            None => self.latest.unwrap_or_default() == epoch,
        };
        if !begins_there || self.shown.get(&index).is_some_and(|shown| *shown > epoch) {
            return Err(Forgotten { epoch });
        }
        Ok(self.steps.range(first..).map(|(step, _)| step))
    }
}

impl Views {
    /// Changes how much is remembered; takes effect at once.
    pub fn set_history_limits(&self, limits: HistoryLimits) {
        let mut history = self.history.write();
        history.limits = limits;
        let forgotten = history.forget();
        drop(history);
        drop(forgotten);
    }

    /// The next step of the rows of an index after an epoch; `None` when the epoch is the one that is visible.
    pub fn step_after(&self, index: IndexId, epoch: Epoch) -> Result<Option<Step>, Forgotten> {
        Ok(self.history.read().after(index, epoch)?.next().cloned())
    }
}

impl EpochChanges {
    /// The changes of an index within a range, ascending.
    pub fn of(&self, index: IndexId, range: Range<'_>) -> &[(Row, Diff)] {
        let changes = self.of_index(index);
        let (start, end) = places(changes, range);
        &changes[start..end]
    }

    /// The values of the first column, in stored form, for which rows changed that have to do with those of a range: also rows outside
    /// of it, which a limit per value may have moved rows of the range in or out for.
    pub fn groups_of(&self, index: IndexId, layout: &IndexLayout, range: Range<'_>) -> Vec<Row> {
        let changes = self.of_index(index);
        let (start, end) = places(changes, range);
        let group_at = |place: usize| changes.get(place).map(|(row, _)| group(layout, row.as_bytes()));
        // Only the group of the nearest row on either side can reach into the range.
        let before = start.checked_sub(1).and_then(group_at).filter(|group| reaches_up_to(group, range.lower));
        let after = group_at(end).filter(|group| reaches_down_to(group, range.upper));
        let inside = changes[start..end].iter().map(|(row, _)| group(layout, row.as_bytes()));
        let mut groups: Vec<Row> = before.into_iter().chain(inside).chain(after).map(Row::from_bytes).collect();
        groups.dedup();
        groups
    }

    fn of_index(&self, index: IndexId) -> &[(Row, Diff)] {
        let found = self.changes.binary_search_by_key(&index, |(index, _)| *index);
        found.map_or(&[], |place| &self.changes[place].1)
    }

    fn memory_bytes(&self) -> usize {
        let of_row = |row: &Row| size_of::<(Row, Diff)>() + if row.len() > ROW_INLINE_BYTES { row.len() } else { 0 };
        let of_index = |changes: &[(Row, Diff)]| changes.iter().map(|(row, _)| of_row(row)).sum::<usize>();
        size_of::<Step>() + size_of::<Self>() + self.changes.iter().map(|(_, changes)| of_index(changes)).sum::<usize>()
    }
}

fn places(changes: &[(Row, Diff)], range: Range<'_>) -> (usize, usize) {
    let start = changes.partition_point(|(row, _)| match range.lower {
        Bound::Included(lower) => row.as_bytes() < lower,
        Bound::Excluded(lower) => row.as_bytes() <= lower,
        Bound::Unbounded => false,
    });
    let end = changes.partition_point(|(row, _)| match range.upper {
        Bound::Included(upper) => row.as_bytes() <= upper,
        Bound::Excluded(upper) => row.as_bytes() < upper,
        Bound::Unbounded => true,
    });
    (start, end.max(start))
}

/// The field of a stored row's first column.
pub(super) fn group<'r>(layout: &IndexLayout, stored: &'r [u8]) -> &'r [u8] {
    &stored[..first_field_end(layout, stored)]
}

fn reaches_up_to(group: &[u8], lower: Bound<&[u8]>) -> bool {
    match lower {
        Bound::Included(lower) | Bound::Excluded(lower) => prefix_end(group).is_none_or(|end| lower < end.as_bytes()),
        Bound::Unbounded => true,
    }
}

fn reaches_down_to(group: &[u8], upper: Bound<&[u8]>) -> bool {
    match upper {
        Bound::Included(upper) => group <= upper,
        Bound::Excluded(upper) => group < upper,
        Bound::Unbounded => true,
    }
}
