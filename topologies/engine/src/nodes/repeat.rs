//! As many copies of each row as a column says.

use operators::Rows;
use schemas::field::{FieldKind, Value};

use crate::provenance::demand::Demand;
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::render::renderer::Renderer;
use crate::render::slicer::Slicer;
use language::plan::graph::NodeId;

/// Copies rows. A copy more is one change, whatever their number is.
pub fn render<'s>(renderer: &Renderer<'s, '_>, input: NodeId, copies: usize) -> Rows<'s> {
    let slicer = Slicer::new(&renderer.kinds[input], &[copies]);
    renderer.rows(input).explode(move |row| {
        let field = slicer.row(row.as_bytes());
        match FieldKind::Int64.read(field.as_bytes(), 0) {
            Value::Int(copies) if copies > 0 => Some((row, copies)),
            _ => None,
        }
    })
}

/// Each copy comes from the row that was copied.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    input: NodeId,
    copies: usize,
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let rows = interpreter.rows(input, demand)?;
    let count = interpreter.slicer(input, &[copies]);
    let mut copies = Vec::new();
    for derived in rows.iter() {
        let times = match FieldKind::Int64.read(count.row(derived.row.as_bytes()).as_bytes(), 0) {
            Value::Int(times) => usize::try_from(times).unwrap_or(0),
            _ => 0,
        };
        interpreter.check_more_rows(node, copies.len().saturating_add(times))?;
        copies.extend(std::iter::repeat_n(derived.clone(), times));
    }
    Ok(copies)
}
