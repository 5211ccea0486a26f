//! LATERAL without a FROM of its own: `FROM notes n, unnest(n.tags) AS t(tag)` reads columns of the row beside it and nothing else.
//!
//! Owns one rewrite of a plan before it is optimised: what such a sub-query computes is computed on the rows of the left side.

use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{Column, DFSchema, Result, ScalarValue};
use datafusion_expr::{
    Expr, ExprSchemable, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias, Unnest, when,
};
use datafusion_functions_nested::expr_fn::array_length;

/// Relation that columns of a sub-query have while it is grafted, if the left side has columns of their names.
const OWN: &str = "lateral columns";

/// Computes lateral sub-queries without a FROM on the rows beside them.
pub fn inline(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Join(join) => match inlined(&join)? {
            Some(plan) => Ok(Transformed::yes(plan)),
            None => Ok(Transformed::no(LogicalPlan::Join(join))),
        },
        other => Ok(Transformed::no(other)),
    })
    .data()
}

fn inlined(join: &Join) -> Result<Option<LogicalPlan>> {
    let Some(right) = without_marker(&join.right) else { return Ok(None) };
    if !join.on.is_empty() || !reads_nothing(&right) {
        return Ok(None);
    }
    let filter = join.filter.clone().filter(|filter| !is_true(filter));
    let grafted = match join.join_type {
        JoinType::Inner => graft(&right, &join.left, false)?,
        // A row whose list is empty stays, with a NULL: with an element that is NULL, as long as no condition takes it away.
        JoinType::Left if filter.is_none() && is_bare(&right) => graft(&right, &join.left, true)?,
        _ => return Ok(None),
    };
    let builder = LogicalPlanBuilder::from(grafted);
    let builder = filter.into_iter().try_fold(builder, LogicalPlanBuilder::filter)?;
    let columns = join.schema.columns();
    builder.project(columns.into_iter().map(Expr::Column))?.build().map(Some)
}

/// Returns true if an expression is the constant TRUE.
pub fn is_true(expression: &Expr) -> bool {
    matches!(expression, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}

/// The right side of a lateral join without the node that marks it as one.
pub fn without_marker(plan: &LogicalPlan) -> Option<LogicalPlan> {
    match plan {
        LogicalPlan::Subquery(subquery) => Some(subquery.subquery.as_ref().clone()),
        LogicalPlan::SubqueryAlias(alias) => match alias.input.as_ref() {
            LogicalPlan::Subquery(subquery) => {
                let input = std::sync::Arc::clone(&subquery.subquery);
                SubqueryAlias::try_new(input, alias.alias.clone()).ok().map(LogicalPlan::SubqueryAlias)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Returns true if a plan is a chain of steps over a single row without columns.
fn reads_nothing(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        LogicalPlan::Projection(Projection { input, .. })
        | LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. })
        | LogicalPlan::Unnest(Unnest { input, .. }) => reads_nothing(input),
        LogicalPlan::Filter(filter) => reads_nothing(&filter.input),
        _ => false,
    }
}

/// Returns true if it is an UNNEST of the outer row's list and no more.
fn is_bare(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Projection(Projection { input, expr, .. }) => {
            let is_plain = |expression: &Expr| !matches!(expression.clone().unalias(), Expr::Literal(..));
            expr.iter().all(is_plain) && is_bare(input)
        }
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. }) | LogicalPlan::Unnest(Unnest { input, .. }) => is_bare(input),
        _ => false,
    }
}

/// The steps of `plan` over the rows of `left`, whose columns stay in front. With `padded`, an empty list has one element, NULL.
fn graft(plan: &LogicalPlan, left: &LogicalPlan, padded: bool) -> Result<LogicalPlan> {
    let kept = || left.schema().columns().into_iter().map(Expr::Column);
    match plan {
        LogicalPlan::Projection(projection) => {
            let input = graft(&projection.input, left, padded)?;
            let is_list = padded && matches!(projection.input.as_ref(), LogicalPlan::EmptyRelation(_));
            let own = projection.expr.iter().zip(projection.schema.columns()).map(|(expression, column)| {
                let expression = inner(expression.clone(), left.schema())?;
                let expression = if is_list { padded_list(expression, input.schema())? } else { expression };
                Ok(apart(expression, &column, left.schema()))
            });
            let own = own.collect::<Result<Vec<_>>>()?;
            LogicalPlanBuilder::from(input).project(kept().chain(own))?.build()
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let input = graft(&alias.input, left, padded)?;
            let own = alias.input.schema().iter().map(|field| {
                let name = field.1.name().clone();
                Expr::Column(own_column(Column::from(field), left.schema())).alias_qualified(Some(alias.alias.clone()), name)
            });
            LogicalPlanBuilder::from(input).project(kept().chain(own.collect::<Vec<_>>()))?.build()
        }
        LogicalPlan::Unnest(unnest) => LogicalPlanBuilder::from(graft(&unnest.input, left, padded)?)
            .unnest_columns_with_options(unnest.exec_columns.clone(), unnest.options.clone())?
            .build(),
        LogicalPlan::Filter(filter) => {
            let predicate = inner(filter.predicate.clone(), left.schema())?;
            LogicalPlanBuilder::from(graft(&filter.input, left, padded)?).filter(predicate)?.build()
        }
        _ => Ok(left.clone()),
    }
}

/// References to the left side's columns as columns, beside those to columns of its own.
fn inner(expression: Expr, left: &DFSchema) -> Result<Expr> {
    expression
        .transform(|part| match part {
            Expr::OuterReferenceColumn(_, column) if left.has_column(&column) => Ok(Transformed::yes(Expr::Column(column))),
            Expr::Column(column) => Ok(Transformed::yes(Expr::Column(own_column(column, left)))),
            other => Ok(Transformed::no(other)),
        })
        .data()
}

/// A column of the sub-query as the grafted steps name it: apart from a column of the left side that has the same name.
fn own_column(column: Column, left: &DFSchema) -> Column {
    let is_unclear = column.relation.is_none() && left.fields().iter().any(|field| *field.name() == column.name);
    if is_unclear { Column { relation: Some(OWN.into()), ..column } } else { column }
}

/// Gives an expression that has the name of a column the name that the grafted steps have for it.
fn apart(expression: Expr, column: &Column, left: &DFSchema) -> Expr {
    match own_column(column.clone(), left).relation {
        Some(relation) if column.relation.is_none() => expression.unalias().alias_qualified(Some(relation), &column.name),
        _ => expression,
    }
}

fn padded_list(expression: Expr, schema: &DFSchema) -> Result<Expr> {
    let name = expression.schema_name().to_string();
    let list = expression.unalias();
    let arrow_schema::DataType::List(item) = list.get_type(schema)? else { return Ok(list.alias(name)) };
    let null = ScalarValue::try_from(item.data_type())?;
    let null = Expr::Literal(ScalarValue::List(ScalarValue::new_list_nullable(&[null], item.data_type())), None);
    let padded = when(array_length(list.clone()).gt(datafusion_expr::lit(0_u64)), list).otherwise(null)?;
    Ok(padded.alias(name))
}
