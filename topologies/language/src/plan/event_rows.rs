//! Rows that are made of the events of a source, one event at a time: the input of a MERGE from a view or a query.
//!
//! Owns [`EventRows`]. A node of the graph enters; the ways from events to its rows leave, each a chain of steps without state. A node whose
//! rows may be taken back has none, and the refusal says by what they are.

use super::graph::{Graph, NodeColumn, NodeId, Operator, TableScan, Union};
use super::scalar::Scalar;

/// The most branches of one input: parts of UNION ALL, with those of the views that they read.
pub const BRANCHES_MAX: usize = 256;

/// A way from the events of a source to rows.
#[derive(Clone, Debug)]
pub struct EventRows {
    /// number of the source
    pub source: usize,
    /// in order; none where the event is the row
    pub steps: Vec<EventStep>,
}

/// A step from rows to rows: a map, or the items of a list. An event's rows keep their order, and those of a list have that of its items.
#[derive(Clone, Debug)]
pub struct EventStep {
    /// the operator; its input is the step before, whatever number it has
    pub operator: Operator,
    /// the columns of its rows
    pub columns: Vec<NodeColumn>,
}

/// Reason why a node's rows are not made of one event each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOfEvents {
    /// the part of the query that makes them otherwise
    pub part: String,
    /// remedy
    pub help: &'static str,
}

impl EventRows {
    /// The ways to the rows of a node, in the order in which an event takes them. `table` names a table.
    ///
    /// # Errors
    /// Rows of the node may be taken back, or are made of no event or of several.
    pub fn of(graph: &Graph, node: NodeId, table: &dyn Fn(usize) -> String) -> Result<Vec<Self>, NotOfEvents> {
        let mut ways = Vec::new();
        collect(graph, node, &mut Vec::new(), table, &mut ways)?;
        Ok(ways)
    }

    /// The columns of the source that are read on the way: those of the first step, or of what comes after it where there is none.
    pub fn columns_read<'s>(steps: &'s [EventStep], behind: impl Iterator<Item = &'s Scalar>, width: usize) -> Vec<usize> {
        match steps.first().map(|step| &step.operator) {
            None => behind.flat_map(Scalar::columns).collect(),
            Some(Operator::Map(map)) => map.predicates.iter().chain(&map.outputs).flat_map(Scalar::columns).collect(),
            Some(_) => (0..width).collect(),
        }
    }
}

/// Walks down to the sources; `behind` are the steps above the node, the last one first.
fn collect(
    graph: &Graph,
    node: NodeId,
    behind: &mut Vec<EventStep>,
    table: &dyn Fn(usize) -> String,
    ways: &mut Vec<EventRows>,
) -> Result<(), NotOfEvents> {
    let operator = &graph.nodes[node].operator;
    match operator {
        Operator::Source(scan) => {
            if ways.len() == BRANCHES_MAX {
                let part = format!("more than {BRANCHES_MAX} parts of UNION ALL");
                return Err(NotOfEvents { part, help: "write several MERGEs into the table" });
            }
            ways.push(EventRows { source: scan.source, steps: behind.iter().rev().cloned().collect() });
            Ok(())
        }
        Operator::Map(_) | Operator::Unnest(_) => {
            behind.push(EventStep { operator: operator.clone(), columns: graph.nodes[node].columns.clone() });
            let below = operator.inputs().into_iter().try_for_each(|input| collect(graph, input, behind, table, ways));
            behind.pop();
            below
        }
        Operator::Union(Union { inputs }) => inputs.iter().try_for_each(|&input| collect(graph, input, behind, table, ways)),
        Operator::Constant(constant) if constant.rows.is_empty() => Ok(()),
        other => Err(refusal(other, table)),
    }
}

fn refusal(operator: &Operator, table: &dyn Fn(usize) -> String) -> NotOfEvents {
    let (part, help) = match operator {
        Operator::Table(TableScan { table: number }) => {
            let part = format!("the rows of table '{}'", table(*number));
            return NotOfEvents { part, help: "write USING the source that the table is folded from" };
        }
        Operator::Constant(_) => ("rows that no event makes", "write INSERT INTO table VALUES (...)"),
        Operator::Join(_) | Operator::Semijoin(_) | Operator::CountBeyond(_) => {
            ("a join or a sub-query", "write USING the source alone, and join in a view of the table")
        }
        Operator::Reduce(_) => ("an aggregate", "write USING the source, and fold in the MERGE: UPDATE SET n = t.n + 1"),
        Operator::Distinct(_) => ("DISTINCT", "leave it out: the rows of a key are folded into one"),
        Operator::TopK(_) => ("the first rows of an order", "write USING the source, and order in a view of the table"),
        Operator::Session(_) => ("SESSION", "write USING the source, and cut sessions in a view"),
        Operator::TemporalFilter(_) => (
            "a condition with NOW(), or the retention of a source",
            "write USING the source or (SELECT ... FROM source) without NOW(), and give the table a retention",
        ),
        Operator::Repeat(_) => ("EXCEPT ALL or INTERSECT ALL", "write the condition in the MERGE: WHEN ... AND condition"),
        _ => ("what keeps rows of several events", "write USING the source, and put it into a view of the table"),
    };
    NotOfEvents { part: part.to_owned(), help }
}
