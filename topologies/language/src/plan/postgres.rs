//! Operators and special forms with PostgreSQL's meaning, chosen while types are known.
//!
//! Owns [`PostgresPlanner`], which DataFusion asks for every operator and special form, and [`rewrite`], which puts PostgreSQL's
//! comparison of intervals and its text forms into a planned expression.

use arrow_schema::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, ExprSchema, Result, ScalarValue};
use datafusion_expr::expr::{Between, InList, ScalarFunction};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion_expr::{BinaryExpr, Case, Cast, Expr, ExprSchemable, GetFieldAccess, LogicalPlan, Operator, lit, when};
use datafusion_sql::sqlparser::ast::BinaryOperator;

use super::calls::named;
use super::jsonb;
use super::numbers::typing::settled_type;
use super::temporal::mentions_now;
use super::types::{is_interval, is_json, local_timestamp_type};

/// Plans operators on times, and forms such as `EXTRACT(x FROM y)`.
#[derive(Debug)]
pub struct PostgresPlanner;

fn called(name: &str, arguments: Vec<Expr>) -> Result<Expr> {
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(named(name)?, arguments)))
}

fn planned<T>(name: &str, arguments: Vec<Expr>) -> Result<PlannerResult<T>> {
    called(name, arguments).map(PlannerResult::Planned)
}

impl ExprPlanner for PostgresPlanner {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (Ok(left), Ok(right)) = (raw.left.get_type(schema), raw.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(raw));
        };
        if mentions_now(&raw.left) || mentions_now(&raw.right) {
            return Ok(PlannerResult::Original(raw));
        }
        let left = if jsonb::is_operator(&raw.op) && !is_json(&left) { settled_type(&raw.left, schema)? } else { left };
        let raw = match jsonb::operator(raw, (&left, &right))? {
            PlannerResult::Planned(planned) => return Ok(PlannerResult::Planned(planned)),
            PlannerResult::Original(raw) => raw,
        };
        match raw.op {
            BinaryOperator::Plus => plus(raw, &left, &right),
            BinaryOperator::Minus => minus(raw, &left, &right),
            BinaryOperator::Multiply if is_interval(&left) => planned("interval_multiply", vec![raw.left, raw.right]),
            BinaryOperator::Multiply if is_interval(&right) => planned("interval_multiply", vec![raw.right, raw.left]),
            BinaryOperator::Divide if is_interval(&left) => planned("interval_divide", vec![raw.left, raw.right]),
            BinaryOperator::StringConcat => concatenated(raw, &left, &right),
            _ => Ok(PlannerResult::Original(raw)),
        }
    }

    fn plan_field_access(&self, access: RawFieldAccessExpr, _: &DFSchema) -> Result<PlannerResult<RawFieldAccessExpr>> {
        // Elements are counted from 1, and where there is none the answer is NULL: never one from the other end.
        let GetFieldAccess::ListIndex { key } = &access.field_access else { return Ok(PlannerResult::Original(access)) };
        if matches!(key.as_ref(), Expr::Literal(value, _) if *value > ScalarValue::Int64(Some(0))) {
            return Ok(PlannerResult::Original(access));
        }
        super::limits::expansion::check_copy(key)?;
        let counted = when(key.as_ref().clone().gt(lit(0_i64)), key.as_ref().clone()).end()?;
        let field_access = GetFieldAccess::ListIndex { key: Box::new(counted) };
        Ok(PlannerResult::Original(RawFieldAccessExpr { field_access, expr: access.expr }))
    }

    fn plan_extract(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        planned("extract", arguments)
    }

    fn plan_substring(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        planned("substr", arguments)
    }

    fn plan_overlay(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        planned("overlay", arguments)
    }

    fn plan_position(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        planned("strpos", arguments)
    }
}

fn is_time(kind: &DataType) -> bool {
    matches!(kind, DataType::Timestamp(_, _))
}

fn is_date(kind: &DataType) -> bool {
    matches!(kind, DataType::Date32)
}

/// A day is midnight where a time of day is added to it.
fn midnight(expression: Expr, kind: &DataType) -> Expr {
    if is_date(kind) { Expr::Cast(Cast::new(Box::new(expression), local_timestamp_type())) } else { expression }
}

fn plus(raw: RawBinaryExpr, left: &DataType, right: &DataType) -> Result<PlannerResult<RawBinaryExpr>> {
    let RawBinaryExpr { op, left: left_operand, right: right_operand } = raw;
    let (time, kind, interval) = if is_interval(right) && (is_time(left) || is_date(left)) {
        (left_operand, left, right_operand)
    } else if is_interval(left) && (is_time(right) || is_date(right)) {
        (right_operand, right, left_operand)
    } else {
        return Ok(PlannerResult::Original(RawBinaryExpr { op, left: left_operand, right: right_operand }));
    };
    let time = midnight(time, kind);
    Ok(PlannerResult::Planned(Expr::BinaryExpr(BinaryExpr::new(Box::new(time), Operator::Plus, Box::new(interval)))))
}

