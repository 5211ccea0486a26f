//! `ROW_NUMBER() ... <= k`: which column of a plan is a row number, and how far the conditions above it bound it.
//!
//! Owns the recognition of ranked sub-queries. A plan and its conditions enter; the window and the number of rows to keep leave.

use arrow_schema::DataType;
use datafusion_common::{Column, DFSchema, ScalarValue};
use datafusion_expr::{Expr, LogicalPlan, Operator, Window as WindowPlan};

use crate::plan::scalar::unalias;

/// A column that holds a row number.
pub struct RowNumberColumn {
    /// its number among the columns of the plan
    pub column: usize,
    /// true if something between the window and the plan computes with it
    pub is_read_below: bool,
}

/// The row number among the columns of a plan, also through projections that pass it on.
pub fn row_number(plan: &LogicalPlan) -> Option<RowNumberColumn> {
    match plan {
        LogicalPlan::Window(window) if is_row_number(window) => {
            Some(RowNumberColumn { column: window.schema.fields().len() - 1, is_read_below: false })
        }
        LogicalPlan::SubqueryAlias(alias) => row_number(&alias.input),
        LogicalPlan::Projection(projection) => {
            let below = row_number(&projection.input)?;
            let schema = projection.input.schema();
            let is_number = |column: &Column| schema.maybe_index_of_column(column) == Some(below.column);
            let passes = |expression: &Expr| matches!(unalias(expression), Expr::Column(column) if is_number(&column));
            let column = projection.expr.iter().position(passes)?;
            let mut others = projection.expr.iter().enumerate().filter(|(place, _)| *place != column);
            let is_read_below = below.is_read_below || others.any(|(_, expression)| reads(expression, schema, below.column));
            Some(RowNumberColumn { column, is_read_below })
        }
        _ => None,
    }
}

/// Returns true if a window plan numbers rows and computes nothing else.
pub fn is_row_number(window: &WindowPlan) -> bool {
    matches!(&window.window_expr[..], [call] if matches!(unalias(call), Expr::WindowFunction(call) if call.fun.name() == "row_number"))
}

/// Returns true if an expression reads a column, given by its number.
pub fn reads(expression: &Expr, schema: &DFSchema, column: usize) -> bool {
    expression.column_refs().iter().any(|other| schema.maybe_index_of_column(other) == Some(column))
}

/// The number of rows to keep by conditions such as `row_number <= k`, `< k` and `= k`; those that say nothing more are taken out.
pub fn take_limit(conditions: &mut Vec<Expr>, schema: &DFSchema, column: usize) -> Option<usize> {
    let mut limit = None;
    conditions.retain(|condition| match bound(condition, schema, column) {
        Some(bound) => {
            limit = Some(limit.map_or(bound.rows, |rows: usize| rows.min(bound.rows)));
            bound.is_condition
        }
        None => true,
    });
    limit
}

struct Bound {
    rows: usize,
    /// the rows that are kept must still be tested
    is_condition: bool,
}

fn bound(condition: &Expr, schema: &DFSchema, column: usize) -> Option<Bound> {
    let Expr::BinaryExpr(binary) = condition else { return None };
    let (side, operator, value) = match (binary.left.as_ref(), binary.right.as_ref()) {
        (side, Expr::Literal(value, _)) => (side, binary.op, value),
        (Expr::Literal(value, _), side) => (side, binary.op.swap()?, value),
        _ => return None,
    };
    let side = match unalias(side) {
        Expr::Cast(cast) => *cast.expr,
        other => other,
    };
    let Expr::Column(found) = side else { return None };
    if schema.maybe_index_of_column(&found) != Some(column) {
        return None;
    }
    let ScalarValue::Int64(Some(value)) = value.cast_to(&DataType::Int64).ok()? else { return None };
    let rows = usize::try_from(value).unwrap_or(0);
    match operator {
        Operator::LtEq => Some(Bound { rows, is_condition: false }),
        Operator::Lt => Some(Bound { rows: rows.saturating_sub(1), is_condition: false }),
        Operator::Eq => Some(Bound { rows, is_condition: rows != 1 }),
        _ => None,
    }
}
