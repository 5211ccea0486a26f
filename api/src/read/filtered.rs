//! Rows that pass a filter, in any order, from any number of rows on: read by the best index, within a limit of work.
//!
//! Owns [`FilteredRequest`], which is planned, and [`FilteredRead`], which reads. Where an index keeps the order, rows are handed out as they are
//! read; else all that pass are collected and sorted. Every row that is looked at counts as work, those that the reader may not see included,
//! as for a page; the policy is asked before the filter, so that nothing of a hidden row is compared or cast, and its bytes do not count.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use schemas::serving::{Index, View};
use sinks::views::{ServedView, Snapshot};

use crate::read::access::Rule;
use crate::read::conditions::Conditions;
use crate::read::cursor::RowCursor;
use crate::read::error::ReadError;
use crate::read::filter::RowFilter;
use crate::read::limits::{READ_MILLIS_MAX, SCAN_ROWS_MAX, TEST_WORK_BYTES, WORK_BYTES_MAX};
use crate::read::plan::{OrderColumn, Plan, plan_over};
use crate::read::rows::{LoadedRow, RowReader};
use crate::read::scan::{KeyScan, place};
use crate::read::sorted::{SortKey, SortValue, compare_keys, index_order, key_bytes, sort_key};
use crate::read::source::ValueSource;

/// A question for rows of one view that pass a filter.
#[derive(Debug)]
pub(crate) struct FilteredRequest {
    /// conditions that follow from the filter and from what its reader may see
    pub(crate) conditions: Conditions,
    /// the filter
    pub(crate) filter: RowFilter,
    /// the order; that of the index that fits best when it is empty
    pub(crate) order: Vec<SortValue>,
}

/// Number of all rows that pass that is wanted beside those of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RowCount {
    /// none
    Unasked,
    /// the exact one
    Exact,
    /// the exact one, or a guess where that takes too much work
    Estimated,
}

/// A read of rows that pass a filter.
pub(crate) struct FilteredRead<'a> {
    /// the view
    pub(crate) view: &'a View,
    /// index, ranges and remaining conditions
    pub(crate) plan: Plan<'a>,
    /// the order in which the rows are put once they are read; empty when they are read in it
    pub(crate) sort: &'a [SortValue],
    /// rows that the reader may see
    pub(crate) rule: &'a Rule,
    /// rows that are wanted of these
    pub(crate) filter: &'a RowFilter,
    /// rows that are left out at the beginning
    pub(crate) offset: u64,
    /// most rows that are handed out
    pub(crate) limit: usize,
    /// number of all rows that is wanted
    pub(crate) count: RowCount,
    /// last row of the page before
    pub(crate) resume: Option<RowCursor>,
    /// times that the bytes of a row count as work
    pub(crate) weight: usize,
    /// the index with which the read would take less work, as a statement
    pub(crate) advice: String,
}

/// Outcome of a read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadOutcome {
    /// rows that were handed out
    pub(crate) taken: usize,
    /// true if there are more, whose place may not be known
    pub(crate) has_more: bool,
    /// place of the last row that was handed out, if there are more behind it
    pub(crate) next: Option<RowCursor>,
    /// number of all rows that pass, if it was asked for and is known
    pub(crate) total: Option<u64>,
}

/// Rows and bytes that were looked at.
struct Work {
    rows: usize,
    bytes: usize,
    /// the time until which may be read
    ends_at: Instant,
}

impl Work {
    fn begin() -> Self {
        Self { rows: 0, bytes: 0, ends_at: Instant::now() + Duration::from_millis(READ_MILLIS_MAX) }
    }

    /// Counts a row with its bytes of work; returns false if it is one too many.
    fn add_row(&mut self, bytes: usize) -> bool {
        self.rows += 1;
        self.rows <= SCAN_ROWS_MAX && self.add_bytes(bytes) && Instant::now() < self.ends_at
    }

    /// Counts further bytes; returns false if they are too many.
    fn add_bytes(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        self.bytes <= WORK_BYTES_MAX
    }
}

