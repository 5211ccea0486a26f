//! LATERAL with a LIMIT: the first rows for each row beside it.
//!
//! Owns one rewrite of a plan before it is optimised. A sub-query that is related to the rows beside it by equalities has the same first rows for
//! all rows with equal values: they are kept once for each value, and joined.

use arrow_schema::DataType;
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{Column, Result, ScalarValue};
use datafusion_expr::expr::Sort;
use datafusion_expr::utils::split_conjunction_owned;
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Filter, Join, JoinType, Limit, LogicalPlan, LogicalPlanBuilder, Operator};

use super::lateral::{is_true, without_marker};
use crate::plan::windows::first_rows::first_of_each;

/// Keeps the first rows of lateral sub-queries for each value that relates them.
pub fn first_rows(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Join(join) => match joined(&join)? {
            Some(plan) => Ok(Transformed::yes(plan)),
            None => Ok(Transformed::no(LogicalPlan::Join(join))),
        },
        other => Ok(Transformed::no(other)),
    })
    .data()
}

fn joined(join: &Join) -> Result<Option<LogicalPlan>> {
    let is_lateral = join.on.is_empty() && matches!(join.join_type, JoinType::Inner | JoinType::Left);
    let Some(right) = without_marker(&join.right).filter(|_| is_lateral) else { return Ok(None) };
    let Some(KeyedPlan { plan, keys, is_limited: true }) = keyed(&right)? else { return Ok(None) };
    if keys.is_empty() || keys.iter().any(|(_, outer)| !reads_only(outer, join)) {
        return Ok(None);
    }
    let equalities = keys.into_iter().map(|(key, outer)| beside(outer).map(|outer| outer.eq(Expr::Column(key))));
    let mut conditions = equalities.collect::<Result<Vec<_>>>()?;
    conditions.extend(join.filter.clone().filter(|filter| !is_true(filter)));
    let columns = join.schema.columns().into_iter().map(Expr::Column);
    let left = LogicalPlanBuilder::from(join.left.as_ref().clone());
    left.join_on(plan, join.join_type, conditions)?.project(columns)?.build().map(Some)
}

/// A plan whose relation to the rows beside it is taken out.
struct KeyedPlan {
    /// the plan without it, with further columns
    plan: LogicalPlan,
    /// those columns, each with the expression of the rows beside it that it has to equal
    keys: Vec<(Column, Expr)>,
    /// the first rows are taken for each value of those columns
    is_limited: bool,
}

/// Takes the relation out of a plan; `None` when it is not made of equalities, or lies where it can't be taken out of.
fn keyed(plan: &LogicalPlan) -> Result<Option<KeyedPlan>> {
    if plan.all_out_ref_exprs().is_empty() {
        return Ok(Some(KeyedPlan { plan: plan.clone(), keys: Vec::new(), is_limited: false }));
    }
    match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            let Some(below) = keyed(&alias.input)? else { return Ok(None) };
            let keys = below.keys.into_iter().map(|(key, outer)| (Column::new(Some(alias.alias.clone()), key.name), outer));
            let plan = LogicalPlanBuilder::from(below.plan).alias(alias.alias.clone())?.build()?;
            Ok(Some(KeyedPlan { plan, keys: keys.collect(), is_limited: below.is_limited }))
        }
        LogicalPlan::Projection(projection) => match keyed(&projection.input)? {
            Some(below) => projected(&projection.expr, below),
            None => Ok(None),
        },
        LogicalPlan::Filter(filter) => filtered(filter),
        LogicalPlan::Limit(limit) => limited(limit),
        _ => Ok(None),
    }
}

/// Columns over a plan, which keep its keys.
fn projected(columns: &[Expr], below: KeyedPlan) -> Result<Option<KeyedPlan>> {
    if columns.iter().any(Expr::contains_outer) {
        return Ok(None);
    }
    let kept = below.keys.iter().map(|(key, _)| Expr::Column(key.clone()));
    let all: Vec<Expr> = columns.iter().cloned().chain(kept).collect();
    let plan = LogicalPlanBuilder::from(below.plan).project(all)?.build()?;
    Ok(Some(KeyedPlan { plan, ..below }))
}

