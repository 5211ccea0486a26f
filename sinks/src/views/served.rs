//! The limit of an index, applied as it is read.
//!
//! An index keeps all rows and serves the first k for each value of its first column, so a row beyond the k-th moves up by itself
//! when one before it goes away. The rows of one value are a group; they lie next to each other. Finding where a group is cut
//! skips whole chunks and costs about k / 100 steps, so a page from the middle of a group is as cheap as its first page.

use std::ops::Bound;

use schemas::row::Row;
use schemas::serving::IndexLayout;

use super::ordered_rows::OrderedRows;
use super::range::{Range, Scan, first_field_end, prefix_end, tightest};

/// The rows of a range that the limit of the index lets through, one by one: stored form and count.
pub struct Served<'a> {
    /// rest of the present group, or of everything without a limit
    scan: Scan<'a>,
    /// the work that remains when `scan` has ended; `None` without a limit
    groups: Option<Groups<'a>>,
}

/// The groups of a range that were not looked at yet.
struct Groups<'a> {
    /// the rows of the index
    rows: &'a OrderedRows,
    /// tells where the first field of a row ends
    layout: &'a IndexLayout,
    /// rows of one group that are served, repeats counted
    limit: u64,
    /// lower end of what was not looked at; moves up with each group
    lower: Bound<Row>,
    /// upper end; moves down with each group when reading in reverse
    upper: Bound<Row>,
    /// true if groups are taken from the upper end
    reverse: bool,
    /// the last row that the present group serves and how many of its repeats, when the group is cut
    cut: Option<(&'a [u8], u64)>,
}

impl<'a> Served<'a> {
    /// Makes the rows of a range that the limit lets through. Nothing is looked at before the first of them is asked for.
    pub(super) fn new(rows: &'a OrderedRows, layout: &'a IndexLayout, limit: Option<usize>, range: Range<'_>) -> Self {
        let Range { lower, upper, reverse } = range;
        let Some(limit) = limit else {
            return Self { scan: Scan::new(rows.scan(lower, upper), reverse), groups: None };
        };
        let (lower, upper) = (lower.map(Row::from_bytes), upper.map(Row::from_bytes));
        let groups = Groups { rows, layout, limit: limit as u64, lower, upper, reverse, cut: None };
        Self { scan: Scan::new(Default::default(), reverse), groups: Some(groups) }
    }
}

impl<'a> Iterator for Served<'a> {
    type Item = (&'a [u8], i64);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((row, count)) = self.scan.next() {
                let cut = self.groups.as_ref().and_then(|groups| groups.cut).filter(|cut| cut.0 == row);
                return Some((row, cut.map_or(count, |(_, repeats)| repeats as i64)));
            }
            self.scan = self.groups.as_mut()?.next_group()?;
        }
    }
}

impl<'a> Groups<'a> {
    /// The rows of the next group that has any in the range, without those beyond its cut.
    fn next_group(&mut self) -> Option<Scan<'a>> {
        let (lower, upper) = (self.lower.as_ref().map(Row::as_bytes), self.upper.as_ref().map(Row::as_bytes));
        let (row, _) = Scan::new(self.rows.scan(lower, upper), self.reverse).next().filter(|_| self.limit > 0)?;
        let group = &row[..first_field_end(self.layout, row)];
        let end = prefix_end(group);
        self.cut = self.rows.nth(group, self.limit).filter(|(last, _)| last.starts_with(group));
        let group_upper = match (&self.cut, &end) {
            (Some((last, _)), _) => Bound::Included(*last),
            (None, Some(end)) => Bound::Excluded(end.as_bytes()),
            (None, None) => Bound::Unbounded,
        };
        let from = tightest(lower, Bound::Included(group), |new, old| new >= old);
        let to = tightest(upper, group_upper, |new, old| new < old);
        let scan = Scan::new(self.rows.scan(from, to), self.reverse);
        if self.reverse {
            self.upper = Bound::Excluded(Row::from_bytes(group));
        } else {
            // Without an end this was the last group: nothing is less than the empty row.
            self.lower = end.map_or(Bound::Unbounded, Bound::Included);
            if self.lower == Bound::Unbounded {
                self.upper = Bound::Excluded(Row::empty());
            }
        }
        Some(scan)
    }
}

#[cfg(test)]
mod tests;
