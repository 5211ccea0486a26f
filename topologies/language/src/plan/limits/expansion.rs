//! Expansion of a query while it is planned: sub-queries that are read twice, columns that are put in the place of their names, and COALESCE,
//! for which the optimiser puts a CASE that has its arguments twice.
//!
//! A plan enters before anything walks all of it; an error leaves when the optimiser would make too much of it. Each level of
//! `WITH b AS (SELECT x || x AS x FROM a)` doubles what a column is made of, so does each COALESCE inside another one, and each
//! `FROM a, a` doubles what is read.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::rc::Rc;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result, plan_err};
use datafusion_expr::{Expr, LogicalPlan};
use datafusion_sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};

/// The most parts of an expression when every name stands for what it is computed from.
pub const EXPRESSION_PARTS_MAX: u64 = 10_000;
/// The most operators of a query when every relation of its WITH stands where it is read.
pub const QUERY_OPERATORS_MAX: u64 = 10_000;

/// Refuses a query that would grow too much.
pub fn check(plan: &LogicalPlan) -> Result<()> {
    Measures::default().of(plan).map(|_| ())
}

/// Refuses an expression without sub-queries that would grow too much.
pub fn check_expression(expression: &Expr) -> Result<()> {
    Measures::default().expression(expression, &[], &[]).map(drop)
}

/// Refuses to put a second copy of an expression into a plan when it is large: nested copies would double with each level.
pub fn check_copy(expression: &Expr) -> Result<()> {
    check_copies(expression, 1)
}

/// Refuses to put so many copies of an expression into another when they are large together.
pub fn check_copies(expression: &Expr, copies: usize) -> Result<()> {
    let mut parts = 0_u64;
    expression.apply(|_| {
        parts = parts.saturating_add(copies as u64);
        Ok(if parts > EXPRESSION_PARTS_MAX { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if parts > EXPRESSION_PARTS_MAX {
        return plan_err!(
            "an expression would have more than {EXPRESSION_PARTS_MAX} parts, because NULLIF, BETWEEN, IN and subscripts need what they \
             compare more than once: compute it in an inner query"
        );
    }
    Ok(())
}

/// Refuses a query whose WITH would be read too often, before the planner walks what it makes of it.
pub fn check_syntax(query: &Query) -> Result<()> {
    let mut reads = Reads::default();
    match query.visit(&mut reads) {
        ControlFlow::Break(()) => too_many_operators(),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn too_many_operators<T>() -> Result<T> {
    plan_err!(
        "the query would have more than {QUERY_OPERATORS_MAX} operators once each relation of WITH stands where it is read: make a view of \
         what is read several times"
    )
}

/// Counts what is read when each relation of a WITH stands where it is read.
#[derive(Default)]
struct Reads {
    /// the sizes of the queries that are open, the innermost last
    open: Vec<u64>,
    /// the names of the queries of WITH, by their address
    named: HashMap<*const Query, String>,
    /// the sizes of those that were read to their end
    known: HashMap<String, u64>,
}

impl Reads {
    fn add(&mut self, size: u64) -> ControlFlow<()> {
        let Some(open) = self.open.last_mut() else { return ControlFlow::Continue(()) };
        *open = open.saturating_add(size);
        if *open > QUERY_OPERATORS_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Visitor for Reads {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.named.insert(std::ptr::from_ref::<Query>(&table.query), table.alias.name.value.clone());
        }
        self.open.push(1);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let size = self.open.pop().unwrap_or(1);
        match self.named.get(&std::ptr::from_ref(query)) {
            Some(name) => {
                self.known.insert(name.clone(), size);
                ControlFlow::Continue(())
            }
            None => self.add(size),
        }
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        let name = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.as_str());
        let size = name.and_then(|name| self.known.get(name).copied()).unwrap_or(1);
        self.add(size)
    }
}

/// Size of a plan: its operators, and the parts that each of its columns is made of.
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
            return too_many_operators();
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
        each_part(expression, 1, &mut |part, times| {
            let subquery = match part {
                Expr::ScalarSubquery(subquery) => Some(subquery),
                Expr::Exists(exists) => Some(&exists.subquery),
                Expr::InSubquery(within) => Some(&within.subquery),
                Expr::SetComparison(comparison) => Some(&comparison.subquery),
                _ => None,
            };
            if let Some(subquery) = subquery {
                operators = operators.saturating_add(self.of(&subquery.subquery)?.operators.saturating_mul(times));
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
            parts = parts.saturating_add(size.saturating_mul(times));
            Ok(())
        })?;
        if parts > EXPRESSION_PARTS_MAX {
            return plan_err!(
                "an expression would have more than {EXPRESSION_PARTS_MAX} parts once each name in it stands for what it is computed \
                 from, and COALESCE has its arguments twice: make a materialized view of an inner query"
            );
        }
        Ok((parts, operators))
    }
}

/// Calls `visit` with each part of an expression, and with how many times the optimiser has it: `coalesce(a, b)` becomes
/// `CASE WHEN a IS NOT NULL THEN a ELSE b END`.
fn each_part(expression: &Expr, times: u64, visit: &mut dyn FnMut(&Expr, u64) -> Result<()>) -> Result<()> {
    visit(expression, times)?;
    let last = match expression {
        Expr::ScalarFunction(call) if call.name() == "coalesce" => call.args.len().saturating_sub(1),
        _ => 0,
    };
    let mut place = 0;
    expression.apply_children(|child| {
        let copies = if place < last { 2 } else { 1 };
        place += 1;
        each_part(child, times.saturating_mul(copies), visit)?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}
