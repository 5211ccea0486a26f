//! Nodes with state of their own: reduce, distinct, top-k, sessions, temporal filters; and unnest, which has none.
//!
//! Owns the translation between a node's columns and the keyed rows that the operators take.

use differential_dataflow::AsCollection;
use operators::reduce::{AggregateSpec, ReduceSpec, reduce};
use operators::session::session;
use operators::state::KeptState;
use operators::temporal_filter::temporal_filter;
use operators::top_k::{TopKSpec, top_k};
use operators::{Errors, Rows, Time};
use schemas::dead_letter::RowError;
use schemas::field::{FieldKind, Value};
use schemas::row::Row;
use schemas::serving::{Column, Index, IndexColumn, IndexLayout};

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator as _;
use timely::dataflow::operators::vec::Filter;

use super::Renderer;
use super::join::keyed;
use super::map::RowPrinter;
use super::slicer::Slicer;
use super::transform::transform;
use language::plan::graph::{Aggregate, NodeId};
use language::plan::kept::Kept;

/// The most bytes of the rows that unnesting makes of one row.
pub const UNNEST_BYTES_MAX: usize = 64 << 20;

impl<'s> Renderer<'s, '_> {
    /// One row for each group.
    pub fn reduce(
        &mut self,
        node: NodeId,
        input: NodeId,
        keys: &[usize],
        aggregates: &[Aggregate],
        global: bool,
    ) -> (Rows<'s>, Errors<'s>) {
        let mut values: Vec<usize> = Vec::new();
        let mut place = |column: usize| match values.iter().position(|&other| other == column) {
            Some(place) => place,
            None => {
                values.push(column);
                values.len() - 1
            }
        };
        let columns = &self.topology.graph.nodes[node].columns;
        let specs = aggregates
            .iter()
            .zip(&columns[keys.len()..])
            .map(|(aggregate, column)| AggregateSpec {
                kind: aggregate.kind.clone(),
                input: aggregate.inputs.iter().map(|&input| place(input)).collect(),
                filter: aggregate.filter.map(&mut place),
                expression: column.name.clone(),
            })
            .collect();
        let kinds = &self.kinds[input];
        let spec = ReduceSpec {
            key_kinds: keys.iter().map(|&key| kinds[key].clone()).collect(),
            value_kinds: values.iter().map(|&value| kinds[value].clone()).collect(),
            aggregates: specs,
            global,
            append_only: self.topology.graph.nodes[input].append_only,
            relation: self.relation(node),
        };
        let rows = keyed(self.unkept_rows(node, input), &self.kinds[input], keys, &values);
        reduce(rows, spec, self.node_state(node))
    }

    /// The first rows of each partition.
    pub fn top_k(&mut self, node: NodeId, input: NodeId, partition: &[usize], order: &[IndexColumn], spec: TopKSpec) -> Rows<'s> {
        let kinds = self.kinds[input].clone();
        // The order of an index is what is needed here: order columns first, descending ones inverted, then all others.
        let columns: Vec<Column> = kinds.iter().map(|kind| Column { name: String::new(), kind: kind.clone() }).collect();
        let layout = IndexLayout::new(&columns, &Index { name: String::new(), columns: order.to_vec(), limit: None });
        let keys = Slicer::new(&kinds, partition);
        let restored = Slicer::new(&layout.kinds, &inverse(&layout.order));
        let stored = layout.clone();
        let ordered = self.unkept_rows(node, input).map(move |row| (keys.row(row.as_bytes()), stored.store(row.as_bytes())));
        top_k(ordered, spec, self.node_state(node)).map(move |(_, row)| {
            let (loaded, ends) = layout.load(row.as_bytes());
            let end = ends.last().copied().unwrap_or(0);
            let mut out = restored.row(loaded.as_bytes());
            out.extend(&loaded.as_bytes()[end..]);
            out
        })
    }

    /// One row for each element of a list. A row that would make too much is an error of its own.
    pub fn unnest(&self, node: NodeId, input: NodeId, column: usize, keep: &[usize]) -> (Rows<'s>, Errors<'s>) {
        let kinds = self.kinds[input].clone();
        let (lists, kept) = (Slicer::new(&kinds, &[column]), Slicer::new(&kinds, keep));
        let FieldKind::List(element) = kinds[column].clone() else {
            panic!("column {column} of node {input} was planned as a list");
        };
        let list = kinds[column].clone();
        let (relation, printer) = (self.relation(node), RowPrinter::new(&self.topology.graph.nodes[input].columns, &kinds));
        let expression = format!("unnest({})", self.topology.graph.nodes[input].columns[column].name);
        let mut meter = self.meter(node);
        transform(self.rows(input).inner, "unnest", move |batch, _, made| {
            for (row, time, diff) in batch.drain(..) {
                let field = lists.row(row.as_bytes());
                let Value::List(values) = list.read(field.as_bytes(), 0) else { continue };
                let kept = kept.row(row.as_bytes());
                let bytes = values.len() * kept.len() + field.len();
                if bytes > UNNEST_BYTES_MAX {
                    let detail = format!(
                        "it would make {} rows with {bytes} bytes of one row, which may make {UNNEST_BYTES_MAX}",
                        values.len()
                    );
                    let (relation, expression, row) = (relation.clone(), expression.clone(), printer.json(row.as_bytes()));
                    made.errors.push((RowError { relation, expression, detail, row }, time, diff));
                    continue;
                }
                for value in values {
                    let mut out = kept.clone();
                    element.write(&value, &mut out);
                    meter.count(time, out.len());
                    made.rows.push((out, time, diff));
                }
                if meter.is_exceeded() {
                    made.rows.clear();
                }
            }
        })
    }

    /// As many copies of each row as a column says. A copy more is one change, whatever their number is.
    pub fn repeat(&self, input: NodeId, copies: usize) -> Rows<'s> {
        let slicer = Slicer::new(&self.kinds[input], &[copies]);
        self.rows(input).explode(move |row| {
            let field = slicer.row(row.as_bytes());
            match FieldKind::Int64.read(field.as_bytes(), 0) {
                Value::Int(copies) if copies > 0 => Some((row, copies)),
                _ => None,
            }
        })
    }

    /// Session windows.
    pub fn session(&self, input: NodeId, partition: &[usize], time: usize, gap_micros: i64) -> Rows<'s> {
        let kinds = &self.kinds[input];
        let keys = Slicer::new(kinds, partition);
        let times = Slicer::new(kinds, &[time]);
        let timed = self.rows(input).map(move |row| {
            let time = times.row(row.as_bytes());
            (keys.row(row.as_bytes()), Row::concat(time.as_bytes(), row.as_bytes()))
        });
        session(timed, gap_micros)
    }

    /// Rows within bounds of the wall clock.
    pub fn temporal_filter(&mut self, node: NodeId, input: NodeId, from: Option<usize>, until: Option<usize>) -> Rows<'s> {
        let kinds = self.kinds[input].clone();
        let bound = |column: Option<usize>| column.map(|column| Slicer::new(&kinds, &[column]));
        let (from, until) = (bound(from), bound(until));
        let (rows, state) = (self.unkept_rows(node, input), self.node_state(node));
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
        temporal_filter(rows, self.kept_clock(node), bounds, state)
    }

    /// The wall clock as a node sees it: one that was restored knows nothing of the times in which new states are computed.
    fn kept_clock(&self, node: NodeId) -> StreamVec<'s, Time, i64> {
        let start = self.keeping.start;
        if !self.keeping.is_restored(Kept::Node(node)) {
            return self.clock.clone();
        }
        self.clock.clone().unary(Pipeline, "clock since the start", move |_, _| {
            move |input, output| {
                input.for_each(|capability, ticks| {
                    if *capability.time() >= start {
                        output.session(&capability).give_container(ticks);
                    }
                });
            }
        })
    }

    /// The state of a node: kept when it reads a stream, because then nothing could compute it again.
    fn node_state(&mut self, node: NodeId) -> KeptState {
        if self.keeping.states.number(Kept::Node(node)).is_some() {
            self.keeping.state(Kept::Node(node), &self.drain)
        } else {
            KeptState::none(self.keeping.begin())
        }
    }

    /// Returns the rows that a node reads. A restored node holds the share of all rows until then: they must not come a second time.
    fn unkept_rows(&self, node: NodeId, input: NodeId) -> Rows<'s> {
        let start = self.keeping.start;
        if !self.keeping.is_restored(Kept::Node(node)) {
            return self.rows(input);
        }
        self.rows(input).inner.filter(move |(_, time, _)| *time > start).as_collection()
    }
}

/// Returns the new place of each column.
fn inverse(order: &[usize]) -> Vec<usize> {
    (0..order.len()).map(|column| order.iter().position(|&other| other == column).unwrap_or_default()).collect()
}
