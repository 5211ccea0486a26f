//! The lowered plan: a graph of nodes over byte rows that needs no further analysis to be rendered.
//!
//! Owns [`Graph`] and [`Node`]. [`super::construct`] adds nodes to it; the engine reads it.

use std::collections::HashMap;

use datafusion_common::{Result, plan_err};
use schemas::field::FieldKind;
use schemas::serving::Column;

use super::identity::form::Form;
use super::types::type_name;

pub use super::operators::definition::{InputRows, NodeColumn, NodeId, RowProperties};
pub use super::operators::{
    Aggregate, Constant, CountBeyond, Distinct, Join, JoinField, Map, Operator, Reduce, Repeat, Semijoin, Session, Side,
    SourceScan, TableScan, TemporalFilter, TopK, Union, Unnest, Window, WindowCall,
};

/// One node: what it does, its columns, and what is known of its rows.
#[derive(Clone, Debug)]
pub struct Node {
    /// its operator
    pub operator: Operator,
    /// its columns
    pub columns: Vec<NodeColumn>,
    /// rows are only ever added
    pub append_only: bool,
    /// the stream whose every event it would hold if it were kept; `None` when its size is bounded by the state of tables or groups
    pub unbounded: Option<String>,
    /// at most one row, so that a join without keys with it is no cross product
    pub single_row: bool,
}

impl Node {
    /// Properties of its rows, for a node that reads it.
    pub fn rows(&self) -> InputRows<'_> {
        let Self { columns, append_only, unbounded, single_row, .. } = self;
        InputRows { columns, append_only: *append_only, unbounded: unbounded.as_deref(), single_row: *single_row }
    }
}

/// The nodes of a deployment.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// in an order in which inputs come first
    pub nodes: Vec<Node>,
    /// nodes by their forms: equal nodes are one node
    pub(super) known: HashMap<Form, NodeId>,
}

impl Graph {
    /// The columns of a node as rows keep them.
    pub fn kinds(&self, node: NodeId) -> Result<Vec<FieldKind>> {
        self.nodes[node].columns.iter().map(field_kind).collect()
    }

    /// The columns of a node under the names a view gives them.
    pub fn served_columns(&self, node: NodeId, names: &[String]) -> Result<Vec<Column>> {
        let kinds = self.kinds(node)?;
        Ok(names.iter().zip(kinds).map(|(name, kind)| Column { name: name.clone(), kind }).collect())
    }

    /// The names of a node's columns.
    pub fn names(&self, node: NodeId) -> Vec<String> {
        self.nodes[node].columns.iter().map(|column| column.name.clone()).collect()
    }
}

fn field_kind(column: &NodeColumn) -> Result<FieldKind> {
    match FieldKind::of(&column.data_type) {
        Some(kind) => Ok(kind),
        None => {
            plan_err!("column '{}' has type {}, which rows can't hold: cast it", column.name, type_name(&column.data_type))
        }
    }
}
