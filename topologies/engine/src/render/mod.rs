//! From the graph of nodes to a running dataflow: one match, one call per node.
//!
//! Owns [`Renderer`]. The plan, a stream of records per source and the clock enter; every worker builds the same dataflow. Changes of
//! the served indexes, dead letters and row errors end in the worker's [`drain::Drain`].

pub mod budget;
pub mod drain;
pub mod join;
pub mod keep;
pub mod map;
pub mod merge;
pub mod slicer;
pub mod source;
pub mod stateful;
pub mod transform;

use std::collections::{BTreeSet, HashMap};

use datafusion_common::Result;
use differential_dataflow::AsCollection;
use operators::arrange::RowArrangement;
use operators::distinct::distinct;
use operators::top_k::TopKSpec;
use operators::{Errors, Rows, Time};
use schemas::field::FieldKind;
use schemas::row::Row;
use schemas::serving::{IndexLayout, View};
use sinks::views::IndexId;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::core::inspect::InspectCore as _;
use timely::dataflow::operators::generic::operator::Operator as _;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::vec::Filter as _;
use timely::dataflow::operators::{Inspect as _, Probe as _};
use timely::dataflow::{Scope, StreamVec};

use self::budget::Meter;
use self::drain::Drain;
use self::keep::RestoreContext;
use self::source::{EventReader, Events, Records};
use language::expression::evaluate::Evaluator;
use language::plan::graph::{
    Constant, CountBeyond, Distinct, Join, Map, NodeColumn, NodeId, Operator, Reduce, Repeat, Semijoin, Session, SourceScan,
    TableScan, TemporalFilter, TopK, Union, Unnest,
};
use language::plan::kept::Kept;
use language::plan::merge::Merge;
use language::plan::scalar::Scalar;
use language::topology::{Source, Topology};

/// Builds the dataflow of a topology on one worker.
pub struct Renderer<'s, 't> {
    topology: &'t Topology,
    scope: Scope<'s, Time>,
    drain: Drain,
    clock: StreamVec<'s, Time, i64>,
    /// the decoded events of each source, and which columns they have
    events: Vec<(StreamVec<'s, Time, Events>, Vec<usize>)>,
    kinds: Vec<Vec<FieldKind>>,
    rendered: Vec<Option<Rows<'s>>>,
    errors: Vec<Errors<'s>>,
    /// errors of rows of streams
    stream_errors: Vec<Errors<'s>>,
    keeping: RestoreContext,
    arrangements: HashMap<(NodeId, Vec<usize>, Vec<usize>), RowArrangement<'s>>,
    key_sets: HashMap<(NodeId, Vec<usize>), RowArrangement<'s>>,
    owners: Vec<String>,
}

/// Renders a topology: `records` has one stream per source, `clock` the wall clock of each epoch on every worker.
pub fn render<'s>(
    topology: &Topology,
    scope: Scope<'s, Time>,
    records: Vec<StreamVec<'s, Time, Records>>,
    clock: StreamVec<'s, Time, i64>,
    drain: &Drain,
    probe: &Handle<Time>,
    mut keeping: RestoreContext,
) -> Result<()> {
    let graph = &topology.graph;
    let kinds = (0..graph.nodes.len()).map(|node| kinds_of(topology, node)).collect();
    let events = topology
        .sources
        .iter()
        .zip(records)
        .enumerate()
        .map(|(number, (source, records))| {
            let decoded = decoded_columns(topology, number);
            let kept = Kept::Deduplication(number);
            let restored_at = keeping.is_restored(kept).then_some(keeping.start);
            let windows = source::Windows::new(source, restored_at, keeping.entries(kept));
            (source::decode(records, source, &decoded, windows, drain.clone()), decoded)
        })
        .collect();
    let mut renderer = Renderer {
        topology,
        scope,
        drain: drain.clone(),
        clock,
        events,
        kinds,
        rendered: vec![None; graph.nodes.len()],
        errors: Vec::new(),
        stream_errors: Vec::new(),
        keeping,
        arrangements: HashMap::new(),
        key_sets: HashMap::new(),
        owners: topology.owners(),
    };
    let used = topology.used_nodes();
    for node in used {
        let rows = renderer.node(node)?;
        renderer.rendered[node] = Some(rows);
    }
    renderer.outputs(probe);
    Ok(())
}

/// Columns of a node that rows can't hold are never rendered: a source's are only read through maps.
pub(crate) fn kinds_of(topology: &Topology, node: NodeId) -> Vec<FieldKind> {
    topology.graph.nodes[node].columns.iter().filter_map(|column| FieldKind::of(&column.data_type)).collect()
}

