//! The first rows of each partition.

use operators::Rows;
use operators::top_k::{TopKSpec, top_k};
use schemas::serving::{Column, Index, IndexColumn, IndexLayout};

use crate::provenance::demand::Demand;
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::render::renderer::Renderer;
use crate::render::slicer::Slicer;
use language::plan::graph::{NodeId, Operator, TopK};

/// Keeps the first rows of each partition in an order.
pub fn render<'s>(
    renderer: &mut Renderer<'s, '_>,
    node: NodeId,
    input: NodeId,
    partition: &[usize],
    order: &[IndexColumn],
    spec: TopKSpec,
) -> Rows<'s> {
    let kinds = renderer.kinds[input].clone();
    // The order of an index is what is needed here: order columns first, descending ones inverted, then all others.
    let columns: Vec<Column> = kinds.iter().map(|kind| Column { name: String::new(), kind: kind.clone() }).collect();
    let layout = IndexLayout::new(&columns, &Index { name: String::new(), columns: order.to_vec(), limit: None });
    let keys = Slicer::new(&kinds, partition);
    let restored = Slicer::new(&layout.kinds, &inverse(&layout.order));
    let stored = layout.clone();
    let ordered = renderer.unkept_rows(node, input).map(move |row| (keys.row(row.as_bytes()), stored.store(row.as_bytes())));
    top_k(ordered, spec, renderer.node_state(node)).map(move |(_, row)| {
        let (loaded, ends) = layout.load(row.as_bytes());
        let end = ends.last().copied().unwrap_or(0);
        let mut out = restored.row(loaded.as_bytes());
        out.extend(&loaded.as_bytes()[end..]);
        out
    })
}

/// Returns the new place of each column.
///
/// # Panics
/// `order` does not name every column once.
fn inverse(order: &[usize]) -> Vec<usize> {
    let place = |column: usize| match order.iter().position(|&other| other == column) {
        Some(place) => place,
        None => panic!("column {column} has no place in the order {order:?}"),
    };
    (0..order.len()).map(place).collect()
}

/// Each row comes from itself; whole partitions are needed to know which are the first.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    input: NodeId,
    partition: &[usize],
    operator: &Operator,
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let rows = interpreter.rows(input, &interpreter.within(node, partition, demand))?;
    let mut operator = operator.clone();
    if let Operator::TopK(TopK { input, .. }) = &mut operator {
        *input = 0;
    }
    interpreter.carried((input, node), &rows, operator)
}
