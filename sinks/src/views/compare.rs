//! Comparison of a staged view with the served one.
//!
//! Two names enter, [`Difference`] leaves. Readers go on; publishing and filling wait, so that both sides are of one epoch.

use std::cmp::Ordering;

use schemas::position::Epoch;
use schemas::row::{Diff, Row};
use schemas::serving::{Column, Index, View};

use super::error::ViewsError;
use super::ids::{IndexId, ServedView};
use super::ordered_rows::OrderedRows;
use super::range::Range;
use super::store::Views;

/// Difference between the rows of two views. Rows are in the stored form of the first index, with how many more there are on their side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// the first rows, in the order of the index, that are there more often in the served view
    pub only_old: Vec<(Row, Diff)>,
    /// the first rows that are there more often in the staged view
    pub only_new: Vec<(Row, Diff)>,
    /// number of such rows in the served view, repeats counted
    pub only_old_count: u64,
    /// number of such rows in the staged view, repeats counted
    pub only_new_count: u64,
    /// number of rows in both, repeats counted
    pub equal_count: u64,
}

/// Reason why two views can't be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// nothing is served under this name
    #[error("can't compare with view '{view}': it is not served, so every row of the new one is new")]
    NotServed {
        /// the name
        view: String,
    },
    /// nothing is staged under this name
    #[error("can't compare view '{view}' with what is served: it is not being deployed")]
    NotStaged {
        /// the name
        view: String,
    },
    /// rows of other columns
    #[error("can't compare view '{view}' row by row: its columns are ({old}) and would be ({new})")]
    Columns {
        /// the served view
        view: String,
        /// its columns
        old: String,
        /// the columns of the staged view
        new: String,
    },
    /// rows in another order
    #[error("can't compare view '{view}' row by row: its first index is by ({old}) and would be by ({new})")]
    Key {
        /// the served view
        view: String,
        /// the columns of its first index
        old: String,
        /// the columns of the staged view's first index
        new: String,
    },
    /// the staged view is in the middle of an epoch
    #[error("can't compare view '{view}' yet: rows were taken away that have not come")]
    Unfinished {
        /// the staged view
        view: String,
    },
}

impl Views {
    /// Compares a served view with a staged one of equal columns and an equal first index. At most `examples_max` rows of each
    /// side are listed, all are counted.
    pub fn compare(&self, served: &str, staged: &str, examples_max: usize) -> Result<Difference, CompareError> {
        let _publishing = self.publishing.lock();
        let catalogue = self.catalogue();
        let not_served = || CompareError::NotServed { view: served.to_owned() };
        let not_staged = || CompareError::NotStaged { view: staged.to_owned() };
        let old = catalogue.served.get(served).ok_or_else(not_served)?;
        let new = catalogue.staged.get(staged).ok_or_else(not_staged)?;
        check_comparable(&old.view, &new.view)?;
        let staged_indexes = self.staged.lock();
        let state = self.state.read();
        let old = first_index(old).and_then(|id| state.indexes.get(&id)).ok_or_else(not_served)?;
        let new = first_index(new).and_then(|id| staged_indexes.get(id)).ok_or_else(not_staged)?;
        let unfinished = |_: ViewsError| CompareError::Unfinished { view: staged.to_owned() };
        let new = new.whole(Epoch::default()).map_err(unfinished)?;
        Ok(difference(&old.rows, new, examples_max))
    }
}

/// Returns the index whose rows are compared; every view has one.
fn first_index(served: &ServedView) -> Option<IndexId> {
    served.indexes.first().map(|(id, _)| *id)
}

/// Refuses views whose stored rows would not be comparable bytes: other columns, or another order.
fn check_comparable(old: &View, new: &View) -> Result<(), CompareError> {
    let view = old.name.clone();
    if old.columns != new.columns {
        return Err(CompareError::Columns { view, old: describe_columns(&old.columns), new: describe_columns(&new.columns) });
    }
    let key = |view: &View| view.indexes.first().map(|index| index.columns.clone());
    if key(old) != key(new) {
        return Err(CompareError::Key { view, old: describe_key(old), new: describe_key(new) });
    }
    Ok(())
}

/// Returns the columns with their types, for people.
fn describe_columns(columns: &[Column]) -> String {
    let describe = |column: &Column| format!("{} {}", column.name, column.kind.sql_name());
    columns.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// Returns the columns of the first index with their directions, for people.
fn describe_key(view: &View) -> String {
    let columns = view.indexes.first().map_or(&[][..], |index: &Index| &index.columns);
    let describe = |column: &schemas::serving::IndexColumn| {
        let direction = if column.descending { " DESC" } else { "" };
        format!("{}{direction}", view.columns[column.column].name)
    };
    columns.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// Walks both sides once, in the same order. Memory is bounded by the examples.
fn difference(old: &OrderedRows, new: &OrderedRows, examples_max: usize) -> Difference {
    let mut found = Difference::default();
    let (mut old_rows, mut new_rows) =
        (old.scan(Range::ALL.lower, Range::ALL.upper), new.scan(Range::ALL.lower, Range::ALL.upper));
    let (mut old_row, mut new_row) = (old_rows.next(), new_rows.next());
    loop {
        let order = match (old_row, new_row) {
            (None, None) => return found,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let old_count = old_row.filter(|_| order.is_le()).map_or(0, |(_, count)| count);
        let new_count = new_row.filter(|_| order.is_ge()).map_or(0, |(_, count)| count);
        let row = if order.is_le() { old_row } else { new_row };
        found.add(row.map_or(&[][..], |(row, _)| row), old_count, new_count, examples_max);
        if order.is_le() {
            old_row = old_rows.next();
        }
        if order.is_ge() {
            new_row = new_rows.next();
        }
    }
}

impl Difference {
    /// Returns true if the two have the same rows.
    pub fn is_empty(&self) -> bool {
        self.only_old_count == 0 && self.only_new_count == 0
    }

    /// Counts one row; either side may have it not at all.
    fn add(&mut self, row: &[u8], old: Diff, new: Diff, examples_max: usize) {
        self.equal_count += old.min(new).unsigned_abs();
        let (list, count) = match old.cmp(&new) {
            Ordering::Equal => return,
            Ordering::Greater => (&mut self.only_old, &mut self.only_old_count),
            Ordering::Less => (&mut self.only_new, &mut self.only_new_count),
        };
        *count += old.abs_diff(new);
        if list.len() < examples_max {
            list.push((Row::from_bytes(row), (old - new).abs()));
        }
    }
}
