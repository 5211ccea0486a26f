//! A topology: everything that a folder of statements declares, planned and ready to be rendered.
//!
//! Owns [`Topology`]: sources, tables, the graph of nodes, the views to serve. [`crate::load`] makes it of statements.

use std::collections::{BTreeMap, BTreeSet};

use schemas::event::Encoding;
use schemas::row::Row;
use schemas::serving::{Column, SearchIndex, View};
use schemas::source_connector::{ConnectorSpec, SOURCE_LOG};
use schemas::topic::{TopicSchema, TopicSet};

use crate::plan::graph::{Graph, Map, NodeColumn, NodeId, Operator, TemporalFilter};
use crate::plan::merge::Merge;
use crate::plan::scalar::Scalar;
use schemas::sink::SinkDefinition;

/// A stream of events that the topology reads.
#[derive(Clone, Debug)]
pub struct Source {
    /// its name in SQL
    pub name: String,
    /// connector of the log that it reads
    pub connector: &'static ConnectorSpec,
    /// the topic, its events and columns
    pub schema: TopicSchema,
    /// encoding of its records
    pub encoding: Encoding,
    /// number of partitions that the topic is created with
    pub partitions: u32,
    /// time for which the identity of an event is remembered, in microseconds of event time; `None` where events have no identity
    pub deduplication_micros: Option<i64>,
}

/// A table: what a stream folds into.
#[derive(Clone, Debug)]
pub struct Table {
    /// its name
    pub name: String,
    /// its columns
    pub columns: Vec<NodeColumn>,
    /// columns that may not be NULL
    pub not_null: Vec<bool>,
    /// numbers of the columns of its key
    pub primary_key: Vec<usize>,
    /// the value of each column where an INSERT leaves it out
    pub defaults: Vec<Scalar>,
    /// rows that are there before the first event, with their keys, in the order of those
    pub rows: BTreeMap<Row, Row>,
    /// its folds, in the order of their statements; without any it stays as it begins
    pub merges: Vec<Merge>,
    /// age at which its rows go away
    pub retention: Option<RetentionRule>,
}

/// An age at which rows go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionRule {
    /// number of the TIMESTAMPTZ column by which it counts
    pub column: usize,
    /// the age in microseconds
    pub micros: i64,
}

impl Table {
    /// The sources that it folds, in the order of their topics' names.
    pub fn sources(&self, sources: &[Source]) -> Vec<usize> {
        let mut numbers: Vec<usize> = self.merges.iter().map(|merge| merge.source).collect();
        numbers.sort_by_key(|&number| sources[number].schema.topic());
        numbers.dedup();
        numbers
    }

    /// For each fold the place of its source among [`sources`](Self::sources).
    pub fn merge_places(&self, sources: &[Source]) -> Vec<u32> {
        let ordered = self.sources(sources);
        let place = |merge: &Merge| ordered.iter().position(|source| *source == merge.source);
        let place = |merge: &Merge| place(merge).unwrap_or_else(|| panic!("a fold of '{}' has no source", self.name)) as u32;
        self.merges.iter().map(place).collect()
    }
}

/// A relation that can be read, and the node that produces it.
#[derive(Clone, Debug)]
pub struct Served {
    /// the served view
    pub view: View,
    /// its rows
    pub node: NodeId,
}

/// Kind of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// made by CREATE SOURCE
    Source,
    /// made by CREATE TABLE
    Table,
    /// made by CREATE VIEW: not kept
    View,
    /// made by CREATE MATERIALIZED VIEW
    MaterializedView,
}

/// A relation as its statement declares it, however it is computed.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// its kind
    pub kind: RelationKind,
    /// its columns
    pub columns: Vec<Column>,
    /// the relations that its statement names
    pub reads: BTreeSet<String>,
}

