//! The contract of an operator of the plan, and the words that all operators share: nodes, columns, what is known of rows.
//!
//! Owns [`PlanOperator`]. Everything that the language has to know of an operator is a method of it without a default, so none can be
//! forgotten. An operator holds the numbers of the nodes that it reads; what is known of those enters as [`InputRows`].

use std::collections::BTreeSet;

use arrow_schema::DataType;

use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// A node of the graph; inputs have smaller numbers than the nodes that read them.
pub type NodeId = usize;

/// One column of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeColumn {
    /// for people
    pub name: String,
    /// the type of its values
    pub data_type: DataType,
    /// true if it can be NULL
    pub nullable: bool,
}

/// Properties of the rows of an input.
#[derive(Clone, Copy, Debug)]
pub struct InputRows<'a> {
    /// its columns
    pub columns: &'a [NodeColumn],
    /// rows are only ever added
    pub append_only: bool,
    /// the stream whose every event it would hold if it were kept
    pub unbounded: Option<&'a str>,
    /// at most one row
    pub single_row: bool,
}

/// Properties of the rows of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProperties {
    /// rows are only ever added
    pub append_only: bool,
    /// the stream whose every event they would hold if they were kept; a node without one above an input with one accumulates over the
    /// stream, and its state is kept across restarts
    pub unbounded: Option<String>,
    /// at most one row
    pub single_row: bool,
}

impl RowProperties {
    /// Those of an input.
    pub fn of(input: &InputRows<'_>) -> Self {
        let InputRows { append_only, unbounded, single_row, .. } = *input;
        Self { append_only, unbounded: unbounded.map(str::to_owned), single_row }
    }

    /// Those of a state that changes, whose size is bounded by tables or groups.
    pub fn changing(single_row: bool) -> Self {
        Self { append_only: false, unbounded: None, single_row }
    }
}

/// Something that an operator reads, to be written into a form by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeReference {
    /// the events of a source
    Source(usize),
    /// the rows of a table
    Table(usize),
    /// the rows of a node
    Node(NodeId),
}

/// Writer of what an operator reads.
pub type ReferenceForm<'a> = &'a dyn Fn(&mut Form, NodeReference);

/// Knowledge of which columns tell the rows of a node apart.
pub trait Uniqueness {
    /// Returns true if at most one row of a node has the same values in these columns.
    fn is_unique(&self, node: NodeId, columns: &BTreeSet<usize>) -> bool;

    /// The columns of a table's primary key.
    fn primary_key(&self, table: usize) -> &[usize];
}

/// A table, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableNames {
    /// its name
    pub table: String,
    /// the columns of its key
    pub key: Vec<String>,
    /// the sources that it folds, separated by commas; `None` without a MERGE
    pub folded: Option<String>,
    /// number of the rows that are there before the first event
    pub rows: usize,
}

/// Names in a plan, for people.
pub trait PlanNames {
    /// The names of a node's columns.
    fn columns(&self, node: NodeId) -> Vec<String>;

    /// The name of a source.
    fn source(&self, source: usize) -> String;

    /// The names of a table, of the columns of its key, and of the sources that it folds.
    fn table(&self, table: usize) -> TableNames;

    /// The names of some columns of a node, separated by commas.
    fn list(&self, node: NodeId, columns: &[usize]) -> String {
        let names = self.columns(node);
        columns.iter().map(|&column| names[column].clone()).collect::<Vec<_>>().join(", ")
    }
}

/// An operator of the plan.
pub trait PlanOperator {
    /// The tag of its canonical form. No other operator has it or ever gets it: states on disks are known by it.
    const TAG: u8;

    /// The nodes it reads, in order.
    fn inputs(&self) -> Vec<NodeId>;

    /// Returns what is known of its rows, given what is known of its inputs in the order of [`PlanOperator::inputs`].
    fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties;

    /// The inputs of which it keeps every row, each with the words that a refusal names it by. An input with a stream behind it that has
    /// no bound is refused. `columns` are those of the operator.
    fn keeps(&self, inputs: &[InputRows<'_>], columns: &[NodeColumn]) -> Vec<(NodeId, String)>;

    /// Writes everything that its rows depend on, behind the tag. `refer` writes what it reads; `column` tells the columns of the input of
    /// expressions apart.
    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, column: ColumnForm<'_>);

    /// Returns true if at most one of its rows has the same values in these of its `width` columns. What can't be proved is not so.
    fn is_unique(&self, columns: &BTreeSet<usize>, width: usize, known: &dyn Uniqueness) -> bool;

    /// The expressions that it evaluates.
    fn scalars(&self) -> Vec<&Scalar>;

    /// Describes it for people, with what it keeps. `columns` are the names of its own.
    fn describe(&self, columns: &[String], names: &dyn PlanNames) -> String;
}
