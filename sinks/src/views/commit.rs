//! Commits: what an epoch changes, as it enters the views and as followers get it.
//!
//! Owns [`Commit`] and [`EpochChanges`].

use std::collections::BTreeMap;
use std::ops::Bound;

use schemas::dead_letter::{DeadLetter, RowError};
use schemas::position::{Epoch, Offset, Partition, Topic};
use schemas::row::{Diff, ROW_INLINE_BYTES, Row};
use schemas::serving::IndexLayout;

use super::catalogue::CatalogueChange;
use super::ids::IndexId;
use super::range::{Range, first_field_end, prefix_end};

/// Changes of the served rows from one epoch to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochChanges {
    /// the epoch that became visible
    pub epoch: Epoch,
    /// its wall clock, microseconds since 1970
    pub wall_micros: i64,
    /// changes by index, ascending: the rows in the stored form of the index, each once, ascending, and the change of their count. An
    /// index that became visible with this epoch is not among them: all its rows are new.
    pub changes: Vec<(IndexId, Vec<(Row, Diff)>)>,
}

/// All that one epoch changes (or several, when they become visible together; `epoch` is then the last).
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// the epoch
    pub epoch: Epoch,
    /// the wall clock the epoch was bound to, microseconds since 1970
    pub wall_micros: i64,
    /// the next offset of partitions read so far; those left out stay where they were. The first commit names every partition
    /// that is read, with offset 0 when nothing of it is consumed: a token that names another partition is refused.
    pub consumed: BTreeMap<(Topic, Partition), Offset>,
    /// changes of rows in the stored form of the index; in any order, a row or an index may occur several times. Those of a
    /// staged view fill it, those of a view that is gone are dropped.
    pub changes: Vec<(IndexId, Vec<(Row, Diff)>)>,
    /// quarantined events, in the order of the log
    pub dead_letters: Vec<DeadLetter>,
    /// ids of dead letters that were sent again, and leave the list; of this epoch or earlier ones. Each is counted: it was listed, and is in
    /// no other commit
    pub retried: Vec<u64>,
    /// ids of dead letters that were discarded, and leave the list likewise; none of them is in `retried`
    pub discarded: Vec<u64>,
    /// dead letters up to this id are too old to be listed; 0 if none has become so
    pub letters_let_go: u64,
    /// errors of rows that came or went
    pub row_errors: Vec<(RowError, Diff)>,
    /// the errors of rows are these alone, and those before are gone: another plan computes from this epoch on
    pub row_errors_replaced: bool,
    /// change of the catalogue at the same instant
    pub catalogue: Option<CatalogueChange>,
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

    /// Returns all changes of an index, ascending; none when the epoch left it as it was.
    fn of_index(&self, index: IndexId) -> &[(Row, Diff)] {
        let found = self.changes.binary_search_by_key(&index, |(index, _)| *index);
        found.map_or(&[], |place| &self.changes[place].1)
    }

    /// Returns about how many bytes of memory it takes.
    pub(super) fn memory_bytes(&self) -> usize {
        let of_row = |row: &Row| size_of::<(Row, Diff)>() + if row.len() > ROW_INLINE_BYTES { row.len() } else { 0 };
        let of_index = |changes: &[(Row, Diff)]| changes.iter().map(|(row, _)| of_row(row)).sum::<usize>();
        size_of::<Self>() + self.changes.iter().map(|(_, changes)| of_index(changes)).sum::<usize>()
    }
}

/// Returns the places of the first change within a range and of the first behind it. They are equal when there is none.
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

/// Returns true if rows of a group may lie above a lower bound that is within or behind the group.
fn reaches_up_to(group: &[u8], lower: Bound<&[u8]>) -> bool {
    match lower {
        Bound::Included(lower) | Bound::Excluded(lower) => prefix_end(group).is_none_or(|end| lower < end.as_bytes()),
        Bound::Unbounded => true,
    }
}

/// Returns true if rows of a group may lie below an upper bound.
fn reaches_down_to(group: &[u8], upper: Bound<&[u8]>) -> bool {
    match upper {
        Bound::Included(upper) => group <= upper,
        Bound::Excluded(upper) => group < upper,
        Bound::Unbounded => true,
    }
}

/// Sorts, adds up what is about the same thing, and drops what cancels out.
pub(super) fn consolidate<T: Ord>(mut changes: Vec<(T, Diff)>) -> Vec<(T, Diff)> {
    // Stable: workers hand over sorted runs, which it merges; and the order of equals does not matter to a sum.
    changes.sort_by(|left, right| left.0.cmp(&right.0));
    changes.dedup_by(|next, first| {
        let same = next.0 == first.0;
        if same {
            first.1 += next.1;
        }
        same
    });
    changes.retain(|(_, diff)| *diff != 0);
    changes
}
