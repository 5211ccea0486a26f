//! Joins: equal keys become key columns, other conditions a filter, outer joins a union with the rows that found no match.
//!
//! Owns the lowering of every join type to inner joins, semijoins and antijoins. A plan and its lowered sides enter, a node leaves.

use datafusion_common::{DFSchema, NullEquality, Result, ScalarValue, plan_err};
use datafusion_expr::{Expr, Join, JoinType};

use super::graph::{Graph, NodeColumn, NodeId};
use super::outputs::{append_key, identity, schema_columns, truth};
use super::scalar::{Scalar, null};
use datafusion_expr::utils::split_conjunction;

/// One side of a join: a node that has the key as columns.
#[derive(Clone)]
struct Keyed {
    node: NodeId,
    keys: Vec<usize>,
    /// number of its columns that the plan knows of; computed keys come behind them
    width: usize,
}

/// Lowers a join whose sides are lowered.
pub fn lower_join(graph: &mut Graph, join: &Join, left: NodeId, right: NodeId) -> Result<NodeId> {
    let (left_keys, right_keys): (Vec<&Expr>, Vec<&Expr>) = join.on.iter().map(|(left, right)| (left, right)).unzip();
    let left = keyed(graph, left, &left_keys, join.left.schema())?;
    let right = keyed(graph, right, &right_keys, join.right.schema())?;
    let drop_nulls = nulls_never_match(join);
    let matchable_left = if drop_nulls { without_null_keys(graph, &left)? } else { left.clone() };
    let matchable_right = if drop_nulls { without_null_keys(graph, &right)? } else { right.clone() };
    let condition = Condition { join, left_width: left.width, right_width: right.width };
    match join.join_type {
        JoinType::Inner => {
            let pairs = condition.pairs(graph, &matchable_left, &matchable_right)?;
            condition.name(graph, pairs)
        }
        JoinType::Left | JoinType::Right | JoinType::Full => {
            condition.outer(graph, [&left, &right], [&matchable_left, &matchable_right])
        }
        JoinType::LeftSemi | JoinType::LeftAnti => {
            condition.existence(graph, &left, &matchable_right, &matchable_left, Existence::of(join.join_type))
        }
        JoinType::RightSemi | JoinType::RightAnti => {
            condition.existence(graph, &right, &matchable_left, &matchable_right, Existence::of(join.join_type))
        }
        JoinType::LeftMark => condition.mark(graph, &left, &matchable_right, &matchable_left),
        JoinType::RightMark => plan_err!("a mark join of the right side is not supported"),
    }
}

/// The rows of the kept side that stay.
#[derive(Clone, Copy)]
struct Existence {
    anti: bool,
    kept_is_left: bool,
}

impl Existence {
    fn of(kind: JoinType) -> Self {
        Self {
            anti: matches!(kind, JoinType::LeftAnti | JoinType::RightAnti),
            kept_is_left: matches!(kind, JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark),
        }
    }
}

struct Condition<'a> {
    join: &'a Join,
    left_width: usize,
    right_width: usize,
}

