//! Explanation of a view's computation, for people.
//!
//! Owns two forms of the graph of nodes: a tree of text, inputs indented below what reads them, with what each node keeps; and a
//! diagram in which each node is there once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::diagram::{BoxKind, Diagram, Shape};
use crate::lineage::{index_node, index_order};
use crate::plan::graph::{NodeId, Operator};
use crate::plan::operators::definition::{PlanNames, TableNames};
use crate::topology::{RelationKind, Topology};

/// The plan of a relation; `None` when there is none of this name.
pub fn explain(topology: &Topology, relation: &str) -> Option<String> {
    let node = *topology.relations.get(relation)?;
    let mut out = String::new();
    if let Some(served) = topology.served.iter().find(|served| served.view.name == relation) {
        for index in &served.view.indexes {
            let _ = writeln!(out, "Index {} {}", index.name, index_order(&index_node(&served.view, index)));
        }
    }
    for index in topology.searches.iter().filter(|index| index.view == relation) {
        let names = |columns: &[usize]| {
            columns.iter().map(|&column| view_name(topology, relation, column)).collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(out, "Full-text index {} ({}) include ({})", index.name, names(&index.searched), names(&index.included));
    }
    let mut shown = BTreeSet::new();
    write_node(topology, node, 0, &mut shown, &mut out);
    write_columns_of_source(topology, relation, &mut out);
    Some(out)
}

/// Writes the columns of a source, which no statement names when its events are messages of a file.
fn write_columns_of_source(topology: &Topology, relation: &str, out: &mut String) {
    let declared = topology.declarations.get(relation).filter(|declared| declared.kind == RelationKind::Source);
    for column in declared.iter().flat_map(|declared| &declared.columns) {
        let _ = writeln!(out, "  {} {}", column.name, column.kind.sql_name());
    }
}

/// The plan of a relation as a graph, with its indexes; `None` when there is none of this name.
pub fn diagram(topology: &Topology, relation: &str) -> Option<Diagram> {
    let root = *topology.relations.get(relation)?;
    let mut nodes = BTreeSet::new();
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        if nodes.insert(node) {
            open.extend(topology.graph.nodes[node].operator.inputs());
        }
    }
    let numbers: BTreeMap<NodeId, usize> = nodes.iter().enumerate().map(|(number, &node)| (node, number)).collect();
    let mut diagram = Diagram::default();
    for &node in &nodes {
        diagram.shapes.push(shape(topology, node));
        let inputs = topology.graph.nodes[node].operator.inputs();
        diagram.arrows.extend(inputs.iter().map(|input| (numbers[input], numbers[&node])));
    }
    let served = topology.served.iter().find(|served| served.view.name == relation);
    for (view, index) in served.iter().flat_map(|served| served.view.indexes.iter().map(|index| (&served.view, index))) {
        diagram.arrows.push((numbers[&root], diagram.shapes.len()));
        diagram
            .shapes
            .push(Shape { kind: BoxKind::Index, lines: vec![index.name.clone(), index_order(&index_node(view, index))] });
    }
    Some(diagram)
}

fn shape(topology: &Topology, node: NodeId) -> Shape {
    let kind = match topology.graph.nodes[node].operator {
        Operator::Source(_) => BoxKind::Source,
        Operator::Table(_) => BoxKind::Table,
        _ => BoxKind::Operator,
    };
    let names = topology.relations.iter().filter(|(_, other)| **other == node).map(|(name, _)| name.as_str());
    let names: Vec<&str> = names.filter(|_| kind == BoxKind::Operator).collect();
    let name = if names.is_empty() { None } else { Some(format!("[{}]", names.join(", "))) };
    let described = readable(&describe(topology, node));
    Shape { kind, lines: name.into_iter().chain(described.split("  ").map(str::to_owned)).collect() }
}

fn view_name<'t>(topology: &'t Topology, relation: &str, column: usize) -> &'t str {
    let served = topology.served.iter().find(|served| served.view.name == relation);
    served.and_then(|served| served.view.columns.get(column)).map_or("", |column| &column.name)
}

fn write_node(topology: &Topology, node: NodeId, depth: usize, shown: &mut BTreeSet<NodeId>, out: &mut String) {
    let _ = write!(out, "{}{}", "  ".repeat(depth), readable(&describe(topology, node)));
    if let Some(name) = topology.relations.iter().find(|(_, other)| **other == node).map(|(name, _)| name)
        && depth > 0
    {
        let _ = write!(out, "  [{name}]");
    }
    if !topology.graph.nodes[node].operator.inputs().is_empty() && !shown.insert(node) {
        out.push_str("  (shared, see above)\n");
        return;
    }
    out.push('\n');
    for input in topology.graph.nodes[node].operator.inputs() {
        write_node(topology, input, depth + 1, shown, out);
    }
}

fn describe(topology: &Topology, node: NodeId) -> String {
    topology.graph.nodes[node].operator.describe(&topology.graph.names(node), &TopologyNames(topology))
}

/// The names of a topology's relations and columns.
struct TopologyNames<'t>(&'t Topology);

impl PlanNames for TopologyNames<'_> {
    fn columns(&self, node: NodeId) -> Vec<String> {
        self.0.graph.names(node)
    }

    fn source(&self, source: usize) -> String {
        self.0.sources[source].name.clone()
    }

    fn table(&self, table: usize) -> TableNames {
        let table = &self.0.tables[table];
        let key = table.primary_key.iter().map(|&column| table.columns[column].name.clone()).collect();
        let mut sources: Vec<String> = Vec::new();
        for source in table.merges.iter().map(|merge| self.source(merge.source)) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let folded = (!sources.is_empty()).then(|| sources.join(", "));
        TableNames { table: table.name.clone(), key, folded, rows: table.rows.len() }
    }
}

/// DataFusion's names for what has none in SQL, as a person would write them.
fn readable(text: &str) -> String {
    text.replace("__unnest_placeholder(", "unnest(").replace(",depth=1)", ")")
}
