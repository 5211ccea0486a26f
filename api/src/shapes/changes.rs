//! Messages of an epoch: what it changed, as readers know rows.
//!
//! Changed rows with the change of their count enter; texts of messages leave, always the same ones in the same order. Rows that a key tells
//! apart are inserted, updated and deleted. Others are numbered among their equals, so that each has a key of its own; for that one has to
//! know how often they were there before. Work and memory are counted ([`CatchUp`]).

use std::collections::BTreeMap;
use std::ops::Bound;

use schemas::position::Epoch;
use schemas::row::{Diff, Row};
use sinks::views::{Range, Step};

use super::fault::ShapeFault;
use super::form::{RowMessage, ShapeForm};
use super::limits::SHAPE_EPOCH_MESSAGES_MAX;
use crate::read::catalog::Catalog;
use crate::read::rows::{LoadedRow, RowReader};
use crate::subscriptions::limits::SUBSCRIPTION_PAGE_ROWS;
use crate::subscriptions::planned::PlannedSubscription;

/// Rows of one group that a lookup reads at a time, where the index has a limit.
const GROUP_PAGE_ROWS: u64 = 128;

/// Work that is left for one continuation of a log.
pub(super) struct CatchUp {
    /// bytes of messages
    pub(super) bytes: usize,
    /// steps of the history that lookups of rows go through
    pub(super) lookup_steps: u64,
}

impl CatchUp {
    /// Takes the work of looking up so many rows, or groups of rows, as they were after a step.
    fn look_up(&mut self, planned: &PlannedSubscription, catalog: &Catalog, step: &Step, rows: usize) -> Result<(), ShapeFault> {
        // There are at most as many steps since as there are epochs.
        let steps_since = catalog.views().position().epoch.0.saturating_sub(step.changes.epoch.0);
        let pages = planned.index().limit.map_or(1, |limit| limit as u64 / GROUP_PAGE_ROWS + 1);
        let work = (rows as u64).saturating_mul(steps_since.saturating_add(1)).saturating_mul(pages);
        self.lookup_steps = self.lookup_steps.checked_sub(work).ok_or(ShapeFault::NewLog)?;
        Ok(())
    }
}

/// A row that a key names, before and after an epoch.
type KeyedChange = (Option<LoadedRow>, Option<LoadedRow>);

/// Writes what a step in a row changed; nothing where it changed nothing for a reader.
pub(super) fn messages(
    planned: &PlannedSubscription,
    form: &ShapeForm,
    catalog: &Catalog,
    step: &Step,
    left: &mut CatchUp,
) -> Result<Vec<String>, ShapeFault> {
    if planned.index().limit.is_some() {
        left.look_up(planned, catalog, step, planned.touched(step).len())?;
    }
    let rows = planned.changed(catalog, step)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let counts = if form.columns().is_counted { counts_after(planned, catalog, step, &rows, left)? } else { Vec::new() };
    let reader = RowReader::new(planned.layout());
    let mut writer = EpochWriter { form, planned, reader, epoch: step.changes.epoch, texts: Vec::new(), left };
    if form.columns().is_counted {
        writer.write_counted(&rows, &counts)?;
    } else {
        writer.write_keyed(&rows)?;
    }
    Ok(writer.finished())
}

/// Finds how often each of the changed rows is there after a step. Nothing is published while some are looked up.
fn counts_after(
    planned: &PlannedSubscription,
    catalog: &Catalog,
    step: &Step,
    rows: &[(Row, Diff)],
    left: &mut CatchUp,
) -> Result<Vec<Diff>, ShapeFault> {
    let epoch = step.changes.epoch;
    left.look_up(planned, catalog, step, rows.len())?;
    let mut counts = Vec::with_capacity(rows.len());
    for rows in rows.chunks(SUBSCRIPTION_PAGE_ROWS) {
        planned.read(catalog, |snapshot| {
            for (row, _) in rows {
                let bound = Bound::Included(row.as_bytes());
                let page = snapshot.served_at(planned.id, Range { lower: bound, upper: bound, reverse: false }, epoch, 1)?;
                counts.push(page.rows.first().map_or(0, |(_, count)| *count));
            }
            Ok(())
        })?;
    }
    Ok(counts)
}

