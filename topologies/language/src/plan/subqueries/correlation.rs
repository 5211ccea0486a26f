//! Correlated sub-queries: those that may depend on the query around them, and the places inside.
//!
//! Owns the refusals. The optimiser makes a join of a sub-query by carrying the conditions that name outer columns out of it. Past some steps that
//! changes what the sub-query says: past a LIMIT, a row number, the optional side of an outer join, an aggregate without GROUP BY. A plan
//! enters; an error that names the step and says what to write instead leaves.

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, DataFusionError, Diagnostic, Result};
use datafusion_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion_expr::logical_plan::Subquery;
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{Distinct, Expr, Join, JoinType, LogicalPlan};

/// Question that a sub-query answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// if it has rows
    Rows,
    /// its values
    Members,
    /// its value, of an aggregate without GROUP BY
    Value,
}

/// Refuses sub-queries that no join says the same as.
pub fn check(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let schema = match node {
            LogicalPlan::Join(join) => join.left.schema().join(join.right.schema()).unwrap_or_else(|_| DFSchema::empty()),
            other => merge_schema(&other.inputs()),
        };
        if let LogicalPlan::Join(join) = node {
            check_lateral(join)?;
        }
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                let (subquery, asked) = match part {
                    Expr::Exists(Exists { subquery, .. }) => (subquery, Asked::Rows),
                    Expr::InSubquery(InSubquery { subquery, .. }) | Expr::SetComparison(SetComparison { subquery, .. }) => {
                        (subquery, Asked::Members)
                    }
                    Expr::ScalarSubquery(subquery) => (subquery, Asked::Value),
                    _ => return Ok(TreeNodeRecursion::Continue),
                };
                check_subquery(subquery, asked, &schema)?;
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map(|_| ())
}

