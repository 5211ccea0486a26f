//! EXISTS and IN in a SELECT list, or deep in a condition: a join that marks each row with whether there is a match.
//!
//! Owns one rule of the optimiser. DataFusion's own makes semijoins of what is a condition by itself, which is left to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion_common::alias::AliasGenerator;
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{Column, Result};
use datafusion_expr::expr::{Exists, InSubquery};
use datafusion_expr::utils::{conjunction, split_conjunction};
use datafusion_expr::{Expr, Filter, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, lit};
use datafusion_optimizer::decorrelate::PullUpCorrelatedExpr;
use datafusion_optimizer::optimizer::ApplyOrder;
use datafusion_optimizer::{OptimizerConfig, OptimizerRule};

/// Turns EXISTS and IN into marks.
#[derive(Debug, Default)]
pub struct Marks;

impl OptimizerRule for Marks {
    fn name(&self) -> &str {
        "marks"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Projection(projection) if projection.expr.iter().any(has_predicate) => {
                mark_columns(projection, config.alias_generator())
            }
            LogicalPlan::Filter(filter) if has_predicate(&filter.predicate) => mark_conditions(filter, config.alias_generator()),
            other => Ok(Transformed::no(other)),
        }
    }
}

fn mark_columns(projection: Projection, aliases: &Arc<AliasGenerator>) -> Result<Transformed<LogicalPlan>> {
    let mut input = projection.input.as_ref().clone();
    let mut is_marked = false;
    let mut expressions = Vec::with_capacity(projection.expr.len());
    for expression in &projection.expr {
        let made = expression.clone().transform_down(|part| marked(part, &mut input, aliases))?;
        let is_named = !made.transformed || matches!(expression, Expr::Alias(_));
        is_marked |= made.transformed;
        expressions.push(if is_named { made.data } else { made.data.alias(expression.schema_name().to_string()) });
    }
    if !is_marked {
        return Ok(Transformed::no(LogicalPlan::Projection(projection)));
    }
    LogicalPlanBuilder::from(input).project(expressions)?.build().map(Transformed::yes)
}

fn mark_conditions(filter: Filter, aliases: &Arc<AliasGenerator>) -> Result<Transformed<LogicalPlan>> {
    let columns = filter.input.schema().columns();
    let mut input = filter.input.as_ref().clone();
    let mut is_marked = false;
    let mut conditions = Vec::new();
    for condition in split_conjunction(&filter.predicate) {
        if is_join(condition) {
            conditions.push(condition.clone());
            continue;
        }
        let made = condition.clone().transform_down(|part| marked(part, &mut input, aliases))?;
        is_marked |= made.transformed;
        conditions.push(made.data);
    }
    match conjunction(conditions).filter(|_| is_marked) {
        None => Ok(Transformed::no(LogicalPlan::Filter(filter))),
        Some(condition) => {
            let filtered = LogicalPlanBuilder::from(input).filter(condition)?;
            filtered.project(columns.into_iter().map(Expr::Column))?.build().map(Transformed::yes)
        }
    }
}

/// Returns true if a condition is a semijoin or an antijoin by itself.
fn is_join(condition: &Expr) -> bool {
    let inner = if let Expr::Not(inner) = condition { inner } else { condition };
    matches!(inner, Expr::Exists(_) | Expr::InSubquery(_))
}

fn has_predicate(expression: &Expr) -> bool {
    expression.exists(|part| Ok(matches!(part, Expr::Exists(_) | Expr::InSubquery(_)))).unwrap_or(false)
}

/// The mark that stands for a condition, and the input with that mark; the same as before where a join can't be made.
fn marked(part: Expr, input: &mut LogicalPlan, aliases: &Arc<AliasGenerator>) -> Result<Transformed<Expr>> {
    let (plan, value, negated) = match &part {
        Expr::Exists(Exists { subquery, negated }) => (subquery.subquery.as_ref().clone(), None, *negated),
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let name = subquery.subquery.schema().field(0).name().clone();
            (subquery.subquery.as_ref().clone(), Some((name, expr.as_ref().clone())), *negated)
        }
        _ => return Ok(Transformed::no(part)),
    };
    let alias = aliases.next("__mark_sq");
    let Some(joined) = mark_join(input, plan, &alias, value)? else { return Ok(Transformed::no(part)) };
    *input = joined;
    let mark = Expr::Column(Column::new(Some(alias), "mark"));
    Ok(Transformed::yes(if negated { Expr::Not(Box::new(mark)) } else { mark }))
}

/// The left side with a mark for each row that has a match; `value` is the column of the sub-query that must equal an expression of the left.
fn mark_join(
    left: &LogicalPlan,
    subquery: LogicalPlan,
    alias: &str,
    value: Option<(String, Expr)>,
) -> Result<Option<LogicalPlan>> {
    let mut pull_up = PullUpCorrelatedExpr::new().with_exists_sub_query(true);
    let inner = subquery.rewrite(&mut pull_up).data()?;
    if !pull_up.can_pull_up {
        return Ok(None);
    }
    let columns: BTreeSet<Column> = pull_up.correlated_subquery_cols_map.into_values().flatten().collect();
    let correlated = conjunction(pull_up.join_filters).map(|condition| qualified(condition, &columns, alias)).transpose()?;
    // By the name of the alias: the query around may read the same relation.
    let equality = value.map(|(name, expression)| Expr::Column(Column::new(Some(alias), name)).eq(expression));
    let condition = conjunction(correlated.into_iter().chain(equality)).unwrap_or_else(|| lit(true));
    let right = LogicalPlanBuilder::from(inner).alias(alias)?.build()?;
    let read: BTreeSet<usize> =
        condition.column_refs().into_iter().filter_map(|column| right.schema().index_of_column(column).ok()).collect();
    let right = match read.is_empty() {
        true => right,
        false => {
            let read = read.into_iter().map(|place| Expr::Column(Column::from(right.schema().qualified_field(place))));
            let read: Vec<Expr> = read.collect();
            LogicalPlanBuilder::from(right).project(read)?.build()?
        }
    };
    LogicalPlanBuilder::from(left.clone()).join_on(right, JoinType::LeftMark, Some(condition))?.build().map(Some)
}

/// A condition in which the columns of the sub-query are those of its alias.
fn qualified(condition: Expr, columns: &BTreeSet<Column>, alias: &str) -> Result<Expr> {
    let renamed = |part: Expr| match part {
        Expr::Column(column) if columns.contains(&column) => {
            Ok(Transformed::yes(Expr::Column(Column::new(Some(alias), column.name))))
        }
        other => Ok(Transformed::no(other)),
    };
    condition.transform(renamed).data()
}