/// Everything that is deployed together.
#[derive(Debug, Default)]
pub struct Topology {
    /// the streams
    pub sources: Vec<Source>,
    /// the tables
    pub tables: Vec<Table>,
    /// nodes that compute the views
    pub graph: Graph,
    /// the views that are kept and served
    pub served: Vec<Served>,
    /// sinks of the served views' changes
    pub sinks: Vec<SinkDefinition>,
    /// the full-text indexes of what is served
    pub searches: Vec<SearchIndex>,
    /// every relation by name, for `explain`
    pub relations: BTreeMap<String, NodeId>,
    /// every relation by name, as declared
    pub declarations: BTreeMap<String, Declaration>,
}

impl Topology {
    /// Name of the connector of the log that the sources read, and derived topics are written to: they share one.
    pub fn log_connector(&self) -> &'static str {
        self.sources.first().map_or(SOURCE_LOG.name, |source| source.connector.name)
    }

    /// The source that reads a topic.
    pub fn source_of_topic(&self, topic: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.schema.topic() == topic)
    }

    /// The topics that lines of ingest may name: those of the sources, which say what events look like.
    pub fn topics(&self) -> TopicSet {
        self.live_sources().map(|source| source.schema.clone()).collect()
    }

    /// The sources that were not dropped.
    pub fn live_sources(&self) -> impl Iterator<Item = &Source> {
        let declared = self.declarations.iter().filter(|(_, declaration)| declaration.kind == RelationKind::Source);
        declared.flat_map(|(name, _)| self.sources_of(self.relations[name])).map(|number| &self.sources[number])
    }

    /// The nodes that something served needs, in order. A source is read by the maps above it, straight from the decoded events.
    pub fn used_nodes(&self) -> BTreeSet<NodeId> {
        let mut used = BTreeSet::new();
        let mut open: Vec<NodeId> = self.served.iter().map(|served| served.node).collect();
        while let Some(node) = open.pop() {
            if used.insert(node) {
                open.extend(self.graph.nodes[node].operator.inputs());
            }
        }
        let is_served = |node: NodeId| self.served.iter().any(|served| served.node == node);
        used.retain(|&node| !matches!(self.graph.nodes[node].operator, Operator::Source(_)) || is_served(node));
        used
    }

    /// The sources that a node reads, tables not counted.
    pub fn sources_of(&self, node: NodeId) -> BTreeSet<usize> {
        let mut sources = BTreeSet::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            match &self.graph.nodes[node].operator {
                Operator::Source(scan) => drop(sources.insert(scan.source)),
                operator => open.extend(operator.inputs()),
            }
        }
        sources
    }

    /// The node of the events that a source's relation is made of, whatever its retention takes away.
    pub fn source_node(&self, node: NodeId) -> Option<NodeId> {
        let mut node = node;
        while !matches!(self.graph.nodes[node].operator, Operator::Source(_)) {
            node = self.graph.nodes[node].operator.inputs().first().copied()?;
        }
        Some(node)
    }

    /// The number of the table whose rows a node reads, or those of its rows that are young enough; `None` for a node that computes.
    pub fn table_at(&self, node: NodeId) -> Option<usize> {
        let mut node = node;
        loop {
            match &self.graph.nodes[node].operator {
                Operator::Table(scan) => return Some(scan.table),
                Operator::Map(Map { input, .. }) | Operator::TemporalFilter(TemporalFilter { input, .. }) => node = *input,
                _ => return None,
            }
        }
    }

    /// For each node the served view that first needs it, to name it in errors; empty for a node that none needs.
    pub fn owners(&self) -> Vec<String> {
        let mut owners = vec![String::new(); self.graph.nodes.len()];
        for served in &self.served {
            let mut open = vec![served.node];
            while let Some(node) = open.pop() {
                if owners[node].is_empty() {
                    owners[node].clone_from(&served.view.name);
                    open.extend(self.graph.nodes[node].operator.inputs());
                }
            }
        }
        owners
    }

    /// The definitions of all served views.
    pub fn views(&self) -> Vec<View> {
        self.served.iter().map(|served| served.view.clone()).collect()
    }
}
