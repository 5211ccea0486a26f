//! Maps: filter and compute over rows, or straight over the decoded events of a source.

use datafusion_common::Result;
use operators::Rows;

use super::source;
use crate::provenance::demand::{Demand, DemandedColumn};
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::render::renderer::Renderer;
use crate::render::row_map::RowMap;
use crate::render::transform::transform;
use language::plan::graph::{Map, NodeId, Operator, SourceScan};
use language::plan::scalar::Scalar;

/// Filters and computes, on the decoded events where the input is a source.
pub fn render<'s>(
    renderer: &mut Renderer<'s, '_>,
    node: NodeId,
    input: NodeId,
    predicates: &[Scalar],
    outputs: &[Scalar],
) -> Result<Rows<'s>> {
    let below = &renderer.topology.graph.nodes[input];
    if let Operator::Source(SourceScan { source: number, .. }) = below.operator {
        return source::render_events(renderer, node, (input, number), predicates, outputs);
    }
    let map = RowMap::new(&below.columns, &renderer.kinds[input], (predicates, outputs), renderer.relation(node))?;
    let rows = renderer.rows(input);
    if map.is_choice() {
        return Ok(rows.map(move |row| map.choose(row.as_bytes())));
    }
    let (rows, errors) = transform(rows.inner, "map", move |batch, _, made| {
        let crate::render::transform::Made { rows, errors } = made;
        let emit = |number: usize, row| rows.push((row, batch[number].1, batch[number].2));
        let fail = |number: usize, error| errors.push((error, batch[number].1, batch[number].2));
        map.apply(batch.iter().map(|(row, _, _)| row), emit, fail);
        batch.clear();
    });
    renderer.errors.push(errors);
    Ok(rows)
}

/// Each row comes from one row of the input.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    input: NodeId,
    predicates: &[Scalar],
    outputs: &[Scalar],
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    if let Operator::Source(SourceScan { source: number, .. }) = interpreter.topology.graph.nodes[input].operator {
        return source::explain_events(interpreter, node, (input, number), (predicates, outputs), demand);
    }
    let wanted = demand.pushed(&interpreter.kinds[node], |column| match &outputs[column] {
        Scalar::Column(below) => DemandedColumn::Column(*below),
        Scalar::Constant { field, .. } => DemandedColumn::Constant(field.clone()),
        Scalar::Computed(_) => DemandedColumn::Elsewhere,
    });
    let rows = interpreter.rows(input, &wanted)?;
    let number = interpreter.kinds[input].len();
    let outputs = outputs.iter().cloned().chain([Scalar::Column(number)]).collect();
    let operator = Operator::Map(Map { input: 0, predicates: predicates.to_vec(), outputs });
    interpreter.carry((input, node), &rows, operator, interpreter.kinds[node].len())
}
