//! Rows as they were at an epoch that is past: what is there now, with the changes since then undone.
//!
//! A snapshot and an epoch enter; [`Page`]s of rows leave, so that a reader who takes a long time still reads one epoch. It costs
//! what is read and what has changed since in that part of the index, and nothing is kept for it.

use std::ops::Bound;

use schemas::position::Epoch;
use schemas::row::{Diff, Row};

use super::commit::{consolidate, group};
use super::history::{Forgotten, HistoryLimits, Step};
use super::ids::IndexId;
use super::range::{Range, prefix_end, tightest};
use super::read::Snapshot;
use super::store::Views;

/// Rows that are read at a time to find those that a limit lets through.
const GROUP_PAGE_ROWS: usize = 128;

/// Some rows of a range, in the order they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// stored rows, and how often each was there
    pub rows: Vec<(Row, Diff)>,
    /// beginning of the rest of the range, on the side it is read from; `None` when there is no rest
    pub rest: Option<Bound<Row>>,
}

impl Views {
    /// Changes how much is remembered; takes effect at once.
    pub fn set_history_limits(&self, limits: HistoryLimits) {
        let forgotten = self.history.write().set_limits(limits);
        // The lock is free here: no reader waits for the memory to be given back.
        drop(forgotten);
    }

    /// The next step of the rows of an index after an epoch; `None` when the epoch is the one that is visible.
    pub fn step_after(&self, index: IndexId, epoch: Epoch) -> Result<Option<Step>, Forgotten> {
        Ok(self.history.read().after(index, epoch)?.next().cloned())
    }
}

impl Snapshot<'_> {
    /// About `rows_max` rows of a range as a client got them at an epoch (with the limit of the index), and where to go on. A page may
    /// have fewer rows, or none although there are more to come.
    pub fn served_at(&self, index: IndexId, range: Range<'_>, epoch: Epoch, rows_max: usize) -> Result<Page, Forgotten> {
        let kept = self.index(index);
        if kept.limit.is_none() {
            return self.rows_at(index, range, epoch, rows_max);
        }
        let first = self.rows_at(index, range, epoch, 1)?;
        let Some((row, _)) = first.rows.first() else { return Ok(first) };
        let group = group(&kept.layout, row.as_bytes());
        let mut rows = self.group_within(index, group, range, epoch, rows_max)?;
        if rows.len() > rows_max {
            rows.truncate(rows_max);
            let rest = rows.last().map(|(row, _)| Bound::Excluded(row.clone()));
            return Ok(Page { rows, rest });
        }
        let rest =
            if range.reverse { Some(Bound::Excluded(Row::from_bytes(group))) } else { prefix_end(group).map(Bound::Included) };
        Ok(Page { rows, rest })
    }

    /// The rows of a group that lie within a range, in the order of reading: all of them, or at least one more than `rows_max`.
    fn group_within(
        &self,
        index: IndexId,
        group: &[u8],
        range: Range<'_>,
        epoch: Epoch,
        rows_max: usize,
    ) -> Result<Vec<(Row, Diff)>, Forgotten> {
        let end = prefix_end(group);
        let upper = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_bytes()));
        let whole = Range { lower: Bound::Included(group), upper, reverse: false };
        if self.history().after(index, epoch)?.all(|step| step.changes.of(index, whole).is_empty()) {
            let lower = tightest(range.lower, whole.lower, |new, old| new >= old);
            let upper = tightest(range.upper, whole.upper, |new, old| new < old);
            let rows = self.served(index, Range { lower, upper, reverse: range.reverse });
            return Ok(rows.take(rows_max + 1).map(|(row, count)| (Row::from_bytes(row), count)).collect());
        }
        // Only from the front can the rest be left out: where the limit cuts is known when all before was counted.
        let enough = if range.reverse { usize::MAX } else { rows_max };
        let mut rows =
            self.group_at(index, group, epoch, |rows| rows.iter().filter(|row| is_within(row, range)).count() > enough)?;
        rows.retain(|row| is_within(row, range));
        if range.reverse {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Returns the change with a step of the rows that a client gets for one value of the first column, ascending.
    pub fn group_change(&self, index: IndexId, group: &[u8], step: &Step) -> Result<Vec<(Row, Diff)>, Forgotten> {
        let before = self.group_at(index, group, step.previous, |_| false)?;
        let after = self.group_at(index, group, step.changes.epoch, |_| false)?;
        let before = before.into_iter().map(|(row, count)| (row, -count));
        Ok(consolidate(before.chain(after).collect()))
    }

    /// The rows that start with a group and were served at an epoch, in the order of the index, until they are enough.
    fn group_at(
        &self,
        index: IndexId,
        group: &[u8],
        epoch: Epoch,
        are_enough: impl Fn(&[(Row, Diff)]) -> bool,
    ) -> Result<Vec<(Row, Diff)>, Forgotten> {
        let mut left = self.index(index).limit.map_or(Diff::MAX, |limit| Diff::try_from(limit).unwrap_or(Diff::MAX));
        let end = prefix_end(group);
        let upper = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_bytes()));
        let (mut rows, mut lower) = (Vec::new(), Bound::Included(Row::from_bytes(group)));
        while left > 0 && !are_enough(&rows) {
            let range = Range { lower: lower.as_ref().map(Row::as_bytes), upper, reverse: false };
            let page = self.rows_at(index, range, epoch, GROUP_PAGE_ROWS)?;
            for (row, count) in page.rows {
                if left > 0 {
                    rows.push((row, count.min(left)));
                }
                left -= count.min(left);
            }
            let Some(rest) = page.rest else { break };
            lower = rest;
        }
        Ok(rows)
    }

    /// Rows of a range at an epoch, whatever the limit of the index: the first of those that are there now, and what was between them.
    fn rows_at(&self, index: IndexId, range: Range<'_>, epoch: Epoch, rows_max: usize) -> Result<Page, Forgotten> {
        let mut scan = self.scan(index, range);
        let now: Vec<(&[u8], Diff)> = scan.by_ref().take(rows_max).collect();
        let last = now.last().filter(|_| scan.next().is_some()).map(|(row, _)| *row);
        let mut page = range;
        match last {
            Some(last) if range.reverse => page.lower = tightest(range.lower, Bound::Included(last), |new, old| new >= old),
            Some(last) => page.upper = tightest(range.upper, Bound::Included(last), |new, old| new < old),
            None => {}
        }
        let now = now.into_iter().map(|(row, count)| (Row::from_bytes(row), count));
        let rest = last.map(|last| Bound::Excluded(Row::from_bytes(last)));
        let history = self.history();
        let undone = history.after(index, epoch)?.flat_map(|step| step.changes.of(index, page));
        let mut rows = consolidate(now.chain(undone.map(|(row, diff)| (row.clone(), -diff))).collect());
        if range.reverse {
            rows.reverse();
        }
        Ok(Page { rows, rest })
    }
}

/// Returns true if a row lies within a range.
fn is_within((row, _): &(Row, Diff), range: Range<'_>) -> bool {
    std::ops::RangeBounds::<[u8]>::contains(&(range.lower, range.upper), row.as_bytes())
}
