//! Values as Kafka Connect's JSON converter writes them, with the types that Debezium gives them.
//!
//! Owns the meaning of a value that is not written as an event of one's own would be: days and microseconds since 1970, decimals and bytes in
//! base64, JSON inside of a text. A token and the schema around it enter; the value of a column leaves. Nothing is guessed: a number whose scale
//! only a schema says is refused without one.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use arrow_schema::DataType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigInt;

use super::columns;
use super::reader::{JsonToken, Reader};
use super::wrong_type;
use crate::dead_letter::{Fault, Reason};
use crate::event::checks::{check_time, shortened};
use crate::field::Value;
use crate::interval::Interval;
use crate::numeric::Numeric;
use crate::row::arrow_interval;
use crate::topic::column::TextForm;

/// Names that schemas give the types of values.
const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
const MILLISECONDS: [&str; 2] = ["io.debezium.time.Timestamp", "org.apache.kafka.connect.data.Timestamp"];
const NANOSECONDS: &str = "io.debezium.time.NanoTimestamp";

const MICROS_PER_DAY: i64 = 86_400_000_000;
const MICROS_PER_MILLI: i64 = 1_000;
const NANOS_PER_MICRO: i64 = 1_000;
/// The most bytes and the largest scale of a decimal in base64: beyond them no column holds it.
const DECIMAL_BYTES_MAX: usize = 128;
const DECIMAL_SCALE_MAX: u32 = 128;

/// Texts that stand for a value that is large and has not changed, as a text, as bytes and as a map.
const UNAVAILABLE: [&str; 3] = [
    "__debezium_unavailable_value",
    "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==",
    r#"{"__debezium_unavailable_value":"__debezium_unavailable_value"}"#,
];

/// The types of the fields of a row, as the schema beside a payload tells them; read when somebody asks.
pub(super) struct ConnectSchema<'a> {
    /// the schema
    text: Option<&'a str>,
    /// the field that is the row; `None` where the payload itself is one
    row: Option<&'static str>,
    fields: OnceCell<HashMap<String, ConnectType>>,
}

/// Type of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ConnectType {
    /// such as `bytes`
    kind: String,
    /// its meaning, such as `io.debezium.time.Date`; empty without one
    name: String,
    scale: Option<u32>,
}

impl<'a> ConnectSchema<'a> {
    /// The schema of a row inside of a payload, if there is one.
    pub(super) fn of(text: Option<&'a str>, row: Option<&'static str>) -> Self {
        Self { text, row, fields: OnceCell::new() }
    }

    fn field(&self, name: &str) -> Option<&ConnectType> {
        self.fields.get_or_init(|| self.read().unwrap_or_default()).get(name)
    }

    /// The types by name; `None` when the schema says nothing of the row.
    fn read(&self) -> Option<HashMap<String, ConnectType>> {
        let mut object = self.text?;
        if let Some(row) = self.row {
            object = fields(object).into_iter().find(|(name, _)| name == row)?.1;
        }
        Some(fields(object).into_iter().map(|(name, object)| (name, ConnectType::of(object))).collect())
    }
}

impl ConnectType {
    fn of(object: &str) -> Self {
        let [kind, name, parameters] = members(object, ["type", "name", "parameters"]);
        let scale = match parameters {
            Some(JsonToken::Object(parameters)) => {
                let [scale] = members(parameters, ["scale"]);
                scale.and_then(|scale| words_of(scale)?.parse().ok())
            }
            _ => None,
        };
        let text = |token: Option<JsonToken<'_>>| token.and_then(words_of).unwrap_or_default();
        Self { kind: text(kind), name: text(name), scale }
    }
}

fn words_of(token: JsonToken<'_>) -> Option<String> {
    match token {
        JsonToken::Text(text) => Some(text.into_owned()),
        JsonToken::Number(digits) => Some(digits.to_owned()),
        _ => None,
    }
}

