//! Rows of a shape as they were at an epoch, read in parts.
//!
//! A snapshot keeps no rows: the views read those of an epoch for as long as they remember the changes since. It knows where each part
//! begins that was reached, so a part is the same for every reader.

use std::collections::BTreeMap;
use std::ops::Bound;

use schemas::position::Epoch;
use schemas::row::Row;
use tokio::time::Instant;

use super::fault::ShapeFault;
use super::form::{RowMessage, ShapeForm};
use super::limits::{SHAPE_BEGINNINGS_BYTES_MAX, SHAPE_CHUNK_BYTES};
use crate::read::catalog::Catalog;
use crate::read::rows::RowReader;
use crate::subscriptions::limits::SUBSCRIPTION_PAGE_ROWS;
use crate::subscriptions::planned::PlannedSubscription;

/// The rows of an epoch.
pub(super) struct ShapeSnapshot {
    pub(super) epoch: Epoch,
    /// the time at which it was the latest
    pub(super) taken_at: Instant,
    /// beginnings of the parts that were reached, but the first, which is known
    beginnings: BTreeMap<usize, PartBeginning>,
    /// bytes of all of them
    bytes: usize,
}

/// The place in the ranges of a plan at which a part begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PartBeginning {
    range: usize,
    /// the part of the range that is left; `None` for all of it
    rest: Option<Bound<Row>>,
    /// messages of the first row that are in the part before
    copies: i64,
}

impl ShapeSnapshot {
    /// The rows of the epoch that is visible now.
    pub(super) fn of(epoch: Epoch) -> Self {
        Self { epoch, taken_at: Instant::now(), beginnings: BTreeMap::new(), bytes: 0 }
    }

    /// The beginning of a part; `None` when no reader has got there, or it was dropped.
    pub(super) fn beginning(&self, part: usize) -> Option<PartBeginning> {
        if part == 0 { Some(PartBeginning::default()) } else { self.beginnings.get(&part).cloned() }
    }

    /// Notes where a part begins. Beyond the limit of bytes the earliest others are dropped, so whoever reads on gets to the end.
    pub(super) fn note(&mut self, part: usize, beginning: &PartBeginning) {
        if self.beginnings.contains_key(&part) {
            return;
        }
        self.bytes += beginning.bytes();
        self.beginnings.insert(part, beginning.clone());
        while self.bytes > SHAPE_BEGINNINGS_BYTES_MAX {
            let Some(earliest) = self.beginnings.keys().copied().find(|other| *other != part) else { break };
            self.bytes -= self.beginnings.remove(&earliest).map_or(0, |dropped| dropped.bytes());
        }
    }

    /// Returns the number of bytes of the beginnings.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl PartBeginning {
    fn bytes(&self) -> usize {
        let row = match &self.rest {
            Some(Bound::Included(row) | Bound::Excluded(row)) => row.len(),
            Some(Bound::Unbounded) | None => 0,
        };
        size_of::<Self>() + row
    }
}

/// Reads the part that begins at a place: its messages with commas between them, and where the next part begins.
pub(super) fn read_part(
    planned: &PlannedSubscription,
    form: &ShapeForm,
    catalog: &Catalog,
    epoch: Epoch,
    mut at: PartBeginning,
) -> Result<(String, Option<PartBeginning>), ShapeFault> {
    let reader = RowReader::new(planned.layout());
    let mut text = String::new();
    while let Some(range) = planned.ranges.get(at.range) {
        let page = {
            let range = planned.range(range, at.rest.as_ref());
            planned.read(catalog, |snapshot| Ok(snapshot.served_at(planned.id, range, epoch, SUBSCRIPTION_PAGE_ROWS)?))?
        };
        for (stored, count) in page.rows {
            let Some(row) = planned.admit(&reader, stored.as_bytes()) else { continue };
            if count != 1 && !form.columns().is_counted {
                return Err(form.columns().not_unique(&planned.served.view).into());
            }
            for copy in at.copies..form.copies(count) {
                if text.len() >= SHAPE_CHUNK_BYTES {
                    return Ok((
                        text,
                        Some(PartBeginning { range: at.range, rest: Some(Bound::Included(stored)), copies: copy }),
                    ));
                }
                if !text.is_empty() {
                    text.push(',');
                }
                form.write(&reader, &RowMessage::Insert(&row, copy), "", &mut text);
            }
            at.copies = 0;
        }
        if page.rest.is_none() {
            at.range += 1;
        }
        at.rest = page.rest;
    }
    Ok((text, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_dropped_beyond_their_bytes_but_the_first_and_the_latest() {
        let mut snapshot = ShapeSnapshot::of(Epoch(3));
        let begins = |letter: u8| {
            let row = Row::from_bytes(&[letter; SHAPE_BEGINNINGS_BYTES_MAX / 3]);
            PartBeginning { range: 0, rest: Some(Bound::Included(row)), copies: 0 }
        };
        for part in 1..=40 {
            snapshot.note(part, &begins(part as u8));
            snapshot.note(part, &begins(0));
            assert_eq!(snapshot.beginning(part), Some(begins(part as u8)), "whoever reads on gets to the next part");
            assert!(snapshot.bytes() <= SHAPE_BEGINNINGS_BYTES_MAX, "{} bytes", snapshot.bytes());
        }
        assert_eq!((snapshot.beginning(0), snapshot.beginning(1)), (Some(PartBeginning::default()), None));
        // Somebody who is behind goes on too.
        snapshot.note(2, &begins(2));
        assert_eq!(snapshot.beginning(2), Some(begins(2)));
    }
}
