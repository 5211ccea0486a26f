//! Each row with what functions make of the rows around it.
//!
//! Owns the translation of a window's columns to the rows that the operator takes, and the choice of the rows that made a result: the row itself,
//! the row whose value was taken, and the rows of the frame that an aggregate takes in.

use std::collections::BTreeMap;

use operators::Rows;
use operators::window::{WINDOW_ROWS_MAX, WindowCall as OperatorCall, WindowSpec, sources, window};
use schemas::field::FieldKind;
use schemas::row::Row;

use crate::provenance::demand::Demand;
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::provenance::origins::Origins;
use crate::render::arrangements::keyed;
use crate::render::renderer::Renderer;
use language::plan::graph::{NodeColumn, NodeId, Window};

/// Appends the results of the functions to each row.
pub fn render<'s>(renderer: &mut Renderer<'s, '_>, node: NodeId, parts: &Window) -> Rows<'s> {
    let kinds = &renderer.kinds[parts.input];
    let spec = spec(parts, kinds, &renderer.topology.graph.nodes[node].columns, renderer.relation(node));
    let all: Vec<usize> = (0..kinds.len()).collect();
    let (rows, errors) = window(keyed(renderer.rows(parts.input), kinds, &parts.partition, &all), spec);
    renderer.errors.push(errors);
    rows
}

/// The functions over rows of these kinds; `columns` are those of the node, the results last.
fn spec(parts: &Window, kinds: &[FieldKind], columns: &[NodeColumn], relation: &str) -> WindowSpec {
    let calls = parts.calls.iter().zip(&columns[kinds.len()..]).map(|(call, column)| OperatorCall {
        kind: call.kind.clone(),
        input: call.inputs.clone(),
        filter: call.filter,
        frame: call.frame.clone(),
        expression: column.name.clone(),
    });
    WindowSpec {
        key_kinds: parts.partition.iter().map(|&column| kinds[column].clone()).collect(),
        kinds: kinds.to_vec(),
        order: parts.order.iter().map(|column| (column.column, column.descending)).collect(),
        calls: calls.collect(),
        rows_max: WINDOW_ROWS_MAX,
        relation: relation.to_owned(),
    }
}

/// Each row comes from itself and from the rows that its results were read from; whole partitions are needed to know which those are.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    parts: &Window,
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let rows = interpreter.rows(parts.input, &interpreter.within(node, &parts.partition, demand))?;
    let keys = interpreter.slicer(parts.input, &parts.partition);
    let mut partitions: BTreeMap<Row, Vec<&Derived>> = BTreeMap::new();
    for derived in rows.iter() {
        partitions.entry(keys.row(derived.row.as_bytes())).or_default().push(derived);
    }
    let columns = &interpreter.topology.graph.nodes[node].columns;
    let spec = spec(parts, &interpreter.kinds[parts.input], columns, &interpreter.owners[node]);
    let wanted = demand.check(&interpreter.kinds[node]);
    let mut found = Vec::new();
    for partition in partitions.into_values() {
        interpreter.scans.check_time()?;
        let rows: Vec<Row> = partition.iter().map(|derived| derived.row.clone()).collect();
        for (row, numbers) in sources(&spec, &rows, |row| wanted.admits(row.as_bytes())) {
            interpreter.check_more_rows(node, numbers.len())?;
            let origins = Origins::union(numbers.iter().map(|&number| &partition[number].origins));
            found.push(Derived { row, origins });
        }
    }
    Ok(found)
}
