//! The events of a source as rows.

use datafusion_common::Result;
use differential_dataflow::AsCollection;
use operators::{Rows, Time};
use schemas::position::{Offset, Partition};
use schemas::row::Row;
use timely::dataflow::operators::vec::Filter;

use crate::provenance::demand::Demand;
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::{Interpreter, check_rows};
use crate::provenance::origins::{Origin, Origins};
use crate::render::events::{self, EventReader};
use crate::render::renderer::Renderer;
use language::plan::graph::NodeId;
use language::plan::kept::Kept;
use language::plan::scalar::Scalar;

/// Makes each event a row of all columns of its topic.
pub fn render<'s>(renderer: &mut Renderer<'s, '_>, node: NodeId, number: usize) -> Result<Rows<'s>> {
    let all: Vec<Scalar> = (0..renderer.topology.graph.nodes[node].columns.len()).map(Scalar::Column).collect();
    render_events(renderer, node, (node, number), &[], &all)
}

/// Makes rows of those events of a source, which is also node `source`, that satisfy `predicates`.
pub fn render_events<'s>(
    renderer: &mut Renderer<'s, '_>,
    node: NodeId,
    (source, number): (NodeId, usize),
    predicates: &[Scalar],
    outputs: &[Scalar],
) -> Result<Rows<'s>> {
    let columns = &renderer.topology.graph.nodes[source].columns;
    let (events, decoded) = &renderer.events[number];
    let reader = EventReader::new(columns, decoded, predicates, outputs, renderer.relation(node))?;
    let (rows, errors) = events::render(events.clone(), reader);
    // The errors of what came before are kept, unless a node is new.
    let start = renderer.keeping.start;
    let keeping = &renderer.keeping;
    let is_known = keeping.states.kept.iter().all(|kept| !matches!(kept, Kept::Node(_)) || keeping.is_restored(*kept));
    let errors = if is_known {
        errors.inner.filter(move |(_, time, _)| start == Time::MIN || *time > start).as_collection()
    } else {
        errors
    };
    renderer.stream_errors.push(errors);
    Ok(rows)
}

/// Finds the wanted events.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    number: usize,
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let all: Vec<Scalar> = (0..interpreter.kinds[node].len()).map(Scalar::Column).collect();
    explain_events(interpreter, node, (node, number), (&[], &all), demand)
}

/// Finds the wanted rows that are made straight of the events of a source, which is also node `source`.
pub fn explain_events(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    (source, number): (NodeId, usize),
    (predicates, outputs): (&[Scalar], &[Scalar]),
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let columns = &interpreter.topology.graph.nodes[source].columns;
    let relation = &interpreter.owners[node];
    let reader = EventReader::new(columns, &interpreter.scans.decoded[number], predicates, outputs, relation)?;
    let check = demand.check(&interpreter.kinds[node]);
    let mut found = Vec::new();
    let rows_max = interpreter.scans.limits.rows;
    interpreter.scans.each(number, |events| {
        let emit = |event: usize, row: Row| {
            if check.admits(row.as_bytes()) {
                let (partition, offset): (Partition, Offset) = events.places[event];
                found.push(Derived { row, origins: Origins::of(Origin { source: number, partition, offset }) });
            }
        };
        reader.read(events, emit, |_| ());
        check_rows(found.len(), rows_max, relation)
    })?;
    Ok(found)
}
