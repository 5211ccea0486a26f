//! The plan, evaluated for a few rows: each with the events that it was made of.
//!
//! Owns [`Interpreter`]. What is wanted of a node goes down to what that needs of its inputs, as far as columns pass through; of a join the
//! side with fewer wanted values is evaluated first, and its keys are then what is wanted of the other. So a scan keeps few rows.
//! What operators make of rows is not known here: [`super::local`] lets the dataflow do it, and the table of operators says which rows a
//! result comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use schemas::field::FieldKind;
use schemas::row::{Diff, Row};

use super::demand::{Demand, DemandedColumn};
use super::derived::{Derived, Found};
use super::error::{LineageError, Unfinished};
use super::local::{self, NodeInput, Unnumber};
use super::origins::Origins;
use super::scan::Scans;
use crate::render::columns::kinds_of_nodes;
use crate::render::renderer::RenderNode;
use crate::render::slicer::Slicer;
use language::plan::graph::{NodeColumn, NodeId, Operator, Side};
use language::topology::Topology;

/// Finds the wanted rows of a node; the table of operators lies above.
pub type ExplainNode = fn(&mut Interpreter<'_>, NodeId, &Demand) -> Result<Vec<Derived>, LineageError>;

/// The table of operators, as far as an interpreter needs it.
#[derive(Clone, Copy)]
pub struct NodeTable {
    /// renders a node
    pub render: RenderNode,
    /// finds the wanted rows of a node
    pub explain: ExplainNode,
}

/// Evaluates nodes.
pub struct Interpreter<'q> {
    /// the topology
    pub topology: &'q Topology,
    /// shapes of the columns of each node
    pub kinds: Vec<Vec<FieldKind>>,
    /// the log
    pub scans: Scans<'q>,
    /// the view that each node belongs to
    pub owners: Vec<String>,
    wall_micros: i64,
    table: NodeTable,
    known: BTreeMap<(NodeId, Demand), Found>,
    rows: usize,
}

impl<'q> Interpreter<'q> {
    /// Evaluates a plan over the log, at a wall clock.
    pub fn new(topology: &'q Topology, scans: Scans<'q>, wall_micros: i64, table: NodeTable) -> Self {
        let kinds = kinds_of_nodes(topology);
        Self { topology, kinds, scans, owners: topology.owners(), wall_micros, table, known: BTreeMap::new(), rows: 0 }
    }

    /// The wanted rows of a node: all of them, and no others.
    pub fn rows(&mut self, node: NodeId, demand: &Demand) -> Result<Found, LineageError> {
        if demand.is_nothing() {
            return Ok(Rc::default());
        }
        let key = (node, demand.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(Rc::clone(known));
        }
        self.scans.check_time()?;
        let mut rows = (self.table.explain)(self, node, demand)?;
        let check = demand.check(&self.kinds[node]);
        rows.retain(|derived| check.admits(derived.row.as_bytes()));
        self.rows += rows.len();
        self.check_rows(node, self.rows)?;
        let rows = Rc::new(rows);
        self.known.insert(key, Rc::clone(&rows));
        Ok(rows)
    }

    /// Refuses more rows than a question may hold.
    pub fn check_rows(&self, node: NodeId, rows: usize) -> Result<(), LineageError> {
        check_rows(rows, self.scans.limits.rows, &self.owners[node])
    }

    /// Refuses rows that are found beside those that are held already.
    pub fn check_more_rows(&self, node: NodeId, rows: usize) -> Result<(), LineageError> {
        self.check_rows(node, self.rows.saturating_add(rows))
    }

    /// Cuts columns out of the rows of a node.
    pub fn slicer(&self, node: NodeId, columns: &[usize]) -> Slicer {
        Slicer::new(&self.kinds[node], columns)
    }

    /// Returns the wanted input of a node whose partitions have to be whole.
    pub fn within(&self, node: NodeId, partition: &[usize], demand: &Demand) -> Demand {
        let place =
            |column: usize| if partition.contains(&column) { DemandedColumn::Column(column) } else { DemandedColumn::Elsewhere };
        demand.pushed(&self.kinds[node], place)
    }

    /// Runs an operator over rows by the code that computes the views; it reads them as nodes 0, 1 and so on.
    pub fn run(
        &self,
        operator: Operator,
        inputs: Vec<NodeInput>,
        columns: Vec<NodeColumn>,
    ) -> Result<Vec<(Row, Diff)>, LineageError> {
        local::run(operator, inputs, columns, self.wall_micros, self.table.render)
    }

    /// An operator that makes each of its rows of one row of its input, perhaps with more columns behind.
    pub fn carried(
        &self,
        (input, node): (NodeId, NodeId),
        rows: &[Derived],
        operator: Operator,
    ) -> Result<Vec<Derived>, LineageError> {
        self.carry((input, node), rows, operator, self.kinds[input].len())
    }

    /// An operator that makes each of its rows of one row of its input, whose number ends up at `place`.
    pub fn carry(
        &self,
        (input, node): (NodeId, NodeId),
        rows: &[Derived],
        operator: Operator,
        place: usize,
    ) -> Result<Vec<Derived>, LineageError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let nodes = &self.topology.graph.nodes;
        let numbered = NodeInput::numbered(&nodes[input].columns, rows.iter().map(|derived| &derived.row));
        let mut columns = nodes[node].columns.clone();
        columns.insert(place, local::number_column());
        let unnumber = Unnumber::new(&self.kinds[node], &[place]);
        let made = self.run(operator, vec![numbered], columns)?;
        let derived = made.iter().map(|(made, _)| {
            let (row, numbers) = unnumber.take(made);
            Derived { row, origins: Origins::union(numbers.iter().map(|&number| &rows[number].origins)) }
        });
        Ok(derived.collect())
    }

    /// Both sides of a join: the narrower first, and of the other only what has its keys.
    pub fn both(
        &mut self,
        (left, of_left): (&Side, Demand),
        (right, of_right): (&Side, Demand),
    ) -> Result<(Found, Found), LineageError> {
        let width = |demand: &Demand| demand.width().unwrap_or(usize::MAX);
        if width(&of_right) < width(&of_left) {
            let rights = self.rows(right.input, &of_right)?;
            let lefts = self.rows(left.input, &of_left.with(&left.keys, self.keys(right, &rights)))?;
            return Ok((lefts, rights));
        }
        let lefts = self.rows(left.input, &of_left)?;
        let rights = self.rows(right.input, &of_right.with(&right.keys, self.keys(left, &lefts)))?;
        Ok((lefts, rights))
    }

    /// The keys of rows.
    pub fn keys(&self, side: &Side, rows: &[Derived]) -> BTreeSet<Row> {
        let keys = self.slicer(side.input, &side.keys);
        rows.iter().map(|derived| keys.row(derived.row.as_bytes())).collect()
    }
}

/// Refuses more rows of a relation than a question may hold.
pub fn check_rows(rows: usize, rows_max: usize, relation: &str) -> Result<(), LineageError> {
    if rows <= rows_max { Ok(()) } else { Err(Unfinished::Rows { relation: relation.to_owned(), rows_max }.into()) }
}