impl Condition<'_> {
    /// The columns of both sides as the plan knows them, of rows that satisfy all conditions.
    fn pairs(&self, graph: &mut Graph, left: &Keyed, right: &Keyed) -> Result<NodeId> {
        if self.never_holds() {
            let mut columns = graph.nodes[left.node].columns[..self.left_width].to_vec();
            columns.extend_from_slice(&graph.nodes[right.node].columns[..self.right_width]);
            return Ok(graph.nothing(columns));
        }
        let joined = graph.join((left.node, left.keys.clone()), (right.node, right.keys.clone()))?;
        let left_columns = graph.nodes[left.node].columns.len();
        let mut outputs = identity(&graph.nodes[joined].columns);
        outputs.truncate(left_columns + self.right_width);
        outputs.drain(self.left_width..left_columns);
        let pairs = graph.map(joined, Vec::new(), outputs)?;
        let Some(filter) = &self.join.filter else { return Ok(pairs) };
        let schema = self.join.left.schema().join(self.join.right.schema())?;
        let predicates = split_conjunction(filter).into_iter().map(|part| Scalar::lower(part, &schema)).collect::<Result<_>>()?;
        let outputs = identity(&graph.nodes[pairs].columns);
        graph.map(pairs, predicates, outputs)
    }

    /// Returns true if the condition was simplified to FALSE or NULL.
    fn never_holds(&self) -> bool {
        matches!(&self.join.filter, Some(Expr::Literal(ScalarValue::Boolean(None | Some(false)), _)))
    }

    /// The same rows under the names of the plan's output.
    fn name(&self, graph: &mut Graph, node: NodeId) -> Result<NodeId> {
        let outputs = schema_columns(&self.join.schema).into_iter().enumerate();
        let outputs = outputs.map(|(index, column)| (Scalar::Column(index), column)).collect();
        graph.map(node, Vec::new(), outputs)
    }

    fn outer(&self, graph: &mut Graph, sides: [&Keyed; 2], matchable: [&Keyed; 2]) -> Result<NodeId> {
        let pairs = self.pairs(graph, matchable[0], matchable[1])?;
        let mut parts = vec![self.name(graph, pairs)?];
        if matches!(self.join.join_type, JoinType::Left | JoinType::Full) {
            let lonely = self.unmatched(graph, sides[0], matchable[1], pairs, 0)?;
            parts.push(self.pad(graph, lonely, 0)?);
        }
        if matches!(self.join.join_type, JoinType::Right | JoinType::Full) {
            let lonely = self.unmatched(graph, sides[1], matchable[0], pairs, self.left_width)?;
            parts.push(self.pad(graph, lonely, self.left_width)?);
        }
        graph.union(parts)
    }

    /// The rows of `kept` without a partner. `start` is where its columns begin in `pairs`.
    fn unmatched(&self, graph: &mut Graph, kept: &Keyed, other: &Keyed, pairs: NodeId, start: usize) -> Result<NodeId> {
        if self.join.filter.is_none() {
            let rows = graph.semijoin((kept.node, kept.keys.clone()), (other.node, other.keys.clone()), true)?;
            return cut(graph, rows, kept.width);
        }
        let rows = cut(graph, kept.node, kept.width)?;
        let matched = self.matched(graph, pairs, start, kept.width)?;
        let all: Vec<usize> = (0..kept.width).collect();
        graph.semijoin((rows, all.clone()), (matched, all), true)
    }

    /// The rows of one side that are in some pair.
    fn matched(&self, graph: &mut Graph, pairs: NodeId, start: usize, width: usize) -> Result<NodeId> {
        let columns = &graph.nodes[pairs].columns;
        let outputs = (start..start + width).map(|index| (Scalar::Column(index), columns[index].clone())).collect();
        graph.map(pairs, Vec::new(), outputs)
    }

    /// Rows of one side among NULLs for the other.
    fn pad(&self, graph: &mut Graph, rows: NodeId, start: usize) -> Result<NodeId> {
        let width = graph.nodes[rows].columns.len();
        let outputs = schema_columns(&self.join.schema)
            .into_iter()
            .enumerate()
            .map(|(index, column)| {
                let own = index >= start && index < start + width;
                Ok((if own { Scalar::Column(index - start) } else { null(&column.data_type)? }, column))
            })
            .collect::<Result<Vec<_>>>()?;
        graph.map(rows, Vec::new(), outputs)
    }

    /// EXISTS and NOT EXISTS.
    fn existence(
        &self,
        graph: &mut Graph,
        kept: &Keyed,
        other: &Keyed,
        matchable: &Keyed,
        existence: Existence,
    ) -> Result<NodeId> {
        let node = if self.join.filter.is_none() {
            let rows = graph.semijoin((kept.node, kept.keys.clone()), (other.node, other.keys.clone()), existence.anti)?;
            cut(graph, rows, kept.width)?
        } else {
            let (pairs, start) = if existence.kept_is_left {
                (self.pairs(graph, matchable, other)?, 0)
            } else {
                (self.pairs(graph, other, matchable)?, self.left_width)
            };
            let matched = self.matched(graph, pairs, start, kept.width)?;
            let rows = cut(graph, kept.node, kept.width)?;
            let all: Vec<usize> = (0..kept.width).collect();
            graph.semijoin((rows, all.clone()), (matched, all), existence.anti)?
        };
        Ok(node)
    }

    /// Every row of the left side with a column that says whether it has a match.
    fn mark(&self, graph: &mut Graph, left: &Keyed, right: &Keyed, matchable: &Keyed) -> Result<NodeId> {
        let mut parts = Vec::with_capacity(2);
        for anti in [false, true] {
            let rows = self.existence(graph, left, right, matchable, Existence { anti, kept_is_left: true })?;
            let mut outputs = schema_columns(&self.join.schema).into_iter().enumerate();
            let width = graph.nodes[rows].columns.len();
            let outputs = outputs
                .by_ref()
                .map(|(index, column)| Ok((if index < width { Scalar::Column(index) } else { truth(!anti)? }, column)))
                .collect::<Result<Vec<_>>>()?;
            parts.push(graph.map(rows, Vec::new(), outputs)?);
        }
        graph.union(parts)
    }
}

/// Returns true if a join's NULL keys match nothing.
fn nulls_never_match(join: &Join) -> bool {
    join.null_equality == NullEquality::NullEqualsNothing
}

fn keyed(graph: &mut Graph, node: NodeId, keys: &[&Expr], schema: &DFSchema) -> Result<Keyed> {
    let width = graph.nodes[node].columns.len();
    let mut outputs = identity(&graph.nodes[node].columns);
    let keys = keys.iter().map(|key| append_key(&mut outputs, key, schema)).collect::<Result<Vec<_>>>()?;
    Ok(Keyed { node: graph.map(node, Vec::new(), outputs)?, keys, width })
}

fn without_null_keys(graph: &mut Graph, side: &Keyed) -> Result<Keyed> {
    let columns = graph.nodes[side.node].columns.clone();
    let nullable: Vec<usize> = side.keys.iter().copied().filter(|&key| columns[key].nullable).collect();
    if nullable.is_empty() {
        return Ok(side.clone());
    }
    let schema = positional_schema(&columns)?;
    let predicates = nullable
        .iter()
        .map(|&key| Scalar::lower(&Expr::IsNotNull(Box::new(Expr::Column(super::scalar::numbered(key)))), &schema))
        .collect::<Result<_>>()?;
    Ok(Keyed { node: graph.map(side.node, predicates, identity(&columns))?, ..side.clone() })
}

/// A schema in which column `i` is named `c{i}`.
pub fn positional_schema(columns: &[NodeColumn]) -> Result<DFSchema> {
    let fields: Vec<arrow_schema::Field> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| arrow_schema::Field::new(format!("c{index}"), column.data_type.clone(), column.nullable))
        .collect();
    DFSchema::from_unqualified_fields(fields.into(), Default::default())
}

fn cut(graph: &mut Graph, node: NodeId, width: usize) -> Result<NodeId> {
    let mut outputs = identity(&graph.nodes[node].columns);
    outputs.truncate(width);
    graph.map(node, Vec::new(), outputs)
}
