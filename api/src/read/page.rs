//! One page: the rows of a plan that a reader may see, written as JSON.
//!
//! A snapshot, a plan and a rule enter; the text of the rows and the place of the last one leave. This is the hot path: a row is
//! checked as bytes and written straight into the answer.

use std::ops::ControlFlow;

use schemas::serving::View;
use sinks::views::Snapshot;

use crate::read::access::Rule;
use crate::read::cursor::RowCursor;
use crate::read::error::ReadError;
use crate::read::limits::SCAN_ROWS_MAX;
use crate::read::plan::Plan;
use crate::read::projection::Projection;
use crate::read::rows::{LoadedRow, RowReader};
use crate::read::scan::{KeyScan, place};

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
        let scan = KeyScan { view: self.view, plan: &self.plan, resume: self.resume.as_ref() };
        let ranges = scan.ranges_left();
        let first = scan.first_row(snapshot, &ranges)?;
        let mut written = 0;
        let mut last = None;
        for (looked_at, (stored, count)) in scan.rows(snapshot, &ranges).skip(first.passed).enumerate() {
            if looked_at >= SCAN_ROWS_MAX {
                return if written == self.limit { Ok(place(last)) } else { Err(scan.scan_limit()) };
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
}
