//! One row for each element of a list, or of several lists side by side.

use operators::Rows;

use crate::provenance::demand::{Demand, DemandedColumn};
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::render::renderer::Renderer;
use crate::render::row_unnest::RowUnnest;
use crate::render::transform::transform;
use language::plan::graph::{NodeId, Operator, Unnest};

/// Makes a row of each element. A row that would make too much is an error of its own.
pub fn render<'s>(
    renderer: &mut Renderer<'s, '_>,
    node: NodeId,
    input: NodeId,
    (lists, keep): (&[usize], &[usize]),
) -> Rows<'s> {
    let below = &renderer.topology.graph.nodes[input];
    let unnest = RowUnnest::new(&below.columns, &renderer.kinds[input], (lists, keep), renderer.relation(node));
    let mut meter = renderer.meter(node);
    let (rows, errors) = transform(renderer.rows(input).inner, "unnest", move |batch, _, made| {
        for (row, time, diff) in batch.drain(..) {
            let emit = |out: schemas::row::Row| {
                meter.count(time, out.len());
                made.rows.push((out, time, diff));
            };
            if let Err(error) = unnest.apply(&row, emit) {
                made.errors.push((error, time, diff));
            }
            if meter.is_exceeded() {
                made.rows.clear();
            }
        }
    });
    renderer.errors.push(errors);
    rows
}

/// Each row comes from the row that has the lists.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    input: NodeId,
    (lists, keep): (&[usize], &[usize]),
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let place = |column: usize| keep.get(column).map_or(DemandedColumn::Elsewhere, |&kept| DemandedColumn::Column(kept));
    let rows = interpreter.rows(input, &demand.pushed(&interpreter.kinds[node], place))?;
    let number = interpreter.kinds[input].len();
    let numbered = keep.iter().copied().chain([number]).collect();
    let operator = Operator::Unnest(Unnest { input: 0, columns: lists.to_vec(), keep: numbered });
    interpreter.carry((input, node), &rows, operator, keep.len())
}