/// The fields of a structure by their names, each with the object that describes it.
fn fields(structure: &str) -> Vec<(String, &str)> {
    let [Some(JsonToken::Array(array))] = members(structure, ["fields"]) else { return Vec::new() };
    let mut found = Vec::new();
    let read = Reader::new(array.as_bytes()).array(|reader| {
        if let JsonToken::Object(object) = reader.value()?
            && let [Some(JsonToken::Text(name))] = members(object, ["field"])
        {
            found.push((name.into_owned(), object));
        }
        Ok(())
    });
    read.map(|()| found).unwrap_or_else(|fault| panic!("a list that was read before is not JSON: {fault}"))
}

/// The members of these names of an object that was read before; the last one of a name counts.
pub(super) fn members<'a, const N: usize>(object: &'a str, names: [&str; N]) -> [Option<JsonToken<'a>>; N] {
    let mut found = [const { None }; N];
    let read = Reader::new(object.as_bytes()).object(|reader, key| {
        match names.iter().position(|name| *name == key) {
            Some(place) => found[place] = Some(reader.value()?),
            None => reader.skip()?,
        }
        Ok(())
    });
    read.map(|()| found).unwrap_or_else(|fault| panic!("an object that was read before is not JSON: {fault}"))
}

/// Returns true if a token stands for a value that is large and has not changed.
pub(super) fn is_unavailable(token: &JsonToken<'_>) -> bool {
    match token {
        JsonToken::Text(text) => UNAVAILABLE.contains(&text.as_ref()),
        JsonToken::Array(array) => {
            let mut items = Vec::new();
            let read = Reader::new(array.as_bytes()).array(|reader| {
                items.push(matches!(reader.value()?, JsonToken::Text(text) if text == UNAVAILABLE[0]));
                Ok(())
            });
            read.is_ok() && items == [true]
        }
        _ => false,
    }
}

/// One value of a column, whose type the field `name` of the schema tells.
pub(super) fn value<'a>(
    (data_type, form): (&DataType, TextForm),
    token: JsonToken<'a>,
    (schema, name): (&ConnectSchema<'_>, &str),
    path: &str,
) -> Result<Value<'a>, Fault> {
    match (data_type, token) {
        (DataType::Date32, JsonToken::Number(days)) => date(days, path),
        (DataType::Timestamp(_, zone), JsonToken::Number(count)) => {
            let micros = micros(count, schema.field(name), path)?;
            Ok(if zone.is_some() { Value::Timestamp(micros) } else { Value::LocalTimestamp(micros) })
        }
        (DataType::Interval(_), JsonToken::Number(count)) => interval(count, path),
        (DataType::Decimal128(..) | DataType::Decimal256(..), token @ (JsonToken::Text(_) | JsonToken::Object(_))) => {
            let digits = decimal(data_type, token, schema.field(name), path)?;
            columns::value(data_type, form, JsonToken::Text(Cow::Owned(digits)), path)
        }
        (DataType::Binary, JsonToken::Text(text)) if !text.starts_with("\\x") => {
            let bytes = STANDARD.decode(text.as_bytes());
            let expected = "bytes in base64";
            bytes.map(|bytes| Value::Bytes(Cow::Owned(bytes))).map_err(|_| wrong_type(path, expected, &JsonToken::Text(text)))
        }
        (DataType::List(item), JsonToken::Array(array)) => list((item.data_type(), form), array, path),
        (DataType::LargeUtf8, JsonToken::Text(text)) => {
            let mut reader = Reader::new(text.as_bytes());
            let inner = reader.value().and_then(|inner| reader.end().map(|()| inner));
            let inner = inner.map_err(|_| wrong_type(path, "JSON in a text", &JsonToken::Text(text.clone())))?;
            Ok(columns::value(data_type, form, inner, path)?.into_owned())
        }
        (_, token) => columns::value(data_type, form, token, path),
    }
}

/// The items of a list, of whose types the schema of the row says nothing.
fn list<'a>(item: (&DataType, TextForm), array: &'a str, path: &str) -> Result<Value<'a>, Fault> {
    let nothing_told = ConnectSchema::of(None, None);
    let mut values = Vec::new();
    Reader::new(array.as_bytes()).array(|reader| {
        values.push(match reader.value()? {
            JsonToken::Null => Value::Null,
            token => value(item, token, (&nothing_told, ""), &format!("{path}[{}]", values.len()))?,
        });
        Ok(())
    })?;
    Ok(Value::List(values))
}

