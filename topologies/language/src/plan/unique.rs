//! Columns that tell the rows of a node apart.
//!
//! A node and columns enter; whether no two rows agree in all of them leaves. What can't be proved is not so.

use std::collections::BTreeSet;

use super::graph::{Graph, NodeId};
use super::operators::definition::Uniqueness;
use crate::topology::Table;

/// Properties of operators that follow from others of the graph.
struct Known<'g> {
    graph: &'g Graph,
    tables: &'g [Table],
}

impl Uniqueness for Known<'_> {
    fn is_unique(&self, node: NodeId, columns: &BTreeSet<usize>) -> bool {
        let node = &self.graph.nodes[node];
        node.single_row || node.operator.is_unique(columns, node.columns.len(), self)
    }

    fn primary_key(&self, table: usize) -> &[usize] {
        &self.tables[table].primary_key
    }
}

/// Returns true if at most one row has the same values in these columns of a node.
pub fn is_unique(graph: &Graph, tables: &[Table], node: NodeId, columns: &BTreeSet<usize>) -> bool {
    Known { graph, tables }.is_unique(node, columns)
}

/// The columns that tell the rows of a node apart, none of them superfluous; `None` when only the whole row does, or not even that.
pub fn key_of(graph: &Graph, tables: &[Table], node: NodeId) -> Option<Vec<usize>> {
    let mut key: BTreeSet<usize> = (0..graph.nodes[node].columns.len()).collect();
    if !is_unique(graph, tables, node, &key) {
        return None;
    }
    // What comes last goes first: views begin with what they are asked by.
    for column in (0..key.len()).rev() {
        key.remove(&column);
        if !is_unique(graph, tables, node, &key) {
            key.insert(column);
        }
    }
    Some(key.into_iter().collect())
}
