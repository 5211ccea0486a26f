//! Columns that nodes have and that they read of sources.

use std::collections::BTreeSet;

use schemas::field::FieldKind;

use language::plan::graph::{Map, NodeColumn, NodeId, Operator, SourceScan};
use language::plan::scalar::Scalar;
use language::topology::{Source, Topology};

/// Returns the kinds of the columns of every node, by its number. Those of a node that is never a row of its own are empty, so that whoever
/// reads them by mistake finds none instead of another column's: a source is read through maps, unless it is served, and other nodes are left
/// over from planning.
///
/// # Panics
/// Rows can't hold a column of a node that is rendered.
pub fn kinds_of_nodes(topology: &Topology) -> Vec<Vec<FieldKind>> {
    let mut kinds = vec![Vec::new(); topology.graph.nodes.len()];
    for node in topology.used_nodes() {
        kinds[node] = field_kinds(&topology.graph.nodes[node].columns);
    }
    kinds
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
    let width = topology.sources[source].schema.columns().len();
    let merges = tables.iter().flat_map(|&table| &topology.tables[table].merges);
    for merge in merges.filter(|merge| merge.source == source) {
        columns.extend(merge.columns_read(width));
    }
    columns.into_iter().collect()
}

/// All columns of a source's topic.
pub fn source_columns(source: &Source) -> Vec<NodeColumn> {
    let columns = source.schema.columns().iter();
    columns.map(|column| language::plan::outputs::node_column(&column.name, &column.data_type, column.nullable)).collect()
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Fields};

    use super::*;

    fn column(name: &str, data_type: DataType) -> NodeColumn {
        NodeColumn { name: name.to_owned(), data_type, nullable: true }
    }

    #[test]
    fn a_source_that_is_read_through_maps_has_no_kinds_and_a_served_node_has_all_of_them() {
        let sql = "CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post')
              FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
            CREATE MATERIALIZED VIEW actors AS SELECT aggregate_id, actor_id FROM post_events WHERE occurred_at > NOW() - INTERVAL '7 days';
            CREATE INDEX ON actors (actor_id);";
        let files = language::load::inline_beside("test.sql", sql, &testkit::social::proto_files());
        let topology = language::load::build(&files).expect("statements");
        let kinds = kinds_of_nodes(&topology);
        let served = topology.served[0].node;
        assert_eq!(kinds[served], topology.graph.kinds(served).expect("rows hold the columns"));
        let nodes = topology.graph.nodes.iter().zip(&kinds);
        let sources: Vec<_> = nodes.filter(|(node, _)| matches!(node.operator, Operator::Source(_))).collect();
        assert_eq!(sources.iter().map(|(_, kinds)| kinds.len()).collect::<Vec<_>>(), [0], "a column was left out of its row");
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
