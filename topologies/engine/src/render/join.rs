//! Joins, semijoins and antijoins: arrangements of both sides, shared by all who need the same.
//!
//! Owns the making of keyed rows and the assembly of a join's output from key and values, byte by byte.

use operators::arrange::{RowArrangement, arrange};
use operators::count_beyond::count_beyond;
use operators::join::{antijoin, join, matched_keys, semijoin};
use operators::{KeyedRows, Rows};
use schemas::aggregate::Beyond;
use schemas::field::FieldKind;
use schemas::row::Row;

use super::Renderer;
use super::slicer::Slicer;
use language::plan::graph::{JoinField, NodeId, Side};

/// Rows as (key, values).
pub fn keyed<'s>(rows: Rows<'s>, kinds: &[FieldKind], keys: &[usize], values: &[usize]) -> KeyedRows<'s> {
    let keys = Slicer::new(kinds, keys);
    let values = Slicer::new(kinds, values);
    rows.map(move |row| (keys.row(row.as_bytes()), values.row(row.as_bytes())))
}

impl<'s> Renderer<'s, '_> {
    fn keyed_side(&self, side: &Side) -> KeyedRows<'s> {
        keyed(self.rows(side.input), &self.kinds[side.input], &side.keys, &side.values)
    }

    /// The arrangement of a side; one that exists is used again.
    fn arrangement(&mut self, side: &Side) -> RowArrangement<'s> {
        let known = (side.input, side.keys.clone(), side.values.clone());
        if let Some(arrangement) = self.arrangements.get(&known) {
            return arrangement.clone();
        }
        let arrangement = arrange(self.keyed_side(side), &format!("arrange {}", side.input));
        self.arrangements.insert(known, arrangement.clone());
        arrangement
    }

    fn key_set(&mut self, side: &Side) -> RowArrangement<'s> {
        let known = (side.input, side.keys.clone());
        if let Some(arrangement) = self.key_sets.get(&known) {
            return arrangement.clone();
        }
        let arrangement = matched_keys(self.keyed_side(side), &format!("keys {}", side.input));
        self.key_sets.insert(known, arrangement.clone());
        arrangement
    }

    /// Pairs of rows with equal keys.
    pub fn join(&mut self, node: NodeId, left: &Side, right: &Side, output: &[JoinField]) -> Rows<'s> {
        let mut meter = self.meter(node);
        let pick = |node: NodeId, columns: &[usize]| -> Vec<FieldKind> {
            columns.iter().map(|&column| self.kinds[node][column].clone()).collect()
        };
        let fields = |kinds: Vec<FieldKind>, of: fn(JoinField) -> Option<usize>| {
            let places: Vec<usize> = output.iter().filter_map(|field| of(*field)).collect();
            Slicer::new(&kinds, &places)
        };
        let keys = fields(pick(left.input, &left.keys), |field| if let JoinField::Key(at) = field { Some(at) } else { None });
        let lefts = fields(pick(left.input, &left.values), |field| if let JoinField::Left(at) = field { Some(at) } else { None });
        let rights =
            fields(pick(right.input, &right.values), |field| if let JoinField::Right(at) = field { Some(at) } else { None });
        let output = output.to_vec();
        let (left, right) = (self.arrangement(left), self.arrangement(right));
        join(left, right, move |key, left, right, time, out| {
            if meter.is_exceeded() {
                return;
            }
            let (key_ranges, left_ranges, right_ranges) = (keys.ranges(key), lefts.ranges(left), rights.ranges(right));
            let (mut at_key, mut at_left, mut at_right) = (0, 0, 0);
            let mut row = Row::empty();
            for field in &output {
                row.extend(match field {
                    JoinField::Key(_) => take(&mut at_key, |at| key_ranges.field(key, at)),
                    JoinField::Left(_) => take(&mut at_left, |at| left_ranges.field(left, at)),
                    JoinField::Right(_) => take(&mut at_right, |at| right_ranges.field(right, at)),
                });
            }
            meter.count(time, row.len());
            out.push(row);
        })
    }

    /// Rows of the left side that have, or with `anti` have not, a match.
    pub fn semijoin(&mut self, left: &Side, right: &Side, anti: bool) -> Rows<'s> {
        let keys = self.key_set(right);
        let matched = if anti {
            antijoin(self.keyed_side(left), &keys, &format!("arrange {}", left.input))
        } else {
            let left = self.arrangement(left);
            semijoin(&left, &keys)
        };
        let columns: Vec<usize> = left.keys.iter().chain(&left.values).copied().collect();
        self.restore(matched, left.input, &columns)
    }

    /// Rows with the number of positions beyond their bound.
    pub fn count_beyond(&self, rows: &Side, bound: usize, positions: &Side, beyond: Beyond) -> Rows<'s> {
        let bounds = Slicer::new(&self.kinds[rows.input], &[bound]);
        let keys = Slicer::new(&self.kinds[rows.input], &rows.keys);
        let values = Slicer::new(&self.kinds[rows.input], &rows.values);
        let bounded = self.rows(rows.input).map(move |row| {
            let bytes = row.as_bytes();
            (keys.row(bytes), (bounds.row(bytes), values.row(bytes)))
        });
        count_beyond(bounded, self.keyed_side(positions), beyond)
    }

    /// Rows whose (key, value) hold `columns` of a node, in the node's own order.
    pub fn restore(&self, rows: KeyedRows<'s>, node: NodeId, columns: &[usize]) -> Rows<'s> {
        let stored: Vec<FieldKind> = columns.iter().map(|&column| self.kinds[node][column].clone()).collect();
        let places: Vec<usize> =
            (0..self.kinds[node].len()).filter_map(|column| columns.iter().position(|&other| other == column)).collect();
        let order = Slicer::new(&stored, &places);
        let in_order = columns.windows(2).all(|pair| pair[0] < pair[1]);
        rows.map(move |(key, value)| {
            let row = Row::concat(key.as_bytes(), value.as_bytes());
            if in_order { row } else { order.row(row.as_bytes()) }
        })
    }
}

fn take<'r>(at: &mut usize, field: impl FnOnce(usize) -> &'r [u8]) -> &'r [u8] {
    *at += 1;
    field(*at - 1)
}