fn minus(raw: RawBinaryExpr, left: &DataType, right: &DataType) -> Result<PlannerResult<RawBinaryExpr>> {
    if is_date(left) && is_interval(right) {
        let time = midnight(raw.left, left);
        return Ok(PlannerResult::Planned(Expr::BinaryExpr(BinaryExpr::new(
            Box::new(time),
            Operator::Minus,
            Box::new(raw.right),
        ))));
    }
    if is_date(left) && is_date(right) {
        return planned("date_difference", vec![raw.left, raw.right]);
    }
    let is_point = |kind: &DataType| is_time(kind) || is_date(kind);
    if is_point(left) && is_point(right) && (is_time(left) || is_time(right)) {
        return planned("time_difference", vec![raw.left, raw.right]);
    }
    Ok(PlannerResult::Original(raw))
}

/// `||` writes what is not a text as PostgreSQL does.
fn concatenated(raw: RawBinaryExpr, left: &DataType, right: &DataType) -> Result<PlannerResult<RawBinaryExpr>> {
    let is_text = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::Utf8View);
    let is_number = |kind: &DataType| matches!(kind, DataType::Float64 | DataType::Float32 | DataType::Decimal256(_, _));
    if is_text(left) && (has_text_form(right) || is_number(right)) {
        let right = called("text_of", vec![raw.right])?;
        return Ok(PlannerResult::Original(RawBinaryExpr { right, ..raw }));
    }
    if is_text(right) && (has_text_form(left) || is_number(left)) {
        let left = called("text_of", vec![raw.left])?;
        return Ok(PlannerResult::Original(RawBinaryExpr { left, ..raw }));
    }
    Ok(PlannerResult::Original(raw))
}

/// Returns true if Arrow writes values of a type differently than PostgreSQL.
fn has_text_form(kind: &DataType) -> bool {
    is_time(kind) || is_date(kind) || is_interval(kind) || matches!(kind, DataType::Binary)
}

/// Rewrites every expression of a plan.
pub fn rewrite_plan(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|plan| {
        let mut schema = DFSchema::empty();
        for input in plan.inputs() {
            schema.merge(input.schema());
        }
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expression| {
            let name = names.save(&expression);
            rewrite(expression, &schema).map(|rewritten| Transformed::yes(name.restore(rewritten)))
        })
    })?;
    Ok(rewritten.data)
}

/// Puts PostgreSQL's comparison of intervals and its text forms into an expression over `schema`.
pub fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Expr> {
    expression.transform_up(|part| rewrite_part(part, schema)).map(|rewritten| rewritten.data)
}

fn rewrite_part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let interval = |expression: &Expr| expression.get_type(schema).is_ok_and(|kind| is_interval(&kind));
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) && (interval(&left) || interval(&right)) => {
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(measured(*left, schema)?, op, measured(*right, schema)?))))
        }
        Expr::Between(between) if [&between.expr, &between.low, &between.high].into_iter().any(|part| interval(part)) => {
            Ok(Transformed::yes(Expr::Between(Between::new(
                measured(*between.expr, schema)?,
                between.negated,
                measured(*between.low, schema)?,
                measured(*between.high, schema)?,
            ))))
        }
        Expr::InList(list) if interval(&list.expr) || list.list.iter().any(interval) => {
            let items = list.list.into_iter().map(|item| measured(item, schema).map(|item| *item)).collect::<Result<_>>()?;
            Ok(Transformed::yes(Expr::InList(InList::new(measured(*list.expr, schema)?, items, list.negated))))
        }
        Expr::Case(case) if case.expr.as_ref().is_some_and(|operand| interval(operand)) => {
            let operand = case.expr.map(|operand| measured(*operand, schema)).transpose()?;
            let branches = case.when_then_expr.into_iter().map(|(when, then)| Ok((measured(*when, schema)?, then)));
            Ok(Transformed::yes(Expr::Case(Case::new(operand, branches.collect::<Result<_>>()?, case.else_expr))))
        }
        Expr::ScalarFunction(call) if call.args.iter().any(interval) => match call.name() {
            "greatest" => called("interval_greatest", call.args).map(Transformed::yes),
            "least" => called("interval_least", call.args).map(Transformed::yes),
            "nullif" if call.args.len() == 2 => {
                super::limits::expansion::check_copy(&call.args[0])?;
                let (left, right) = (call.args[0].clone(), call.args[1].clone());
                let equal = Expr::eq(*measured(left.clone(), schema)?, *measured(right, schema)?);
                let null = Expr::Literal(ScalarValue::IntervalMonthDayNano(None), None);
                Ok(Transformed::yes(when(equal, null).otherwise(left)?))
            }
            _ => Ok(Transformed::no(Expr::ScalarFunction(call))),
        },
        Expr::Cast(cast)
            if is_text_type(cast.field.data_type()) && cast.expr.get_type(schema).is_ok_and(|kind| has_text_form(&kind)) =>
        {
            called("text_of", vec![*cast.expr]).map(Transformed::yes)
        }
        Expr::Cast(cast)
            if cast.field.data_type() == &DataType::Binary
                && cast.expr.get_type(schema).is_ok_and(|kind| is_text_type(&kind)) =>
        {
            called("bytes_of", vec![*cast.expr]).map(Transformed::yes)
        }
        other => Ok(Transformed::no(other)),
    }
}

fn is_text_type(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::Utf8View)
}

fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Returns the value that is compared in place of an interval; a text beside one is read as an interval.
fn measured(expression: Expr, schema: &dyn ExprSchema) -> Result<Box<Expr>> {
    let kind = expression.get_type(schema)?;
    let interval =
        if is_interval(&kind) { expression } else { Expr::Cast(Cast::new(Box::new(expression), super::types::interval_type())) };
    called("interval_length", vec![interval]).map(Box::new)
}
