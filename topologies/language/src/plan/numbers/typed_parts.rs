//! The parts of an expression in PostgreSQL's types: operators, lists, choices, casts and calls.
//!
//! A part enters whose own parts are typed already; it leaves with what it compares or chooses from in one type.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::{InList, ScalarFunction};
use datafusion_expr::{Between, BinaryExpr, Case, Cast, Expr, ExprSchemable, Operator, ScalarUDF};

use super::cast::cast;
use super::functions::{NumberFunction, of_operator};
use super::kind::NumberKind;
use super::literals::widened;
use crate::plan::calls::is_call;
use crate::plan::limits::expansion::check_copy;
use crate::plan::types::{is_json, type_name};
use crate::plan::{jsonb, list_functions, wording};

/// Functions whose arguments are of one type, which is that of the result.
const ONE_TYPE: [&str; 4] = ["coalesce", "greatest", "least", "make_array"];

pub(super) fn typed_binary(binary: BinaryExpr, schema: &DFSchema) -> Result<Expr> {
    let BinaryExpr { left, op, right } = binary;
    let types = (left.get_type(schema)?, right.get_type(schema)?);
    typed_operator((*left, &types.0), op, (*right, &types.1), schema)
}

/// An operator over operands of these types.
pub(super) fn typed_operator(
    (left, left_type): (Expr, &DataType),
    op: Operator,
    (right, right_type): (Expr, &DataType),
    schema: &DFSchema,
) -> Result<Expr> {
    if is_json(left_type) || is_json(right_type) {
        return jsonb::compared((left, left_type), op, (right, right_type));
    }
    let kinds = (NumberKind::of(left_type), NumberKind::of(right_type));
    if kinds.0.is_none() && kinds.1.is_none() {
        return Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))));
    }
    // A text that stands for a number is the only operand that changes its type here.
    let (left_text, right_text) = (*left_type == DataType::Utf8, *right_type == DataType::Utf8);
    let (left, right) = with_typed_texts((left, left_type), (right, right_type), op)?;
    let left_type = if left_text { left.get_type(schema)? } else { left_type.clone() };
    let right_type = if right_text { right.get_type(schema)? } else { right_type.clone() };
    let types = (left_type, right_type);
    let kinds = (NumberKind::of(&types.0), NumberKind::of(&types.1));
    let null = |kind: &DataType| *kind == DataType::Null;
    let are_numbers = (kinds.0.is_some() || null(&types.0)) && (kinds.1.is_some() || null(&types.1));
    if are_numbers && let Some(function) = of_operator(op) {
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![left, right])));
    }
    let (left, right) = match kinds {
        (Some(left_kind), Some(right_kind)) if left_kind != right_kind && is_comparison(op) => {
            let common = left_kind.common(right_kind).data_type();
            (as_type(left, &types.0, &common)?, as_type(right, &types.1, &common)?)
        }
        _ => (left, right),
    };
    Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
}

fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// A constant text beside a number is one: `price > '1.5'`. Any other text is refused, as PostgreSQL does.
fn with_typed_texts(
    (left, left_type): (Expr, &DataType),
    (right, right_type): (Expr, &DataType),
    operator: Operator,
) -> Result<(Expr, Expr)> {
    let typed = |text: Expr, from: &DataType, other: &DataType| {
        if *from != DataType::Utf8 || NumberKind::of(other).is_none() || operator == Operator::StringConcat {
            return Ok(text);
        }
        if !matches!(text, Expr::Literal(_, _)) {
            return plan_err!(
                "{} is TEXT and the other side of '{operator}' is {}: write CAST(... AS {})",
                wording::sql(&text),
                type_name(other),
                type_name(other)
            );
        }
        // An unknown literal takes the type of the other side, but no scale.
        let target = match NumberKind::of(other) {
            Some(NumberKind::Exact { .. }) => NumberKind::Wide.data_type(),
            _ => other.clone(),
        };
        as_type(text, from, &target)
    };
    Ok((typed(left, left_type, right_type)?, typed(right, right_type, left_type)?))
}

pub(super) fn typed_between(between: Between, schema: &DFSchema) -> Result<Expr> {
    let Between { expr, negated, low, high } = between;
    let types = [expr.get_type(schema)?, low.get_type(schema)?, high.get_type(schema)?];
    if types.iter().any(is_json) {
        return jsonb::compared((*expr, &types[0]), Operator::GtEq, (*low, &types[1]));
    }
    let differ = types.iter().any(|kind| *kind != types[0]);
    if !differ || types.iter().all(|kind| NumberKind::of(kind).is_none()) {
        return Ok(Expr::Between(Between { expr, negated, low, high }));
    }
    check_copy(&expr)?;
    // Each bound is compared in the type that it has in common with the value.
    let (first, second, joined) =
        if negated { (Operator::Lt, Operator::Gt, Operator::Or) } else { (Operator::GtEq, Operator::LtEq, Operator::And) };
    let low = typed_binary(BinaryExpr::new(expr.clone(), first, low), schema)?;
    let high = typed_binary(BinaryExpr::new(expr, second, high), schema)?;
    Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(low), joined, Box::new(high))))
}

