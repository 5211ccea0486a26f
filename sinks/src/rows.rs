//! Rows as sinks see them: values under names.
//!
//! Owns [`RowReader`] and what each kind of content makes of a unit. Rows enter, with the columns of the view in their order, whatever
//! index they were kept in; rows as JSON, keys as JSON and keys of caches leave, in an order that depends on nothing but the rows.

use std::collections::{BTreeMap, BTreeSet};

use schemas::field::{FieldKind, Value, field_ends, json_string};
use schemas::key_template::KeyTemplate;
use schemas::row::{Diff, Row};
use schemas::serving::{Column, IndexLayout};

/// Reads the rows of a view.
#[derive(Clone, Debug)]
pub struct RowReader {
    /// names of the columns, in the order of the view
    names: Vec<String>,
    /// types of the columns, in the same order
    kinds: Vec<FieldKind>,
}

/// Change of a key of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// this is its row now
    Row(String),
    /// it has none any more
    Gone,
    /// it has several: the key is none
    Ambiguous,
}

/// Rows of an index with the columns of the view in their order; ascending.
pub fn as_declared<'r>(layout: &IndexLayout, stored: impl Iterator<Item = (&'r [u8], Diff)>) -> Vec<(Row, Diff)> {
    let mut places: Vec<usize> = (0..layout.order.len()).collect();
    places.sort_by_key(|place| layout.order[*place]);
    let declared = |stored: &[u8]| {
        let (row, ends) = layout.load(stored);
        let mut declared = Row::empty();
        for &place in &places {
            let start = if place == 0 { 0 } else { ends[place - 1] };
            declared.extend(&row.as_bytes()[start..ends[place]]);
        }
        declared
    };
    let mut rows: Vec<(Row, Diff)> = stored.map(|(row, diff)| (declared(row), diff)).collect();
    rows.sort_unstable();
    rows
}

impl RowReader {
    /// A reader for rows with these columns.
    pub fn new(columns: &[Column]) -> Self {
        Self {
            names: columns.iter().map(|column| column.name.clone()).collect(),
            kinds: columns.iter().map(|column| column.kind.clone()).collect(),
        }
    }

    /// Returns the values of a row. Panics when the row has not the columns of the view: the plan decides both.
    fn values<'r>(&self, row: &'r Row) -> Vec<Value<'r>> {
        let ends = field_ends(&self.kinds, row.as_bytes());
        let starts = std::iter::once(0).chain(ends);
        self.kinds.iter().zip(starts).map(|(kind, start)| kind.read(row.as_bytes(), start)).collect()
    }

    /// Writes some columns as a JSON object, in the order given, so that equal keys are equal texts.
    fn json(&self, values: &[Value<'_>], columns: impl Iterator<Item = usize>) -> String {
        let mut json = String::from("{");
        for (place, column) in columns.enumerate() {
            if place > 0 {
                json.push(',');
            }
            json_string(&self.names[column], &mut json);
            json.push(':');
            values[column].write_json(&mut json);
        }
        json.push('}');
        json
    }

    /// Every change as JSON, what went first.
    pub fn changes(&self, changes: &[(Row, Diff)]) -> Vec<(String, Diff)> {
        let json = |row: &Row| {
            let values = self.values(row);
            self.json(&values, 0..values.len())
        };
        let mut all: Vec<(String, Diff)> = changes.iter().map(|(row, diff)| (json(row), *diff)).collect();
        all.sort_by(|(a, a_diff), (b, b_diff)| (*a_diff > 0, a).cmp(&(*b_diff > 0, b)));
        all
    }

    /// Returns the change of each key.
    pub fn by_key(&self, key: &[usize], changes: &[(Row, Diff)]) -> BTreeMap<String, KeyChange> {
        let mut keys: BTreeMap<String, KeyChange> = BTreeMap::new();
        for (row, diff) in changes {
            let values = self.values(row);
            let change = keys.entry(self.json(&values, key.iter().copied())).or_insert(KeyChange::Gone);
            if *diff > 0 {
                let is_first = *diff == 1 && *change == KeyChange::Gone;
                *change = if is_first { KeyChange::Row(self.json(&values, 0..values.len())) } else { KeyChange::Ambiguous };
            }
        }
        keys
    }

    /// The keys of a cache that changes make stale: those of the rows that went and of those that came.
    pub fn stale_keys(&self, template: &KeyTemplate, changes: &[(Row, Diff)]) -> BTreeSet<String> {
        changes.iter().map(|(row, _)| template.key(&self.values(row))).collect()
    }
}
