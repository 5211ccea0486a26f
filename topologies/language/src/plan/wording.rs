//! Expressions and planning errors in the words of SQL, for plans, row errors and diagnostics.
//!
//! Owns the translation of what DataFusion prints. An expression or an error enters, text leaves: no name of a Rust type is in it.

use arrow_schema::DataType;
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{Column, DataFusionError, ScalarValue, SchemaError};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{BinaryExpr, Cast, Expr, Operator};
use schemas::field::FieldKind;
use schemas::numeric::Numeric;

use super::blame::unusable;
use super::fallible::COMPUTED;
use super::functions::advice;
use super::numbers::cast::NumberCast;
use super::numbers::functions::NumberFunction;
use crate::diagnostic::suggestion;

/// DataFusion's names of SQL's types.
const TYPE_NAMES: [(&str, &str); 13] = [
    ("Timestamp(µs, \"+00:00\")", "TIMESTAMPTZ"),
    ("Timestamp(ns, \"+00:00\")", "TIMESTAMPTZ"),
    ("Timestamp(µs)", "TIMESTAMP"),
    ("Interval(MonthDayNano)", "INTERVAL"),
    ("Utf8View", "TEXT"),
    ("Utf8", "TEXT"),
    ("Int64", "BIGINT"),
    ("Int32", "INTEGER"),
    ("Int16", "SMALLINT"),
    ("Float64", "DOUBLE PRECISION"),
    ("Date32", "DATE"),
    ("Decimal256(76, 48)", "NUMERIC"),
    ("Decimal128(", "NUMERIC("),
];

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
        ("interval_length" | "interval_in_days" | COMPUTED, [value]) => return Some(value.clone()),
        ("text_of", [value]) => return Some(Expr::Cast(Cast::new(Box::new(value.clone()), DataType::Utf8))),
        ("bytes_of", [value]) => return Some(Expr::Cast(Cast::new(Box::new(value.clone()), DataType::Binary))),
        _ => {}
    }
    let operator = match call.name() {
        "time_difference" | "date_difference" => Operator::Minus,
        "interval_multiply" => Operator::Multiply,
        "interval_divide" => Operator::Divide,
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

/// Returns the SQL name of a type.
pub fn type_name(kind: &DataType) -> String {
    FieldKind::of(kind).map_or_else(|| sql_types(&kind.to_string()), |kind| kind.sql_name())
}

fn sql_types(text: &str) -> String {
    TYPE_NAMES.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

/// The message of a planning error, without DataFusion's wrapping, and what may help.
pub fn message(error: &DataFusionError) -> (String, Option<String>) {
    if let Some(unusable) = unusable(error) {
        return (unusable.reason.clone(), None);
    }
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => schema_message(schema),
        DataFusionError::Diagnostic(diagnostic, _) => plan_message(&diagnostic.message),
        DataFusionError::External(error) => plan_message(&error.to_string()),
        DataFusionError::Plan(text) | DataFusionError::NotImplemented(text) | DataFusionError::Execution(text) => {
            plan_message(text)
        }
        other => plan_message(&other.strip_backtrace()),
    }
}

fn plan_message(text: &str) -> (String, Option<String>) {
    let first = without_coercion(text.lines().next().unwrap_or_default());
    let named = |prefix: &str| first.strip_prefix(prefix).map(|rest| rest.trim_matches(['\'', '.', ' ']).to_owned());
    let with_help = |message: &str, help: &str| (message.to_owned(), Some(help.to_owned()));
    if let Some(name) = named("Invalid function ") {
        return advice(&name);
    }
    if let Some(name) = named("Ambiguous reference to unqualified field ") {
        return ambiguous(&name);
    }
    if first.contains("ecursive CTE") {
        return with_help("WITH RECURSIVE is not supported", "join as many levels as are needed");
    }
    if first.starts_with("Correlated scalar subquery must be aggregated") {
        return with_help(
            "a sub-query in place of a value may have several rows",
            "take their min, max or count, or write a JOIN",
        );
    }
    if first.starts_with("Aggregate functions are not allowed in the WHERE clause") {
        return with_help("aggregates are not allowed in WHERE", "write the condition in HAVING");
    }
    if first.starts_with("Column in SELECT must be in GROUP BY") {
        let column =
            first.split_once("column \"").and_then(|(_, rest)| rest.split_once('"')).map_or("a column", |(column, _)| column);
        return with_help(
            &format!("'{column}' is neither in GROUP BY nor in an aggregate"),
            "add it to GROUP BY, or take its min or max",
        );
    }
    (lower_case(&sql_types(first.trim_end_matches('.'))), None)
}

/// Returns what a function says about its arguments, without what DataFusion puts around it.
fn without_coercion(text: &str) -> &str {
    let Some((_, said)) = text.rsplit_once("user-defined coercion failed with: ") else { return text };
    let prefixes = ["Error during planning: ", "Execution error: "];
    let said = prefixes.into_iter().find_map(|prefix| said.strip_prefix(prefix)).unwrap_or(said);
    said.split_once(" No function matches the given name").map_or(said, |(said, _)| said)
}

fn schema_message(error: &SchemaError) -> (String, Option<String>) {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let known: Vec<String> = valid_fields.iter().flat_map(|field| [field.name.clone(), field.flat_name()]).collect();
            let near = suggestion(&field.flat_name(), known.iter().map(String::as_str));
            (format!("column '{}' does not exist", field.flat_name()), near.map(|near| format!("did you mean '{near}'?")))
        }
        SchemaError::AmbiguousReference { field } => ambiguous(&field.flat_name()),
        SchemaError::DuplicateUnqualifiedField { name } => (
            format!("'{name}' is computed twice, with and without a cast, which can't be told apart"),
            Some("cast in a sub-query first".to_owned()),
        ),
        SchemaError::DuplicateQualifiedField { name, .. } => {
            (format!("two columns are named '{name}'"), Some("name them apart with AS".to_owned()))
        }
    }
}

fn ambiguous(name: &str) -> (String, Option<String>) {
    let column = name.rsplit('.').next().unwrap_or(name);
    let help = format!("say of which relation it is, or name them apart with AS: r.{column} AS other");
    (format!("'{column}' may be any of several columns"), Some(help))
}

/// A sentence of someone else's inside of a message; words in capitals stay as they are.
pub fn lower_case(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), text.chars().nth(1)) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}
