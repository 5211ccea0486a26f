//! The rows of a table, into which the events of sources fold.

use datafusion_common::Result;
use differential_dataflow::AsCollection;
use operators::Rows;
use operators::fold::{FoldFault, FoldFaults, RefusedEvent, fold};
use schemas::field::FieldKind;
use timely::dataflow::operators::Concatenate as _;
use timely::dataflow::operators::vec::Map as _;

use super::constant;
use crate::epoch_clock::Clock;
use crate::provenance::demand::{Demand, DemandedColumn};
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::fold;
use crate::provenance::interpreter::Interpreter;
use crate::render::columns::source_columns;
use crate::render::fold_reader::{FoldReader, MergePlace};
use crate::render::renderer::Renderer;
use crate::render::table_logic::{TableLogic, travelling};
use crate::render::{events, letters};
use language::plan::graph::NodeId;
use language::plan::kept::Kept;
use language::topology::Table;

/// Folds the events of the table's sources; a table without a MERGE stays as it begins.
pub fn render<'s>(renderer: &mut Renderer<'s, '_>, number: usize) -> Result<Rows<'s>> {
    let table = &renderer.topology.tables[number];
    if table.merges.is_empty() {
        let rows: Vec<_> = table.rows.values().cloned().collect();
        return Ok(constant::render(renderer, &rows));
    }
    let kept = Kept::Table(number);
    let state = renderer.keeping.state(kept, &renderer.drain);
    let is_restored = renderer.keeping.is_restored(kept);
    let mut travelling_events = Vec::with_capacity(table.merges.len());
    for (statement, place) in table.merge_places(&renderer.topology.sources).into_iter().enumerate() {
        let merge = &table.merges[statement];
        let columns = source_columns(&renderer.topology.sources[merge.source]);
        let (events, decoded) = &renderer.events[merge.source];
        let events = if is_restored { events::after(events.clone(), renderer.keeping.start) } else { events.clone() };
        let place = MergePlace { topic: place, statement: statement as u32 };
        let reader = FoldReader::new(&columns, decoded, table, merge, place)?;
        let (folds, errors) = travelling(events, reader, renderer.drain.budget().meter(&table.name));
        travelling_events.push(folds);
        renderer.stream_errors.push(errors);
    }
    let mut logic = TableLogic::of(table, renderer.keeping.clock == Clock::System)?;
    if !is_restored {
        logic = logic.beginning_with(table.rows.clone().into_iter());
    }
    let events = renderer.scope.concatenate(travelling_events);
    let (rows, faults) = fold(events, logic, &format!("fold {}", table.name), state);
    give_out_faults(renderer, table, faults);
    Ok(rows)
}

/// Errors of rows go where all do, and refused events become dead letters.
fn give_out_faults<'s>(renderer: &mut Renderer<'s, '_>, table: &Table, faults: FoldFaults<'s>) {
    let errors = faults.inner.clone().flat_map(|(fault, time, diff)| match fault {
        FoldFault::Error(error) => Some((error, time, diff)),
        FoldFault::Refused(_) => None,
    });
    renderer.stream_errors.push(errors.as_collection());
    let raises = |source: usize| table.merges.iter().any(|merge| merge.source == source && merge.raises());
    let sources = table.sources(&renderer.topology.sources).into_iter().enumerate();
    for (topic, source) in sources.filter(|(_, source)| raises(*source)) {
        let refused = faults.inner.clone().flat_map(move |(fault, _, _)| match fault {
            FoldFault::Refused(refused) => Some(refused).filter(|RefusedEvent { order, .. }| order.topic as usize == topic),
            FoldFault::Error(_) => None,
        });
        let name = renderer.topology.sources[source].schema.topic();
        let done = letters::render(renderer.records[source].clone(), refused, (name, &table.name), renderer.drain.clone());
        renderer.letters.push(done);
    }
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