fn check_lateral(join: &Join) -> Result<()> {
    let subquery = match join.right.as_ref() {
        LogicalPlan::Subquery(subquery) => subquery,
        LogicalPlan::SubqueryAlias(alias) => match alias.input.as_ref() {
            LogicalPlan::Subquery(subquery) => subquery,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    check_subquery(subquery, Asked::Value, join.left.schema())
}

fn check_subquery(subquery: &Subquery, asked: Asked, around: &DFSchema) -> Result<()> {
    let step = Steps { asked }.unsound(&subquery.subquery, true)?;
    if let Correlated::Unsound(step) = step {
        return Err(refused(
            subquery,
            format!(
                "the sub-query refers to the query around it below {step}, and no join says the same: move that condition out of it, or \
                 write a JOIN"
            ),
        ));
    }
    subquery.subquery.apply(|plan| match plan {
        // A lateral sub-query inside refers to what is beside it.
        LogicalPlan::Subquery(_) => Ok(TreeNodeRecursion::Jump),
        plan => plan.apply_expressions(|expression| {
            expression.apply(|part| match part {
                Expr::OuterReferenceColumn(_, column) if !around.has_column(column) => Err(refused(
                    subquery,
                    format!(
                        "the sub-query refers to '{}' of a query further out than the one around it: join that relation here, or write a \
                         JOIN instead of the sub-query",
                        column.flat_name()
                    ),
                )),
                _ => Ok(TreeNodeRecursion::Continue),
            })
        }),
    })?;
    Ok(())
}

fn refused(subquery: &Subquery, message: String) -> DataFusionError {
    let diagnostic = Diagnostic::new_error(message.clone(), place(subquery));
    DataFusionError::Plan(message).with_diagnostic(diagnostic)
}

/// Returns the place of a sub-query: the first column that it names.
fn place(subquery: &Subquery) -> Option<datafusion_common::Span> {
    let mut first = subquery.spans.first();
    let find = |plan: &LogicalPlan| {
        plan.apply_expressions(|expression| {
            expression.apply(|part| {
                if let (None, Expr::Column(column) | Expr::OuterReferenceColumn(_, column)) = (first, part) {
                    first = column.spans().first();
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    };
    // A place is a help, not an answer: without one the error is told at the name of the view.
    drop(subquery.subquery.apply(find));
    first
}

/// Dependence of a plan on the query around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Correlated {
    No,
    Soundly,
    Unsound(&'static str),
}

struct Steps {
    asked: Asked,
}

impl Steps {
    /// `top` while no step above could tell how many rows there are.
    fn unsound(&self, plan: &LogicalPlan, top: bool) -> Result<Correlated> {
        let inputs = plan.inputs();
        let below = |top: bool| inputs.first().map_or(Ok(Correlated::No), |input| self.unsound(input, top));
        let found = match plan {
            LogicalPlan::Filter(_) => below(false)?,
            LogicalPlan::Projection(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Distinct(Distinct::All(_)) => below(top)?,
            LogicalPlan::Join(join) => self.join(join)?,
            LogicalPlan::Limit(_) => match below(false)? {
                Correlated::Soundly if !(top && self.asked == Asked::Rows && is_first_rows(plan)) => {
                    Correlated::Unsound("a LIMIT")
                }
                found => found,
            },
            LogicalPlan::Aggregate(aggregate) => match below(false)? {
                Correlated::Soundly if aggregate.group_expr.is_empty() && !(top && self.asked == Asked::Value) => {
                    Correlated::Unsound("an aggregate without GROUP BY")
                }
                found => found,
            },
            LogicalPlan::Window(_) => any(below(false)?, "a window function"),
            LogicalPlan::Union(_) => any(self.all(&inputs)?, "a UNION"),
            LogicalPlan::Extension(_) => any(self.all(&inputs)?, "a set operation or an UNNEST"),
            LogicalPlan::Unnest(_) => any(below(false)?, "an UNNEST"),
            // Lateral: it is checked where it is joined.
            LogicalPlan::Subquery(_) => Correlated::No,
            _ => any(self.all(&inputs)?, "this step"),
        };
        Ok(match found {
            Correlated::No if plan.contains_outer_reference() => Correlated::Soundly,
            found => found,
        })
    }

    fn all(&self, inputs: &[&LogicalPlan]) -> Result<Correlated> {
        let mut all = Correlated::No;
        for input in inputs {
            all = worse(all, self.unsound(input, false)?);
        }
        Ok(all)
    }

    fn join(&self, join: &Join) -> Result<Correlated> {
        let (left, right) = (self.unsound(&join.left, false)?, self.unsound(&join.right, false)?);
        let (left_is_sound, right_is_sound) = match join.join_type {
            JoinType::Inner => (true, true),
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (true, false),
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (false, true),
            JoinType::Full => (false, false),
        };
        let step = match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti => "EXCEPT or INTERSECT",
            _ => "the optional side of an outer join",
        };
        let left = if left_is_sound { left } else { any(left, step) };
        let right = if right_is_sound { right } else { any(right, step) };
        Ok(worse(left, right))
    }
}

/// A step past which nothing may be carried.
fn any(below: Correlated, step: &'static str) -> Correlated {
    if below == Correlated::Soundly { Correlated::Unsound(step) } else { below }
}

fn worse(a: Correlated, b: Correlated) -> Correlated {
    match (a, b) {
        (Correlated::Unsound(step), _) | (_, Correlated::Unsound(step)) => Correlated::Unsound(step),
        (Correlated::Soundly, _) | (_, Correlated::Soundly) => Correlated::Soundly,
        _ => Correlated::No,
    }
}

/// A LIMIT that leaves rows wherever there are any.
fn is_first_rows(plan: &LogicalPlan) -> bool {
    let LogicalPlan::Limit(limit) = plan else { return false };
    let is = |expression: &Option<Box<Expr>>, holds: fn(i64) -> bool| match expression.as_deref() {
        None => true,
        Some(Expr::Literal(datafusion_common::ScalarValue::Int64(Some(number)), _)) => holds(*number),
        Some(_) => false,
    };
    is(&limit.skip, |skip| skip == 0) && is(&limit.fetch, |fetch| fetch > 0)
}