pub(super) fn typed_list(list: InList, schema: &DFSchema) -> Result<Expr> {
    let InList { expr, list, negated } = list;
    let mut all = vec![*expr];
    all.extend(list);
    let mut all = of_one_comparable_type(all, schema)?.into_iter();
    match all.next() {
        Some(expr) => {
            let list = constants_first(&expr, all.collect());
            Ok(Expr::InList(InList::new(Box::new(expr), list, negated)))
        }
        None => plan_err!("IN needs a value"),
    }
}

/// The items of a list in the order in which PostgreSQL compares a value with them: two constants or more are one array, which comes before
/// the others, and a constant that is compared with a constant is known before any row.
fn constants_first(value: &Expr, mut list: Vec<Expr>) -> Vec<Expr> {
    let constants = list.iter().filter(|item| !item.any_column_refs()).count();
    if constants > 1 || !value.any_column_refs() {
        // Stable: the others keep their order.
        list.sort_by_key(Expr::any_column_refs);
    }
    list
}

pub(super) fn typed_case(case: Case, schema: &DFSchema) -> Result<Expr> {
    let Case { expr, when_then_expr, else_expr } = case;
    let (whens, thens): (Vec<Expr>, Vec<Expr>) = when_then_expr.into_iter().map(|(when, then)| (*when, *then)).unzip();
    let (expr, whens) = match expr {
        Some(expr) => {
            let mut all = vec![*expr];
            all.extend(whens);
            let mut all = of_one_comparable_type(all, schema)?.into_iter();
            (all.next().map(Box::new), all.collect())
        }
        None => (None, whens),
    };
    let has_else = else_expr.is_some();
    let mut results = of_one_type(thens.into_iter().chain(else_expr.map(|other| *other)).collect(), schema)?;
    let else_expr = if has_else { results.pop().map(Box::new) } else { None };
    let when_then_expr = whens.into_iter().zip(results).map(|(when, then): (Expr, Expr)| (Box::new(when), Box::new(then)));
    Ok(Expr::Case(Case { expr, when_then_expr: when_then_expr.collect(), else_expr }))
}

pub(super) fn typed_cast(inner: Cast, schema: &DFSchema) -> Result<Expr> {
    let (from, to) = (inner.expr.get_type(schema)?, inner.field.data_type().clone());
    if matches!(to, DataType::Float32 | DataType::Float16) {
        return plan_err!("REAL is not supported: write DOUBLE PRECISION");
    }
    if matches!(to, DataType::List(_)) && matches!(from, DataType::Utf8 | DataType::Utf8View) {
        return plan_err!("a text can't be cast to a list: write ARRAY[...] or string_to_array(text, separator)");
    }
    if let Some(expression) = jsonb::cast(&inner.expr, &from, &to)? {
        return Ok(expression);
    }
    Ok(match cast(&inner.expr, &from, &to)? {
        Some(expression) => expression,
        None => Expr::Cast(inner),
    })
}

pub(super) fn typed_call(call: ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let ScalarFunction { func, args } = call;
    let name = func.name();
    if func.inner().is::<NumberFunction>() {
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)));
    }
    if ONE_TYPE.contains(&name) {
        let args = of_one_type(args, schema)?;
        if ["greatest", "least"].contains(&name) {
            let types = args.iter().map(|argument| argument.get_type(schema)).collect::<Result<Vec<_>>>()?;
            jsonb::check_aggregate(name, &types)?;
        }
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)));
    }
    if name == "nullif"
        && let [value, other] = &args[..]
        && (NumberKind::of(&value.get_type(schema)?).is_some() || is_json(&value.get_type(schema)?))
    {
        check_copy(value)?;
        // NULL where both are equal in their common type, otherwise the value in its own.
        let equality = BinaryExpr::new(Box::new(value.clone()), Operator::Eq, Box::new(other.clone()));
        let null = Expr::Literal(ScalarValue::try_from(&value.get_type(schema)?)?, None);
        let when = vec![(Box::new(typed_binary(equality, schema)?), Box::new(null))];
        return Ok(Expr::Case(Case { expr: None, when_then_expr: when, else_expr: Some(Box::new(value.clone())) }));
    }
    if let Some(function) = list_functions::instead_of(name) {
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, args)));
    }
    match name {
        "array_element" => return typed_subscript(func, args),
        "array_slice" => {
            return plan_err!("slices of lists are not supported: write the elements that are wanted, such as ARRAY[a[1], a[2]]");
        }
        _ => {}
    }
    // DataFusion's functions are declared for its literals, ours for those of SQL.
    let is_ours = name.starts_with("cast to ") || is_call(&func);
    let args = if is_call(&func) {
        as_taken(&func, args, schema)?
    } else if is_ours {
        args
    } else {
        let types = args.iter().map(|argument| argument.get_type(schema)).collect::<Result<Vec<_>>>()?;
        jsonb::arguments(name, args, &types)?
    };
    let args = args.into_iter().map(|argument| if is_ours { argument } else { widened(argument) }).collect();
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)))
}

