//! Expansion of a query while it is planned: sub-queries that are read twice, and columns that are put in the place of their names.
//!
//! A plan enters before anything walks all of it; an error leaves when the optimiser would make too much of it. Each level of
//! `WITH b AS (SELECT x || x AS x FROM a)` doubles what a column is made of, and each `FROM a, a` what is read.

use std::collections::HashMap;
use std::rc::Rc;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result, plan_err};
use datafusion_expr::{Expr, LogicalPlan};

/// The most parts of an expression when every name stands for what it is computed from.
pub const EXPRESSION_PARTS_MAX: u64 = 10_000;
/// The most operators of a query when every relation of its WITH stands where it is read.
pub const QUERY_OPERATORS_MAX: u64 = 10_000;

/// Refuses a query that would grow too much.
pub fn check(plan: &LogicalPlan) -> Result<()> {
    Measures::default().of(plan).map(|_| ())
}

/// What a plan amounts to: its operators, and the parts that each of its columns is made of.
#[derive(Clone)]
struct Measure {
    operators: u64,
    columns: Rc<[u64]>,
}

/// Plans that were measured, by their address: what is read twice is one plan.
#[derive(Default)]
struct Measures(HashMap<*const LogicalPlan, Measure>);

impl Measures {
    fn of(&mut self, plan: &LogicalPlan) -> Result<Measure> {
        if let Some(known) = self.0.get(&std::ptr::from_ref(plan)) {
            return Ok(known.clone());
        }
        let inputs = plan.inputs().into_iter().map(|input| self.of(input)).collect::<Result<Vec<_>>>()?;
        let mut operators = inputs.iter().fold(1_u64, |sum, input| sum.saturating_add(input.operators));
        let schemas: Vec<&DFSchema> = plan.inputs().into_iter().map(|input| input.schema().as_ref()).collect();
        let mut parts = Vec::new();
        for expression in plan.expressions() {
            let (own, nested) = self.expression(&expression, &schemas, &inputs)?;
            parts.push(own);
            operators = operators.saturating_add(nested);
        }
        if operators > QUERY_OPERATORS_MAX {
            return plan_err!(
                "the query would have more than {QUERY_OPERATORS_MAX} operators once each relation of WITH stands where it is read: \
                 make a view of what is read several times"
            );
        }
        let width = plan.schema().fields().len();
        let columns = match plan {
            LogicalPlan::Projection(_) => parts.into(),
            LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Join(_) => inputs.iter().flat_map(|input| input.columns.iter().copied()).take(width).collect(),
            _ => vec![1; width].into(),
        };
        let measure = Measure { operators, columns };
        self.0.insert(std::ptr::from_ref(plan), measure.clone());
        Ok(measure)
    }

    /// Parts of an expression over these inputs, and the operators of the queries in it.
    fn expression(&mut self, expression: &Expr, schemas: &[&DFSchema], inputs: &[Measure]) -> Result<(u64, u64)> {
        let (mut parts, mut operators): (u64, u64) = (0, 0);
        expression.apply(|part| {
            let subquery = match part {
                Expr::ScalarSubquery(subquery) => Some(subquery),
                Expr::Exists(exists) => Some(&exists.subquery),
                Expr::InSubquery(within) => Some(&within.subquery),
                _ => None,
            };
            if let Some(subquery) = subquery {
                operators = operators.saturating_add(self.of(&subquery.subquery)?.operators);
            }
            let size = match part {
                Expr::Column(column) => {
                    let found = schemas.iter().zip(inputs).find_map(|(schema, input)| {
                        schema.maybe_index_of_column(column).and_then(|index| input.columns.get(index).copied())
                    });
                    found.unwrap_or(1)
                }
                _ => 1,
            };
            parts = parts.saturating_add(size);
            Ok(TreeNodeRecursion::Continue)
        })?;
        if parts > EXPRESSION_PARTS_MAX {
            return plan_err!(
                "an expression would have more than {EXPRESSION_PARTS_MAX} parts once each name in it stands for what it is computed \
                 from: make a materialized view of an inner query"
            );
        }
        Ok((parts, operators))
    }
}
