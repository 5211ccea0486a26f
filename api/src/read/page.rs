//! One page: the rows of a plan that a reader may see, written as JSON.
//!
//! A snapshot, a plan and a rule enter; the text of the rows and the place of the last one leave. This is the hot path: a row is
//! checked as bytes and written straight into the answer.

use std::ops::ControlFlow;

use schemas::row::Row;
use schemas::serving::View;
use sinks::views::{Snapshot, prefix_end};

use crate::read::access::Rule;
use crate::read::cursor::RowCursor;
use crate::read::error::ReadError;
use crate::read::limits::{RESUME_BYTES_MAX, SCAN_ROWS_MAX};
use crate::read::plan::{KeyRange, Plan, describe_indexes};
use crate::read::projection::Projection;
use crate::read::rows::{LoadedRow, RowReader};

/// Bytes that the text of a row is expected to need.
const ROW_TEXT_BYTES: usize = 256;

/// The part of a view that is read.
pub(crate) struct PageRequest<'a> {
    /// the view
    pub(crate) view: &'a View,
    /// index, ranges and remaining conditions
    pub(crate) plan: Plan<'a>,
    /// rows that the reader may see
    pub(crate) rule: &'a Rule,
    /// columns of the answer
    pub(crate) projection: Projection,
    /// most rows of the page
    pub(crate) limit: usize,
    /// most bytes of the text of its rows, unless the first one alone has more
    pub(crate) bytes_max: usize,
    /// last row of the page before
    pub(crate) resume: Option<RowCursor>,
}

/// Place among the rows that are left to read where a page begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FirstRow {
    /// rows that earlier pages had
    passed: usize,
    /// repeats of the first row behind them that earlier pages had
    repeats: i64,
}

impl PageRequest<'_> {
    /// Appends the rows of the page to `out`, with commas between them; returns the place of the last one when there are more.
    pub(crate) fn read(&self, snapshot: &Snapshot<'_>, out: &mut String) -> Result<Option<RowCursor>, ReadError> {
        out.reserve((self.limit * ROW_TEXT_BYTES).min(self.bytes_max));
        let begin = out.len();
        self.each(snapshot, |reader, row| {
            let end = out.len();
            if end > begin {
                out.push(',');
            }
            self.projection.write(reader, row, out);
            if end > begin && out.len() - begin > self.bytes_max {
                out.truncate(end);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
    }

    /// Hands out the rows of the page, repeats one by one; returns the place of the last one when there are more. A row that `take` breaks
    /// off at is not taken: the next page begins with it. The first row has to be taken.
    pub(crate) fn each(
        &self,
        snapshot: &Snapshot<'_>,
        mut take: impl FnMut(&RowReader<'_>, &LoadedRow) -> ControlFlow<()>,
    ) -> Result<Option<RowCursor>, ReadError> {
        if *self.rule == Rule::Never {
            return Ok(None);
        }
        let reader = RowReader::new(self.plan.layout);
        let ranges = self.ranges_left();
        let first = self.first_row(snapshot, &ranges)?;
        let mut written = 0;
        let mut last = None;
        for (looked_at, (stored, count)) in self.rows(snapshot, &ranges).skip(first.passed).enumerate() {
            if looked_at >= SCAN_ROWS_MAX {
                return if written == self.limit { Ok(place(last)) } else { Err(self.scan_limit()) };
            }
            let row = reader.load(stored);
            if !self.is_wanted(&reader, &row) {
                continue;
            }
            let repeats = if looked_at == 0 { first.repeats } else { 0 };
            for repeat in repeats..count {
                if written == self.limit || take(&reader, &row).is_break() {
                    return Ok(place(last));
                }
                written += 1;
                last = Some((stored, repeat + 1));
            }
        }
        Ok(None)
    }

    /// The rule is asked for every row, also where the ranges ensure it: no fault of a plan shows a row to the wrong reader.
    fn is_wanted(&self, reader: &RowReader<'_>, row: &LoadedRow) -> bool {
        let conditions = &self.plan.residual;
        self.rule.holds(reader, row) && conditions.iter().all(|(column, condition)| condition.admits(reader.field(row, *column)))
    }

    /// The rows of ranges, in the order of reading.
    fn rows<'s>(&'s self, snapshot: &'s Snapshot<'_>, ranges: &'s [KeyRange]) -> impl Iterator<Item = (&'s [u8], i64)> {
        ranges.iter().flat_map(move |range| snapshot.served(self.plan.id, range.to_range(self.plan.reverse)))
    }

    /// Finds the place behind the last row of the page before. Of a long row only the beginning is known: rows that begin alike are passed
    /// over until it comes. If it is gone, the page begins with them, so that none is left out.
    fn first_row(&self, snapshot: &Snapshot<'_>, ranges: &[KeyRange]) -> Result<FirstRow, ReadError> {
        let Some(resume) = &self.resume else { return Ok(FirstRow::default()) };
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
    fn ranges_left(&self) -> Vec<KeyRange> {
        self.plan.ranges.iter().filter_map(|range| self.rest_of(range)).collect()
    }

    /// Returns the part of a range at or behind the place where the page begins; `None` when it is empty. In either direction that is where
    /// the rows lie that begin as the last one did: read forwards they are the first that is left, read backwards too.
    fn rest_of(&self, range: &KeyRange) -> Option<KeyRange> {
        let KeyRange { mut lower, mut upper } = range.clone();
        match &self.resume {
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

    fn scan_limit(&self) -> ReadError {
        ReadError::ScanLimit { view: self.view.name.clone(), indexes: describe_indexes(self.view) }
    }
}

fn place(last: Option<(&[u8], i64)>) -> Option<RowCursor> {
    last.map(|(row, repeats)| RowCursor::behind(row, repeats))
}
