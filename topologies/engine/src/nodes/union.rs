//! All rows of all inputs.

use operators::Rows;

use super::constant;
use crate::provenance::demand::Demand;
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::render::renderer::Renderer;
use language::plan::graph::NodeId;

/// Concatenates the inputs; without any there are no rows.
pub fn render<'s>(renderer: &Renderer<'s, '_>, inputs: &[NodeId]) -> Rows<'s> {
    let mut inputs = inputs.iter().map(|&input| renderer.rows(input));
    let first = inputs.next().unwrap_or_else(|| constant::render(renderer, &[]));
    first.concatenate(inputs)
}

/// Each row comes from itself.
pub fn explain(interpreter: &mut Interpreter<'_>, inputs: &[NodeId], demand: &Demand) -> Result<Vec<Derived>, LineageError> {
    let mut all = Vec::new();
    for &input in inputs {
        all.extend(interpreter.rows(input, demand)?.iter().cloned());
    }
    Ok(all)
}
