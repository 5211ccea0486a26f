//! The description of a function with PostgreSQL's meaning: its name, the ways to call it, what it computes of one row's values.
//!
//! Owns [`Definition`] and the reading of arguments. Each family of functions is a file with a list of definitions.

use arrow_schema::DataType;
use datafusion_common::{Result, plan_err};
use schemas::field::Value;

use crate::plan::types::{interval_type, json_type, local_timestamp_type, timestamp_type, type_name};

/// Reason why a function has no answer for its arguments.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// the result lies outside of what its type holds
    #[error("{0} out of range")]
    OutOfRange(&'static str),
    /// an argument can't be used
    #[error("{0}")]
    Invalid(String),
}

impl Fault {
    /// An argument that can't be used.
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid(reason.into())
    }
}

/// Answer of a function for one row.
pub type Answer = std::result::Result<Value<'static>, Fault>;

/// The type of a parameter or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TEXT
    Text,
    /// INTEGER, for results
    Integer,
    /// any whole number, as BIGINT
    BigInt,
    /// DOUBLE PRECISION
    Float,
    /// NUMERIC of any precision
    Numeric,
    /// BOOLEAN
    Boolean,
    /// BYTEA
    Bytes,
    /// TIMESTAMPTZ
    Timestamp,
    /// TIMESTAMP
    LocalTimestamp,
    /// DATE
    Date,
    /// INTERVAL
    Interval,
    /// TEXT[]
    Texts,
    /// TEXT[][], for results
    TextLists,
    /// BIGINT[], for results
    BigInts,
    /// TIMESTAMPTZ[], for results
    Timestamps,
    /// TIMESTAMP[], for results
    LocalTimestamps,
    /// JSONB; a constant text stands for one
    Json,
    /// JSONB[], for results
    Jsons,
    /// a value of any type
    Any,
}

/// The type of a result.
#[derive(Clone, Copy)]
pub enum Gives {
    /// always the same
    Kind(Kind),
    /// the same, or NULL although no argument is
    Maybe(Kind),
    /// NUMERIC whose scale a constant argument decides
    NumericBy(fn(Constants<'_, '_>) -> Result<i8>),
}

/// One way to call a function.
pub struct Overload {
    /// its parameters
    pub takes: &'static [Kind],
    /// the type of any number of further arguments
    pub rest: Option<Kind>,
    /// its result
    pub gives: Gives,
    /// the implementation
    pub call: fn(&[Value<'_>]) -> Answer,
}

/// A function.
pub struct Definition {
    /// its name in SQL
    pub name: &'static str,
    /// other names
    pub aliases: &'static [&'static str],
    /// the ways to call it
    pub overloads: &'static [Overload],
    /// true if NULL among the arguments makes NULL
    pub strict: bool,
    /// refuses constant arguments that can never work
    pub check: Option<Check>,
}

/// Constant arguments of a call; `None` stands for those that are not constant, or NULL.
pub type Constants<'a, 'v> = &'a [Option<Value<'v>>];

/// A look at the constant arguments of a call.
pub enum Check {
    /// at the arguments alone
    Values(fn(Constants<'_, '_>) -> std::result::Result<(), Fault>),
    /// also at the types that the call takes
    Typed(fn(&[Kind], Constants<'_, '_>) -> std::result::Result<(), Fault>),
}

impl Definition {
    /// The way to call it that fits arguments of these types best, and the types that they are converted to.
    pub fn overload(&self, types: &[DataType]) -> Option<(&'static Overload, Vec<DataType>)> {
        let fits = |overload: &'static Overload| {
            let is_long_enough =
                types.len() == overload.takes.len() || (overload.rest.is_some() && types.len() > overload.takes.len());
            if !is_long_enough {
                return None;
            }
            let kinds = overload.takes.iter().copied().chain(std::iter::repeat(overload.rest.unwrap_or(Kind::Any)));
            let converted: Option<Vec<(u32, DataType)>> =
                types.iter().zip(kinds).map(|(data_type, kind)| kind.accepts(data_type)).collect();
            let converted = converted?;
            Some((converted.iter().map(|(cost, _)| cost).sum::<u32>(), overload, converted))
        };
        let best = self.overloads.iter().filter_map(fits).min_by_key(|(cost, _, _)| *cost);
        best.map(|(_, overload, converted)| (overload, converted.into_iter().map(|(_, data_type)| data_type).collect()))
    }

    /// The error for arguments that no way to call it takes.
    pub fn refuse<T>(&self, types: &[DataType]) -> Result<T> {
        let given: Vec<String> = types.iter().map(type_name).collect();
        let ways: Vec<String> = self.overloads.iter().map(|overload| overload.signature(self.name)).collect();
        plan_err!("{}({}) does not exist: there is {}", self.name, given.join(", "), ways.join(", "))
    }
}

impl Overload {
    fn signature(&self, name: &str) -> String {
        let mut parameters: Vec<&str> = self.takes.iter().map(|kind| kind.sql_name()).collect();
        parameters.extend(self.rest.is_some().then_some("..."));
        format!("{name}({})", parameters.join(", "))
    }
}

