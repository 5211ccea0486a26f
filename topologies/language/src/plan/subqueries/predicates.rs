//! Sub-queries as conditions, with the three truths of SQL: TRUE, FALSE and unknown.
//!
//! Owns one rewrite of a plan before it is optimised. What joins can say is whether there is a match. `x IN (SELECT y ...)` is also unknown
//! when there is none but a NULL on either side, so where that makes a difference it becomes a CASE of plain questions: is there a match, is
//! there a NULL among the y, is x NULL and is there any y. ANY and ALL become comparisons with the least and the greatest y. A sub-query
//! that is an aggregate without GROUP BY has one row even over nothing, so it becomes a comparison with a value.

use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{Column, DFSchema, Result, ScalarValue};
use datafusion_expr::expr::{Case, Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion_expr::logical_plan::Subquery;
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, lit};
use datafusion_functions_aggregate::min_max::{max, min};

use super::one_row::{OneRow, around};

/// Truths that the place of a condition tells apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// only TRUE counts, as in WHERE
    True,
    /// only FALSE counts, as below a NOT in WHERE
    False,
    /// all three, as in a SELECT list
    All,
}

impl Wanted {
    fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::All => Self::All,
        }
    }
}

/// Rewrites the conditions of a plan and of its sub-queries.
pub fn rewrite(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| {
        let schema = match &plan {
            LogicalPlan::Join(join) => join.left.schema().join(join.right.schema()).unwrap_or_else(|_| DFSchema::empty()),
            other => merge_schema(&other.inputs()),
        };
        let wanted = match &plan {
            LogicalPlan::Filter(_) | LogicalPlan::Join(_) => Wanted::True,
            _ => Wanted::All,
        };
        plan.map_expressions(|expression| {
            if !has_subquery(&expression) {
                return Ok(Transformed::no(expression));
            }
            let rewritten = Conditions { schema: &schema }.rewrite(expression.clone(), wanted)?;
            if rewritten == expression {
                return Ok(Transformed::no(expression));
            }
            // The name of a column is the text of its expression.
            let is_named = wanted == Wanted::True || matches!(expression, Expr::Alias(_));
            let name = expression.schema_name().to_string();
            Ok(Transformed::yes(if is_named { rewritten } else { rewritten.alias(name) }))
        })
    })
    .data()
}

/// Returns true if an expression has a sub-query in it, of any kind.
pub fn has_subquery(expression: &Expr) -> bool {
    let is_subquery = |part: &Expr| {
        Ok(matches!(part, Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::ScalarSubquery(_)))
    };
    expression.exists(is_subquery).unwrap_or(true)
}

struct Conditions<'a> {
    /// the columns of the query around the sub-queries
    schema: &'a DFSchema,
}

