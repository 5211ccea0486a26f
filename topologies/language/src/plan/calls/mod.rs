//! Functions with PostgreSQL's meaning, computed value by value.
//!
//! Owns how such a function is described ([`Definition`]) and called by DataFusion. Arrow arrays enter, values are handed to the
//! function row by row, an Arrow array leaves. A call is NULL when an argument is NULL unless the function says otherwise; a
//! constant argument that can never work is found out by one call over a row of NULLs, which `validate` makes.

mod arrays;
mod calendar;
mod encoding;
mod letters;
mod like;
mod number_format;
mod pattern;
mod regular;
mod span;
mod template;
mod text;
mod time;
mod time_format;
mod time_parts;
mod written;
mod zone;

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};
use datafusion_common::{Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use schemas::field::Value;

use super::functions::{interval_type, local_timestamp_type, timestamp_type};
use super::wording;
use arrays::{build, constant_value, value_at};

pub use calendar::check_time;
pub use letters::lowered;
pub use like::{SIMILAR_TO, check_pattern, with_backslash};
pub use span::{is_interval, length_of};
pub use time_parts::stride;

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
    /// a value of any type
    Any,
}

/// The type of a result.
#[derive(Clone, Copy)]
pub enum Gives {
    /// always the same
    Kind(Kind),
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

/// Every description.
fn definitions() -> impl Iterator<Item = &'static Definition> {
    let tables = [
        time::FUNCTIONS,
        time_parts::FUNCTIONS,
        time_format::FUNCTIONS,
        span::FUNCTIONS,
        like::FUNCTIONS,
        regular::FUNCTIONS,
        text::FUNCTIONS,
        encoding::FUNCTIONS,
        letters::FUNCTIONS,
        template::FUNCTIONS,
    ];
    tables.into_iter().flatten()
}

/// Every function that is described here.
pub fn functions() -> impl Iterator<Item = Arc<ScalarUDF>> {
    definitions().map(|definition| Arc::new(function(definition)))
}

/// The function of a definition.
fn function(definition: &'static Definition) -> ScalarUDF {
    ScalarUDF::from(Call {
        definition,
        aliases: definition.aliases.iter().map(|&alias| alias.to_owned()).collect(),
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

/// The function with a name, for expressions that the planner makes; every such name is in [`functions`].
pub fn named(name: &str) -> Result<Arc<ScalarUDF>> {
    match definitions().find(|definition| definition.name == name) {
        Some(definition) => Ok(Arc::new(function(definition))),
        None => plan_err!("function '{name}' does not exist"),
    }
}

/// A definition as DataFusion calls it.
struct Call {
    definition: &'static Definition,
    aliases: Vec<String>,
    signature: Signature,
}

impl Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.definition.name)
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name
    }
}

impl Eq for Call {}

impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl Definition {
    /// The way to call it that fits arguments of these types best, and the types that they are converted to.
    fn overload(&self, types: &[DataType]) -> Option<(&'static Overload, Vec<DataType>)> {
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

    fn refuse<T>(&self, types: &[DataType]) -> Result<T> {
        let given: Vec<String> = types.iter().map(wording::type_name).collect();
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
            (Self::Text, Utf8 | Utf8View | LargeUtf8) => (0, Utf8),
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
            (kind, Null) => (1, kind.data_type()),
            _ => return None,
        })
    }

    /// The type of a result of this kind.
    fn data_type(self) -> DataType {
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
        }
    }
}

/// Digits of a NUMERIC result.
const NUMERIC_PRECISION: u8 = 38;
/// Digits of a field of a time: microseconds of every instant have fewer.
const FIELD_PRECISION: u8 = 24;

fn texts_type() -> DataType {
    DataType::new_list(DataType::Utf8, true)
}

/// Returns true if a function is one of this module, whose arguments have SQL's types.
pub fn is_call(function: &ScalarUDF) -> bool {
    function.inner().is::<Call>()
}

impl ScalarUDFImpl for Call {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match self.definition.overload(types) {
            Some((_, converted)) => Ok(converted),
            None => self.definition.refuse(types),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match self.definition.overload(types) {
            Some((Overload { gives: Gives::Kind(kind), .. }, _)) => Ok(kind.data_type()),
            Some(_) => plan_err!("the type of {} depends on its arguments", self.definition.name),
            None => self.definition.refuse(types),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let Some((overload, _)) = self.definition.overload(&types) else { return self.definition.refuse(&types) };
        let data_type = match overload.gives {
            Gives::Kind(kind) => kind.data_type(),
            Gives::NumericBy(scale) => {
                let constants: Vec<Option<Value<'_>>> =
                    args.scalar_arguments.iter().map(|argument| argument.and_then(constant_value)).collect();
                DataType::Decimal128(FIELD_PRECISION, scale(&constants)?)
            }
        };
        // A list of groups is NULL where nothing matches.
        let may_find_nothing = matches!(overload.gives, Gives::Kind(Kind::Texts));
        let nullable = !self.definition.strict || may_find_nothing || args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.definition.name, data_type, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = self.definition.name;
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let Some((overload, _)) = self.definition.overload(&types) else { return self.definition.refuse(&types) };
        if let Some(check) = &self.definition.check {
            let constants: Vec<Option<Value<'_>>> = args.args.iter().map(constant_of).collect();
            let checked = match check {
                Check::Values(check) => check(&constants),
                Check::Typed(check) => check(overload.takes, &constants),
            };
            checked.or_else(|fault| exec_err!("{name}: {fault}"))?;
        }
        let is_constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|argument| argument.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let mut results = Vec::with_capacity(rows);
        for row in 0..rows {
            let values = arrays.iter().map(|array| value_at(array, row)).collect::<Result<Vec<_>>>()?;
            results.push(if self.definition.strict && values.contains(&Value::Null) {
                Value::Null
            } else {
                (overload.call)(&values).or_else(|fault| exec_err!("{name}: {fault}"))?
            });
        }
        let array = build(args.return_field.data_type(), &results)?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

fn constant_of(argument: &ColumnarValue) -> Option<Value<'_>> {
    match argument {
        ColumnarValue::Scalar(value) => constant_value(value),
        ColumnarValue::Array(_) => None,
    }
}

/// The text of an argument that the signature says is one.
fn text<'v>(value: &'v Value<'_>) -> &'v str {
    match value {
        Value::Text(text) => text,
        other => panic!("{other:?} is not the TEXT that the signature takes"),
    }
}

/// The whole number of an argument that the signature says is one.
fn integer(value: &Value<'_>) -> i64 {
    match value {
        Value::Int(number) => *number,
        other => panic!("{other:?} is not the BIGINT that the signature takes"),
    }
}

/// Microseconds since 1970 of an argument that the signature says is a time.
fn integer_of_time(value: &Value<'_>) -> i64 {
    match value {
        Value::Timestamp(micros) | Value::LocalTimestamp(micros) => *micros,
        other => panic!("{other:?} is not the time that the signature takes"),
    }
}

/// A TEXT that a function made.
fn made(text: impl Into<String>) -> Answer {
    Ok(Value::Text(text.into().into()))
}

#[cfg(test)]
mod tests;