impl Kind {
    fn sql_name(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Integer => "INTEGER",
            Self::BigInt => "BIGINT",
            Self::Float => "DOUBLE PRECISION",
            Self::Numeric => "NUMERIC",
            Self::Boolean => "BOOLEAN",
            Self::Bytes => "BYTEA",
            Self::Timestamp => "TIMESTAMPTZ",
            Self::LocalTimestamp => "TIMESTAMP",
            Self::Date => "DATE",
            Self::Interval => "INTERVAL",
            Self::Texts => "TEXT[]",
            Self::TextLists => "TEXT[][]",
            Self::BigInts => "BIGINT[]",
            Self::Timestamps => "TIMESTAMPTZ[]",
            Self::LocalTimestamps => "TIMESTAMP[]",
            Self::Json => "JSONB",
            Self::Jsons => "JSONB[]",
            Self::Any => "any",
        }
    }

    /// The cost of taking an argument of this type, and the type that it is converted to; `None` when it is not taken.
    fn accepts(self, data_type: &DataType) -> Option<(u32, DataType)> {
        use DataType::{
            Binary, BinaryView, Boolean, Date32, Date64, Decimal128, Decimal256, Float16, Float32, Float64, Int32, Int64,
            Interval, LargeBinary, LargeUtf8, Null, Timestamp, Utf8, Utf8View,
        };
        Some(match (self, data_type) {
            (Self::Any, data_type) => (1, data_type.clone()),
            (Self::Text, Utf8 | Utf8View) => (0, Utf8),
            (Self::Json, LargeUtf8) => (0, json_type()),
            // A constant; any other text is refused where it is converted.
            (Self::Json, Utf8 | Utf8View) => (5, json_type()),
            (Self::Integer, Int32) => (0, Int32),
            (Self::BigInt, Int64) => (0, Int64),
            (Self::BigInt, other) if other.is_integer() => (1, Int64),
            (Self::Numeric, Decimal128(_, _) | Decimal256(_, _)) => (0, data_type.clone()),
            (Self::Numeric, other) if other.is_integer() => (2, Decimal128(20, 0)),
            (Self::Float, Float64 | Float32 | Float16) => (0, Float64),
            (Self::Float, Decimal128(_, _) | Decimal256(_, _)) => (3, Float64),
            (Self::Float, other) if other.is_integer() => (4, Float64),
            (Self::Boolean, Boolean) => (0, Boolean),
            (Self::Bytes, Binary | BinaryView | LargeBinary) => (0, Binary),
            (Self::Timestamp, Timestamp(_, Some(_))) => (0, timestamp_type()),
            (Self::Timestamp, Timestamp(_, None)) => (2, timestamp_type()),
            // Where a DATE could become either, PostgreSQL prefers the instant.
            (Self::Timestamp, Date32 | Date64) => (2, timestamp_type()),
            (Self::LocalTimestamp, Timestamp(_, None)) => (0, local_timestamp_type()),
            (Self::LocalTimestamp, Date32 | Date64) => (3, local_timestamp_type()),
            (Self::Date, Date32 | Date64) => (0, Date32),
            (Self::Interval, Interval(_)) => (0, interval_type()),
            (Self::Texts, DataType::List(_) | DataType::LargeList(_)) => (0, texts_type()),
            // A constant such as '{a,b}'.
            (Self::Texts, Utf8 | Utf8View) => (5, texts_type()),
            (kind, Null) => (1, kind.data_type()),
            _ => return None,
        })
    }

    /// The type of a result of this kind.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Any => DataType::Utf8,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Numeric => DataType::Decimal128(NUMERIC_PRECISION, 0),
            Self::Boolean => DataType::Boolean,
            Self::Bytes => DataType::Binary,
            Self::Timestamp => timestamp_type(),
            Self::LocalTimestamp => local_timestamp_type(),
            Self::Date => DataType::Date32,
            Self::Interval => interval_type(),
            Self::Texts => texts_type(),
            Self::TextLists => DataType::new_list(texts_type(), true),
            Self::BigInts => DataType::new_list(DataType::Int64, true),
            Self::Timestamps => DataType::new_list(timestamp_type(), true),
            Self::LocalTimestamps => DataType::new_list(local_timestamp_type(), true),
            Self::Json => json_type(),
            Self::Jsons => DataType::new_list(json_type(), true),
        }
    }
}

/// Digits of a NUMERIC result.
const NUMERIC_PRECISION: u8 = 38;

fn texts_type() -> DataType {
    DataType::new_list(DataType::Utf8, true)
}

/// The text of an argument that the signature says is one.
pub fn text<'v>(value: &'v Value<'_>) -> &'v str {
    match value {
        Value::Text(text) => text,
        other => panic!("{other:?} is not the TEXT that the signature takes"),
    }
}

/// The canonical text of an argument that the signature says is a JSONB.
pub fn json<'v>(value: &'v Value<'_>) -> &'v str {
    match value {
        Value::Json(text) => text,
        other => panic!("{other:?} is not the JSONB that the signature takes"),
    }
}

/// The whole number of an argument that the signature says is one.
pub fn integer(value: &Value<'_>) -> i64 {
    match value {
        Value::Int(number) => *number,
        other => panic!("{other:?} is not the BIGINT that the signature takes"),
    }
}

/// Microseconds since 1970 of an argument that the signature says is a time.
pub fn integer_of_time(value: &Value<'_>) -> i64 {
    match value {
        Value::Timestamp(micros) | Value::LocalTimestamp(micros) => *micros,
        other => panic!("{other:?} is not the time that the signature takes"),
    }
}

/// A TEXT that a function made.
pub fn made(text: impl Into<String>) -> Answer {
    Ok(Value::Text(text.into().into()))
}
