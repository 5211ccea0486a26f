//! JSONB among the other types: its operators, comparisons, casts, and where a constant text stands for one.
//!
//! JSONB is a `LargeUtf8` to DataFusion, which takes that for a text like any other. So whatever compares, chooses or casts is decided here before
//! its own rules see it: an expression enters, one leaves in which JSONB meets nothing but JSONB, or the error that says what to write.

use arrow_schema::DataType;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::{ScalarFunction, Sort};
use datafusion_expr::planner::{PlannerResult, RawBinaryExpr};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Like, Operator};
use datafusion_sql::sqlparser::ast::BinaryOperator;
use schemas::list_text::list_items;

use super::calls::named;
use super::fallible::MAY_FAIL;
use super::json_constant::json_constant;
use super::limits::bounded::bounded;
use super::types::{is_json, json_type, type_name};
use super::wording;

/// Functions whose arguments are JSONB when one of them is.
const OF_ONE_TYPE: [&str; 7] =
    ["nullif", "array_append", "array_prepend", "array_position", "array_positions", "array_remove", "array_replace_all"];
/// Functions that take JSONB beside anything else.
const OF_ANY_TYPE: [&str; 4] = ["concat", "concat_ws", "text_of", MAY_FAIL];
/// Functions of DataFusion that would put elements of a list in an order, or write them as texts.
const OF_ORDER_OR_TEXT: [&str; 4] = ["array_sort", "array_max", "array_min", "array_to_string"];
/// Aggregates and choices that need an order of values, or texts.
const AGGREGATES_OF_ORDER_OR_TEXT: [&str; 7] = ["min", "max", "string_agg", "mode", "percentile_disc", "greatest", "least"];
const NO_ORDER: &str = "JSONB has no order here: take a part of it as a text with ->>, or as a number with CAST((... -> 'name') AS NUMERIC)";

fn called(name: &str, arguments: Vec<Expr>) -> Result<Expr> {
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(named(name)?, arguments)))
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::Utf8View)
}

/// Returns true if JSONB is the type or the type of the items of a list.
pub fn contains_json(kind: &DataType) -> bool {
    match kind {
        DataType::List(item) => contains_json(item.data_type()),
        kind => is_json(kind),
    }
}

/// Returns true for operators that nothing but JSONB has.
pub fn is_operator(operator: &BinaryOperator) -> bool {
    use BinaryOperator::{Arrow, HashArrow, HashLongArrow, HashMinus, LongArrow, Question, QuestionAnd, QuestionPipe};
    matches!(operator, Arrow | LongArrow | HashArrow | HashLongArrow | Question | QuestionPipe | QuestionAnd | HashMinus)
}

/// An operator of JSONB as the function that computes it; what is none is left to others.
pub fn operator(raw: RawBinaryExpr, types: (&DataType, &DataType)) -> Result<PlannerResult<RawBinaryExpr>> {
    let RawBinaryExpr { op, left, right } = raw;
    let (is_left, is_right) = (is_json(types.0), is_json(types.1));
    if is_operator(&op) && !is_left {
        return plan_err!(
            "{} is {}, and the left side of '{op}' is JSONB: write CAST(... AS JSONB)",
            wording::sql(&left),
            type_name(types.0)
        );
    }
    let planned = match op {
        BinaryOperator::Arrow => called("->", vec![left, right]),
        BinaryOperator::LongArrow => called("->>", vec![left, right]),
        BinaryOperator::Question => called("?", vec![left, right]),
        BinaryOperator::HashArrow => called("#>", vec![left, path(right, types.1)?]),
        BinaryOperator::HashLongArrow => called("#>>", vec![left, path(right, types.1)?]),
        BinaryOperator::QuestionPipe => called("?|", vec![left, path(right, types.1)?]),
        BinaryOperator::QuestionAnd => called("?&", vec![left, path(right, types.1)?]),
        BinaryOperator::HashMinus => called("#-", vec![left, path(right, types.1)?]),
        BinaryOperator::Minus if is_left => called("jsonb_delete", vec![left, right]),
        BinaryOperator::AtArrow if is_left || is_right => {
            called("@>", vec![as_json(left, types.0)?, as_json(right, types.1)?])
        }
        BinaryOperator::ArrowAt if is_left || is_right => {
            called("@>", vec![as_json(right, types.1)?, as_json(left, types.0)?])
        }
        BinaryOperator::StringConcat if is_left || is_right => concatenated((left, types.0), (right, types.1)),
        op => return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right })),
    };
    planned.map(PlannerResult::Planned)
}