/// The equalities of a condition become keys, the rest of it stays.
fn filtered(filter: &Filter) -> Result<Option<KeyedPlan>> {
    let Some(below) = keyed(&filter.input)? else { return Ok(None) };
    let conditions = split_conjunction_owned(filter.predicate.clone());
    let (related, own): (Vec<Expr>, Vec<Expr>) = conditions.into_iter().partition(Expr::contains_outer);
    let Some(related) = related.into_iter().map(sides).collect::<Option<Vec<_>>>() else { return Ok(None) };
    let builder = LogicalPlanBuilder::from(below.plan);
    let plan = own.into_iter().try_fold(builder, LogicalPlanBuilder::filter)?.build()?;
    let mut columns: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    let mut keys = below.keys;
    for (own, outer) in related {
        if !are_of_one_kind(&own.get_type(plan.schema())?, &outer.get_type(plan.schema())?) {
            return Ok(None);
        }
        let name = format!("related value {}", keys.len());
        columns.push(own.alias(&name));
        keys.push((Column::new_unqualified(name), outer));
    }
    let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
    Ok(Some(KeyedPlan { plan, keys, is_limited: below.is_limited }))
}

/// Both sides of an equality between an expression over columns and one over the rows beside them alone.
fn sides(condition: Expr) -> Option<(Expr, Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return None };
    let is_own = |side: &Expr| !side.contains_outer() && side.any_column_refs();
    let is_outer = |side: &Expr| side.contains_outer() && !side.any_column_refs();
    match (is_own(&left) && is_outer(&right), is_own(&right) && is_outer(&left)) {
        (true, _) => Some((*left, *right)),
        (_, true) => Some((*right, *left)),
        _ => None,
    }
}

/// Returns true if values of these types are equal only when they are the same: then a value has the first rows of what equals it.
fn are_of_one_kind(own: &DataType, outer: &DataType) -> bool {
    let is_decimal = |kind: &DataType| matches!(kind, DataType::Decimal128(..) | DataType::Decimal256(..));
    own == outer || (own.is_integer() && outer.is_integer()) || (is_decimal(own) && is_decimal(outer))
}

/// The first rows in an order, of each value of the keys.
fn limited(limit: &Limit) -> Result<Option<KeyedPlan>> {
    let (columns, sort) = match limit.input.as_ref() {
        LogicalPlan::Sort(sort) => (None, sort),
        LogicalPlan::Projection(projection) => match projection.input.as_ref() {
            LogicalPlan::Sort(sort) => (Some(&projection.expr), sort),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    let is_related = |sort: &Sort| sort.expr.contains_outer();
    let (Some(offset), Some(rows)) = (number(limit.skip.as_deref(), Some(0)), number(limit.fetch.as_deref(), None)) else {
        return Ok(None);
    };
    if sort.fetch.is_some() || sort.expr.iter().any(is_related) {
        return Ok(None);
    }
    let Some(below) = keyed(&sort.input)? else { return Ok(None) };
    let keys = below.keys.iter().map(|(key, _)| Expr::Column(key.clone())).collect();
    let plan = first_of_each(below.plan, keys, sort.expr.clone(), (offset, rows))?;
    let first = KeyedPlan { plan, keys: below.keys, is_limited: true };
    match columns {
        Some(columns) => projected(columns, first),
        None => Ok(Some(first)),
    }
}

fn number(expression: Option<&Expr>, default: Option<usize>) -> Option<usize> {
    match expression {
        None => default,
        Some(Expr::Literal(ScalarValue::Int64(Some(number)), _)) => usize::try_from(*number).ok(),
        Some(_) => None,
    }
}

/// An expression of the rows beside the sub-query, as one over the columns of the join.
fn beside(outer: Expr) -> Result<Expr> {
    outer
        .transform(|part| match part {
            Expr::OuterReferenceColumn(_, column) => Ok(Transformed::yes(Expr::Column(column))),
            other => Ok(Transformed::no(other)),
        })
        .data()
}

/// Returns true if an expression reads no other rows around the sub-query than those beside it.
fn reads_only(outer: &Expr, join: &Join) -> bool {
    let is_beside = |part: &Expr| match part {
        Expr::OuterReferenceColumn(_, column) => join.left.schema().has_column(column),
        _ => true,
    };
    !outer.exists(|part| Ok(!is_beside(part))).unwrap_or(true)
}
