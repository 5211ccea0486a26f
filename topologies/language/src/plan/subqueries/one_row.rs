//! Sub-queries that have exactly one row, or at most one: aggregates without GROUP BY.
//!
//! Owns the taking apart of such a sub-query into its aggregates, and the expression of anything it computes from them as an expression of
//! the query around it, in which each aggregate is a sub-query of its own. So what it says over nothing is not lost.

use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, Result, ScalarValue, Spans};
use datafusion_expr::logical_plan::Subquery;
use datafusion_expr::{
    Aggregate, Distinct, Expr, Filter, Limit, LogicalPlan, LogicalPlanBuilder, Projection, Sort, SubqueryAlias,
};

/// An aggregate without GROUP BY that depends on the query around it.
pub struct OneRow {
    aggregate: Aggregate,
    /// condition of the row, over the columns of the aggregate
    pub having: Option<Expr>,
    /// its columns, over the columns of the aggregate
    pub values: Vec<Expr>,
}

impl OneRow {
    /// Takes a sub-query apart; `None` when it is something else, or the same for all rows of the query around it.
    pub fn of(subquery: &Subquery) -> Option<Self> {
        if subquery.outer_ref_columns.is_empty() {
            return None;
        }
        Self::take(&subquery.subquery)
    }

    fn take(plan: &LogicalPlan) -> Option<Self> {
        match plan {
            LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => {
                let values = aggregate.schema.columns().into_iter().map(Expr::Column).collect();
                Some(Self { aggregate: aggregate.clone(), having: None, values })
            }
            LogicalPlan::Projection(Projection { expr, input, .. }) => {
                let below = Self::take(input)?;
                let values = expr.iter().map(|expression| below.over_aggregate(expression, input.schema()));
                let values = values.collect::<Result<Vec<_>>>().ok()?;
                Some(Self { values, ..below })
            }
            LogicalPlan::Filter(Filter { predicate, input, .. }) => {
                let below = Self::take(input)?;
                let condition = below.over_aggregate(predicate, input.schema()).ok()?;
                let having = Some(match below.having.clone() {
                    Some(having) => having.and(condition),
                    None => condition,
                });
                Some(Self { having, ..below })
            }
            LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. })
            | LogicalPlan::Sort(Sort { input, fetch: None, .. })
            | LogicalPlan::Distinct(Distinct::All(input)) => Self::take(input),
            LogicalPlan::Limit(limit) if keeps_a_row(limit) => Self::take(&limit.input),
            _ => None,
        }
    }

    /// An expression over the columns of a step as one over those of the aggregate.
    fn over_aggregate(&self, expression: &Expr, schema: &DFSchema) -> Result<Expr> {
        let replaced = expression.clone().unalias().transform(|part| match &part {
            Expr::Column(column) => {
                let value = self.values[schema.index_of_column(column)?].clone();
                Ok(Transformed::new(value, true, TreeNodeRecursion::Jump))
            }
            _ => Ok(Transformed::no(part)),
        });
        replaced.data()
    }

    /// An expression over the aggregates as one of the query around, whose columns `schema` has.
    pub fn outside(&self, expression: &Expr, schema: &DFSchema) -> Result<Expr> {
        let replaced = expression.clone().transform(|part| match &part {
            Expr::Column(column) => {
                let place = self.aggregate.schema.index_of_column(column)?;
                Ok(Transformed::new(self.alone(place, column)?, true, TreeNodeRecursion::Jump))
            }
            Expr::OuterReferenceColumn(_, column) if schema.has_column(column) => {
                Ok(Transformed::yes(Expr::Column(column.clone())))
            }
            _ => Ok(Transformed::no(part)),
        });
        replaced.data()
    }

    /// One of the aggregates as a sub-query of its own.
    fn alone(&self, place: usize, column: &Column) -> Result<Expr> {
        let input = LogicalPlanBuilder::from(Arc::unwrap_or_clone(Arc::clone(&self.aggregate.input)));
        let aggregate = input.aggregate(Vec::<Expr>::new(), [self.aggregate.aggr_expr[place].clone()])?;
        let plan = aggregate.project([Expr::Column(column.clone())])?.build()?;
        Ok(Expr::ScalarSubquery(around(plan)))
    }
}

fn keeps_a_row(limit: &Limit) -> bool {
    let number = |expression: &Option<Box<Expr>>, default| match expression.as_deref() {
        None => Some(default),
        Some(Expr::Literal(ScalarValue::Int64(value), _)) => *value,
        Some(_) => None,
    };
    number(&limit.skip, 0) == Some(0) && number(&limit.fetch, 1).is_some_and(|fetch| fetch > 0)
}

/// A plan as a sub-query.
pub fn around(plan: LogicalPlan) -> Subquery {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() }
}
