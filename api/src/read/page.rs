//! One page: the rows of a plan that a reader may see, written as JSON.
//!
//! A snapshot, a plan and a rule enter; the text of the rows and the place of the last one leave. This is the hot path: a row is
//! checked as bytes and written straight into the answer.

use schemas::row::Row;
use schemas::serving::View;
use sinks::views::Snapshot;

use crate::read::access::Rule;
use crate::read::cursor::RowCursor;
use crate::read::error::ReadError;
use crate::read::limits::SCAN_ROWS_MAX;
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
    /// last row of the page before
    pub(crate) resume: Option<RowCursor>,
}

impl PageRequest<'_> {
    /// Appends the rows of the page to `out`, with commas between them; returns the place of the last one when there are more.
    pub(crate) fn read(&self, snapshot: &Snapshot<'_>, out: &mut String) -> Result<Option<RowCursor>, ReadError> {
        out.reserve(self.limit * ROW_TEXT_BYTES);
        let mut separator = "";
        self.each(snapshot, |reader, row| {
            out.push_str(std::mem::replace(&mut separator, ","));
            self.projection.write(reader, row, out);
        })
    }

    /// Hands out the rows of the page, repeats one by one; returns the place of the last one when there are more.
    pub(crate) fn each(
        &self,
        snapshot: &Snapshot<'_>,
        mut take: impl FnMut(&RowReader<'_>, &LoadedRow),
    ) -> Result<Option<RowCursor>, ReadError> {
        if *self.rule == Rule::Never {
            return Ok(None);
        }
        let reader = RowReader::new(self.plan.layout);
        let ranges = self.plan.ranges.iter().filter_map(|range| self.rest_of(range));
        let rows = ranges.flat_map(|range| snapshot.served(self.plan.id, range.to_range(self.plan.reverse)));
        let mut written = 0;
        let mut last = None;
        for (looked_at, (stored, count)) in rows.enumerate() {
            if looked_at >= SCAN_ROWS_MAX {
                return if written == self.limit { Ok(place(last)) } else { Err(self.scan_limit()) };
            }
            let row = reader.load(stored);
            if !self.is_wanted(&reader, &row) {
                continue;
            }
            for repeat in self.repeats_served(stored)..count {
                if written == self.limit {
                    return Ok(place(last));
                }
                take(&reader, &row);
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

    fn repeats_served(&self, stored: &[u8]) -> i64 {
        self.resume.as_ref().filter(|place| place.row.as_bytes() == stored).map_or(0, |place| place.repeats)
    }

    /// Returns the part of a range at or behind the place where the page begins; `None` when it is empty.
    fn rest_of(&self, range: &KeyRange) -> Option<KeyRange> {
        let KeyRange { mut lower, mut upper } = range.clone();
        match &self.resume {
            Some(place) if self.plan.reverse => {
                let behind = Row::concat(place.row.as_bytes(), &[0]);
                upper = Some(upper.map_or(behind.clone(), |upper| upper.min(behind)));
            }
            Some(place) => lower = lower.max(place.row.clone()),
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
    last.map(|(row, repeats)| RowCursor { row: Row::from_bytes(row), repeats })
}
