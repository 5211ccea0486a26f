//! Sub-queries in places where no join can be made: the arguments of aggregates, GROUP BY, and ON.
//!
//! Owns one rewrite of a plan before it is optimised: they are moved to where a join can be made, into a step below or above.

use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, Result};
use datafusion_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion_expr::logical_plan::Subquery;
use datafusion_expr::utils::{conjunction, split_conjunction_owned};
use datafusion_expr::{Aggregate, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder};

use super::predicates::has_subquery;

/// Moves sub-queries to where joins can be made of them.
pub fn lift(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.iter().chain(&aggregate.aggr_expr).any(has_subquery) => {
            below_aggregate(aggregate).map(Transformed::yes)
        }
        LogicalPlan::Join(join) if join.filter.as_ref().is_some_and(has_subquery) => out_of_condition(join),
        other => Ok(Transformed::no(other)),
    })
    .data()
}

/// The values of sub-queries become columns that the aggregate reads.
fn below_aggregate(aggregate: Aggregate) -> Result<LogicalPlan> {
    let mut columns: Vec<Expr> = aggregate.input.schema().columns().into_iter().map(Expr::Column).collect();
    let first = columns.len();
    let mut replaced = |expression: Expr| -> Result<Expr> {
        if !has_subquery(&expression) {
            return Ok(expression);
        }
        let name = expression.schema_name().to_string();
        let replaced = expression.transform_down(|part| match part {
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::ScalarSubquery(_) => {
                let column = format!("sub-query {}", columns.len() - first);
                columns.push(part.alias(&column));
                Ok(Transformed::new(Expr::Column(Column::new_unqualified(column)), true, TreeNodeRecursion::Jump))
            }
            other => Ok(Transformed::no(other)),
        });
        Ok(replaced.data()?.alias(name))
    };
    let groups = aggregate.group_expr.into_iter().map(&mut replaced).collect::<Result<Vec<_>>>()?;
    let calls = aggregate.aggr_expr.into_iter().map(&mut replaced).collect::<Result<Vec<_>>>()?;
    let input = LogicalPlanBuilder::from(Arc::unwrap_or_clone(aggregate.input)).project(columns)?.build()?;
    Aggregate::try_new(Arc::new(input), groups, calls).map(LogicalPlan::Aggregate)
}

/// The conditions of an inner join hold above it as well; those of an outer join that only name its optional side, below on that side.
fn out_of_condition(join: Join) -> Result<Transformed<LogicalPlan>> {
    let optional = match join.join_type {
        JoinType::Inner => None,
        JoinType::Left => Some(join.right.schema()),
        JoinType::Right => Some(join.left.schema()),
        _ => return Ok(Transformed::no(LogicalPlan::Join(join))),
    };
    let conditions = join.filter.clone().map(split_conjunction_owned).unwrap_or_default();
    let can_move = |condition: &Expr| has_subquery(condition) && optional.is_none_or(|side| names_only(condition, side));
    let (moved, kept): (Vec<Expr>, Vec<Expr>) = conditions.into_iter().partition(can_move);
    let Some(moved) = conjunction(moved) else { return Ok(Transformed::no(LogicalPlan::Join(join))) };
    let filtered = |side: Arc<LogicalPlan>, condition: Expr| -> Result<Arc<LogicalPlan>> {
        LogicalPlanBuilder::from(Arc::unwrap_or_clone(side)).filter(condition)?.build().map(Arc::new)
    };
    let mut join = Join { filter: conjunction(kept), ..join };
    match join.join_type {
        JoinType::Left => join.right = filtered(join.right, moved)?,
        JoinType::Right => join.left = filtered(join.left, moved)?,
        _ => {
            let above = LogicalPlanBuilder::from(LogicalPlan::Join(join)).filter(moved)?;
            return above.build().map(Transformed::yes);
        }
    }
    Ok(Transformed::yes(LogicalPlan::Join(join)))
}

/// Returns true if a condition names no columns but those of one side, in its sub-queries neither.
fn names_only(condition: &Expr, side: &DFSchema) -> bool {
    let mut others = condition.column_refs().into_iter().any(|column| !side.has_column(column));
    let visited = condition.apply(|part| {
        let subquery: Option<&Subquery> = match part {
            Expr::Exists(Exists { subquery, .. })
            | Expr::InSubquery(InSubquery { subquery, .. })
            | Expr::SetComparison(SetComparison { subquery, .. })
            | Expr::ScalarSubquery(subquery) => Some(subquery),
            _ => None,
        };
        let outer = subquery.into_iter().flat_map(|subquery| &subquery.outer_ref_columns);
        others |= outer.flat_map(outer_columns).any(|column| !side.has_column(&column));
        Ok(TreeNodeRecursion::Continue)
    });
    visited.is_ok() && !others
}

fn outer_columns(expression: &Expr) -> Vec<Column> {
    let mut columns = Vec::new();
    let visited = expression.apply(|part| {
        if let Expr::OuterReferenceColumn(_, column) = part {
            columns.push(column.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(visited.is_ok(), "nothing in the visit fails");
    columns
}
