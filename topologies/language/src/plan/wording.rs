//! Expressions and constants in the words of SQL, for plans, row errors and diagnostics.
//!
//! Owns the translation of what DataFusion prints. An expression enters, text leaves: no name of a Rust type is in it.

use arrow_schema::DataType;
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{Column, ScalarValue};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{BinaryExpr, Cast, Expr, Operator};
use schemas::numeric::Numeric;

use super::fallible::MAY_FAIL;
use super::numbers::cast::NumberCast;
use super::numbers::functions::NumberFunction;
use super::types::{json_type, sql_types};

/// Returns the SQL text of an expression.
pub fn sql(expression: &Expr) -> String {
    let shown = expression.clone().transform(|part| match &part {
        Expr::Literal(value, _) => Ok(Transformed::yes(Expr::Column(Column::from_name(literal(value))))),
        Expr::ScalarFunction(call) => Ok(as_written(call).map_or_else(|| Transformed::no(part.clone()), Transformed::yes)),
        _ => Ok(Transformed::no(part)),
    });
    let text = shown.data().map_or_else(|error| error.to_string(), |shown| shown.to_string());
    sql_types(&text).replace("count(1)", "count(*)").replace(" != ", " <> ")
}

/// An operator or a cast, for the function that computes it; `None` for a function that is called by its name.
fn as_written(call: &ScalarFunction) -> Option<Expr> {
    let function = call.func.inner();
    if let Some(cast) = function.downcast_ref::<NumberCast>() {
        return Some(Expr::Cast(Cast::new(Box::new(call.args.first()?.clone()), cast.target().clone())));
    }
    match (call.name(), &call.args[..]) {
        // What is compared in place of an interval, and what stands for a text form, is the interval and the value to people.
        ("interval_length" | "interval_in_days" | "jsonb_comparable" | MAY_FAIL, [value]) => return Some(value.clone()),
        ("jsonb_of", [value]) => return Some(Expr::Cast(Cast::new(Box::new(value.clone()), json_type()))),
        ("jsonb_boolean", [value]) => return Some(Expr::Cast(Cast::new(Box::new(value.clone()), DataType::Boolean))),
        ("text_of", [value]) => return Some(Expr::Cast(Cast::new(Box::new(value.clone()), DataType::Utf8))),
        ("bytes_of", [value]) => return Some(Expr::Cast(Cast::new(Box::new(value.clone()), DataType::Binary))),
        _ => {}
    }
    let operator = match call.name() {
        "time_difference" | "date_difference" => Operator::Minus,
        "interval_multiply" => Operator::Multiply,
        "interval_divide" => Operator::Divide,
        "->" => Operator::Arrow,
        "->>" => Operator::LongArrow,
        "#>" => Operator::HashArrow,
        "#>>" => Operator::HashLongArrow,
        "@>" => Operator::AtArrow,
        "?" => Operator::Question,
        "?|" => Operator::QuestionPipe,
        "?&" => Operator::QuestionAnd,
        "#-" => Operator::HashMinus,
        "jsonb_delete" => Operator::Minus,
        "jsonb_concat" => Operator::StringConcat,
        _ => function.downcast_ref::<NumberFunction>()?.operator()?,
    };
    Some(match &call.args[..] {
        [value] => Expr::Negative(Box::new(value.clone())),
        [left, right] => Expr::BinaryExpr(BinaryExpr::new(Box::new(left.clone()), operator, Box::new(right.clone()))),
        _ => return None,
    })
}

/// Returns the SQL text of a constant.
pub fn literal(value: &ScalarValue) -> String {
    match value {
        value if value.is_null() => "NULL".to_owned(),
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        ScalarValue::IntervalMonthDayNano(Some(interval)) => {
            let seconds = interval.nanoseconds / 1_000_000_000;
            let micros = interval.nanoseconds % 1_000_000_000 / 1_000;
            let counts = [
                (i64::from(interval.months), "months"),
                (i64::from(interval.days), "days"),
                (seconds, "seconds"),
                (micros, "microseconds"),
            ];
            let parts: Vec<String> =
                counts.iter().filter(|(count, _)| *count != 0).map(|(count, unit)| format!("{count} {unit}")).collect();
            format!("INTERVAL '{}'", if parts.is_empty() { "0 seconds".to_owned() } else { parts.join(" ") })
        }
        ScalarValue::Decimal128(Some(units), _, scale) => schemas::field::decimal_text(*units, *scale),
        ScalarValue::Decimal256(Some(units), _, _) => Numeric::from_wide(*units).to_string(),
        ScalarValue::TimestampMicrosecond(Some(micros), _) => format!("'{}'", schemas::time::timestamp_text(*micros)),
        ScalarValue::TimestampNanosecond(Some(nanos), _) => format!("'{}'", schemas::time::timestamp_text(nanos / 1_000)),
        other => other.to_string(),
    }
}
