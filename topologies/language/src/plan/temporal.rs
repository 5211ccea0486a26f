//! `NOW()` in WHERE: comparisons with the wall clock become bounds between which a row is there.
//!
//! Owns the algebra of such comparisons. Conditions that mention `now()` enter, a temporal filter node leaves.

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator};

use super::graph::{Graph, NodeId};
use super::outputs::{append, identity};
use super::types::{interval_micros, is_timestamp, timestamp_type};
use super::wording;

const EXAMPLE: &str =
    "write it as a comparison of a time with NOW() plus or minus a constant, such as created_at > NOW() - INTERVAL '1 hour'";

/// Returns true if an expression depends on the wall clock.
pub fn mentions_now(expression: &Expr) -> bool {
    let mut found = false;
    let visited = expression.apply(|part| {
        found |= is_now(part);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    visited.is_ok() && found
}

fn is_now(expression: &Expr) -> bool {
    matches!(expression, Expr::ScalarFunction(call) if call.name() == "now")
}

/// Returns true for a condition that is one comparison with the wall clock, or a wrong one: it has no such comparison inside of it.
pub fn is_bound(condition: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return false };
    let is_inner = |part: &Expr| Ok(matches!(part, Expr::BinaryExpr(binary) if is_order(binary.op)) && mentions_now(part));
    let has_inner = |side: &Expr| side.exists(is_inner).unwrap_or(true);
    !matches!(op, Operator::And | Operator::Or) && mentions_now(condition) && !has_inner(left) && !has_inner(right)
}

/// Adds the filter for conditions that each compare with `now()`.
pub fn lower(graph: &mut Graph, node: NodeId, conditions: &[Expr], schema: &DFSchema) -> Result<NodeId> {
    if conditions.is_empty() {
        return Ok(node);
    }
    let width = graph.nodes[node].columns.len();
    let mut filtered = node;
    let mut bounds = conditions.iter().map(|condition| bound(condition, schema)).collect::<Result<Vec<_>>>()?;
    if let Some(source) = &graph.nodes[node].unbounded {
        // Rows of a stream that wait for their time have to be kept, so they need an end: that filter comes first.
        bounds.sort_by_key(|(_, is_from)| *is_from);
        if bounds.first().is_some_and(|(_, is_from)| *is_from) {
            return plan_err!(
                "a condition that rows of '{source}' only begin to satisfy would keep all of them: add an end, such as {} > NOW() - INTERVAL '1 day'",
                graph.time_column(source)
            );
        }
    }
    for (bound, is_from) in bounds {
        let mut outputs = identity(&graph.nodes[filtered].columns);
        let column = append(&mut outputs, &bound, schema)?;
        let prepared = graph.map(filtered, Vec::new(), outputs)?;
        filtered = graph.temporal_filter(prepared, is_from.then_some(column), (!is_from).then_some(column))?;
        let mut outputs = identity(&graph.nodes[filtered].columns);
        outputs.truncate(width);
        filtered = graph.map(filtered, Vec::new(), outputs)?;
    }
    Ok(filtered)
}

/// The instant from which (`true`, inclusive) or until which (`false`, exclusive) a condition holds.
pub fn bound(condition: &Expr, schema: &DFSchema) -> Result<(Expr, bool)> {
    let comparison = match condition {
        Expr::BinaryExpr(binary) if is_order(binary.op) => binary,
        other => return plan_err!("NOW() can be compared by <, <=, > and >= only, not as in {}: {EXAMPLE}", wording::sql(other)),
    };
    let BinaryExpr { left, op, right } = comparison;
    let (clock, operator, row) = match (mentions_now(left), mentions_now(right), op.swap()) {
        (true, false, _) => (left, *op, right),
        (false, true, Some(swapped)) => (right, swapped, left),
        _ => return plan_err!("NOW() on both sides of {} is not supported: {EXAMPLE}", wording::sql(condition)),
    };
    let Some(offset) = clock_offset(clock) else {
        return plan_err!("{} is not NOW() plus or minus an interval of fixed length: {EXAMPLE}", wording::sql(clock));
    };
    if !is_timestamp(&row.get_type(schema)?) {
        return plan_err!("NOW() can only be compared with a TIMESTAMPTZ, not with {}", wording::sql(row));
    }
    // now + offset OP row  <=>  now OP row - offset
    let at = |micros: i64| shifted(row, micros);
    match operator {
        Operator::GtEq => Ok((at(-offset), true)),
        Operator::Gt => Ok((at(-offset + 1), true)),
        Operator::Lt => Ok((at(-offset), false)),
        _ => Ok((at(-offset + 1), false)),
    }
}

/// Returns true for <, <=, > and >=.
pub fn is_order(operator: Operator) -> bool {
    matches!(operator, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

fn shifted(row: &Expr, micros: i64) -> Expr {
    let time = Expr::Cast(Cast::new(Box::new(row.clone()), timestamp_type()));
    if micros == 0 {
        return time;
    }
    let interval = ScalarValue::new_interval_mdn(0, 0, micros.saturating_mul(1_000));
    Expr::BinaryExpr(BinaryExpr::new(Box::new(time), Operator::Plus, Box::new(Expr::Literal(interval, None))))
}

/// The microseconds that an expression adds to `now()`.
fn clock_offset(expression: &Expr) -> Option<i64> {
    match expression {
        call if is_now(call) => Some(0),
        Expr::Cast(cast) => clock_offset(&cast.expr),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let Expr::Literal(interval, _) = right.as_ref() else { return None };
            let interval = interval_micros(interval).ok()?;
            let base = clock_offset(left)?;
            match op {
                Operator::Plus => base.checked_add(interval),
                Operator::Minus => base.checked_sub(interval),
                _ => None,
            }
        }
        _ => None,
    }
}
