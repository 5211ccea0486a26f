//! The first rows of each key, wherever a query asks for them in other words than row numbers: DISTINCT ON.
//!
//! Owns one rewrite of a plan before it is typed, and the plan that numbers the rows of each key and keeps the first of them, of which the
//! lowering makes a top-k.

use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TransformedResult};
use datafusion_common::{Column, Result, plan_err};
use datafusion_expr::expr::{Sort, WindowFunction, WindowFunctionParams};
use datafusion_expr::{
    Distinct, DistinctOn, Expr, Limit, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFunctionDefinition, lit,
};

use crate::plan::functions::windows::row_number;

/// Name of the column with the row number, which no query can write without quotes.
const PLACE: &str = "place of the row";

/// Has DISTINCT ON keep the first row of each key.
pub fn distinct_on(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_down_with_subqueries(|plan| match plan {
        LogicalPlan::Distinct(Distinct::On(distinct)) => first_of_keys(distinct, false).map(Transformed::yes),
        // Of the rows that are left, those with the first keys are wanted.
        LogicalPlan::Limit(limit) => match limit.input.as_ref() {
            LogicalPlan::Distinct(Distinct::On(distinct)) => {
                let input = Arc::new(first_of_keys(distinct.clone(), true)?);
                Ok(Transformed::yes(LogicalPlan::Limit(Limit { input, ..limit })))
            }
            _ => Ok(Transformed::no(LogicalPlan::Limit(limit))),
        },
        other => Ok(Transformed::no(other)),
    })
    .data()
}

fn first_of_keys(distinct: DistinctOn, is_ordered: bool) -> Result<LogicalPlan> {
    let DistinctOn { on_expr, select_expr, sort_expr, input, .. } = distinct;
    let Some(order) = sort_expr else {
        return plan_err!("DISTINCT ON without ORDER BY would choose rows at random: add an ORDER BY");
    };
    // Rows of one key do not differ in it.
    let within = order[on_expr.len().min(order.len())..].to_vec();
    let first = first_of_each(Arc::unwrap_or_clone(input), on_expr, within, (0, 1))?;
    let builder = LogicalPlanBuilder::from(first);
    let builder = if is_ordered { builder.sort(order)? } else { builder };
    builder.project(select_expr)?.build()
}

/// The rows at the places `offset + 1` to `offset + limit` of each key in an order, with the columns of the plan.
pub fn first_of_each(
    plan: LogicalPlan,
    keys: Vec<Expr>,
    order: Vec<Sort>,
    (offset, limit): (usize, usize),
) -> Result<LogicalPlan> {
    let columns = plan.schema().columns();
    let params = WindowFunctionParams {
        args: Vec::new(),
        partition_by: keys,
        order_by: order,
        window_frame: WindowFrame::new(None),
        filter: None,
        null_treatment: None,
        distinct: false,
    };
    let number = WindowFunction { fun: WindowFunctionDefinition::WindowUDF(row_number()), params };
    let number = Expr::WindowFunction(Box::new(number)).alias(PLACE);
    let place = || Expr::Column(Column::new_unqualified(PLACE));
    let numbered = LogicalPlanBuilder::from(plan).window([number])?;
    let last = i64::try_from(offset.saturating_add(limit)).unwrap_or(i64::MAX);
    let mut is_wanted = place().lt_eq(lit(last));
    if offset > 0 {
        is_wanted = is_wanted.and(place().gt(lit(i64::try_from(offset).unwrap_or(i64::MAX))));
    }
    numbered.filter(is_wanted)?.project(columns.into_iter().map(Expr::Column))?.build()
}