/// The columns of a source that some map or merge reads, ascending.
fn decoded_columns(topology: &Topology, source: usize) -> Vec<usize> {
    let tables: BTreeSet<usize> = (0..topology.tables.len()).collect();
    columns_read(topology, source, &(0..topology.graph.nodes.len()).collect(), &tables)
}

/// The columns of a source that these nodes and the merges of these tables read, ascending.
pub(crate) fn columns_read(topology: &Topology, source: usize, nodes: &BTreeSet<NodeId>, tables: &BTreeSet<usize>) -> Vec<usize> {
    let mut columns = BTreeSet::new();
    for node in nodes.iter().map(|&node| &topology.graph.nodes[node]) {
        for input in node.operator.inputs() {
            if !matches!(topology.graph.nodes[input].operator, Operator::Source(SourceScan { source: number, .. }) if number == source)
            {
                continue;
            }
            match &node.operator {
                Operator::Map(Map { predicates, outputs, .. }) => {
                    columns.extend(predicates.iter().chain(outputs).flat_map(Scalar::columns));
                }
                _ => columns.extend(0..topology.graph.nodes[input].columns.len()),
            }
        }
    }
    let merges = tables.iter().filter_map(|&table| topology.tables[table].merge.as_ref());
    for merge in merges.filter(|merge| merge.source == source) {
        columns.extend(merge_columns(merge));
    }
    columns.into_iter().collect()
}

/// All columns of a source's topic.
pub(crate) fn source_columns(source: &Source) -> Vec<NodeColumn> {
    let columns = source.schema.columns.iter();
    columns.map(|column| language::plan::outputs::node_column(&column.name, &column.data_type, column.nullable)).collect()
}

fn merge_columns(merge: &Merge) -> BTreeSet<usize> {
    merge.key.iter().chain(merge.fields.iter().map(|(scalar, _)| scalar)).flat_map(Scalar::columns).collect()
}