impl FilteredRequest {
    /// Plans the request, and says in which order the rows have still to be put. An index that keeps the order is read, unless another one
    /// ensures more of the conditions. For an exact count it is one without a limit where there is one, since others do not have all rows.
    pub(crate) fn plan<'a>(&'a self, served: &'a ServedView, count: RowCount) -> Result<(Plan<'a>, &'a [SortValue]), ReadError> {
        let has_whole = served.view.indexes.iter().any(|index| index.limit.is_none());
        let may_use = |index: &Index| count != RowCount::Exact || index.limit.is_none() || !has_whole;
        let best = plan_over(served, may_use, &self.conditions, &[])?;
        let Some(order) = index_order(&self.order, &self.conditions) else { return Ok((best, &self.order)) };
        match plan_over(served, may_use, &self.conditions, &order) {
            Ok(ordered) if ordered.residual.len() <= best.residual.len() => Ok((ordered, &[])),
            Ok(_) | Err(ReadError::BadOrder { .. }) => Ok((best, &self.order)),
            Err(error) => Err(error),
        }
    }

    /// Times that the bytes of a row are read for the filter and the order.
    pub(crate) fn weight(&self) -> usize {
        1 + self.filter.weight() + self.order.iter().filter(|value| value.source.is_place()).count()
    }

    /// The statement that makes an index for the request: columns with known values first, then those of the order or a range.
    pub(crate) fn advice(&self, view: &View) -> String {
        let (constants, ranges): (Vec<_>, Vec<_>) = self.conditions.iter().partition(|(_, condition)| condition.is_constant());
        let constants = constants.into_iter().map(|(column, _)| OrderColumn { column: *column, descending: false });
        let order = self.order.iter().filter_map(|value| match value.source {
            ValueSource::Column(column) => Some(OrderColumn { column, descending: value.descending }),
            _ => None,
        });
        let ranges = ranges.into_iter().map(|(column, _)| OrderColumn { column: *column, descending: false });
        let mut columns: Vec<OrderColumn> = Vec::new();
        for column in constants.chain(order).chain(ranges) {
            if columns.iter().all(|known| known.column != column.column) {
                columns.push(column);
            }
        }
        let named: Vec<String> = columns
            .iter()
            .map(|column| {
                let direction = if column.descending { " DESC" } else { "" };
                format!("{}{direction}", view.columns[column.column].name)
            })
            .collect();
        match named.is_empty() {
            true => "compare a column with eq, in, gt, gte, lt or lte, and make an index that leads with it".to_owned(),
            false => format!("CREATE INDEX ON {} ({})", view.name, named.join(", ")),
        }
    }
}

impl<'a> FilteredRead<'a> {
    /// Hands out the rows, repeats one by one. A row that `take` breaks off at is not taken: there are more then. The first row has to be
    /// taken.
    pub(crate) fn read(&self, snapshot: &Snapshot<'_>, take: &mut RowTaker<'_>) -> Result<ReadOutcome, ReadError> {
        if *self.rule == Rule::Never || self.filter.is_nothing() {
            return Ok(ReadOutcome { total: (self.count != RowCount::Unasked).then_some(0), ..ReadOutcome::default() });
        }
        if self.sort.is_empty() { self.read_ordered(snapshot, take) } else { self.read_sorted(snapshot, take) }
    }

    fn read_ordered(&self, snapshot: &Snapshot<'_>, take: &mut RowTaker<'_>) -> Result<ReadOutcome, ReadError> {
        let reader = RowReader::new(self.plan.layout);
        let scan = self.scan();
        let ranges = scan.ranges_left();
        let first = scan.first_row(snapshot, &ranges)?;
        let known_total = self.total_without_work(snapshot);
        let must_count = self.count != RowCount::Unasked && known_total.is_none();
        let (mut work, mut passed, mut outcome, mut last) = (Work::begin(), 0, ReadOutcome::default(), None);
        for (number, (stored, count)) in scan.rows(snapshot, &ranges).skip(first.passed).enumerate() {
            let row = reader.load(stored);
            let is_visible = self.rule.holds(&reader, &row);
            if !work.add_row(if is_visible { self.work_of(stored) } else { 0 }) {
                let is_full = outcome.has_more || outcome.taken == self.limit;
                if !is_full || (self.count == RowCount::Exact && known_total.is_none()) {
                    return Err(self.work_limit(passed < self.offset));
                }
                let total = known_total.or_else(|| self.guess(snapshot, passed, work.rows));
                let next = outcome.next.or_else(|| place(last));
                return Ok(ReadOutcome { has_more: true, next, total, ..outcome });
            }
            if !is_visible || !self.is_wanted(&reader, &row) {
                continue;
            }
            let repeats = if number == 0 { first.repeats.unsigned_abs() } else { 0 };
            let rows = count.unsigned_abs().saturating_sub(repeats);
            let skipped = rows.min(self.offset.saturating_sub(passed));
            passed += rows;
            for repeat in skipped..rows {
                if outcome.has_more || outcome.taken == self.limit || take(&reader, &row)?.is_break() {
                    outcome.has_more = true;
                    break;
                }
                outcome.taken += 1;
                last = Some((stored, (repeats + repeat + 1).cast_signed()));
            }
            if outcome.has_more && outcome.next.is_none() {
                outcome.next = place(last);
            }
            if outcome.has_more && !must_count {
                break;
            }
        }
        let total = known_total.or(must_count.then_some(passed));
        Ok(ReadOutcome { total, ..outcome })
    }

