//! The relations of a topology, their indexes, the sinks of their changes, and the edges between them.
//!
//! Owns the vocabulary between the planner, which knows it, and those who show it: the API, its page and `tidewater explain`. It
//! serializes to the JSON that all of them print.

use serde::Serialize;

/// A directed graph without cycles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lineage {
    /// sources, then tables, then views, each by name and each followed by its indexes; then sinks
    pub nodes: Vec<LineageNode>,
    /// edges, in the order of the nodes they lead to
    pub edges: Vec<LineageEdge>,
}

/// A relation, one of its indexes, or a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineageNode {
    /// unique: the name of a relation; of an index `relation/name`, of a sink `sink/name`
    pub id: String,
    /// as SQL spells it
    pub name: String,
    /// kind of the node
    #[serde(flatten)]
    pub kind: LineageKind,
    /// its columns; of an index those it orders by, of a full-text index those whose words are found; of a sink none
    pub columns: Vec<LineageColumn>,
}

/// Kind of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum LineageKind {
    /// a stream of events
    Source {
        /// topic that is read
        topic: String,
    },
    /// the fold of a stream
    Table {
        /// the columns of its primary key
        key: Vec<String>,
    },
    /// a query
    View {
        /// true if its rows are kept
        materialized: bool,
    },
    /// an order in which a relation is kept and served
    Index {
        /// the id of the relation
        of: String,
        /// the most rows served for one value of its first column
        limit: Option<usize>,
    },
    /// a full-text index of a relation
    Search {
        /// the id of the relation
        of: String,
    },
    /// destination of the changes of a relation
    Sink {
        /// the topic or the system, for people
        target: String,
    },
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineageColumn {
    /// its name
    pub name: String,
    /// its type in SQL
    #[serde(rename = "type")]
    pub sql_type: String,
    /// in an index: newest or largest first
    pub descending: bool,
}

/// Dependency of one relation on another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineageEdge {
    /// the id of what is read
    pub from: String,
    /// the id of what reads it
    pub to: String,
}

impl LineageKind {
    /// The word for it, as the JSON has it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Source { .. } => "source",
            Self::Table { .. } => "table",
            Self::View { .. } => "view",
            Self::Index { .. } => "index",
            Self::Search { .. } => "search",
            Self::Sink { .. } => "sink",
        }
    }
}

impl Lineage {
    /// The part of the graph whose nodes are wanted: edges from or to others are left out.
    pub fn only(&self, wanted: impl Fn(&LineageNode) -> bool) -> Self {
        let nodes: Vec<LineageNode> = self.nodes.iter().filter(|node| wanted(node)).cloned().collect();
        let has = |id: &String| nodes.iter().any(|node| node.id == *id);
        let edges = self.edges.iter().filter(|edge| has(&edge.from) && has(&edge.to)).cloned().collect();
        Self { nodes, edges }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(id: &str, kind: LineageKind) -> LineageNode {
        LineageNode { id: id.into(), name: id.into(), kind, columns: vec![] }
    }

    #[test]
    fn a_part_has_the_edges_between_its_nodes_alone() {
        let edge = |from: &str, to: &str| LineageEdge { from: from.into(), to: to.into() };
        let lineage = Lineage {
            nodes: vec![
                node("events", LineageKind::Source { topic: "t".into() }),
                node("rows", LineageKind::Table { key: vec!["id".into()] }),
                node("rows/by_id", LineageKind::Index { of: "rows".into(), limit: None }),
            ],
            edges: vec![edge("events", "rows"), edge("rows", "rows/by_id")],
        };
        let part = lineage.only(|node| node.kind.word() != "source");
        assert_eq!(part.edges, [edge("rows", "rows/by_id")]);
        let printed = serde_json::to_value(&part).unwrap();
        assert_eq!(printed["nodes"][0], json!({ "id": "rows", "name": "rows", "kind": "table", "key": ["id"], "columns": [] }));
        assert_eq!(printed["nodes"][1]["of"], "rows");
        assert_eq!(lineage.only(|_| true), lineage);
    }
}