impl<'s> Renderer<'s, '_> {
    /// The rows of a node that was rendered, or of a source as rows.
    pub(crate) fn rows(&self, node: NodeId) -> Rows<'s> {
        match &self.rendered[node] {
            Some(rows) => rows.clone(),
            None => panic!("node {node} is read before it is rendered"),
        }
    }

    /// A meter for the rows that a node makes of others.
    pub(crate) fn meter(&self, node: NodeId) -> Meter {
        self.drain.budget().meter(&self.owners[node])
    }

    /// The view that a node belongs to.
    pub(crate) fn relation(&self, node: NodeId) -> String {
        self.owners[node].clone()
    }

    fn node(&mut self, node: NodeId) -> Result<Rows<'s>> {
        let topology = self.topology;
        Ok(match &topology.graph.nodes[node].operator {
            Operator::Source(SourceScan { source: number, .. }) => self.source(node, *number)?,
            Operator::Table(TableScan { table: number }) => self.table(*number)?,
            Operator::Constant(Constant { rows }) => self.constant(rows),
            Operator::Map(Map { input, predicates, outputs }) => self.map(node, *input, predicates, outputs)?,
            Operator::TemporalFilter(TemporalFilter { input, from, until }) => self.temporal_filter(node, *input, *from, *until),
            Operator::Join(Join { left, right, output }) => self.join(node, left, right, output),
            Operator::Semijoin(Semijoin { left, right, anti }) => self.semijoin(left, right, *anti),
            Operator::CountBeyond(CountBeyond { rows, bound, positions, beyond }) => {
                self.count_beyond(rows, *bound, positions, *beyond)
            }
            Operator::Reduce(Reduce { input, keys, aggregates, global }) => {
                let (rows, errors) = self.reduce(node, *input, keys, aggregates, *global);
                self.errors.push(errors);
                rows
            }
            Operator::Distinct(Distinct { input }) => distinct(self.rows(*input)),
            Operator::TopK(TopK { input, partition, order, limit, offset, rank }) => {
                let append_only = topology.graph.nodes[*input].append_only;
                self.top_k(node, *input, partition, order, TopKSpec { limit: *limit, offset: *offset, rank: *rank, append_only })
            }
            Operator::Union(Union { inputs }) => {
                let mut inputs = inputs.iter().map(|&input| self.rows(input));
                let first = inputs.next().unwrap_or_else(|| self.constant(&[]));
                first.concatenate(inputs)
            }
            Operator::Unnest(Unnest { input, column, keep }) => {
                let (rows, errors) = self.unnest(node, *input, *column, keep);
                self.errors.push(errors);
                rows
            }
            Operator::Repeat(Repeat { input, copies }) => self.repeat(*input, *copies),
            Operator::Session(Session { input, partition, time, gap_micros }) => {
                self.session(*input, partition, *time, *gap_micros)
            }
        })
    }

    fn constant(&self, rows: &[Row]) -> Rows<'s> {
        let mut rows: Vec<Row> = if self.scope.index() == 0 { rows.to_vec() } else { Vec::new() };
        // They are there from the first epoch on, which is the first that the clock tells.
        let given = self.clock.clone().unary(Pipeline, "constant", move |_, _| {
            move |input, output| {
                input.for_each(|capability, _| {
                    let time = *capability.time();
                    output.session(&capability).give_iterator(rows.drain(..).map(|row| (row, time, 1)));
                });
            }
        });
        given.as_collection()
    }

    fn source(&mut self, node: NodeId, number: usize) -> Result<Rows<'s>> {
        let all: Vec<Scalar> = (0..self.topology.graph.nodes[node].columns.len()).map(Scalar::Column).collect();
        self.events_as_rows(node, node, number, &[], &all)
    }

    fn events_as_rows(
        &mut self,
        node: NodeId,
        source: NodeId,
        number: usize,
        predicates: &[Scalar],
        outputs: &[Scalar],
    ) -> Result<Rows<'s>> {
        let columns = &self.topology.graph.nodes[source].columns;
        let (events, decoded) = &self.events[number];
        let reader = EventReader::new(columns, decoded, predicates, outputs, &self.owners[node])?;
        let (rows, errors) = source::render(events.clone(), reader);
        // The errors of what came before are kept, unless a node is new.
        let start = self.keeping.start;
        let is_known =
            self.keeping.states.kept.iter().all(|kept| !matches!(kept, Kept::Node(_)) || self.keeping.is_restored(*kept));
        let errors = if is_known {
            errors.inner.filter(move |(_, time, _)| start == Time::MIN || *time > start).as_collection()
        } else {
            errors
        };
        self.stream_errors.push(errors);
        Ok(rows)
    }

    fn table(&mut self, number: usize) -> Result<Rows<'s>> {
        let table = &self.topology.tables[number];
        let Some(merge) = &table.merge else { return Ok(self.constant(&[])) };
        let (events, decoded) = &self.events[merge.source];
        let columns = source_columns(&self.topology.sources[merge.source]);
        let kept = Kept::Table(number);
        let events =
            if self.keeping.is_restored(kept) { source::after(events.clone(), self.keeping.start) } else { events.clone() };
        let state = self.keeping.state(kept, &self.drain);
        let (rows, errors) = merge::render(events, &columns, decoded, table, merge, state)?;
        self.stream_errors.extend(errors);
        Ok(rows)
    }

    fn map(&mut self, node: NodeId, input: NodeId, predicates: &[Scalar], outputs: &[Scalar]) -> Result<Rows<'s>> {
        if let Operator::Source(SourceScan { source: number, .. }) = self.topology.graph.nodes[input].operator {
            return self.events_as_rows(node, input, number, predicates, outputs);
        }
        let columns = &self.topology.graph.nodes[input].columns;
        let evaluator = Evaluator::new(columns, predicates, outputs)?;
        let (rows, errors) = map::render(self.rows(input), columns, &self.kinds[input], evaluator, self.relation(node))?;
        self.errors.extend(errors);
        Ok(rows)
    }

    /// Connects the served nodes and the errors to the drain.
    fn outputs(self, probe: &Handle<Time>) {
        let mut next = 0;
        for served in &self.topology.served {
            for layout in layouts(&served.view) {
                let index = IndexId(next);
                next += 1;
                let drain = self.drain.clone();
                let mut meter = drain.budget().meter(&served.view.name);
                self.rows(served.node)
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
        for errors in self.errors {
            let drain = self.drain.clone();
            errors.inner.inspect(move |(error, time, diff)| drain.row_error(*time, error.clone(), *diff)).probe_with(probe);
        }
        for errors in self.stream_errors {
            let drain = self.drain.clone();
            errors.inner.inspect(move |(error, time, diff)| drain.stream_error(*time, error.clone(), *diff)).probe_with(probe);
        }
        for (events, _) in self.events {
            events.probe_with(probe);
        }
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
