//! EXCEPT ALL and INTERSECT ALL: which rows, and how many copies of each.
//!
//! Owns one rewrite of a plan before it is optimised. DataFusion plans both as joins that keep or drop all copies of a row together. Here
//! the copies of each row are counted on both sides, and [`RepeatStep`] makes as many as are left.

use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNodeRecursion};
use datafusion_common::{Column, NullEquality, Result, ScalarValue};
use datafusion_expr::{Distinct, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, lit, when};
use datafusion_functions_aggregate::count::count;

use super::steps::RepeatStep;

/// Has set operations with ALL count.
pub fn count_copies(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut is_needed = false;
    plan.apply_with_subqueries(|plan| {
        is_needed |= matches!(plan, LogicalPlan::Join(join) if is_counted(join));
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !is_needed {
        return Ok(plan);
    }
    plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Join(join) if is_counted(&join) => counted(join).map(Transformed::yes),
        other => other.recompute_schema().map(Transformed::yes),
    })
    .data()
}

/// Only a set operation makes such a join; without ALL the left side has each row once, and then there is nothing to count.
fn is_counted(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftAnti | JoinType::LeftSemi)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none()
        && !matches!(join.left.as_ref(), LogicalPlan::Distinct(Distinct::All(_)))
}

fn counted(join: Join) -> Result<LogicalPlan> {
    let schema = Arc::clone(join.left.schema());
    let sides = side(&join.left, true)?.union(side(&join.right, false)?.build()?)?;
    let keys: Vec<Expr> = (0..schema.fields().len()).map(|place| column(&name(place))).collect();
    let counts = [count(column("on_left")).alias("lefts"), count(column("on_right")).alias("rights")];
    let (lefts, rights) = (column("lefts"), column("rights"));
    let copies = match join.join_type {
        JoinType::LeftAnti => lefts - rights,
        _ => when(lefts.clone().lt(rights.clone()), lefts).otherwise(rights)?,
    };
    let left = sides
        .aggregate(keys.clone(), counts)?
        .project(keys.iter().cloned().chain([copies.alias("copies")]))?
        .filter(column("copies").gt(lit(0_i64)))?
        .build()?;
    let named = keys.into_iter().zip(schema.iter());
    let named = named.map(|(key, (qualifier, field))| key.alias_qualified(qualifier.cloned(), field.name()));
    LogicalPlanBuilder::from(RepeatStep::plan(left)?).project(named)?.build()
}

/// The rows of one side under numbered names, with a column that is not NULL for each side.
fn side(plan: &LogicalPlan, is_left: bool) -> Result<LogicalPlanBuilder> {
    let columns = plan.schema().iter().enumerate();
    let columns = columns.map(|(place, field)| Expr::Column(Column::from(field)).alias(name(place)));
    let here = |yes: bool| Expr::Literal(ScalarValue::Boolean(yes.then_some(true)), None);
    let flags = [here(is_left).alias("on_left"), here(!is_left).alias("on_right")];
    LogicalPlanBuilder::from(plan.clone()).project(columns.chain(flags).collect::<Vec<_>>())
}

fn name(place: usize) -> String {
    format!("column_{place}")
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
