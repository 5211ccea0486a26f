//! Rows that were taken back before they came.
//!
//! Rows enter with how often they are missing, and are paid when they come. Keeps each row that is owed, once.

use std::collections::BTreeMap;

use schemas::row::{Diff, Row};

/// Rows that are owed, and how often.
///
/// Invariant: every count is positive, so a row of which nothing is owed has no entry.
#[derive(Default)]
pub(crate) struct OwedRows(BTreeMap<Row, Diff>);

impl OwedRows {
    /// Pays what is owed of a row that comes so many times; returns how many of them that takes.
    pub(crate) fn pay(&mut self, row: &[u8], times: Diff) -> Diff {
        let Some(owed) = self.0.get_mut(row) else { return 0 };
        let paid = times.min(*owed);
        *owed -= paid;
        if *owed == 0 {
            self.0.remove(row);
        }
        paid
    }

    /// Notes that a row is missing so many times, which may be none.
    pub(crate) fn owe(&mut self, row: &[u8], missing: Diff) {
        if missing > 0 {
            *self.0.entry(Row::from_bytes(row)).or_default() += missing;
        }
    }

    /// Number of times that a row is owed.
    pub(crate) fn count(&self, row: &[u8]) -> Diff {
        self.0.get(row).copied().unwrap_or(0)
    }

    /// Returns true if nothing is owed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rows in order, each with the number of times that it is owed.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&Row, Diff)> {
        self.0.iter().map(|(row, count)| (row, *count))
    }
}
