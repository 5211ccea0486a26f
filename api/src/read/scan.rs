//! The rows of a plan's ranges from a place on, in the order in which they are read.
//!
//! Owns [`KeyScan`], which pages and filtered reads share. A plan and the last row of the page before enter; stored rows leave, with what the
//! first of them has given already.

use schemas::row::Row;
use schemas::serving::View;
use sinks::views::{Snapshot, prefix_end};

use crate::read::cursor::RowCursor;
use crate::read::error::ReadError;
use crate::read::limits::{RESUME_BYTES_MAX, SCAN_ROWS_MAX};
use crate::read::plan::{KeyRange, Plan, describe_indexes};

/// Rows of a plan behind the last row of the page before.
pub(crate) struct KeyScan<'a> {
    /// the view
    pub(crate) view: &'a View,
    /// index and ranges
    pub(crate) plan: &'a Plan<'a>,
    /// last row of the page before
    pub(crate) resume: Option<&'a RowCursor>,
}

/// Place among the rows that are left to read where a page begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FirstRow {
    /// rows that earlier pages had
    pub(crate) passed: usize,
    /// repeats of the first row behind them that earlier pages had
    pub(crate) repeats: i64,
}

impl KeyScan<'_> {
    /// The rows of ranges, in the order of reading.
    pub(crate) fn rows<'s>(
        &'s self,
        snapshot: &'s Snapshot<'_>,
        ranges: &'s [KeyRange],
    ) -> impl Iterator<Item = (&'s [u8], i64)> {
        ranges.iter().flat_map(move |range| snapshot.served(self.plan.id, range.to_range(self.plan.reverse)))
    }

    /// Finds the place behind the last row of the page before. Of a long row only the beginning is known: rows that begin alike are passed
    /// over until it comes. If it is gone, the page begins with them, so that none is left out.
    pub(crate) fn first_row(&self, snapshot: &Snapshot<'_>, ranges: &[KeyRange]) -> Result<FirstRow, ReadError> {
        let Some(resume) = self.resume else { return Ok(FirstRow::default()) };
        let mut compared_bytes = 0;
        for (passed, (stored, _)) in self.rows(snapshot, ranges).enumerate() {
            if !stored.starts_with(resume.prefix().as_bytes()) {
                break;
            }
            if resume.may_be_at(stored) {
                compared_bytes += stored.len();
                if resume.is_at(stored) {
                    return Ok(FirstRow { passed, repeats: resume.repeats });
                }
            }
            if passed >= SCAN_ROWS_MAX || compared_bytes > RESUME_BYTES_MAX {
                return Err(self.scan_limit());
            }
        }
        Ok(FirstRow::default())
    }

    /// The parts of the ranges at or behind the place where the page begins; none of them is empty.
    pub(crate) fn ranges_left(&self) -> Vec<KeyRange> {
        self.plan.ranges.iter().filter_map(|range| self.rest_of(range)).collect()
    }

    /// Returns the part of a range at or behind the place where the page begins; `None` when it is empty. In either direction that is where
    /// the rows lie that begin as the last one did: read forwards they are the first that is left, read backwards too.
    fn rest_of(&self, range: &KeyRange) -> Option<KeyRange> {
        let KeyRange { mut lower, mut upper } = range.clone();
        match self.resume {
            Some(place) if self.plan.reverse => {
                let behind = match place.is_whole() {
                    true => Some(Row::concat(place.prefix().as_bytes(), &[0])),
                    false => prefix_end(place.prefix().as_bytes()),
                };
                upper = match (upper, behind) {
                    (Some(upper), Some(behind)) => Some(upper.min(behind)),
                    (upper, behind) => upper.or(behind),
                };
            }
            Some(place) => lower = lower.max(place.prefix().clone()),
            None => {}
        }
        let is_empty = upper.as_ref().is_some_and(|upper| *upper <= lower);
        (!is_empty).then_some(KeyRange { lower, upper })
    }

    /// The error of a read that has looked at too many rows.
    pub(crate) fn scan_limit(&self) -> ReadError {
        ReadError::ScanLimit { view: self.view.name.clone(), indexes: describe_indexes(self.view) }
    }
}

/// The place behind the last row that was taken.
pub(crate) fn place(last: Option<(&[u8], i64)>) -> Option<RowCursor> {
    last.map(|(row, repeats)| RowCursor::behind(row, repeats))
}
