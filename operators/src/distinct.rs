//! Distinct: each row that is there at least once, exactly once.
//!
//! Keeps one count per distinct row, in memory; a change costs one lookup.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::distinct::distinct;
//! use schemas::row::Row;
//!
//! timely::example(|scope| {
//!     let (_, rows) = scope.new_collection_from_raw(vec![(Row::from_bytes(b"a"), 0, 3_i64)]);
//!     distinct(rows).inspect(|(_, _, diff)| assert_eq!(*diff, 1));
//! });
//! ```

use std::collections::hash_map::Entry;

use schemas::row::{Diff, Row};

use crate::Rows;
use crate::hash::RowMap;
use crate::keyed::{Emit, KeyLogic, keyed};
use crate::state::KeptState;

/// The rows whose count is positive, once each.
pub fn distinct<'s>(rows: Rows<'s>) -> Rows<'s> {
    keyed(rows.map(|row| (row, ())), "distinct", KeptState::none(0), RowCounts::default()).0
}

#[derive(Default)]
struct RowCounts(RowMap<Diff>);

impl KeyLogic<(), Row> for RowCounts {
    fn apply(&mut self, row: Row, changes: &mut Vec<((), Diff)>, emit: &mut Emit<Row>) {
        let change = changes.iter().fold(0, |sum: Diff, (_, diff)| sum.wrapping_add(*diff));
        let (old, new) = match self.0.entry(row.clone()) {
            Entry::Vacant(entry) => (0, *entry.insert(change)),
            Entry::Occupied(mut entry) => {
                let old = *entry.get();
                let new = old.wrapping_add(change);
                *entry.get_mut() = new;
                if new == 0 {
                    entry.remove();
                }
                (old, new)
            }
        };
        let change = Diff::from(new > 0) - Diff::from(old > 0);
        if change != 0 {
            emit.row(row, change);
        }
    }
}