/// The arguments in the types of numbers that a function takes: DataFusion's own cast of NUMERIC is not the nearest DOUBLE PRECISION. A constant
/// text becomes the JSONB that it stands for.
fn as_taken(function: &ScalarUDF, args: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
    let types = args.iter().map(|argument| argument.get_type(schema)).collect::<Result<Vec<_>>>()?;
    let taken = function.coerce_types(&types)?;
    let are_numbers = |from, to| NumberKind::of(from).is_some() && NumberKind::of(to).is_some();
    args.into_iter()
        .zip(types.iter().zip(&taken))
        .map(|(argument, (from, to))| match () {
            () if are_numbers(from, to) => as_type(argument, from, to),
            () if is_json(to) => jsonb::as_json(argument, from),
            () if *from == DataType::Utf8 && matches!(to, DataType::List(_)) => jsonb::path(argument, from),
            () => Ok(argument),
        })
        .collect()
}

/// An element of a list. DataFusion counts negative places from the end, where there is nothing.
fn typed_subscript(function: Arc<ScalarUDF>, args: Vec<Expr>) -> Result<Expr> {
    args.get(1).map_or(Ok(()), check_copy)?;
    let place = args.get(1).cloned().map(widened);
    let args: Vec<Expr> = args.into_iter().map(widened).collect();
    let element = Expr::ScalarFunction(ScalarFunction::new_udf(function, args));
    Ok(match place {
        Some(Expr::Literal(ScalarValue::Int64(Some(1..)), _)) | None => element,
        Some(place) => {
            let first = Expr::Literal(ScalarValue::Int64(Some(1)), None);
            let is_inside = Expr::BinaryExpr(BinaryExpr::new(Box::new(place), Operator::GtEq, Box::new(first)));
            Expr::Case(Case { expr: None, when_then_expr: vec![(Box::new(is_inside), Box::new(element))], else_expr: None })
        }
    })
}

/// The same for expressions that are compared with one another.
fn of_one_comparable_type(expressions: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
    let all = of_one_type(expressions, schema)?.into_iter().map(|expression| match expression.get_type(schema)? {
        kind if is_json(&kind) => jsonb::comparable(expression, &kind),
        _ => Ok(expression),
    });
    all.collect()
}

/// The expressions in the type that all of them have in common, where they are numbers or JSONB.
pub(super) fn of_one_type(expressions: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
    let types = expressions.iter().map(|expression| expression.get_type(schema)).collect::<Result<Vec<_>>>()?;
    if let Some(all) = jsonb::of_one_type(&expressions, &types)? {
        return Ok(all);
    }
    let Some(common) = types.iter().filter_map(NumberKind::of).reduce(NumberKind::common) else { return Ok(expressions) };
    // A text literal takes the type of the others, but not their scale: it would be rounded.
    let is_text_literal =
        |(expression, kind): (&Expr, &DataType)| matches!((expression, kind), (Expr::Literal(_, _), DataType::Utf8));
    let has_text = expressions.iter().zip(&types).any(is_text_literal);
    let common = match common {
        NumberKind::Exact { .. } if has_text => NumberKind::Wide.data_type(),
        common => common.data_type(),
    };
    expressions
        .into_iter()
        .zip(&types)
        .map(|(expression, from)| match (NumberKind::of(from), from, &expression) {
            (Some(_), _, _) | (None, DataType::Utf8, Expr::Literal(_, _)) => as_type(expression, from, &common),
            _ => Ok(expression),
        })
        .collect()
}

/// The expression as one of a type of numbers.
pub(super) fn as_type(expression: Expr, from: &DataType, to: &DataType) -> Result<Expr> {
    match cast(&expression, from, to)? {
        Some(expression) => Ok(expression),
        None => plan_err!("{} is {}, which is not a number", wording::sql(&expression), type_name(from)),
    }
}

#[cfg(test)]
mod tests {
    use datafusion_expr::{col, lit};

    use super::*;

    #[test]
    fn constants_of_a_list_come_before_the_others_when_there_are_several_or_the_value_is_one() {
        let two = vec![col("a"), lit(1), col("b"), lit(2)];
        assert_eq!(constants_first(&col("v"), two), [lit(1), lit(2), col("a"), col("b")]);
        assert_eq!(constants_first(&col("v"), vec![col("a"), lit(1)]), [col("a"), lit(1)]);
        assert_eq!(constants_first(&lit(3), vec![col("a"), lit(1)]), [lit(1), col("a")]);
    }
}
