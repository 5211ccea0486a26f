//! Expressions that a view or a MERGE may not contain, because they could not be kept current or recomputed the same.
//!
//! Owns the refusals: answers that differ from call to call, the wall clock outside of a filter, and sub-queries that no join stands
//! for. A plan or an expression enters; an error that names the culprit and says what to write instead leaves.

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{Result, plan_err};
use datafusion_expr::{Distinct, Expr, LogicalPlan, Volatility};

/// Refuses what the optimiser would stumble over or take for something else.
pub fn check_plan(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| match node {
        LogicalPlan::Distinct(Distinct::On(_)) => {
            plan_err!("DISTINCT ON is not supported: use ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) = 1")
        }
        _ => Ok(TreeNodeRecursion::Continue),
    })
    .map(|_| ())
}

/// Refuses what can't be evaluated row by row, once and for all.
pub fn check(expression: &Expr) -> Result<()> {
    expression
        .apply(|part| match part {
            Expr::ScalarFunction(call) => {
                super::bounded::check_constant(call)?;
                check_call(call.name(), call.func.signature().volatility)
            }
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) => plan_err!(
                "a sub-query here can't be turned into a join: relate it to the outer query by plain equalities of columns, such as \
                 s.post_id = p.post_id, or write a JOIN"
            ),
            Expr::OuterReferenceColumn(_, column) => plan_err!(
                "the sub-query can't refer to '{column}' here: relate it to the outer query by plain equalities of columns in its WHERE"
            ),
            _ => Ok(TreeNodeRecursion::Continue),
        })
        .map(|_| ())
}

fn check_call(name: &str, volatility: Volatility) -> Result<TreeNodeRecursion> {
    match (name, volatility) {
        ("now", _) => plan_err!(
            "NOW() can only be compared with a time in WHERE, such as created_at > NOW() - INTERVAL '1 hour': elsewhere every row would \
             change as time passes"
        ),
        (_, Volatility::Immutable) => Ok(TreeNodeRecursion::Continue),
        (_, Volatility::Stable) => plan_err!(
            "'{name}' gives another answer as time passes, so no row could be kept: compare a time with NOW() in WHERE instead"
        ),
        (_, Volatility::Volatile) => plan_err!(
            "'{name}' gives another answer each time, so nothing could be retracted or replayed: derive the value from the event, such as \
             from its event_id"
        ),
    }
}
