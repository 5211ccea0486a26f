//! The read half: a snapshot of one epoch, and scans of its indexes.
//!
//! Rows leave in stored form, the one the [`schemas::serving::IndexLayout`] of the index describes, with how often each is there.

use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLockReadGuard;
use schemas::dead_letter::{DeadLetter, RowError};
use schemas::position::{Epoch, Position};
use schemas::row::Diff;

use super::history::ChangeHistory;
use super::ids::{IndexId, ServedView};
use super::kept::KeptIndex;
use super::range::{Range, Scan, prefix_end};
use super::served::Served;
use super::store::{Views, ViewsState};

/// All views as they were at one epoch: the rows, and the catalogue that belongs to them.
///
/// Numbers of indexes are those of [`Self::view`] of the same snapshot; asking for one that is no longer served panics.
/// While it is held nothing is published: read a page, drop it, and only then write to a socket. A thread takes one at a time
/// (a second one could wait for a publisher that waits for the first).
pub struct Snapshot<'v> {
    /// for what is behind other locks than the state
    views: &'v Views,
    /// keeps every publish out for as long as it is held
    state: RwLockReadGuard<'v, ViewsState>,
}

impl Views {
    /// The state of all views at the epoch that is visible now.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { views: self, state: self.state.read() }
    }
}

impl Snapshot<'_> {
    /// The epoch; 0 before the first publish.
    pub fn position(&self) -> Position {
        self.views.position_of(self.state.epoch)
    }

    /// The wall clock of the epoch, microseconds since 1970; 0 before the first publish.
    pub fn wall_micros(&self) -> i64 {
        self.state.wall_micros
    }

    /// The view that was served under this name.
    pub fn view(&self, name: &str) -> Option<&Arc<ServedView>> {
        self.state.catalogue.served.get(name)
    }

    /// The views that were served, by name.
    pub fn views(&self) -> impl Iterator<Item = &Arc<ServedView>> {
        self.state.catalogue.served.values()
    }

    /// The views that were staged, by name.
    pub fn staged(&self) -> impl Iterator<Item = &Arc<ServedView>> {
        self.state.catalogue.staged.values()
    }

    /// The rows of a range and how often each is there, whatever the limit of the index.
    pub fn scan(&self, index: IndexId, range: Range<'_>) -> Scan<'_> {
        Scan::new(self.index(index).rows.scan(range.lower, range.upper), range.reverse)
    }

    /// The rows that start with a prefix, in the order of the index, whatever its limit.
    pub fn prefix(&self, index: IndexId, prefix: &[u8]) -> Scan<'_> {
        let end = prefix_end(prefix);
        let upper = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_bytes()));
        self.scan(index, Range { lower: Bound::Included(prefix), upper, reverse: false })
    }

    /// The rows of a range that a client gets: with a limit of k, only those among the first k of their value of the index's
    /// first column, repeats counted. The rows beyond are kept, so they move up when one of the first k goes.
    pub fn served(&self, index: IndexId, range: Range<'_>) -> Served<'_> {
        let kept = self.index(index);
        Served::new(&kept.rows, &kept.layout, kept.limit, range)
    }

    /// Returns the number of rows of the index, repeats counted, also those beyond its limit.
    pub fn rows(&self, index: IndexId) -> u64 {
        self.index(index).rows.rows()
    }

    /// Returns the number of rows of all indexes of all views, repeats counted.
    pub fn total_rows(&self) -> u64 {
        self.state.indexes.values().map(|kept| kept.rows.rows()).sum()
    }

    /// Returns the number of rows that came, went or changed their multiplicity since the index is served.
    pub fn row_changes(&self, index: IndexId) -> u64 {
        self.index(index).row_changes
    }

    /// Returns the last epoch that changed a row of the index, or made the index visible. Its rows are the same at any two epochs that have
    /// this in common.
    pub fn last_change(&self, index: IndexId) -> Epoch {
        self.index(index).last_change
    }

    /// About how many bytes of memory the index takes.
    pub fn memory_bytes(&self, index: IndexId) -> u64 {
        self.index(index).rows.memory_bytes()
    }

    /// Returns the dead letters that are listed ([`DEAD_LETTERS_KEPT_MAX`](crate::dead_letters::DEAD_LETTERS_KEPT_MAX)) with ids above `after`,
    /// oldest first, at most `limit`. Ids count from 1.
    pub fn dead_letters(&self, after: Option<u64>, limit: usize) -> Vec<(u64, DeadLetter)> {
        self.dead_letters_where(after, limit, |_| true)
    }

    /// Returns the listed dead letters for which `wanted` is true, as [`Self::dead_letters`] does; `limit` counts those alone.
    pub fn dead_letters_where(
        &self,
        after: Option<u64>,
        limit: usize,
        wanted: impl Fn(&DeadLetter) -> bool,
    ) -> Vec<(u64, DeadLetter)> {
        self.state.dead_letters.list(after, limit, wanted)
    }

    /// Returns the number of dead letters, also those no longer kept, sent again or discarded. It is the last id.
    pub fn dead_letter_count(&self) -> u64 {
        self.state.dead_letters.count()
    }

    /// Returns the number of those that were sent again.
    pub fn retried_count(&self) -> u64 {
        self.state.dead_letters.retried()
    }

    /// Returns the number of those that were discarded.
    pub fn discarded_count(&self) -> u64 {
        self.state.dead_letters.discarded()
    }

    /// Returns the errors of rows that are listed now ([`ROW_ERRORS_KEPT_MAX`](crate::dead_letters::ROW_ERRORS_KEPT_MAX)) and how often each is
    /// there, in their own order, at most `limit`.
    pub fn row_errors(&self, limit: usize) -> Vec<(RowError, Diff)> {
        self.state.row_errors.list(limit)
    }

    /// Returns the listed errors of rows with ids above `after` and how often each is there, in the order of their ids: at most `limit`, and
    /// those that have together about `bytes_max` bytes, but at least one. Ids count from 1 in the order in which this process learned of the
    /// errors; another process gives others.
    pub fn row_errors_page(&self, after: u64, limit: usize, bytes_max: usize) -> Vec<(u64, RowError, Diff)> {
        self.state.row_errors.page(after, limit, bytes_max)
    }

    /// Returns the number of row errors, repeats counted, also those that are not kept.
    pub fn row_error_count(&self) -> u64 {
        self.state.row_errors.count()
    }

    /// Locks the changes of the last epochs, up to this one.
    pub(super) fn history(&self) -> RwLockReadGuard<'_, ChangeHistory> {
        self.views.history.read()
    }

    /// Returns an index with its rows. Panics when no view has it: an index is looked up in the same snapshot.
    pub(super) fn index(&self, index: IndexId) -> &KeptIndex {
        let Some(kept) = self.state.indexes.get(&index) else { panic!("index {} was read, and no view has it", index.0) };
        kept
    }
}