/// `||`: of JSONB with JSONB or a constant, or of the text of JSONB with another text.
fn concatenated(left: (Expr, &DataType), right: (Expr, &DataType)) -> Result<Expr> {
    let is_plain_text = |(side, kind): &(Expr, &DataType)| is_text(kind) && !matches!(side, Expr::Literal(..));
    if !is_plain_text(&left) && !is_plain_text(&right) {
        return called("jsonb_concat", vec![as_json(left.0, left.1)?, as_json(right.0, right.1)?]);
    }
    let text = |(side, kind): (Expr, &DataType)| if is_json(kind) { called("text_of", vec![side]) } else { Ok(side) };
    let (left, right) = (text(left)?, text(right)?);
    Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), Operator::StringConcat, Box::new(right))))
}

/// A path: a list of texts, which a constant text such as `'{a,0}'` may stand for.
///
/// # Errors
/// It is something else.
pub fn path(expression: Expr, kind: &DataType) -> Result<Expr> {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = &expression else {
        return match kind {
            DataType::List(item) if is_text(item.data_type()) => Ok(expression),
            _ => plan_err!(
                "{} is {}, and a list of texts is needed here: write '{{a,b}}' or ARRAY['a', 'b']",
                wording::sql(&expression),
                type_name(kind)
            ),
        };
    };
    let Some(items) = list_items(text) else {
        return plan_err!("'{text}' is not a list of texts: write '{{a,b}}' or ARRAY['a', 'b']");
    };
    let items: Vec<ScalarValue> = items.into_iter().map(ScalarValue::Utf8).collect();
    let list = ScalarValue::List(ScalarValue::new_list_nullable(&items, &DataType::Utf8));
    Ok(Expr::Literal(list, None))
}

/// The expression as JSONB: a constant text is read as one, NULL is one.
///
/// # Errors
/// It has another type, or the text is not JSON.
pub fn as_json(expression: Expr, kind: &DataType) -> Result<Expr> {
    match (&expression, kind) {
        (_, kind) if is_json(kind) => Ok(expression),
        (Expr::Literal(value @ (ScalarValue::Utf8(_) | ScalarValue::Null), metadata), _) => {
            Ok(Expr::Literal(json_constant(value, &json_type())?, metadata.clone()))
        }
        (_, DataType::Null) => Ok(Expr::Literal(ScalarValue::LargeUtf8(None), None)),
        _ => {
            let instead = if is_text(kind) { "CAST(... AS JSONB)" } else { "to_jsonb(...)" };
            plan_err!("{} is {} beside JSONB: write {instead}", wording::sql(&expression), type_name(kind))
        }
    }
}

/// A comparison of which one side is JSONB. Equal are values that differ in no more than zeros at the end of a number.
pub fn compared(left: (Expr, &DataType), operator: Operator, right: (Expr, &DataType)) -> Result<Expr> {
    use Operator::{And, Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq, Or};
    let (left, right) = match operator {
        Eq | NotEq | IsDistinctFrom | IsNotDistinctFrom => (comparable(left.0, left.1)?, comparable(right.0, right.1)?),
        Lt | LtEq | Gt | GtEq => return plan_err!("'{operator}' compares JSONB: {NO_ORDER}"),
        // What is no truth value is told to be none by others.
        And | Or => (left.0, right.0),
        _ => return plan_err!("'{operator}' does not take JSONB: take a number out of it with CAST((... -> 'name') AS NUMERIC)"),
    };
    Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right))))
}

/// The form of a value in which equal ones are equal texts.
pub fn comparable(expression: Expr, kind: &DataType) -> Result<Expr> {
    called("jsonb_comparable", vec![as_json(expression, kind)?])
}

/// The expressions as JSONB if one of them is; `None` if none is.
pub fn of_one_type(expressions: &[Expr], types: &[DataType]) -> Result<Option<Vec<Expr>>> {
    if !types.iter().any(is_json) {
        return Ok(None);
    }
    expressions.iter().zip(types).map(|(expression, kind)| as_json(expression.clone(), kind)).collect::<Result<_>>().map(Some)
}

