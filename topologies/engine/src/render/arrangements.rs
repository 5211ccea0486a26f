//! Keyed rows and their arrangements, shared by all nodes that need the same.

use operators::arrange::{RowArrangement, arrange};
use operators::join::matched_keys;
use operators::{KeyedRows, Rows};
use schemas::field::FieldKind;
use schemas::row::Row;

use super::renderer::Renderer;
use super::slicer::Slicer;
use language::plan::graph::{NodeId, Side};

/// Rows as (key, values).
pub fn keyed<'s>(rows: Rows<'s>, kinds: &[FieldKind], keys: &[usize], values: &[usize]) -> KeyedRows<'s> {
    let keys = Slicer::new(kinds, keys);
    let values = Slicer::new(kinds, values);
    rows.map(move |row| (keys.row(row.as_bytes()), values.row(row.as_bytes())))
}

impl<'s> Renderer<'s, '_> {
    /// The rows of a side as (key, values).
    pub fn keyed_side(&self, side: &Side) -> KeyedRows<'s> {
        keyed(self.rows(side.input), &self.kinds[side.input], &side.keys, &side.values)
    }

    /// The arrangement of a side; one that exists is used again.
    pub fn arrangement(&mut self, side: &Side) -> RowArrangement<'s> {
        let known = (side.input, side.keys.clone(), side.values.clone());
        if let Some(arrangement) = self.arrangements.get(&known) {
            return arrangement.clone();
        }
        let arrangement = arrange(self.keyed_side(side), &format!("arrange {}", side.input));
        self.arrangements.insert(known, arrangement.clone());
        arrangement
    }

    /// The keys of a side, each once; a set that exists is used again.
    pub fn key_set(&mut self, side: &Side) -> RowArrangement<'s> {
        let known = (side.input, side.keys.clone());
        if let Some(arrangement) = self.key_sets.get(&known) {
            return arrangement.clone();
        }
        let arrangement = matched_keys(self.keyed_side(side), &format!("keys {}", side.input));
        self.key_sets.insert(known, arrangement.clone());
        arrangement
    }

    /// Rows whose (key, value) hold `columns` of a node, in the node's own order.
    pub fn in_order(&self, rows: KeyedRows<'s>, node: NodeId, columns: &[usize]) -> Rows<'s> {
        let stored: Vec<FieldKind> = columns.iter().map(|&column| self.kinds[node][column].clone()).collect();
        let places: Vec<usize> =
            (0..self.kinds[node].len()).filter_map(|column| columns.iter().position(|&other| other == column)).collect();
        let order = Slicer::new(&stored, &places);
        let is_in_order = columns.windows(2).all(|pair| pair[0] < pair[1]);
        rows.map(move |(key, value)| {
            let row = Row::concat(key.as_bytes(), value.as_bytes());
            if is_in_order { row } else { order.row(row.as_bytes()) }
        })
    }
}
