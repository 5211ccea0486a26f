//! The rows of a table, into which the events of a source fold.

use datafusion_common::Result;
use operators::Rows;
use schemas::field::FieldKind;

use super::constant;
use crate::provenance::demand::{Demand, DemandedColumn};
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::fold;
use crate::provenance::interpreter::Interpreter;
use crate::render::columns::source_columns;
use crate::render::renderer::Renderer;
use crate::render::{events, merge};
use language::plan::graph::NodeId;
use language::plan::kept::Kept;

/// Folds the events of the table's source; a table without a MERGE is empty.
pub fn render<'s>(renderer: &mut Renderer<'s, '_>, number: usize) -> Result<Rows<'s>> {
    let table = &renderer.topology.tables[number];
    let Some(merge) = &table.merge else { return Ok(constant::render(renderer, &[])) };
    let columns = source_columns(&renderer.topology.sources[merge.source]);
    let kept = Kept::Table(number);
    let state = renderer.keeping.state(kept, &renderer.drain);
    let (events, decoded) = &renderer.events[merge.source];
    let is_restored = renderer.keeping.is_restored(kept);
    let events = if is_restored { events::after(events.clone(), renderer.keeping.start) } else { events.clone() };
    let (rows, errors) = merge::render(events, &columns, decoded, table, merge, state)?;
    renderer.stream_errors.extend(errors);
    Ok(rows)
}

/// Folds the events of the wanted keys.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    number: usize,
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let key = &interpreter.topology.tables[number].primary_key;
    let place =
        |column: usize| key.iter().position(|&other| other == column).map_or(DemandedColumn::Elsewhere, DemandedColumn::Column);
    let kinds = &interpreter.kinds[node];
    let keys = demand.pushed(kinds, place);
    let kinds: Vec<FieldKind> = key.iter().map(|&column| kinds[column].clone()).collect();
    fold::rows(interpreter.topology, number, &keys.check(&kinds), &mut interpreter.scans)
}