impl Conditions<'_> {
    fn rewrite(&self, expression: Expr, wanted: Wanted) -> Result<Expr> {
        if !has_subquery(&expression) {
            return Ok(expression);
        }
        let boxed = |expression: Box<Expr>, wanted| self.rewrite(*expression, wanted).map(Box::new);
        Ok(match expression {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                Expr::BinaryExpr(BinaryExpr::new(boxed(left, wanted)?, op, boxed(right, wanted)?))
            }
            Expr::Not(inner) => self.negated(*inner, wanted)?,
            Expr::IsTrue(inner) => Expr::IsTrue(boxed(inner, Wanted::True)?),
            Expr::IsNotTrue(inner) => Expr::IsNotTrue(boxed(inner, Wanted::True)?),
            Expr::IsFalse(inner) => Expr::IsFalse(boxed(inner, Wanted::False)?),
            Expr::IsNotFalse(inner) => Expr::IsNotFalse(boxed(inner, Wanted::False)?),
            Expr::Case(Case { expr: None, when_then_expr, else_expr }) => {
                let branches = when_then_expr.into_iter();
                let branches = branches.map(|(when, then)| Ok((boxed(when, Wanted::True)?, boxed(then, wanted)?)));
                let branches = branches.collect::<Result<Vec<_>>>()?;
                Expr::Case(Case::new(None, branches, else_expr.map(|other| boxed(other, wanted)).transpose()?))
            }
            Expr::Alias(mut alias) => {
                alias.expr = boxed(alias.expr, wanted)?;
                Expr::Alias(alias)
            }
            Expr::Exists(exists) => self.exists(exists)?,
            Expr::InSubquery(membership) => self.membership(membership, wanted)?,
            Expr::SetComparison(comparison) => self.comparison(comparison, wanted)?,
            Expr::ScalarSubquery(subquery) => self.value(subquery)?,
            other => other.map_children(|child| self.rewrite(child, Wanted::All).map(Transformed::yes)).data()?,
        })
    }

    /// NOT of a condition, carried to the parts of it so that each of them can be a join of its own.
    fn negated(&self, expression: Expr, wanted: Wanted) -> Result<Expr> {
        Ok(not(self.rewrite(expression, wanted.negated())?))
    }

    fn exists(&self, Exists { subquery, negated }: Exists) -> Result<Expr> {
        let Some(row) = OneRow::of(&subquery) else { return Ok(Expr::Exists(Exists { subquery, negated })) };
        let is_there = match &row.having {
            Some(having) => Expr::IsTrue(Box::new(row.outside(having, self.schema)?)),
            None => lit(true),
        };
        Ok(if negated { not(is_there) } else { is_there })
    }

    fn value(&self, subquery: Subquery) -> Result<Expr> {
        match OneRow::of(&subquery) {
            Some(row) if row.having.is_some() || row.values[0].contains_outer() => {
                let value = row.outside(&row.values[0], self.schema)?;
                match &row.having {
                    Some(having) => Ok(case(vec![(row.outside(having, self.schema)?, value)], None)),
                    None => Ok(value),
                }
            }
            _ => Ok(Expr::ScalarSubquery(subquery)),
        }
    }

    fn membership(&self, membership: InSubquery, wanted: Wanted) -> Result<Expr> {
        let InSubquery { expr, subquery, negated } = membership;
        let expr = Box::new(self.rewrite(*expr, Wanted::All)?);
        if negated {
            return self.negated(Expr::InSubquery(InSubquery::new(expr, subquery, false)), wanted);
        }
        if let Some(row) = OneRow::of(&subquery) {
            return self.compared_with_row(*expr, Operator::Eq, &row);
        }
        let unknown = self.unknown(&expr, &subquery)?;
        let is_match = Expr::InSubquery(InSubquery::new(expr, subquery, false));
        Ok(three_valued(is_match, unknown, wanted))
    }

    fn comparison(&self, comparison: SetComparison, wanted: Wanted) -> Result<Expr> {
        let SetComparison { expr, subquery, op, quantifier } = comparison;
        let expr = Box::new(self.rewrite(*expr, Wanted::All)?);
        if quantifier == SetQuantifier::All {
            return match op.negate() {
                Some(op) => {
                    let any = Expr::SetComparison(SetComparison::new(expr, subquery, op, SetQuantifier::Any));
                    self.negated(any, wanted)
                }
                None => Ok(Expr::SetComparison(SetComparison::new(expr, subquery, op, quantifier))),
            };
        }
        if let Some(row) = OneRow::of(&subquery) {
            return self.compared_with_row(*expr, op, &row);
        }
        if op == Operator::Eq {
            return self.membership(InSubquery::new(expr, subquery, false), wanted);
        }
        let compared = |bound: Expr| Expr::BinaryExpr(BinaryExpr::new(expr.clone(), op, Box::new(bound)));
        let (least, greatest) = (extreme(&subquery, min)?, extreme(&subquery, max)?);
        let is_match = match op {
            Operator::Gt | Operator::GtEq => compared(least),
            Operator::Lt | Operator::LtEq => compared(greatest),
            Operator::NotEq => compared(least).or(compared(greatest)),
            _ => return Ok(Expr::SetComparison(SetComparison::new(expr, subquery, op, quantifier))),
        };
        let is_match = if wanted == Wanted::True { is_match } else { Expr::IsTrue(Box::new(is_match)) };
        Ok(three_valued(is_match, self.unknown(&expr, &subquery)?, wanted))
    }

    /// A comparison with the only row that there can be.
    fn compared_with_row(&self, left: Expr, op: Operator, row: &OneRow) -> Result<Expr> {
        let value = row.outside(&row.values[0], self.schema)?;
        let compared = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(value)));
        match &row.having {
            Some(having) => Ok(case(vec![(row.outside(having, self.schema)?, compared)], Some(lit(false)))),
            None => Ok(compared),
        }
    }

    /// Returns the condition under which a comparison without a match is unknown: a NULL among the rows, or a NULL that is
    /// compared with any row.
    fn unknown(&self, left: &Expr, subquery: &Subquery) -> Result<Vec<Expr>> {
        let (qualifier, field) = subquery.subquery.schema().qualified_field(0);
        let mut parts = Vec::new();
        if field.is_nullable() {
            let value = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            let nulls = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone()).filter(Expr::IsNull(Box::new(value)))?;
            parts.push(exists(nulls.build()?));
        }
        if left.nullable(self.schema).unwrap_or(true) {
            let any = exists(subquery.subquery.as_ref().clone());
            parts.push(Expr::IsNull(Box::new(left.clone())).and(any));
        }
        Ok(parts)
    }
}

