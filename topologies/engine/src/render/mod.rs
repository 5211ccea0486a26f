//! From the graph of nodes to a running dataflow.
//!
//! Owns [`render`]. The plan, a stream of records per source and the clock enter; every worker builds the same dataflow, node by node, by
//! the table of operators. Changes of the served indexes, dead letters and row errors end in the worker's [`drain::Drain`].

pub mod arrangements;
pub mod budget;
pub mod columns;
pub mod drain;
pub mod events;
pub mod fold_reader;
pub mod letters;
pub mod merge;
pub mod renderer;
pub mod restore_context;
pub mod row_map;
pub mod row_printer;
pub mod row_unnest;
pub mod slicer;
pub mod table_logic;
pub mod transform;

use std::collections::HashMap;

use datafusion_common::Result;
use operators::Time;
use schemas::row::Row;
use schemas::serving::{IndexLayout, View};
use sinks::views::IndexId;
use timely::dataflow::operators::core::inspect::InspectCore as _;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::{Inspect as _, Probe as _};
use timely::dataflow::{Scope, StreamVec};

use self::columns::{decoded_columns, kinds_of_nodes};
use self::drain::Drain;
use self::events::Records;
use self::renderer::{RenderNode, Renderer};
use self::restore_context::RestoreContext;
use language::plan::kept::Kept;
use language::topology::Topology;

/// Renders a topology: `records` has one stream per source, `clock` the wall clock of each epoch on every worker. `render_node` renders
/// a node by the table of operators.
pub fn render<'s>(
    topology: &Topology,
    scope: Scope<'s, Time>,
    records: Vec<StreamVec<'s, Time, Records>>,
    clock: StreamVec<'s, Time, i64>,
    (drain, probe): (&Drain, &Handle<Time>),
    mut keeping: RestoreContext,
    render_node: RenderNode,
) -> Result<()> {
    let graph = &topology.graph;
    let kinds = kinds_of_nodes(topology);
    let mut kept_records = Vec::with_capacity(topology.sources.len());
    let events = topology
        .sources
        .iter()
        .zip(records)
        .enumerate()
        .map(|(number, (source, records))| {
            kept_records.push(records.clone());
            let decoded = decoded_columns(topology, number);
            let kept = Kept::Deduplication(number);
            let restored_at = keeping.is_restored(kept).then_some(keeping.start);
            let windows = events::Windows::new(source, restored_at, keeping.entries(kept));
            (events::decode(records, source, &decoded, keeping.clock, windows, drain.clone()), decoded)
        })
        .collect();
    let mut renderer = Renderer {
        topology,
        scope,
        drain: drain.clone(),
        clock,
        records: kept_records,
        events,
        kinds,
        rendered: vec![None; graph.nodes.len()],
        errors: Vec::new(),
        stream_errors: Vec::new(),
        letters: Vec::new(),
        keeping,
        arrangements: HashMap::new(),
        key_sets: HashMap::new(),
        owners: topology.owners(),
    };
    let used = topology.used_nodes();
    for node in used {
        let rows = render_node(&mut renderer, node)?;
        renderer.rendered[node] = Some(rows);
    }
    connect_outputs(renderer, probe);
    Ok(())
}

/// Connects the served nodes and the errors to the drain.
fn connect_outputs(renderer: Renderer<'_, '_>, probe: &Handle<Time>) {
    let mut next = 0;
    for served in &renderer.topology.served {
        for layout in layouts(&served.view) {
            let index = IndexId(next);
            next += 1;
            let drain = renderer.drain.clone();
            let mut meter = drain.budget().meter(&served.view.name);
            renderer
                .rows(served.node)
                .inner
                .inspect_container(move |event| {
                    if let Ok((_, changes)) = event
                        && !meter.is_exceeded()
                    {
                        changes.iter().for_each(|(row, time, _)| meter.count(*time, row.len()));
                        store(&drain, index, &layout, changes);
                    }
                })
                .probe_with(probe);
        }
    }
    for errors in renderer.errors {
        let drain = renderer.drain.clone();
        errors.inner.inspect(move |(error, time, diff)| drain.row_error(*time, error.clone(), *diff)).probe_with(probe);
    }
    for errors in renderer.stream_errors {
        let drain = renderer.drain.clone();
        errors.inner.inspect(move |(error, time, diff)| drain.stream_error(*time, error.clone(), *diff)).probe_with(probe);
    }
    for letters in renderer.letters {
        letters.probe_with(probe);
    }
    for (events, _) in renderer.events {
        events.probe_with(probe);
    }
}

/// The layouts of a view's indexes, in the order that numbers them.
fn layouts(view: &View) -> impl Iterator<Item = IndexLayout> {
    view.indexes.iter().map(|index| IndexLayout::new(&view.columns, index))
}

fn store(drain: &Drain, index: IndexId, layout: &IndexLayout, changes: &[(Row, Time, schemas::row::Diff)]) {
    let mut rest = changes;
    while let Some((_, time, _)) = rest.first() {
        let same = rest.iter().take_while(|(_, other, _)| other == time).count();
        drain.changes(*time, index, rest[..same].iter().map(|(row, _, diff)| (layout.store(row.as_bytes()), *diff)));
        rest = &rest[same..];
    }
}
