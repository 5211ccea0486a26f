//! `NOW()` below OR and NOT, in CASE and in the SELECT list: what changes as time passes, although no event comes.
//!
//! Owns the split of rows by comparisons with the wall clock. Expressions with such comparisons enter. Leaves for each case a node with its
//! rows, which come and go as the clock passes the bound of each, and the expressions as they are in that case: with truths in place of the
//! comparisons. All rows of all cases are the rows that entered.

use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable};

use super::graph::{Graph, NodeId};
use super::outputs::{append, identity};
use super::scalar::Scalar;
use super::temporal::{bound, is_bound, is_order};
use super::wording;

/// The most instants at which a row may change.
const BOUNDS_MAX: usize = 3;

/// The rows for which the clock is before or behind certain instants.
pub struct ClockCase {
    /// the rows
    pub node: NodeId,
    /// the instants, each with whether the clock has reached it; `None` where the row has no such instant
    reached: Vec<(Expr, Option<bool>)>,
}

impl ClockCase {
    /// The expression as it is in this case.
    pub fn of(&self, expression: &Expr, schema: &DFSchema) -> Result<Expr> {
        let replaced = expression.clone().transform_down(|part| {
            if !is_comparison(&part) {
                return Ok(Transformed::no(part));
            }
            let (instant, is_from) = bound(&part, schema)?;
            let Some((_, reached)) = self.reached.iter().find(|(other, _)| *other == instant) else {
                return plan_err!("the comparison {} was not taken apart", wording::sql(&part));
            };
            let truth = ScalarValue::Boolean(reached.map(|reached| reached == is_from));
            Ok(Transformed::new(Expr::Literal(truth, None), true, TreeNodeRecursion::Jump))
        });
        replaced.data()
    }
}

/// Splits the rows of a node by the comparisons with the clock in some expressions.
///
/// # Errors
/// NOW() stands elsewhere than in a comparison with a time, there are too many, or rows of a stream would be kept for ever.
pub fn split(graph: &mut Graph, node: NodeId, expressions: &[&Expr], schema: &DFSchema) -> Result<Vec<ClockCase>> {
    let mut instants: Vec<Expr> = Vec::new();
    for expression in expressions {
        collect(expression, schema, &mut instants)?;
    }
    if instants.len() > BOUNDS_MAX {
        return plan_err!(
            "a row would change at {} instants, and may at {BOUNDS_MAX}: compare fewer times with NOW(), or in a view of their own",
            instants.len()
        );
    }
    let mut cases = vec![ClockCase { node, reached: Vec::new() }];
    for instant in instants {
        let mut next = Vec::with_capacity(cases.len() * 3);
        for case in cases {
            split_case(graph, &case, &instant, schema, &mut next)?;
        }
        cases = next;
    }
    Ok(cases)
}

/// A comparison of a time with the wall clock.
fn is_comparison(part: &Expr) -> bool {
    matches!(part, Expr::BinaryExpr(BinaryExpr { op, .. }) if is_order(*op)) && is_bound(part)
}

fn collect(expression: &Expr, schema: &DFSchema, instants: &mut Vec<Expr>) -> Result<()> {
    expression
        .apply(|part| {
            if !is_comparison(part) {
                return Ok(TreeNodeRecursion::Continue);
            }
            let (instant, _) = bound(part, schema)?;
            if !instants.contains(&instant) {
                instants.push(instant);
            }
            Ok(TreeNodeRecursion::Jump)
        })
        .map(|_| ())
}

/// The rows of a case whose instant is to come, those whose instant is reached, and those that have none.
fn split_case(graph: &mut Graph, case: &ClockCase, instant: &Expr, schema: &DFSchema, next: &mut Vec<ClockCase>) -> Result<()> {
    let columns = graph.nodes[case.node].columns.clone();
    if let Some(source) = &graph.nodes[case.node].unbounded {
        return plan_err!(
            "rows of '{source}' that change as time passes would all be kept: add an end beside it, such as AND {} > NOW() - INTERVAL '1 day'",
            graph.time_column(source)
        );
    }
    let mut outputs = identity(&columns);
    let column = append(&mut outputs, instant, schema)?;
    let prepared = graph.map(case.node, Vec::new(), outputs)?;
    let with = |truth: Option<bool>| {
        let mut reached = case.reached.clone();
        reached.push((instant.clone(), truth));
        reached
    };
    for (from, until, truth) in [(None, Some(column), false), (Some(column), None, true)] {
        let filtered = graph.temporal_filter(prepared, from, until)?;
        let mut outputs = identity(&graph.nodes[filtered].columns);
        outputs.truncate(columns.len());
        let node = graph.map(filtered, Vec::new(), outputs)?;
        next.push(ClockCase { node, reached: with(Some(truth)) });
    }
    if instant.nullable(schema)? {
        let is_null = Scalar::lower(&Expr::IsNull(Box::new(instant.clone())), schema)?;
        let node = graph.map(case.node, vec![is_null], identity(&columns))?;
        next.push(ClockCase { node, reached: with(None) });
    }
    Ok(())
}