/// A number of days since 1970.
fn date<'a>(days: &str, path: &str) -> Result<Value<'a>, Fault> {
    let found = days.parse::<i32>().map_err(|_| wrong_type(path, "a number of days since 1970", &JsonToken::Number(days)))?;
    check_time(i64::from(found).saturating_mul(MICROS_PER_DAY), path)?;
    Ok(Value::Date(found))
}

/// A length of time in microseconds, of which months and days have become a part.
fn interval<'a>(count: &str, path: &str) -> Result<Value<'a>, Fault> {
    let expected = "a whole number of microseconds";
    let micros = count.parse::<i64>().ok().map(|micros| Interval { months: 0, days: 0, micros });
    let interval = micros.filter(|interval| arrow_interval(*interval).is_some());
    interval.map(Value::Interval).ok_or_else(|| wrong_type(path, expected, &JsonToken::Number(count)))
}

/// A time since 1970 in the unit that the schema says; without one they are microseconds, as of a TIMESTAMP without a precision.
fn micros(count: &str, told: Option<&ConnectType>, path: &str) -> Result<i64, Fault> {
    let expected = "a time since 1970 as a whole number";
    let found = count.parse::<i64>().map_err(|_| wrong_type(path, expected, &JsonToken::Number(count)))?;
    let micros = match told.map(|told| told.name.as_str()) {
        Some(name) if MILLISECONDS.contains(&name) => found.saturating_mul(MICROS_PER_MILLI),
        Some(NANOSECONDS) => found.div_euclid(NANOS_PER_MICRO),
        _ => found,
    };
    check_time(micros, path)
}

/// The digits of a decimal: those of a text, or of bytes whose scale the schema or the value itself says.
fn decimal(data_type: &DataType, token: JsonToken<'_>, told: Option<&ConnectType>, path: &str) -> Result<String, Fault> {
    let refused = |expected: &str, token: &JsonToken<'_>| Err(wrong_type(path, expected, token));
    match (&token, told) {
        (JsonToken::Text(text), Some(told)) if told.name == DECIMAL => match told.scale.and_then(|scale| unscaled(text, scale)) {
            Some(digits) => Ok(digits),
            None => refused("a decimal in base64, with its scale in the schema", &token),
        },
        (JsonToken::Object(object), _) => {
            let [scale, digits] = members(object, ["scale", "value"]).map(|token| token.and_then(words_of));
            let scale = scale.and_then(|scale| scale.parse().ok());
            match scale.zip(digits).and_then(|(scale, digits)| unscaled(&digits, scale)) {
                Some(digits) => Ok(digits),
                None => refused("a decimal with 'scale' and 'value'", &token),
            }
        }
        (JsonToken::Text(text), told) => {
            // Digits without a point are also base64 of other digits. Texts of numbers with a scale have a point.
            let is_told = told.is_some_and(|told| told.kind == "string");
            let has_scale = matches!(data_type, DataType::Decimal128(_, scale) if *scale > 0);
            match is_told || !has_scale || text.contains('.') {
                true => Ok(text.to_string()),
                false => {
                    let words = format!(
                        "'{}' is a decimal in base64 or lacks its digits behind the point; send the schema, or set decimal.handling.mode=string",
                        shortened(text)
                    );
                    Err(Fault::at(Reason::WrongType, path, words))
                }
            }
        }
        _ => refused("a decimal", &token),
    }
}

/// The digits of a number whose unscaled value is in base64; `None` when it is none, or too large for any column.
fn unscaled(base64: &str, scale: u32) -> Option<String> {
    let bytes = STANDARD.decode(base64).ok()?;
    let is_small = bytes.len() <= DECIMAL_BYTES_MAX && scale <= DECIMAL_SCALE_MAX;
    is_small.then(|| Numeric::new(BigInt::from_signed_bytes_be(&bytes), scale).to_string())
}

#[cfg(test)]
mod tests;
