//! State that a topology keeps across a restart, and the identity by which it is found again.
//!
//! Owns [`Kept`]. A topology enters; leaves the first collections with state behind its streams (tables, deduplication windows,
//! accumulations over streams), each with a fingerprint of what it is computed from and how. Everything behind them is recomputed.
//! The fingerprints are those of canonical forms ([`super::identity`]), so that a later version of this program finds the states again.

use std::collections::{BTreeMap, BTreeSet};

use schemas::fingerprint::{Fingerprint, StateSpec};
use schemas::position::Topic;

use super::graph::{Map, Node, NodeId, Operator, SourceScan, TableScan};
use super::identity::form::{ColumnForm, by_number};
use super::identity::{Form, Subject, relations, serving};
use super::operators::definition::NodeReference;
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
    /// events that were quarantined
    DeadLetters,
}

/// State that a topology keeps, in the order that numbers it.
#[derive(Clone, Debug, Default)]
pub struct KeptStates {
    /// each kept thing
    pub kept: Vec<Kept>,
    /// its identity and name
    pub specs: Vec<StateSpec>,
}

impl KeptStates {
    /// Returns the state that this topology keeps.
    pub fn of(topology: &Topology) -> Self {
        let mut states = Self::default();
        for (number, source) in topology.sources.iter().enumerate() {
            // Without identities of events it has no entries, and tells that the source was read before.
            let what = if source.deduplication_micros.is_some() { "deduplication of" } else { "source" };
            states.add(Kept::Deduplication(number), format!("{what} {}", source.name), deduplication(source));
        }
        let (owners, identities) = (topology.owners(), identities(topology));
        for node in topology.used_nodes() {
            match &topology.graph.nodes[node].operator {
                Operator::Table(TableScan { table }) if !topology.tables[*table].merges.is_empty() => {
                    states.add(Kept::Table(*table), format!("table {}", topology.tables[*table].name), identities[node]);
                }
                _ if is_kept(topology, node) => {
                    states.add(Kept::Node(node), owners[node].clone(), identities[node]);
                }
                _ => {}
            }
        }
        states.add(Kept::RowErrors, "row errors".to_owned(), Form::new(Subject::RowErrors).fingerprint());
        states.add(Kept::DeadLetters, "dead letters".to_owned(), Form::new(Subject::DeadLetters).fingerprint());
        for number in 0..states.specs.len() {
            states.specs[number].topics = states.topics(topology, &BTreeSet::from([number as u32]));
        }
        states
    }

    fn add(&mut self, kept: Kept, name: String, fingerprint: Fingerprint) {
        self.kept.push(kept);
        self.specs.push(StateSpec { fingerprint, name, topics: Vec::new() });
    }

    /// The topics from which these states are computed.
    pub fn topics(&self, topology: &Topology, numbers: &BTreeSet<u32>) -> Vec<Topic> {
        let mut sources = BTreeSet::new();
        for number in numbers {
            match self.kept[*number as usize] {
                Kept::Deduplication(source) => drop(sources.insert(source)),
                Kept::Table(table) => sources.extend(topology.tables[table].merges.iter().map(|merge| merge.source)),
                Kept::Node(node) => sources.extend(topology.sources_of(node)),
                Kept::RowErrors | Kept::DeadLetters => {}
            }
        }
        sources.into_iter().map(|source| Topic::new(topology.sources[source].schema.topic())).collect()
    }

    /// The number of a kept thing.
    pub fn number(&self, kept: Kept) -> Option<u32> {
        self.kept.iter().position(|other| *other == kept).map(|number| number as u32)
    }
}

/// Returns true if a node accumulates over a stream.
fn is_kept(topology: &Topology, node: NodeId) -> bool {
    let nodes = &topology.graph.nodes;
    nodes[node].unbounded.is_none() && nodes[node].operator.inputs().iter().any(|&input| nodes[input].unbounded.is_some())
}

/// The identity of everything that is served: what is computed, how, and under which names.
pub fn plan_fingerprint(topology: &Topology) -> Fingerprint {
    let identities = identities(topology);
    let mut form = Form::new(Subject::Plan);
    form.each(topology.served.iter(), |form, served| view(form, served, &identities));
    form.fingerprint()
}

/// The identity of each view by name: its rows, its columns and its indexes. Who may read it is no part of that.
pub fn view_fingerprints(topology: &Topology) -> BTreeMap<String, Fingerprint> {
    let identities = identities(topology);
    let identity = |served: &Served| {
        let mut form = Form::new(Subject::View);
        view(&mut form, served, &identities);
        (served.view.name.clone(), form.fingerprint())
    };
    topology.served.iter().map(identity).collect()
}

/// The identity of the rows of each served relation by name: what is computed and under which columns, but not in which orders it is
/// kept.
pub fn row_fingerprints(topology: &Topology) -> BTreeMap<String, Fingerprint> {
    let identities = identities(topology);
    let identity = |served: &Served| {
        let mut form = Form::new(Subject::Rows);
        serving::view_columns(&mut form, &served.view.columns);
        form.identity(identities[served.node]);
        (served.view.name.clone(), form.fingerprint())
    };
    topology.served.iter().map(identity).collect()
}

fn view(form: &mut Form, served: &Served, identities: &[Fingerprint]) {
    form.text(&served.view.name);
    serving::view_columns(form, &served.view.columns);
    form.each(served.view.indexes.iter(), serving::index);
    form.identity(identities[served.node]);
}

fn deduplication(source: &Source) -> Fingerprint {
    let mut form = Form::new(Subject::Deduplication);
    relations::source(&mut form, source);
    form.fingerprint()
}

/// For each node what it computes and from what, without the numbers that nodes, tables and sources happen to have.
pub fn identities(topology: &Topology) -> Vec<Fingerprint> {
    let mut identities: Vec<Fingerprint> = Vec::with_capacity(topology.graph.nodes.len());
    // Inputs come before the nodes that read them.
    for node in &topology.graph.nodes {
        identities.push(node_form(topology, node, &identities).fingerprint());
    }
    identities
}

fn node_form(topology: &Topology, node: &Node, before: &[Fingerprint]) -> Form {
    let mut form = Form::new(Subject::Node);
    // A map over a source reads the columns that it names, whatever others the topic has by now.
    let mapped = match &node.operator {
        Operator::Map(Map { input, .. }) => match topology.graph.nodes[*input].operator {
            Operator::Source(SourceScan { source, .. }) => Some(&topology.sources[source]),
            _ => None,
        },
        _ => None,
    };
    let refer = |form: &mut Form, reference: NodeReference| match (reference, mapped) {
        (NodeReference::Source(number), _) => {
            relations::source(form, &topology.sources[number]);
            relations::source_columns(form, &topology.sources[number]);
        }
        (NodeReference::Table(number), _) => {
            relations::table(form, &topology.tables[number], &topology.sources);
        }
        (NodeReference::Node(_), Some(source)) => {
            form.tag(1);
            relations::source(form, source);
        }
        (NodeReference::Node(node), None) => {
            form.tag(2);
            form.identity(before[node]);
        }
    };
    let by_name = mapped.map(relations::by_name);
    let column: ColumnForm<'_> = match &by_name {
        Some(by_name) => by_name,
        None => &by_number,
    };
    node.operator.write_form(&mut form, &node.columns, &refer, column);
    form
}
