//! Each row once.

use std::collections::BTreeMap;
use std::rc::Rc;

use operators::Rows;
use operators::distinct::distinct;
use schemas::row::Row;

use crate::provenance::demand::Demand;
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::provenance::origins::Origins;
use crate::render::renderer::Renderer;
use language::plan::graph::NodeId;

/// Keeps one of equal rows.
pub fn render<'s>(renderer: &Renderer<'s, '_>, input: NodeId) -> Rows<'s> {
    distinct(renderer.rows(input))
}

/// Each row once, with the fewest of its origins.
pub fn explain(interpreter: &mut Interpreter<'_>, input: NodeId, demand: &Demand) -> Result<Vec<Derived>, LineageError> {
    let rows = interpreter.rows(input, demand)?;
    let mut firsts: BTreeMap<&Row, &Rc<Origins>> = BTreeMap::new();
    for derived in rows.iter() {
        let first = firsts.entry(&derived.row).or_insert(&derived.origins);
        *first = (*first).min(&derived.origins);
    }
    Ok(firsts.into_iter().map(|(row, origins)| Derived { row: row.clone(), origins: Rc::clone(origins) }).collect())
}
