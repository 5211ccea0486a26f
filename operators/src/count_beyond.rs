//! Counting across an inequality: for each row, how many rows of the other side with the same key lie beyond its bound.
//!
//! Rows with a bound and positions enter, both keyed; each row with its count leaves, unless the count is 0. Keeps the positions of each
//! key in order, and the rows. A row that comes or goes costs one count, however many positions there are; a position costs one count
//! for each row of its key. So a read marker costs the same in a conversation of ten messages and of a hundred thousand, where a join
//! would pair it with every message.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::count_beyond::count_beyond;
//! use schemas::aggregate::Beyond;
//! use schemas::field::{FieldKind, Value};
//! use schemas::row::Row;
//!
//! timely::example(|scope| {
//!     let key = || Row::from_bytes(b"conversation");
//!     let message = |id: &[u8]| ((key(), Row::from_bytes(id)), 0, 1_i64);
//!     let (_, markers) = scope.new_collection_from_raw(vec![((key(), (Row::from_bytes(b"2"), Row::from_bytes(b"reader"))), 0, 1_i64)]);
//!     let (_, messages) = scope.new_collection_from_raw(vec![message(b"1"), message(b"2"), message(b"3")]);
//!     count_beyond(markers, messages, Beyond::Greater).inspect(|(row, _, _)| {
//!         assert_eq!(FieldKind::Int64.read(row.as_bytes(), b"conversationreader".len()), Value::Int(1));
//!     });
//! });
//! ```

use std::collections::BTreeMap;

use differential_dataflow::VecCollection;
use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};

use crate::hash::RowMap;
use crate::keyed::{Emit, KeyLogic, keyed};
use schemas::aggregate::Beyond;

use crate::sorted_rows::SortedRows;
use crate::state::KeptState;
use crate::{KeyedRows, Rows, Time};

/// Rows that each have a bound: key, then (bound, row).
pub type BoundedRows<'s> = VecCollection<'s, Time, (Row, (Row, Row)), Diff>;

/// The key, the row and the number of positions beyond its bound, as BIGINT; rows with none beyond are left out. Bounds and positions
/// are single fields of one type and never NULL.
pub fn count_beyond<'s>(rows: BoundedRows<'s>, positions: KeyedRows<'s>, beyond: Beyond) -> Rows<'s> {
    let rows = rows.map(|(key, (bound, row))| (key, (Some(bound), row)));
    let positions = positions.map(|(key, position)| (key, (None, position)));
    keyed(rows.concat(positions), "count beyond", KeptState::none(0), BeyondCounts { beyond, keys: RowMap::default() }).0
}

/// A row with its bound, or without one a position.
type Part = (Option<Row>, Row);

struct BeyondCounts {
    beyond: Beyond,
    keys: RowMap<BeyondKey>,
}

/// State of one key.
#[derive(Default)]
struct BeyondKey {
    positions: SortedRows,
    /// count by bound and row
    rows: BTreeMap<(Row, Row), Diff>,
}

impl BeyondKey {
    fn count(&self, bound: &Row, beyond: Beyond) -> Diff {
        let before = |inclusive: bool| {
            let mut end = bound.clone();
            if inclusive {
                // The next byte string: everything up to the bound itself is before it.
                end.push(0);
            }
            self.positions.count_before(end.as_bytes())
        };
        match beyond {
            Beyond::Greater => self.positions.total() - before(true),
            Beyond::GreaterOrEqual => self.positions.total() - before(false),
            Beyond::Less => before(false),
            Beyond::LessOrEqual => before(true),
        }
    }

    /// Returns the multiplicity of a row, and its count.
    fn state(&self, row: &(Row, Row), beyond: Beyond) -> (Diff, Diff) {
        match self.rows.get(row) {
            Some(&times) => (times, self.count(&row.0, beyond)),
            None => (0, 0),
        }
    }

    fn apply(&mut self, part: Part, diff: Diff) {
        match part {
            (None, position) if diff > 0 => self.positions.insert(position.as_bytes(), diff),
            (None, position) => {
                self.positions.take(position.as_bytes(), diff.wrapping_neg());
            }
            (Some(bound), row) => {
                let times = self.rows.entry((bound, row)).or_default();
                *times = times.wrapping_add(diff);
            }
        }
    }
}

impl KeyLogic<Part, Row> for BeyondCounts {
    fn apply(&mut self, key: Row, changes: &mut Vec<(Part, Diff)>, emit: &mut Emit<Row>) {
        let group = self.keys.entry(key.clone()).or_default();
        let mut touched: BTreeMap<(Row, Row), (Diff, Diff)> = BTreeMap::new();
        let positions_change = changes.iter().any(|((bound, _), _)| bound.is_none());
        let changed = changes.iter().filter_map(|((bound, row), _)| Some((bound.clone()?, row.clone())));
        let all = group.rows.keys().filter(|_| positions_change).cloned();
        for row in changed.chain(all) {
            let before = group.state(&row, self.beyond);
            touched.insert(row, before);
            emit.spend(1);
        }
        for (part, diff) in changes.drain(..) {
            group.apply(part, diff);
        }
        group.rows.retain(|_, times| *times != 0);
        for (row, before) in touched {
            let after = group.state(&row, self.beyond);
            if before == after {
                continue;
            }
            for ((times, count), sign) in [(before, -1), (after, 1)] {
                if times != 0 && count != 0 {
                    let mut out = Row::concat(key.as_bytes(), row.1.as_bytes());
                    FieldKind::Int64.write(&Value::Int(count), &mut out);
                    emit.row(out, times.wrapping_mul(sign));
                }
            }
        }
        if group.rows.is_empty() && group.positions.total() == 0 {
            self.keys.remove(&key);
        }
    }
}