/// A cast from or to JSONB; `None` if neither type is one.
pub fn cast(expression: &Expr, from: &DataType, to: &DataType) -> Result<Option<Expr>> {
    let value = || vec![expression.clone()];
    Ok(Some(match (is_json(from), is_json(to)) {
        (true, true) => expression.clone(),
        (false, true) if *from == DataType::Null => Expr::Literal(ScalarValue::LargeUtf8(None), None),
        (false, true) if is_text(from) => {
            // Numbers with exponents become long.
            Expr::ScalarFunction(ScalarFunction::new_udf(bounded(named("jsonb_of")?), value()))
        }
        (false, true) => return plan_err!("{} can't be cast to JSONB: write to_jsonb(...)", type_name(from)),
        (true, false) if is_text(to) => called("text_of", value())?,
        (true, false) if *to == DataType::Boolean => called("jsonb_boolean", value())?,
        (true, false) => match super::numbers::cast::of_json(expression, to) {
            Some(number) => number,
            None => {
                return plan_err!(
                    "JSONB can't be cast to {}: cast the text of a part of it, such as CAST((... ->> 'name') AS {})",
                    type_name(to),
                    type_name(to)
                );
            }
        },
        (false, false) if contains_json(from) != contains_json(to) && *from != DataType::Null => {
            return plan_err!("{} can't be cast to {}: cast the elements", type_name(from), type_name(to));
        }
        (false, false) => return Ok(None),
    }))
}

/// The arguments of a function that knows nothing of JSONB, as JSONB where others of them are.
///
/// # Errors
/// The function would take JSONB for texts.
pub fn arguments(name: &str, arguments: Vec<Expr>, types: &[DataType]) -> Result<Vec<Expr>> {
    if !types.iter().any(contains_json) {
        return Ok(arguments);
    }
    if OF_ORDER_OR_TEXT.contains(&name) {
        return plan_err!("'{name}' does not take JSONB: {NO_ORDER}");
    }
    if OF_ANY_TYPE.contains(&name) {
        return Ok(arguments);
    }
    if !OF_ONE_TYPE.contains(&name) {
        return match types.iter().any(is_json) {
            true => plan_err!("'{name}' does not take JSONB: take a part of it as a text with ->>, or all of it with CAST(... AS TEXT)"),
            false => Ok(arguments),
        };
    }
    let converted = |(argument, kind): (Expr, &DataType)| match kind {
        DataType::List(item) if !is_json(item.data_type()) && *item.data_type() != DataType::Null => {
            plan_err!("'{name}' takes JSONB and {}: cast the elements", type_name(kind))
        }
        DataType::List(_) => Ok(argument),
        kind => as_json(argument, kind),
    };
    arguments.into_iter().zip(types).map(converted).collect()
}

/// Refuses an order of JSONB.
pub fn check_order(order: &[Sort], schema: &DFSchema) -> Result<()> {
    let is_of_json = |sort: &Sort| sort.expr.get_type(schema).is_ok_and(|kind| contains_json(&kind));
    if order.iter().any(is_of_json) { plan_err!("ORDER BY takes no JSONB: {NO_ORDER}") } else { Ok(()) }
}

/// Refuses patterns of texts over JSONB.
pub fn check_pattern(pattern: &Like, schema: &DFSchema) -> Result<()> {
    for part in [&pattern.expr, &pattern.pattern] {
        if contains_json(&part.get_type(schema)?) {
            return plan_err!("{} is JSONB, and LIKE takes texts: take one out of it with ->>", wording::sql(part));
        }
    }
    Ok(())
}

/// Refuses the greatest and the least JSONB, and others that need an order or texts.
pub fn check_aggregate(name: &str, types: &[DataType]) -> Result<()> {
    match types.iter().any(contains_json) && AGGREGATES_OF_ORDER_OR_TEXT.contains(&name) {
        true => plan_err!("'{name}' does not take JSONB: {NO_ORDER}"),
        false => Ok(()),
    }
}

/// Refuses rows that are put together or compared, of which some have JSONB and others something else in a column.
pub fn check_columns(place: &str, types: &[&DataType]) -> Result<()> {
    let other = types.iter().find(|kind| ***kind != DataType::Null && !contains_json(kind));
    match other {
        Some(other) if types.iter().any(|kind| contains_json(kind)) => {
            plan_err!("{place} has JSONB and {}: write CAST(... AS JSONB), to_jsonb(...) or CAST(... AS TEXT)", type_name(other))
        }
        _ => Ok(()),
    }
}

/// Refuses casts between JSONB and texts that nobody wrote: whoever planned them took the two for one type.
pub fn check_casts(expression: &Expr, schema: &DFSchema) -> Result<()> {
    expression
        .apply(|part| match part {
            Expr::Cast(cast) => {
                let (from, to) = (cast.expr.get_type(schema)?, cast.field.data_type());
                if from != DataType::Null && contains_json(&from) != contains_json(to) {
                    return plan_err!(
                        "{} is {} where {} is needed: write CAST(... AS JSONB), to_jsonb(...) or CAST(... AS TEXT)",
                        wording::sql(&cast.expr),
                        type_name(&from),
                        type_name(to)
                    );
                }
                Ok(TreeNodeRecursion::Continue)
            }
            _ => Ok(TreeNodeRecursion::Continue),
        })
        .map(drop)
}
