//! One index with its rows, and one that is staged.
//!
//! Owns [`KeptIndex`] and [`FilledIndex`]. Changes enter; rows that are whole leave with [`FilledIndex::finish`].

use std::collections::BTreeMap;

use schemas::position::Epoch;
use schemas::row::{Diff, Row};
use schemas::serving::IndexLayout;

use super::error::ViewsError;
use super::ids::{IndexId, ServedView};
use super::ordered_rows::OrderedRows;

/// An index: what is fixed about it, and its rows.
pub(super) struct KeptIndex {
    /// the name of its view
    pub view: String,
    /// its name
    pub index: String,
    /// layout of its rows
    pub layout: IndexLayout,
    /// the most rows served for one value of its first column
    pub limit: Option<usize>,
    /// its rows
    pub rows: OrderedRows,
    /// rows that came, went or changed their number since it is served
    pub row_changes: u64,
    /// the last epoch that changed a row; the one at which it became visible when none has since
    pub last_change: Epoch,
}

impl KeptIndex {
    /// The indexes of a view, without rows.
    pub fn all_of(served: &ServedView) -> impl Iterator<Item = (IndexId, Self)> {
        served.indexes.iter().zip(&served.view.indexes).map(|((id, layout), index)| {
            let (view, name) = (served.view.name.clone(), index.name.clone());
            let (layout, limit) = (layout.clone(), index.limit);
            let kept = Self { view, index: name, layout, limit, rows: OrderedRows::new(), row_changes: 0, last_change: Epoch(0) };
            (*id, kept)
        })
    }

    /// Says that a row would be there less than no times.
    pub fn negative(&self, epoch: Epoch, row: &Row, count: Diff) -> ViewsError {
        let (view, index) = (self.view.clone(), self.index.clone());
        ViewsError::NegativeCount { view, index, row: row.clone(), count, epoch }
    }
}

/// An index that nobody reads yet. Its changes come in parts of an epoch, so a row may be taken away before it has come.
pub(super) struct FilledIndex {
    /// the rows that came; none of their counts is negative
    kept: KeptIndex,
    /// rows that were retracted before they came; every count is negative
    owed: BTreeMap<Row, Diff>,
}

impl FilledIndex {
    /// An index without rows.
    pub fn new(kept: KeptIndex) -> Self {
        Self { kept, owed: BTreeMap::new() }
    }

    /// Adds to the counts of rows; `changes` ascend strictly.
    pub fn fill(&mut self, mut changes: Vec<(Row, Diff)>) {
        for (row, diff) in &mut changes {
            if !self.owed.is_empty() {
                *diff += self.owed.remove(row).unwrap_or(0);
            }
            if *diff < 0 {
                let owed = (self.kept.rows.count(row.as_bytes()) + *diff).min(0);
                if owed < 0 {
                    self.owed.insert(row.clone(), owed);
                    *diff -= owed;
                }
            }
        }
        changes.retain(|(_, diff)| *diff != 0);
        self.kept.rows.apply(&changes);
    }

    /// Its rows, when nothing is owed.
    pub fn whole(&self, epoch: Epoch) -> Result<&OrderedRows, ViewsError> {
        match self.owed.first_key_value() {
            Some((row, count)) => Err(self.kept.negative(epoch, row, *count)),
            None => Ok(&self.kept.rows),
        }
    }

    /// Returns the number of its rows, repeats counted.
    pub fn rows(&self) -> u64 {
        self.kept.rows.rows()
    }

    /// The index as it is read from now on.
    pub fn finish(self) -> KeptIndex {
        self.kept
    }
}
