//! Columns that nodes have and that they read of sources.

use std::collections::BTreeSet;

use schemas::field::FieldKind;

use language::plan::graph::{Map, NodeColumn, NodeId, Operator, SourceScan};
use language::plan::merge::Merge;
use language::plan::scalar::Scalar;
use language::topology::{Source, Topology};

/// Columns of a node that rows can't hold are never rendered: a source's are only read through maps.
pub fn kinds_of(topology: &Topology, node: NodeId) -> Vec<FieldKind> {
    topology.graph.nodes[node].columns.iter().filter_map(|column| FieldKind::of(&column.data_type)).collect()
}

/// Returns the kinds of columns that rows hold: those of a table, of its events' fields, and of nodes that are rendered.
///
/// # Panics
/// Rows can't hold a column, which the planner refuses: left out, the fields behind it would be read as others.
pub fn field_kinds<'c>(columns: impl IntoIterator<Item = &'c NodeColumn>) -> Vec<FieldKind> {
    let kind = |column: &NodeColumn| match FieldKind::of(&column.data_type) {
        Some(kind) => kind,
        None => panic!("column '{}' was planned with type {}, which rows can't hold", column.name, column.data_type),
    };
    columns.into_iter().map(kind).collect()
}

/// The columns of a source that some map or merge reads, ascending.
pub fn decoded_columns(topology: &Topology, source: usize) -> Vec<usize> {
    let tables: BTreeSet<usize> = (0..topology.tables.len()).collect();
    columns_read(topology, source, &(0..topology.graph.nodes.len()).collect(), &tables)
}

/// The columns of a source that these nodes and the merges of these tables read, ascending.
pub fn columns_read(topology: &Topology, source: usize, nodes: &BTreeSet<NodeId>, tables: &BTreeSet<usize>) -> Vec<usize> {
    let mut columns = BTreeSet::new();
    for node in nodes.iter().map(|&node| &topology.graph.nodes[node]) {
        for input in node.operator.inputs() {
            if !matches!(topology.graph.nodes[input].operator, Operator::Source(SourceScan { source: number, .. }) if number == source)
            {
                continue;
            }
            match &node.operator {
                Operator::Map(Map { predicates, outputs, .. }) => {
                    columns.extend(predicates.iter().chain(outputs).flat_map(Scalar::columns));
                }
                _ => columns.extend(0..topology.graph.nodes[input].columns.len()),
            }
        }
    }
    let merges = tables.iter().filter_map(|&table| topology.tables[table].merge.as_ref());
    for merge in merges.filter(|merge| merge.source == source) {
        columns.extend(merge_columns(merge));
    }
    columns.into_iter().collect()
}

/// All columns of a source's topic.
pub fn source_columns(source: &Source) -> Vec<NodeColumn> {
    let columns = source.schema.columns().iter();
    columns.map(|column| language::plan::outputs::node_column(&column.name, &column.data_type, column.nullable)).collect()
}

fn merge_columns(merge: &Merge) -> BTreeSet<usize> {
    merge.key.iter().chain(merge.fields.iter().map(|(scalar, _)| scalar)).flat_map(Scalar::columns).collect()
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Fields};

    use super::*;

    fn column(name: &str, data_type: DataType) -> NodeColumn {
        NodeColumn { name: name.to_owned(), data_type, nullable: true }
    }

    #[test]
    fn every_column_has_its_kind_in_its_place() {
        let columns = [column("id", DataType::Int64), column("text", DataType::Utf8)];
        assert_eq!(field_kinds(&columns), [FieldKind::Int64, FieldKind::Text]);
    }

    #[test]
    #[should_panic(expected = "column 'parts' was planned with type")]
    fn a_column_that_rows_can_not_hold_is_not_left_out() {
        field_kinds(&[column("id", DataType::Int64), column("parts", DataType::Struct(Fields::empty()))]);
    }
}