/// The least or the greatest value of a sub-query.
fn extreme(subquery: &Subquery, aggregate: fn(Expr) -> Expr) -> Result<Expr> {
    let (qualifier, field) = subquery.subquery.schema().qualified_field(0);
    let value = Expr::Column(Column::new(qualifier.cloned(), field.name()));
    let plan = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
    let plan = plan.aggregate(Vec::<Expr>::new(), [aggregate(value)])?.build()?;
    Ok(Expr::ScalarSubquery(around(plan)))
}

fn exists(plan: LogicalPlan) -> Expr {
    Expr::Exists(Exists { subquery: around(plan), negated: false })
}

/// TRUE for a match; without one, unknown where any of `unknown` is TRUE. Both are never NULL where that makes a difference.
fn three_valued(is_match: Expr, unknown: Vec<Expr>, wanted: Wanted) -> Expr {
    match (unknown.into_iter().reduce(Expr::or), wanted) {
        (None, _) | (_, Wanted::True) => is_match,
        (Some(unknown), Wanted::False) => is_match.or(unknown),
        (Some(unknown), Wanted::All) => {
            let null = Expr::Literal(ScalarValue::Boolean(None), None);
            case(vec![(is_match, lit(true)), (unknown, null)], Some(lit(false)))
        }
    }
}

fn case(branches: Vec<(Expr, Expr)>, other: Option<Expr>) -> Expr {
    let branches = branches.into_iter().map(|(when, then)| (Box::new(when), Box::new(then))).collect();
    Expr::Case(Case::new(None, branches, other.map(Box::new)))
}

/// NOT, carried down to the sub-queries: a conjunction of them is one join after the other.
fn not(expression: Expr) -> Expr {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => not(*left).or(not(*right)),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => not(*left).and(not(*right)),
        Expr::Not(inner) => *inner,
        Expr::IsNull(inner) => Expr::IsNotNull(inner),
        Expr::IsTrue(inner) => Expr::IsNotTrue(inner),
        Expr::Exists(Exists { subquery, negated }) => Expr::Exists(Exists { subquery, negated: !negated }),
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            Expr::InSubquery(InSubquery { expr, subquery, negated: !negated })
        }
        other => Expr::Not(Box::new(other)),
    }
}
