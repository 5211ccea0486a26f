//! Types: those that rows keep, and their names in SQL.
//!
//! Arrow's types enter; the type of a stored value, a property or a name for people leaves.

use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use datafusion_common::ScalarValue;
use schemas::field::FieldKind;

use super::numbers::kind::wide_type;

/// DataFusion's names of SQL's types.
const TYPE_NAMES: [(&str, &str); 14] = [
    ("Timestamp(µs, \"+00:00\")", "TIMESTAMPTZ"),
    ("Timestamp(ns, \"+00:00\")", "TIMESTAMPTZ"),
    ("Timestamp(µs)", "TIMESTAMP"),
    ("Interval(MonthDayNano)", "INTERVAL"),
    ("LargeUtf8", "JSONB"),
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

/// The type of every TIMESTAMPTZ.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

/// The type of every TIMESTAMP, which is the time on a clock whose zone is not known.
pub fn local_timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// The type of every INTERVAL.
pub fn interval_type() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

/// The type of every JSONB, which no other value has: a TEXT is a `Utf8`.
pub fn json_type() -> DataType {
    DataType::LargeUtf8
}

/// Returns true if values of a type are JSONB.
pub fn is_json(data_type: &DataType) -> bool {
    matches!(data_type, DataType::LargeUtf8)
}

/// Returns true if values of a type are intervals.
pub fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

/// Returns true if casting a value between two timestamp types only changes the unit or the zone's name.
pub fn is_timestamp(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, _)
    )
}

/// The type that rows keep a value of this type as; the same type where they can keep it as it is.
pub fn stored_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8View | DataType::Null => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Timestamp(_, Some(_)) => timestamp_type(),
        DataType::Timestamp(_, None) => local_timestamp_type(),
        DataType::Interval(_) => interval_type(),
        DataType::Int8 | DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        DataType::Decimal256(_, _) => wide_type(),
        DataType::Date64 => DataType::Date32,
        DataType::Dictionary(_, value) => stored_type(value),
        DataType::LargeList(item) | DataType::ListView(item) | DataType::List(item) | DataType::FixedSizeList(item, _) => {
            DataType::new_list(stored_type(item.data_type()), true)
        }
        other => other.clone(),
    }
}

/// Returns the SQL name of a type.
pub fn type_name(kind: &DataType) -> String {
    FieldKind::of(kind).map_or_else(|| sql_types(&kind.to_string()), |kind| kind.sql_name())
}

/// A text with SQL's names in place of DataFusion's.
pub fn sql_types(text: &str) -> String {
    TYPE_NAMES.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

/// Reason why an interval has no fixed length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LengthFault {
    /// it is computed
    #[error("'{0}' is not a constant interval such as INTERVAL '6 hours'")]
    NotConstant(String),
    /// months have none
    #[error("an interval here must have a fixed length: write days instead of months")]
    HasMonths,
    /// more than 64 bits of microseconds
    #[error("the interval is too long")]
    TooLong,
}

/// The length of a constant interval in microseconds; months have no fixed length and are refused.
pub fn interval_micros(value: &ScalarValue) -> Result<i64, LengthFault> {
    let ScalarValue::IntervalMonthDayNano(Some(interval)) = value else {
        return Err(LengthFault::NotConstant(value.to_string()));
    };
    if interval.months != 0 {
        return Err(LengthFault::HasMonths);
    }
    i64::from(interval.days)
        .checked_mul(86_400_000_000)
        .and_then(|days| days.checked_add(interval.nanoseconds / 1_000))
        .ok_or(LengthFault::TooLong)
}