    fn read_sorted(&self, snapshot: &Snapshot<'_>, take: &mut RowTaker<'_>) -> Result<ReadOutcome, ReadError> {
        if self.resume.is_some() {
            return Err(ReadError::BadCursor { reason: "is of rows in another order; an order that no index keeps has none" });
        }
        let reader = RowReader::new(self.plan.layout);
        let (scan, mut work) = (self.scan(), Work::begin());
        let mut found: Vec<(SortKey, &[u8], u64)> = Vec::new();
        for (stored, count) in scan.rows(snapshot, &self.plan.ranges) {
            let row = reader.load(stored);
            let is_visible = self.rule.holds(&reader, &row);
            if !work.add_row(if is_visible { self.work_of(stored) } else { 0 }) {
                return Err(self.work_limit(false));
            }
            if !is_visible || !self.is_wanted(&reader, &row) {
                continue;
            }
            let key = sort_key(self.sort, &reader, &row);
            if !work.add_bytes(key_bytes(&key)) {
                return Err(self.work_limit(false));
            }
            found.push((key, stored, count.unsigned_abs()));
        }
        found.sort_by(|(left, ..), (right, ..)| compare_keys(self.sort, left, right));
        let total: u64 = found.iter().map(|(.., rows)| rows).sum();
        let mut outcome = ReadOutcome { total: (self.count != RowCount::Unasked).then_some(total), ..ReadOutcome::default() };
        let mut to_skip = self.offset;
        'rows: for (_, stored, rows) in found {
            let skipped = rows.min(to_skip);
            to_skip -= skipped;
            if skipped == rows {
                continue;
            }
            let row = reader.load(stored);
            for _ in skipped..rows {
                if outcome.taken == self.limit || take(&reader, &row)?.is_break() {
                    outcome.has_more = true;
                    break 'rows;
                }
                outcome.taken += 1;
            }
        }
        Ok(outcome)
    }

    fn scan(&self) -> KeyScan<'_> {
        KeyScan { view: self.view, plan: &self.plan, resume: self.resume.as_ref() }
    }

    /// Bytes of work that a row is which the reader may see; any other counts as a row alone, so that its length is told to nobody.
    fn work_of(&self, stored: &[u8]) -> usize {
        stored.len().saturating_mul(self.weight).saturating_add(self.filter.tests() * TEST_WORK_BYTES)
    }

    /// Returns true if a row passes for which the rule holds. The rule is asked first, also where the ranges ensure it: no fault of a plan shows
    /// a row to the wrong reader.
    fn is_wanted(&self, reader: &RowReader<'_>, row: &LoadedRow) -> bool {
        self.plan.residual.iter().all(|(column, condition)| condition.admits(reader.field(row, *column)))
            && self.filter.truth(reader, row) == Some(true)
    }

    /// The number of rows where all of an index are counted, whose number it knows.
    fn total_without_work(&self, snapshot: &Snapshot<'_>) -> Option<u64> {
        let is_all = *self.rule == Rule::Always && self.filter.is_everything() && self.plan.index.limit.is_none();
        (is_all && self.resume.is_none() && self.count != RowCount::Unasked).then(|| snapshot.rows(self.plan.id))
    }

    /// The number of rows if those that were not looked at are as the others; `None` where it is not asked for, or where it would say
    /// something of rows that the reader may not see.
    fn guess(&self, snapshot: &Snapshot<'_>, passed: u64, looked_at: usize) -> Option<u64> {
        let may_guess = self.count == RowCount::Estimated && *self.rule == Rule::Always;
        let all = u128::from(snapshot.rows(self.plan.id));
        let guessed = u128::from(passed) * all / (looked_at.max(1) as u128);
        may_guess.then(|| u64::try_from(guessed).unwrap_or(u64::MAX).max(passed))
    }

    fn work_limit(&self, is_offset: bool) -> ReadError {
        let advice = match is_offset && self.filter.is_everything() {
            true => "leave out fewer rows: go on with the cursor of the page before".to_owned(),
            false => self.advice.clone(),
        };
        ReadError::WorkLimit { view: self.view.name.clone(), advice }
    }
}

/// Takes a row, or breaks off at it.
pub(crate) type RowTaker<'t> = dyn FnMut(&RowReader<'_>, &LoadedRow) -> Result<ControlFlow<()>, ReadError> + 't;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_at_its_last_row_its_last_byte_and_its_time() {
        let mut work = Work::begin();
        work.ends_at += Duration::from_secs(3_600);
        assert!((0..SCAN_ROWS_MAX).all(|_| work.add_row(0)) && !work.add_row(0));
        let mut work = Work { rows: 0, bytes: 0, ..work };
        assert!(work.add_row(WORK_BYTES_MAX) && !work.add_bytes(1) && !work.add_bytes(usize::MAX));
        let mut late = Work { rows: 0, bytes: 0, ends_at: Instant::now() };
        assert!(!late.add_row(0));
    }
}
