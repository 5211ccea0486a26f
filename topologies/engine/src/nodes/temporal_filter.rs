//! Rows within bounds of the wall clock.

use operators::Rows;
use operators::temporal_filter::temporal_filter;
use schemas::field::{FieldKind, Value};

use crate::provenance::demand::Demand;
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::render::renderer::Renderer;
use crate::render::slicer::Slicer;
use language::plan::graph::{NodeId, Operator, TemporalFilter};

/// Keeps rows from `from` on and until `until`, both columns of the input.
pub fn render<'s>(
    renderer: &mut Renderer<'s, '_>,
    node: NodeId,
    input: NodeId,
    from: Option<usize>,
    until: Option<usize>,
) -> Rows<'s> {
    let kinds = renderer.kinds[input].clone();
    let bound = |column: Option<usize>| column.map(|column| Slicer::new(&kinds, &[column]));
    let (from, until) = (bound(from), bound(until));
    let (rows, state) = (renderer.unkept_rows(node, input), renderer.node_state(node));
    let bounds = move |row: &[u8]| {
        // A bound that is NULL makes the condition NULL: the row is never there.
        let read = |slicer: &Slicer| match FieldKind::Timestamp.read(slicer.row(row).as_bytes(), 0) {
            Value::Timestamp(micros) => Some(micros),
            _ => None,
        };
        let from = from.as_ref().map(|slicer| read(slicer).unwrap_or(i64::MAX));
        let until = until.as_ref().map(|slicer| read(slicer).unwrap_or(i64::MIN));
        (from, until)
    };
    temporal_filter(rows, renderer.kept_clock(node), bounds, state)
}

/// Each row comes from itself, if it is there at the wall clock of the question.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    input: NodeId,
    from: Option<usize>,
    until: Option<usize>,
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let rows = interpreter.rows(input, demand)?;
    interpreter.carried((input, node), &rows, Operator::TemporalFilter(TemporalFilter { input: 0, from, until }))
}
