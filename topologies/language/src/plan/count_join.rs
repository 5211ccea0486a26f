//! Counting the pairs of a join whose only further condition is an inequality, without making the pairs.
//!
//! Owns one rewrite: `SELECT a..., count(*) FROM a JOIN b ON a.key = b.key AND b.position > a.bound GROUP BY a...` becomes a sum over
//! the rows of `a`, each with the number of positions beyond its bound, which the operator keeps in order.

use datafusion_common::Result;
use datafusion_expr::expr::Case;
use datafusion_expr::{BinaryExpr, Expr, Operator as SqlOperator, lit};
use schemas::aggregate::{AggregateKind, Beyond};
use schemas::field::FieldKind;

use super::graph::{Aggregate, Graph, Join, JoinField, Map, NodeColumn, NodeId, Operator, Side};
use super::outputs::identity;
use super::scalar::{Computed, Scalar, column_number, numbered};

/// Replacement of a reduction: an input, the columns of the group, and the aggregates.
type Rewritten = (NodeId, Vec<usize>, Vec<(Aggregate, NodeColumn)>);

/// The cheaper form of a reduce, where there is one.
pub fn rewrite(
    graph: &mut Graph,
    input: NodeId,
    keys: &[usize],
    aggregates: &[(Aggregate, NodeColumn)],
) -> Result<Option<Rewritten>> {
    let counts_only =
        aggregates.iter().all(|(aggregate, _)| matches!(aggregate.kind, AggregateKind::CountAll) && aggregate.filter.is_none());
    let Some(found) = find(graph, input).filter(|_| counts_only && !aggregates.is_empty()) else { return Ok(None) };
    let Some(places) = found.places_of(graph, input, keys) else { return Ok(None) };
    let Found { rows, bound, mut positions, position, beyond } = found;
    // All columns: two rows that differ anywhere are two rows.
    let all = Side::with_all_columns(rows.input, rows.keys, &graph.nodes[rows.input].columns);
    let rows = Side { input: without_nulls(graph, rows.input, bound)?, ..all };
    positions = Side { input: without_nulls(graph, positions.input, position)?, values: vec![position], ..positions };
    let columns: Vec<usize> = rows.keys.iter().chain(&rows.values).copied().collect();
    let place_of = |place: &usize| columns.iter().position(|column| column == place);
    let Some(keys) = places.iter().map(place_of).collect::<Option<Vec<usize>>>() else { return Ok(None) };
    let counted = graph.count_beyond(rows, bound, positions, beyond)?;
    let count = columns.len();
    let sums = aggregates
        .iter()
        .map(|(_, column)| {
            let kind = AggregateKind::Sum { output: FieldKind::Int64 };
            // Without GROUP BY there can be nothing to sum.
            let column = NodeColumn { nullable: keys.is_empty(), ..column.clone() };
            (Aggregate { kind, inputs: vec![count], filter: None }, column)
        })
        .collect();
    Ok(Some((counted, keys, sums)))
}

/// The sums of counts as counts: of nothing, a sum is NULL and a count 0.
pub fn zero_for_null(graph: &mut Graph, sums: NodeId) -> Result<NodeId> {
    let columns = graph.nodes[sums].columns.clone();
    let count = |(place, column): (usize, NodeColumn)| {
        let sum = Expr::Column(numbered(place));
        let when_nothing = (Box::new(Expr::IsNull(Box::new(sum.clone()))), Box::new(lit(0_i64)));
        let expression = Expr::Case(Case::new(None, vec![when_nothing], Some(Box::new(sum))));
        let inputs = [(place, (column.data_type.clone(), true))].into();
        let computed = Computed { expression, inputs, data_type: column.data_type.clone(), nullable: false };
        (Scalar::Computed(computed), NodeColumn { nullable: false, ..column })
    };
    graph.map(sums, Vec::new(), columns.into_iter().enumerate().map(count).collect())
}

/// A join with one inequality: the rows with the bound, and what is counted.
struct Found {
    rows: Side,
    bound: usize,
    positions: Side,
    position: usize,
    beyond: Beyond,
}

fn find(graph: &Graph, input: NodeId) -> Option<Found> {
    let Operator::Map(Map { input: join, predicates, outputs }) = &graph.nodes[input].operator else { return None };
    let [Scalar::Computed(Computed { expression: Expr::BinaryExpr(BinaryExpr { left: a, op, right: b }), .. })] = &predicates[..]
    else {
        return None;
    };
    let Operator::Join(Join { left, right, output }) = &graph.nodes[*join].operator else { return None };
    let (Expr::Column(a), Expr::Column(b)) = (a.as_ref(), b.as_ref()) else { return None };
    let (a, b) = (output[column_number(a).ok()?], output[column_number(b).ok()?]);
    // The group decides which side is kept; a condition `bound < position` is read as `position > bound`.
    let keeps_left = outputs.iter().all(|output_column| match output_column {
        Scalar::Column(column) => !matches!(output[*column], JoinField::Right(_)),
        Scalar::Constant { .. } => true,
        Scalar::Computed(_) => false,
    });
    let (rows, positions, bound, position, operator) = match (a, b) {
        (JoinField::Right(position), JoinField::Left(bound)) if keeps_left => (left, right, bound, position, *op),
        (JoinField::Left(bound), JoinField::Right(position)) if keeps_left => (left, right, bound, position, op.swap()?),
        (JoinField::Left(position), JoinField::Right(bound)) => (right, left, bound, position, *op),
        (JoinField::Right(bound), JoinField::Left(position)) => (right, left, bound, position, op.swap()?),
        _ => return None,
    };
    let beyond = match operator {
        SqlOperator::Gt => Beyond::Greater,
        SqlOperator::GtEq => Beyond::GreaterOrEqual,
        SqlOperator::Lt => Beyond::Less,
        SqlOperator::LtEq => Beyond::LessOrEqual,
        _ => return None,
    };
    let (bound, position) = (rows.values[bound], positions.values[position]);
    Some(Found { rows: rows.clone(), bound, positions: positions.clone(), position, beyond })
}

impl Found {
    /// The columns of the kept rows that are grouped by; `None` when the group needs something else.
    fn places_of(&self, graph: &Graph, input: NodeId, keys: &[usize]) -> Option<Vec<usize>> {
        let Operator::Map(Map { input: join, outputs, .. }) = &graph.nodes[input].operator else { return None };
        let Operator::Join(Join { left, output, .. }) = &graph.nodes[*join].operator else { return None };
        let keeps_left = *left == self.rows;
        let place = |&key: &usize| match &outputs[key] {
            Scalar::Column(column) => match output[*column] {
                JoinField::Key(at) => Some(self.rows.keys[at]),
                JoinField::Left(at) if keeps_left => Some(self.rows.values[at]),
                JoinField::Right(at) if !keeps_left => Some(self.rows.values[at]),
                _ => None,
            },
            _ => None,
        };
        keys.iter().map(place).collect()
    }
}

/// NULL is beyond nothing, and nothing is beyond NULL.
fn without_nulls(graph: &mut Graph, input: NodeId, column: usize) -> Result<NodeId> {
    let columns = graph.nodes[input].columns.clone();
    if !columns[column].nullable {
        return Ok(input);
    }
    let condition = Scalar::Computed(Computed {
        expression: Expr::IsNotNull(Box::new(Expr::Column(numbered(column)))),
        inputs: [(column, (columns[column].data_type.clone(), true))].into(),
        data_type: arrow_schema::DataType::Boolean,
        nullable: false,
    });
    graph.map(input, vec![condition], identity(&columns))
}
