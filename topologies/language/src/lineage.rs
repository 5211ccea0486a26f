//! Dependencies between relations.
//!
//! A topology enters; its sources, tables, views, indexes and sinks leave as a graph, and as a text for people.

use std::fmt::Write as _;

use schemas::lineage::{Lineage, LineageColumn, LineageEdge, LineageKind, LineageNode};
use schemas::serving::{Column, Index, SearchIndex, View};

use crate::topology::{Declaration, RelationKind, Topology};
use schemas::sink::SinkDefinition;

/// Words between the name of a relation and what it reads.
const READS: &str = "  from ";

/// Everything that the topology declares.
pub fn lineage(topology: &Topology) -> Lineage {
    let mut lineage = Lineage::default();
    let mut declared: Vec<(&String, &Declaration)> = topology.declarations.iter().collect();
    // Stable: by name within each kind.
    declared.sort_by_key(|(_, declaration)| match declaration.kind {
        RelationKind::Source => 0,
        RelationKind::Table => 1,
        RelationKind::View | RelationKind::MaterializedView => 2,
    });
    for (name, declaration) in declared {
        add_relation(topology, name, declaration, &mut lineage);
        if let Some(served) = topology.served.iter().find(|served| served.view.name == *name) {
            let view = &served.view;
            let searches = topology.searches.iter().filter(|search| search.view == view.name);
            let indexes = view.indexes.iter().map(|index| index_node(view, index));
            indexes
                .chain(searches.map(|search| search_node(view, search)))
                .for_each(|node| add_below(&view.name, node, &mut lineage));
        }
    }
    topology.sinks.iter().for_each(|sink| add_below(&sink.view, sink_node(sink), &mut lineage));
    lineage
}

fn add_relation(topology: &Topology, name: &str, declaration: &Declaration, lineage: &mut Lineage) {
    let columns = declaration.columns.iter().map(|column| column_of(column, false)).collect();
    let kind = kind_of(topology, name, declaration.kind);
    lineage.edges.extend(declaration.reads.iter().map(|read| LineageEdge { from: read.clone(), to: name.to_owned() }));
    lineage.nodes.push(LineageNode { id: name.to_owned(), name: name.to_owned(), kind, columns });
}

fn kind_of(topology: &Topology, name: &str, kind: RelationKind) -> LineageKind {
    match kind {
        // Dropped sources and tables are still in the topology, and may have the same names: the node tells which one is meant.
        RelationKind::Source => {
            let source = topology.sources_of(topology.relations[name]).first().map(|&number| &topology.sources[number]);
            let source = source.unwrap_or_else(|| panic!("the declared source '{name}' is not in the topology"));
            LineageKind::Source { topic: source.schema.topic().to_owned() }
        }
        RelationKind::Table => {
            let table = topology.table_at(topology.relations[name]).map(|number| &topology.tables[number]);
            let table = table.unwrap_or_else(|| panic!("the declared table '{name}' is not in the topology"));
            LineageKind::Table { key: table.primary_key.iter().map(|&column| table.columns[column].name.clone()).collect() }
        }
        RelationKind::View => LineageKind::View { materialized: false },
        RelationKind::MaterializedView => LineageKind::View { materialized: true },
    }
}

fn add_below(view: &str, node: LineageNode, lineage: &mut Lineage) {
    lineage.edges.push(LineageEdge { from: view.to_owned(), to: node.id.clone() });
    lineage.nodes.push(node);
}

/// The node of an index.
pub fn index_node(view: &View, index: &Index) -> LineageNode {
    let columns = index.columns.iter().map(|column| column_of(&view.columns[column.column], column.descending)).collect();
    let kind = LineageKind::Index { of: view.name.clone(), limit: index.limit };
    LineageNode { id: format!("{}/{}", view.name, index.name), name: index.name.clone(), kind, columns }
}

fn search_node(view: &View, search: &SearchIndex) -> LineageNode {
    let columns = search.searched.iter().map(|&column| column_of(&view.columns[column], false)).collect();
    let kind = LineageKind::Search { of: view.name.clone() };
    LineageNode { id: format!("{}/{}", view.name, search.name), name: search.name.clone(), kind, columns }
}

fn sink_node(sink: &SinkDefinition) -> LineageNode {
    let kind = LineageKind::Sink { target: sink.target_text() };
    LineageNode { id: format!("sink/{}", sink.name), name: sink.name.clone(), kind, columns: Vec::new() }
}

fn column_of(column: &Column, descending: bool) -> LineageColumn {
    LineageColumn { name: column.name.clone(), sql_type: column.kind.sql_name(), descending }
}

/// A line for each node, with what it is and what it reads.
pub fn text(lineage: &Lineage) -> String {
    let mut out = String::new();
    for node in &lineage.nodes {
        let reads: Vec<&str> = lineage.edges.iter().filter(|edge| edge.to == node.id).map(|edge| edge.from.as_str()).collect();
        let from = if reads.is_empty() { String::new() } else { format!("{READS}{}", reads.join(", ")) };
        let _ = match &node.kind {
            LineageKind::Source { topic } => writeln!(out, "source  {}{READS}topic {topic}", node.name),
            LineageKind::Table { key } => writeln!(out, "table   {} ({}){from}", node.name, key.join(", ")),
            LineageKind::View { materialized: true } => writeln!(out, "view    {}{from}", node.name),
            LineageKind::View { materialized: false } => writeln!(out, "view    {}{from}  not kept", node.name),
            LineageKind::Index { .. } => writeln!(out, "  index {} {}", node.name, index_order(node)),
            LineageKind::Search { .. } => writeln!(out, "  full-text index {} {}", node.name, index_order(node)),
            LineageKind::Sink { target } => writeln!(out, "sink    {}{from}  to {target}", node.name),
        };
    }
    out
}

/// `(user_id, created_at DESC), limit 600`
pub fn index_order(node: &LineageNode) -> String {
    let column = |column: &LineageColumn| format!("{}{}", column.name, if column.descending { " DESC" } else { "" });
    let columns: Vec<String> = node.columns.iter().map(column).collect();
    let limit = match node.kind {
        LineageKind::Index { limit: Some(limit), .. } => format!(", limit {limit}"),
        _ => String::new(),
    };
    format!("({}){limit}", columns.join(", "))
}
