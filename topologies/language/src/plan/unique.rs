//! Columns that tell the rows of a node apart.
//!
//! A node and columns enter; whether no two rows agree in all of them leaves. What can't be proved is not so.

use std::collections::BTreeSet;

use super::graph::{Graph, JoinField, NodeId, Operator, Side};
use super::scalar::Scalar;
use crate::topology::Table;

/// Returns true if at most one row has the same values in these columns of a node.
pub fn is_unique(graph: &Graph, tables: &[Table], node: NodeId, columns: &BTreeSet<usize>) -> bool {
    let input_is_unique = |input: NodeId, columns: &BTreeSet<usize>| is_unique(graph, tables, input, columns);
    let width = graph.nodes[node].columns.len();
    if graph.nodes[node].single_row {
        return true;
    }
    match &graph.nodes[node].operator {
        Operator::Table(table) => tables[*table].primary_key.iter().all(|column| columns.contains(column)),
        Operator::Map { input, outputs, .. } => {
            let column = |output: &usize| match outputs.get(*output) {
                Some(Scalar::Column(column)) => Some(*column),
                _ => None,
            };
            input_is_unique(*input, &columns.iter().filter_map(column).collect())
        }
        Operator::TemporalFilter { input, .. } => input_is_unique(*input, columns),
        Operator::TopK { input, partition, rank, limit, .. } => {
            let is_partition = partition.iter().all(|column| columns.contains(column));
            let by_place = *limit == 1 || (*rank && columns.contains(&(width - 1)));
            (is_partition && by_place) || input_is_unique(*input, columns)
        }
        Operator::Session { input, .. } => input_is_unique(*input, columns),
        Operator::Reduce { keys, .. } => (0..keys.len()).all(|column| columns.contains(&column)),
        Operator::Distinct(input) => columns.len() == width || input_is_unique(*input, columns),
        Operator::Semijoin { left, .. } => input_is_unique(left.input, columns),
        Operator::Join { left, right, output } => join_is_unique(&input_is_unique, left, right, output, columns),
        Operator::CountBeyond { rows, .. } => {
            let of_row = |column: &usize| rows.keys.iter().chain(&rows.values).nth(*column).copied();
            input_is_unique(rows.input, &columns.iter().filter_map(of_row).collect())
        }
        Operator::Source(_) | Operator::Constant(_) | Operator::Union(_) | Operator::Unnest { .. } | Operator::Repeat { .. } => {
            false
        }
    }
}

/// The columns that tell the rows of a node apart, none of them superfluous; `None` when only the whole row does, or not even that.
pub fn key_of(graph: &Graph, tables: &[Table], node: NodeId) -> Option<Vec<usize>> {
    let mut key: BTreeSet<usize> = (0..graph.nodes[node].columns.len()).collect();
    if !is_unique(graph, tables, node, &key) {
        return None;
    }
    // What comes last goes first: views begin with what they are asked by.
    for column in (0..key.len()).rev() {
        key.remove(&column);
        if !is_unique(graph, tables, node, &key) {
            key.insert(column);
        }
    }
    Some(key.into_iter().collect())
}

/// A pair is known when one side's row is, and with it the key, and then the other side's.
fn join_is_unique(
    is_unique: &dyn Fn(NodeId, &BTreeSet<usize>) -> bool,
    left: &Side,
    right: &Side,
    output: &[JoinField],
    columns: &BTreeSet<usize>,
) -> bool {
    let (mut of_left, mut of_right) = (BTreeSet::new(), BTreeSet::new());
    for field in columns.iter().filter_map(|column| output.get(*column)) {
        match field {
            JoinField::Key(place) => {
                of_left.insert(left.keys[*place]);
                of_right.insert(right.keys[*place]);
            }
            JoinField::Left(place) => drop(of_left.insert(left.values[*place])),
            JoinField::Right(place) => drop(of_right.insert(right.values[*place])),
        }
    }
    let with = |columns: &BTreeSet<usize>, keys: &[usize]| columns.iter().chain(keys).copied().collect::<BTreeSet<usize>>();
    let left_decides = is_unique(left.input, &of_left) && is_unique(right.input, &with(&of_right, &right.keys));
    left_decides || (is_unique(right.input, &of_right) && is_unique(left.input, &with(&of_left, &left.keys)))
}
