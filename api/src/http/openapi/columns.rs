//! Columns of views as schemas: the values that answers have, and the conditions that requests may state.

use std::collections::BTreeSet;

use schemas::field::FieldKind;
use schemas::serving::{Column, Index, View};
use serde_json::{Map, Value, json};

use super::operation::query;
use super::schema::{component, list, nullable, number, pattern, text, truth};

/// Whole numbers as people write them, almost to the end of each type: the last ones would make patterns long.
const SMALLINTS: &str = "[+-]?([0-9]{1,4}|[12][0-9]{4}|3[01][0-9]{3})";
const INTEGERS: &str = "[+-]?([0-9]{1,9}|1[0-9]{9}|20[0-9]{8})";
const BIGINTS: &str = "[+-]?([0-9]{1,18}|[1-8][0-9]{18}|9[01][0-9]{17})";
const UNSIGNED: &str = "\\+?[0-9]{1,19}";
const FLOATS: &str = "[+-]?[0-9]{1,15}(\\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?";
const NUMERICS: &str = "[+-]?[0-9]{1,18}(\\.[0-9]{1,18})?";
const BYTES: &str = "\\\\x([0-9a-fA-F]{2})*";
/// Every day but the 29th of February, which some years have.
const DAYS: &str =
    "[1-9][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))";
const TIMES: &str = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?";

/// A column's values in answers; every column may be NULL.
fn value_schema(kind: &FieldKind) -> Value {
    match kind {
        FieldKind::Boolean => nullable(truth()),
        FieldKind::Int16 => json!({ "type": ["integer", "null"], "minimum": i16::MIN, "maximum": i16::MAX }),
        FieldKind::Int32 => json!({ "type": ["integer", "null"], "format": "int32" }),
        FieldKind::Int64 => component("schemas/Bigint"),
        FieldKind::UInt64 => component("schemas/UnsignedBigint"),
        FieldKind::Float64 => nullable(number()),
        FieldKind::Decimal { .. } | FieldKind::Numeric => component("schemas/Numeric"),
        FieldKind::Text | FieldKind::Interval => nullable(text()),
        FieldKind::Json => component("schemas/Jsonb"),
        FieldKind::Bytes => component("schemas/Bytea"),
        FieldKind::Timestamp | FieldKind::LocalTimestamp => component("schemas/Timestamp"),
        FieldKind::Date => nullable(json!({ "type": "string", "format": "date" })),
        FieldKind::List(item) => nullable(list(value_schema(item))),
    }
}

/// The schemas of values that columns refer to.
pub(super) fn value_schemas() -> Vec<(String, Value)> {
    let bigint = |minimum: Option<u8>, pattern: &str, words: &str| {
        let mut schema = json!({ "type": ["integer", "string", "null"], "pattern": pattern, "description": words });
        match minimum {
            Some(minimum) => schema["minimum"] = minimum.into(),
            None => schema["format"] = "int64".into(),
        }
        schema
    };
    let words = "A number, or a string where `Prefer: bigint=string` or the server asks for it.";
    let numeric =
        json!({ "type": ["string", "null"], "pattern": "^-?[0-9]+(\\.[0-9]+)?$", "description": "NUMERIC, digit by digit." });
    let bytea = json!({ "type": ["string", "null"], "pattern": "^\\\\x([0-9a-f]{2})*$", "description": "BYTEA in hexadecimal." });
    let timestamp = json!({ "type": ["string", "null"], "format": "date-time", "description": "TIMESTAMPTZ or TIMESTAMP." });
    let named = |name: &str, schema| (name.to_owned(), schema);
    vec![
        named("Bigint", bigint(None, "^-?[0-9]+$", words)),
        named("UnsignedBigint", bigint(Some(0), "^[0-9]+$", words)),
        named("Numeric", numeric),
        named("Bytea", bytea),
        named("Timestamp", timestamp),
        named("Jsonb", json!({ "description": "JSONB: any JSON." })),
    ]
}

/// A row with any of these columns: `select` leaves some out.
pub(super) fn row_schema(columns: &[Column]) -> Value {
    let described = |column: &Column| {
        let mut schema = value_schema(&column.kind);
        schema["title"] = column.kind.sql_name().into();
        (column.name.clone(), schema)
    };
    let properties: Map<String, Value> = columns.iter().map(described).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// An example of a value as a condition has it.
pub(super) fn example(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Boolean => "true",
        FieldKind::Text => "a",
        FieldKind::Bytes => "\\x00ff",
        FieldKind::Timestamp | FieldKind::LocalTimestamp => "2024-01-07T10:00:00Z",
        FieldKind::Date => "2024-01-07",
        FieldKind::Interval => "3 days",
        _ => "1",
    }
}

