//! The changes of one epoch for a subscription.
//!
//! A step of the view's history enters; [`RowChange`]s leave, always the same ones in the same order, so that a reader may go on in the
//! middle of them. Where a limit cuts, the rows before and after the step are compared: a row that moves up is an upsert.

use std::collections::{BTreeMap, BTreeSet};

use schemas::position::Epoch;
use schemas::row::{Diff, Row};
use sinks::views::Step;

use super::interruption::Interruption;
use super::limits::{SUBSCRIPTION_CHANGES_MAX, SUBSCRIPTION_PAGE_ROWS};
use super::planned::PlannedSubscription;
use crate::read::catalog::Catalog;
use crate::read::limits::SCAN_ROWS_MAX;
use crate::read::rows::RowReader;

/// The change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RowChange {
    /// it goes, so many times
    Delete(Row, Diff),
    /// it comes, so many times
    Upsert(Row, Diff),
}

impl PlannedSubscription {
    /// The changes of a step: what goes, then what comes, both in the order of the index.
    pub(super) fn changes(&self, catalog: &Catalog, step: &Step) -> Result<Vec<RowChange>, Interruption> {
        let changed = self.changed(catalog, step)?;
        let replaced = self.keys(changed.iter().filter(|(_, diff)| *diff > 0));
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        let reader = RowReader::new(self.layout());
        for (row, diff) in changed {
            if diff > 0 {
                come.push(RowChange::Upsert(row, diff));
            } else if !self.key_of(&reader, &row).is_some_and(|key| replaced.contains(&key)) {
                gone.push(RowChange::Delete(row, -diff));
            }
        }
        gone.append(&mut come);
        Ok(gone)
    }

    /// The rows that a step changes for the reader, each once, with the change of its count.
    pub(crate) fn changed(&self, catalog: &Catalog, step: &Step) -> Result<Vec<(Row, Diff)>, Interruption> {
        if self.limit.is_some() {
            self.changed_top(catalog, step)
        } else if self.index().limit.is_some() {
            self.changed_groups(catalog, step)
        } else {
            let ranges = self.ranges.iter().map(|range| self.range(range, None));
            self.admitted(ranges.flat_map(|range| step.changes.of(self.id, range)).cloned())
        }
    }

    /// Returns those of the changed rows within the ranges that the reader gets.
    fn admitted(&self, changed: impl Iterator<Item = (Row, Diff)>) -> Result<Vec<(Row, Diff)>, Interruption> {
        let reader = RowReader::new(self.layout());
        let admitted = changed.filter(|(row, _)| self.admit(&reader, row.as_bytes()).is_some());
        let admitted: Vec<_> = admitted.take(SUBSCRIPTION_CHANGES_MAX + 1).collect();
        if admitted.len() > SUBSCRIPTION_CHANGES_MAX { Err(Interruption::ManyChanges) } else { Ok(admitted) }
    }

    /// The values of the first column whose rows have changed.
    pub(crate) fn touched(&self, step: &Step) -> BTreeSet<Row> {
        let ranges = self.ranges.iter().map(|range| self.range(range, None));
        ranges.flat_map(|range| step.changes.groups_of(self.id, self.layout(), range)).collect()
    }

    /// Collects changes where the index serves a limited number of rows for each value of its first column.
    fn changed_groups(&self, catalog: &Catalog, step: &Step) -> Result<Vec<(Row, Diff)>, Interruption> {
        let (mut changed, touched) = (Vec::new(), self.touched(step));
        // Each is read before and after the step, also where the reader gets none of its changes.
        if touched.len() > SUBSCRIPTION_CHANGES_MAX {
            return Err(Interruption::ManyChanges);
        }
        for group in touched {
            let of_group = self.read(catalog, |snapshot| Ok(snapshot.group_change(self.id, group.as_bytes(), step)?))?;
            changed.extend(self.admitted(of_group.into_iter().filter(|(row, _)| self.covers(row)))?);
            if changed.len() > SUBSCRIPTION_CHANGES_MAX {
                return Err(Interruption::ManyChanges);
            }
        }
        Ok(changed)
    }

    /// Collects changes where the reader wants a limited number of rows.
    fn changed_top(&self, catalog: &Catalog, step: &Step) -> Result<Vec<(Row, Diff)>, Interruption> {
        if self.touched(step).is_empty() {
            return Ok(Vec::new());
        }
        let mut counts = BTreeMap::new();
        for (epoch, sign) in [(step.previous, -1), (step.changes.epoch, 1)] {
            for (row, count) in self.top(catalog, epoch)? {
                *counts.entry(row).or_default() += sign * count;
            }
        }
        Ok(counts.into_iter().filter(|(_, diff)| *diff != 0).collect())
    }

    /// The first rows at an epoch, as many as the reader wants.
    fn top(&self, catalog: &Catalog, epoch: Epoch) -> Result<Vec<(Row, Diff)>, Interruption> {
        let reader = RowReader::new(self.layout());
        let (mut rows, mut passed_over) = (Vec::new(), 0);
        let mut left = self.limit.unwrap_or(Diff::MAX);
        for range in &self.ranges {
            let mut rest = None;
            loop {
                let range = self.range(range, rest.as_ref());
                let page =
                    self.read(catalog, |snapshot| Ok(snapshot.served_at(self.id, range, epoch, SUBSCRIPTION_PAGE_ROWS)?))?;
                for (row, count) in page.rows {
                    if self.admit(&reader, row.as_bytes()).is_none() {
                        passed_over += 1;
                        continue;
                    }
                    rows.push((row, count.min(left)));
                    left -= count.min(left);
                    if left == 0 {
                        return Ok(rows);
                    }
                }
                if passed_over > SCAN_ROWS_MAX {
                    return Err(self.scan_limit());
                }
                rest = page.rest;
                if rest.is_none() {
                    break;
                }
            }
        }
        Ok(rows)
    }

    /// The keys of rows; none where the client knows rows by all of their columns.
    fn keys<'r>(&self, rows: impl Iterator<Item = &'r (Row, Diff)>) -> BTreeSet<Row> {
        let reader = RowReader::new(self.layout());
        rows.filter_map(|(row, _)| self.key_of(&reader, row)).collect()
    }

    fn key_of(&self, reader: &RowReader<'_>, stored: &Row) -> Option<Row> {
        let (columns, _) = self.key.as_ref()?;
        let row = reader.load(stored.as_bytes());
        let mut key = Row::empty();
        columns.iter().for_each(|column| key.extend(reader.field(&row, *column)));
        Some(key)
    }
}
