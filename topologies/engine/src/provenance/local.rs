//! One operator over a few rows, by the code that computes the views.
//!
//! Owns the smallest dataflow: constants, one node above them, one epoch. Rows may be numbered: a column more, which the operator
//! carries along like any other, tells afterwards which rows each result was made of. So nothing here knows what operators do.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion_common::DataFusionError;
use differential_dataflow::consolidation::consolidate;
use operators::Time;
use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};
use schemas::serving::{Access, Column, Index, View};
use sinks::views::IndexId;
use timely::dataflow::operators::ToStream;
use timely::dataflow::operators::probe::Handle;

use super::error::LineageError;
use crate::epoch_clock::Clock;
use crate::render::budget::Budget;
use crate::render::columns::field_kinds;
use crate::render::drain::Drain;
use crate::render::renderer::RenderNode;
use crate::render::restore_context::RestoreContext;
use crate::render::slicer::Slicer;
use crate::state::restored::Restored;
use language::plan::graph::{Constant, Node, NodeColumn, Operator};
use language::plan::kept::KeptStates;
use language::topology::{Served, Topology};

/// The only index of the only view.
const INDEX: IndexId = IndexId(0);

/// Rows that an operator reads.
pub struct NodeInput {
    /// their columns
    pub columns: Vec<NodeColumn>,
    /// the rows
    pub rows: Vec<Row>,
}

impl NodeInput {
    /// Rows, each with its number in a last column.
    pub fn numbered<'r>(columns: &[NodeColumn], rows: impl Iterator<Item = &'r Row>) -> Self {
        let numbered = rows.enumerate().map(|(number, row)| {
            let mut row = row.clone();
            FieldKind::Int64.write(&Value::Int(number as i64), &mut row);
            row
        });
        let mut columns = columns.to_vec();
        columns.push(number_column());
        Self { columns, rows: numbered.collect() }
    }
}

/// The column of the numbers.
pub fn number_column() -> NodeColumn {
    NodeColumn { name: "number".to_owned(), data_type: arrow_schema::DataType::Int64, nullable: false }
}

/// Takes the numbers out of rows.
pub struct Unnumber {
    row: Slicer,
    numbers: Slicer,
}

impl Unnumber {
    /// For rows of columns of these kinds, between which the numbers are: at `places` of what an operator made.
    pub fn new(kinds: &[FieldKind], places: &[usize]) -> Self {
        let mut all = kinds.to_vec();
        places.iter().for_each(|&place| all.insert(place, FieldKind::Int64));
        let others: Vec<usize> = (0..all.len()).filter(|place| !places.contains(place)).collect();
        Self { row: Slicer::new(&all, &others), numbers: Slicer::new(&all, places) }
    }

    /// The row, and the numbers of the rows that it was made of.
    pub fn take(&self, row: &Row) -> (Row, Vec<usize>) {
        let numbers = self.numbers.row(row.as_bytes());
        let mut found = Vec::new();
        let mut at = 0;
        while at < numbers.len() {
            if let Value::Int(number) = FieldKind::Int64.read(numbers.as_bytes(), at) {
                let number = usize::try_from(number);
                found.push(number.unwrap_or_else(|error| panic!("a row is numbered below zero: {error}")));
            }
            at = FieldKind::Int64.end(numbers.as_bytes(), at);
        }
        (self.row.row(row.as_bytes()), found)
    }
}

/// Runs an operator over its inputs at this wall clock; it reads them as nodes 0, 1 and so on. `columns` are those of its rows.
pub fn run(
    operator: Operator,
    inputs: Vec<NodeInput>,
    columns: Vec<NodeColumn>,
    wall_micros: i64,
    render_node: RenderNode,
) -> Result<Vec<(Row, Diff)>, LineageError> {
    let topology = topology(operator, inputs, columns);
    let made = timely::execute_directly(move |worker| {
        let (drain, probe) = (Drain::new(Time::MIN, Arc::default(), Budget::default()), Handle::new());
        let states = Arc::new(KeptStates::of(&topology));
        let (missing, restored) = (Arc::default(), Restored::new());
        let keeping = RestoreContext { start: Time::MIN, missing, states, restored, clock: Clock::System };
        let rendered = worker.dataflow::<Time, _, _>(|scope| {
            let clock = [wall_micros].to_stream(scope);
            crate::render::render(&topology, scope, Vec::new(), clock, (&drain, &probe), keeping, render_node)
        });
        while worker.has_dataflows() {
            worker.step();
        }
        rendered.map(|()| drain.take(Time::MIN))
    });
    let made = made
        .map_err(|error: DataFusionError| LineageError::Plan { detail: language::plan::errors::messages::message(&error).0 })?;
    let mut rows: BTreeMap<IndexId, Vec<(Row, Diff)>> = made.changes;
    let mut rows = rows.remove(&INDEX).unwrap_or_default();
    consolidate(&mut rows);
    Ok(rows)
}

fn topology(operator: Operator, inputs: Vec<NodeInput>, columns: Vec<NodeColumn>) -> Topology {
    let mut topology = Topology::default();
    let node = |operator, columns, append_only| Node { operator, columns, append_only, unbounded: None, single_row: false };
    let constant = |input: NodeInput| node(Operator::Constant(Constant { rows: input.rows }), input.columns, true);
    topology.graph.nodes = inputs.into_iter().map(constant).collect();
    let view = View {
        name: String::new(),
        columns: columns
            .iter()
            .zip(field_kinds(&columns))
            .map(|(column, kind)| Column { name: column.name.clone(), kind })
            .collect(),
        indexes: vec![Index { name: String::new(), columns: Vec::new(), limit: None }],
        access: Access::Denied,
        max_age: None,
    };
    topology.served.push(Served { view, node: topology.graph.nodes.len() });
    topology.graph.nodes.push(node(operator, columns, false));
    topology
}