/// A name for the conditions on columns of a kind; `None` where a column can't be compared.
fn condition_name(kind: &FieldKind) -> Option<String> {
    Some(match kind {
        FieldKind::Boolean => "BooleanCondition".into(),
        FieldKind::Int16 => "SmallintCondition".into(),
        FieldKind::Int32 => "IntegerCondition".into(),
        FieldKind::Int64 => "BigintCondition".into(),
        FieldKind::UInt64 => "UnsignedCondition".into(),
        FieldKind::Float64 => "DoubleCondition".into(),
        FieldKind::Decimal { scale } => format!("Numeric{}Condition", scale.max(&0)),
        FieldKind::Numeric => "NumericCondition".into(),
        FieldKind::Text => "TextCondition".into(),
        FieldKind::Bytes => "ByteaCondition".into(),
        FieldKind::Timestamp | FieldKind::LocalTimestamp => "TimestampCondition".into(),
        FieldKind::Date => "DateCondition".into(),
        FieldKind::Interval => "IntervalCondition".into(),
        // A JSONB is compared at the places within it, under /rest/v1.
        FieldKind::List(_) | FieldKind::Json => return None,
    })
}

fn condition_schema(kind: &FieldKind) -> Value {
    let values = match kind {
        FieldKind::Boolean => "(true|false)".to_owned(),
        FieldKind::Int16 => SMALLINTS.to_owned(),
        FieldKind::Int32 => INTEGERS.to_owned(),
        FieldKind::Int64 => BIGINTS.to_owned(),
        FieldKind::UInt64 => UNSIGNED.to_owned(),
        FieldKind::Float64 => FLOATS.to_owned(),
        FieldKind::Decimal { scale } => format!("-?[0-9]{{1,18}}(\\.[0-9]{{0,{}}})?", scale.max(&0)),
        FieldKind::Numeric => NUMERICS.to_owned(),
        FieldKind::Bytes => BYTES.to_owned(),
        FieldKind::Timestamp | FieldKind::LocalTimestamp => format!("{DAYS}(T{TIMES}(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]))?"),
        FieldKind::Date => DAYS.to_owned(),
        FieldKind::Text | FieldKind::Interval | FieldKind::List(_) | FieldKind::Json => return free_condition(kind),
    };
    // An item of a list may be quoted too, which is needed nowhere but in texts.
    pattern(&format!("(eq|gt|gte|lt|lte)\\.{values}|in\\.\\(({values}(,{values})*)?\\)|is\\.null"))
}

fn free_condition(kind: &FieldKind) -> Value {
    let values = if *kind == FieldKind::Text { "[\\s\\S]*" } else { "[\\s\\S]+" };
    let item = "([^\",\\\\]*|\"([^\"\\\\]|\\\\[\\s\\S])*\")";
    pattern(&format!("(eq|gt|gte|lt|lte)\\.{values}|in\\.\\({item}(,{item})*\\)|is\\.null"))
}

/// The conditions that some columns refer to.
pub(super) fn condition_schemas<'a>(columns: impl Iterator<Item = &'a Column>) -> Vec<(String, Value)> {
    columns.filter_map(|column| Some((condition_name(&column.kind)?, condition_schema(&column.kind)))).collect()
}

/// The parameter of conditions on a column; `None` where it can't be compared, or where its name is that of another parameter.
pub(super) fn condition(column: &Column, reserved: &[&str]) -> Option<Value> {
    let name = condition_name(&column.kind).filter(|_| !reserved.contains(&column.name.as_str()))?;
    let words = format!("Conditions on the column, {}: all of them hold.", column.kind.sql_name());
    let mut parameter = query(&column.name, list(component(&format!("schemas/{name}"))), &words);
    parameter["style"] = "form".into();
    parameter["explode"] = true.into();
    Some(parameter)
}

/// The orders that a view is served in whatever the conditions are: the beginnings of its indexes, and their reverses.
pub(super) fn orders(view: &View) -> Vec<String> {
    let mut orders = Vec::new();
    let written = |index: &Index, length: usize, is_reverse: bool| {
        let columns = index.columns[..length].iter().map(|column| {
            let suffix = if column.descending == is_reverse { "" } else { ".desc" };
            format!("{}{suffix}", view.columns[column.column].name)
        });
        columns.collect::<Vec<_>>().join(",")
    };
    for index in &view.indexes {
        for is_reverse in [false, true] {
            orders.extend((1..=index.columns.len()).map(|length| written(index, length, is_reverse)));
        }
    }
    let mut seen = BTreeSet::new();
    orders.retain(|order| seen.insert(order.clone()));
    orders
}
