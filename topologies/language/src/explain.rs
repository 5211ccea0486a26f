//! Explanation of a view's computation, for people.
//!
//! Owns two forms of the graph of nodes: a tree of text, inputs indented below what reads them, with what each node keeps; and a
//! diagram in which each node is there once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::diagram::{Diagram, Form, Shape};
use crate::lineage::{index_node, index_order};
use crate::plan::graph::{JoinField, NodeId, Operator, Side};
use crate::topology::Topology;

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
    Some(out)
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
        diagram.shapes.push(Shape { form: Form::Index, lines: vec![index.name.clone(), index_order(&index_node(view, index))] });
    }
    Some(diagram)
}

fn shape(topology: &Topology, node: NodeId) -> Shape {
    let form = match topology.graph.nodes[node].operator {
        Operator::Source(_) => Form::Source,
        Operator::Table(_) => Form::Table,
        _ => Form::Operator,
    };
    let names = topology.relations.iter().filter(|(_, other)| **other == node).map(|(name, _)| name.as_str());
    let names: Vec<&str> = names.filter(|_| form == Form::Operator).collect();
    let name = if names.is_empty() { None } else { Some(format!("[{}]", names.join(", "))) };
    let described = readable(&describe(topology, node));
    Shape { form, lines: name.into_iter().chain(described.split("  ").map(str::to_owned)).collect() }
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
    let graph = &topology.graph;
    let names = |input: NodeId, columns: &[usize]| -> String {
        let names = graph.names(input);
        columns.iter().map(|&column| names[column].clone()).collect::<Vec<_>>().join(", ")
    };
    match &graph.nodes[node].operator {
        Operator::Source(number) => format!("Source {}", topology.sources[*number].name),
        Operator::Table(number) => table(topology, *number),
        Operator::Constant(rows) => format!("Constant ({} rows)", rows.len()),
        Operator::Map { input, predicates, outputs } => {
            let columns = graph.names(*input);
            let list = |scalars: &[crate::plan::scalar::Scalar]| {
                scalars.iter().map(|scalar| scalar.describe(&columns)).collect::<Vec<_>>()
            };
            let filter = if predicates.is_empty() { String::new() } else { format!(" where {}", list(predicates).join(" AND ")) };
            format!("Map [{}]{filter}", list(outputs).join(", "))
        }
        Operator::TemporalFilter { input, from, until } => {
            let bound = |word: &str, column: &Option<usize>| column.map(|column| format!(" {word} {}", names(*input, &[column])));
            let (from, until) = (bound("from", from), bound("until", until));
            format!("TemporalFilter{}{}  keeps rows that can still change", from.unwrap_or_default(), until.unwrap_or_default())
        }
        Operator::Join { left, right, output } => {
            let fields = output.iter().filter(|field| !matches!(field, JoinField::Key(_))).count();
            format!("Join on {}  keeps both sides, carries {fields} columns", keys(topology, left, right))
        }
        Operator::Semijoin { left, right, anti } => {
            format!("{} on {}", if *anti { "Antijoin" } else { "Semijoin" }, keys(topology, left, right))
        }
        Operator::CountBeyond { rows, bound, positions, beyond } => {
            let pairs = keys(topology, rows, positions);
            let (bound, position) = (names(rows.input, &[*bound]), names(positions.input, &positions.values));
            format!("CountBeyond {position} {beyond:?} than {bound} on {pairs}  keeps the positions in order")
        }
        Operator::Reduce { input, keys, .. } => {
            let computed = &graph.names(node)[keys.len()..];
            format!("Reduce by [{}] {}  keeps one state per group", names(*input, keys), computed.join(", "))
        }
        Operator::Distinct(_) => "Distinct  keeps a count per row".to_owned(),
        Operator::TopK { input, partition, order, limit, offset, rank } => {
            let order: Vec<String> = order
                .iter()
                .map(|column| format!("{}{}", names(*input, &[column.column]), if column.descending { " DESC" } else { "" }))
                .collect();
            let skip = if *offset > 0 { format!(" after {offset}") } else { String::new() };
            let rank = if *rank { " with rank" } else { "" };
            format!("TopK {limit}{skip} by [{}] order {}{rank}", names(*input, partition), order.join(", "))
        }
        Operator::Union(inputs) => format!("Union of {}", inputs.len()),
        Operator::Unnest { input, column, .. } => format!("Unnest {}", names(*input, &[*column])),
        Operator::Repeat { input, copies } => format!("Repeat {} times", names(*input, &[*copies])),
        Operator::Session { input, partition, time, gap_micros } => {
            let seconds = *gap_micros as f64 / 1e6;
            format!("Session by [{}] over {} gap {seconds} s  keeps its rows", names(*input, partition), names(*input, &[*time]))
        }
    }
}

fn keys(topology: &Topology, left: &Side, right: &Side) -> String {
    let (lefts, rights) = (topology.graph.names(left.input), topology.graph.names(right.input));
    let pairs = left.keys.iter().zip(&right.keys).map(|(&a, &b)| format!("{} = {}", lefts[a], rights[b]));
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { "nothing (one side has a single row)".to_owned() } else { pairs.join(" AND ") }
}

fn table(topology: &Topology, number: usize) -> String {
    let table = &topology.tables[number];
    let key: Vec<&str> = table.primary_key.iter().map(|&column| table.columns[column].name.as_str()).collect();
    let source = table.merge.as_ref().map_or("nothing", |merge| topology.sources[merge.source].name.as_str());
    format!("Table {} ({})  folds {source}, keeps one row per key", table.name, key.join(", "))
}

/// DataFusion's names for what has none in SQL, as a person would write them.
fn readable(text: &str) -> String {
    text.replace("__unnest_placeholder(", "unnest(").replace(",depth=1)", ")")
}
