//! What a topology has to remember across a restart, and by which identity it is found again.
//!
//! Owns [`Kept`]. A topology enters; leaves the first collections with state behind its streams (tables, deduplication windows,
//! accumulations over streams), each with a fingerprint of what it is computed from and how. Everything behind them is computed anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use epochs::binding::{Fingerprint, fingerprint};
use epochs::coordinator::StateSpec;
use schemas::position::Topic;

use super::graph::{NodeId, Operator};
use crate::topology::{Served, Source, Topology};

/// Something with state of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// the ids of a source's events
    Deduplication(usize),
    /// the rows of a table
    Table(usize),
    /// a node that reads a stream and does not grow with every event
    Node(NodeId),
    /// errors of rows of streams: nothing retracts them
    RowErrors,
    /// events that were put aside
    DeadLetters,
}

/// What a topology keeps, in the order that numbers it.
#[derive(Clone, Debug, Default)]
pub struct KeptStates {
    /// each kept thing
    pub kept: Vec<Kept>,
    /// its identity and name
    pub specs: Vec<StateSpec>,
}

impl KeptStates {
    /// What this topology keeps.
    pub fn of(topology: &Topology) -> Self {
        let mut states = Self::default();
        for (number, source) in topology.sources.iter().enumerate() {
            states.add(Kept::Deduplication(number), format!("deduplication of {}", source.name), &deduplication(source));
        }
        let (owners, identities) = (topology.owners(), identities(topology));
        for node in topology.used_nodes() {
            match &topology.graph.nodes[node].operator {
                Operator::Table(table) if topology.tables[*table].merge.is_some() => {
                    states.add(
                        Kept::Table(*table),
                        format!("table {}", topology.tables[*table].name),
                        &Hex(&identities[node]).to_string(),
                    );
                }
                _ if is_kept(topology, node) => {
                    states.add(Kept::Node(node), owners[node].clone(), &Hex(&identities[node]).to_string());
                }
                _ => {}
            }
        }
        states.add(Kept::RowErrors, "row errors".to_owned(), "row errors");
        states.add(Kept::DeadLetters, "dead letters".to_owned(), "dead letters");
        for number in 0..states.specs.len() {
            states.specs[number].topics = states.topics(topology, &BTreeSet::from([number as u32]));
        }
        states
    }

    fn add(&mut self, kept: Kept, name: String, description: &str) {
        self.kept.push(kept);
        self.specs.push(StateSpec { fingerprint: fingerprint(description), name, topics: Vec::new() });
    }

    /// The topics from which these states are computed.
    pub fn topics(&self, topology: &Topology, numbers: &BTreeSet<u32>) -> Vec<Topic> {
        let mut sources = BTreeSet::new();
        for number in numbers {
            match self.kept[*number as usize] {
                Kept::Deduplication(source) => drop(sources.insert(source)),
                Kept::Table(table) => sources.extend(topology.tables[table].merge.as_ref().map(|merge| merge.source)),
                Kept::Node(node) => sources.extend(topology.sources_of(node)),
                Kept::RowErrors | Kept::DeadLetters => {}
            }
        }
        sources.into_iter().map(|source| Topic::new(&topology.sources[source].schema.topic)).collect()
    }

    /// The number of a kept thing.
    pub fn number(&self, kept: Kept) -> Option<u32> {
        self.kept.iter().position(|other| *other == kept).map(|number| number as u32)
    }
}

/// Whether a node accumulates over a stream.
fn is_kept(topology: &Topology, node: NodeId) -> bool {
    let nodes = &topology.graph.nodes;
    nodes[node].unbounded.is_none() && nodes[node].operator.inputs().iter().any(|&input| nodes[input].unbounded.is_some())
}

/// The identity of everything that is served: what is computed, how, and under which names.
pub fn plan_fingerprint(topology: &Topology) -> Fingerprint {
    let identities = identities(topology);
    let views: Vec<String> = topology.served.iter().map(|served| view_text(served, &identities)).collect();
    fingerprint(&views.join("\n"))
}

/// The identity of each view by name: its rows, its columns and its indexes. Who may read it is no part of that.
pub fn view_fingerprints(topology: &Topology) -> BTreeMap<String, Fingerprint> {
    let identities = identities(topology);
    topology.served.iter().map(|served| (served.view.name.clone(), fingerprint(&view_text(served, &identities)))).collect()
}

/// The identity of the rows of each served relation by name: what is computed and under which columns, but not in which orders it is
/// kept.
pub fn row_fingerprints(topology: &Topology) -> BTreeMap<String, Fingerprint> {
    let identities = identities(topology);
    let text = |served: &Served| format!("{:?} {}", served.view.columns, Hex(&identities[served.node]));
    topology.served.iter().map(|served| (served.view.name.clone(), fingerprint(&text(served)))).collect()
}

fn view_text(served: &Served, identities: &[Fingerprint]) -> String {
    let view = &served.view;
    format!("{} {:?} {:?} {}", view.name, view.columns, view.indexes, Hex(&identities[served.node]))
}

fn deduplication(source: &Source) -> String {
    format!("deduplication {} {:?} {} {}", source.schema.topic, source.encoding, source.partitions, source.deduplication_micros)
}

/// For each node what it computes and from what, without the numbers that nodes, tables and sources happen to have.
fn identities(topology: &Topology) -> Vec<Fingerprint> {
    let mut identities: Vec<Fingerprint> = Vec::with_capacity(topology.graph.nodes.len());
    for node in &topology.graph.nodes {
        let columns: Vec<String> = node.columns.iter().map(|column| column.data_type.to_string()).collect();
        let own = match &node.operator {
            Operator::Source(number) => format!("source {}", deduplication(&topology.sources[*number])),
            Operator::Table(number) => table_text(topology, *number),
            other => format!("{:?}", other.with_inputs(|_| 0)),
        };
        // Inputs come before the nodes that read them.
        let inputs: Vec<String> = node.operator.inputs().iter().map(|&input| format!("{}", Hex(&identities[input]))).collect();
        identities.push(fingerprint(&format!("{own} {columns:?} {inputs:?}")));
    }
    identities
}

fn table_text(topology: &Topology, number: usize) -> String {
    let table = &topology.tables[number];
    let merge = table.merge.as_ref().map(|merge| {
        let source = deduplication(&topology.sources[merge.source]);
        format!("{source} {:?} {:?} {:?}", merge.key, merge.fields, merge.clauses)
    });
    format!("table {:?} {:?} {:?} {merge:?}", table.columns, table.not_null, table.primary_key)
}

/// All of a fingerprint; what people see is shortened.
struct Hex<'a>(&'a Fingerprint);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