/// Returns how often a row was there before a change. A row that is there a negative number of times has no messages that a reader could fold.
fn count_before(after: Diff, diff: Diff) -> Result<Diff, ShapeFault> {
    let before = after.checked_sub(diff).filter(|before| *before >= 0 && after >= 0);
    before.ok_or_else(|| {
        tracing::warn!(after, diff, "the count of a row does not fit its change, so another log of its shape begins");
        ShapeFault::NewLog
    })
}

/// Writes the messages of one epoch.
struct EpochWriter<'a> {
    form: &'a ShapeForm,
    planned: &'a PlannedSubscription,
    reader: RowReader<'a>,
    epoch: Epoch,
    texts: Vec<String>,
    left: &'a mut CatchUp,
}

impl EpochWriter<'_> {
    /// Rows that are numbered among their equals: the last ones go first, and new ones come behind those that are there.
    fn write_counted(&mut self, rows: &[(Row, Diff)], counts: &[Diff]) -> Result<(), ShapeFault> {
        for ((stored, diff), after) in rows.iter().zip(counts.iter().copied()) {
            let row = self.reader.load(stored.as_bytes());
            let before = count_before(after, *diff)?;
            for copy in (after..before).rev() {
                self.write(&RowMessage::Delete(&row, copy))?;
            }
            for copy in before..after {
                self.write(&RowMessage::Insert(&row, copy))?;
            }
        }
        Ok(())
    }

    /// Rows that a key tells apart, in the order of the keys. A key that an epoch takes from two rows, or gives to two, is none.
    fn write_keyed(&mut self, rows: &[(Row, Diff)]) -> Result<(), ShapeFault> {
        let mut by_key: BTreeMap<Row, KeyedChange> = BTreeMap::new();
        for (stored, diff) in rows {
            let row = self.reader.load(stored.as_bytes());
            let mut key = Row::empty();
            self.form.columns().key.iter().for_each(|column| key.extend(self.reader.field(&row, *column)));
            let (old, new) = by_key.entry(key).or_default();
            let side = if *diff > 0 { new } else { old };
            if diff.unsigned_abs() != 1 || side.replace(row).is_some() {
                return Err(self.form.columns().not_unique(&self.planned.served.view).into());
            }
        }
        for change in by_key.values() {
            match change {
                (Some(old), Some(new)) if self.form.differ(&self.reader, old, new) => {
                    self.write(&RowMessage::Update(old, new))?
                }
                (None, Some(new)) => self.write(&RowMessage::Insert(new, 0))?,
                (Some(old), None) => self.write(&RowMessage::Delete(old, 0))?,
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        Ok(())
    }

    fn write(&mut self, message: &RowMessage<'_>) -> Result<(), ShapeFault> {
        if self.texts.len() == SHAPE_EPOCH_MESSAGES_MAX {
            return Err(ShapeFault::NewLog);
        }
        let (epoch, number) = (self.epoch, self.texts.len());
        let place = format!(",\"lsn\":\"{epoch}\",\"op_position\":{number},\"txids\":[{epoch}]");
        let mut text = String::new();
        self.form.write(&self.reader, message, &place, &mut text);
        self.left.bytes = self.left.bytes.checked_sub(text.len()).ok_or(ShapeFault::NewLog)?;
        self.texts.push(text);
        Ok(())
    }

    /// The messages, the last of which says that it is the last of its epoch.
    fn finished(mut self) -> Vec<String> {
        if let Some(last) = self.texts.last_mut() {
            // A message ends with its headers.
            last.truncate(last.len() - "}}".len());
            last.push_str(",\"last\":true}}");
        }
        self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_does_not_fit_its_change_begins_another_log() {
        for (after, diff, before) in [(2, 2, 0), (0, -3, 3), (5, 1, 4)] {
            assert!(matches!(count_before(after, diff), Ok(count) if count == before), "{after} after {diff}");
        }
        for (after, diff) in [(1, 2), (-1, -2), (0, 1), (Diff::MIN, 1)] {
            assert!(matches!(count_before(after, diff), Err(ShapeFault::NewLog)), "{after} after {diff}");
        }
    }
}
