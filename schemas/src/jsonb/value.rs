//! [`Jsonb`]: a JSON value as a tree.
//!
//! Any JSON text and values of SQL enter, canonical text leaves. Numbers are texts throughout, so no digit is lost.

use std::borrow::Cow;

use super::error::{JSONB_BYTES_MAX, JSONB_DEPTH_MAX, JsonbError};
use super::number::{digits, float_digits};
use super::text::{clock, compare_names, day, write_quoted};
use crate::dead_letter::{Fault, Reason};
use crate::field::{Value, decimal_text};
use crate::json::reader::{JsonToken, Reader};
use crate::numeric::Numeric;

/// One JSON value. The members of an object are in canonical order, each name once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jsonb<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// a number in digits without an exponent
    Number(Cow<'a, str>),
    /// a text without its quotes
    Text(Cow<'a, str>),
    /// the elements of an array
    Array(Vec<Jsonb<'a>>),
    /// the members of an object
    Object(Vec<(Cow<'a, str>, Jsonb<'a>)>),
}

/// The canonical text of a JSON text.
///
/// # Errors
/// The text is not JSON, or not one that a JSONB can be.
pub fn canonical(text: &str) -> Result<String, JsonbError> {
    Jsonb::parse(text)?.canonical()
}

impl<'a> Jsonb<'a> {
    /// Reads a JSON text, which may have blanks around it.
    ///
    /// # Errors
    /// The text is not JSON, or not one that a JSONB can be.
    pub fn parse(text: &'a str) -> Result<Self, JsonbError> {
        let mut reader = Reader::new(text.as_bytes());
        let mut limits = ReadLimits { refused: Ok(()), digits: 0 };
        let value = next_value(&mut reader, 0, &mut limits).and_then(|value| reader.end().map(|()| value));
        let value = value.map_err(|fault| match fault.reason {
            Reason::TooDeep => JsonbError::TooDeep,
            _ => JsonbError::Syntax(fault.detail),
        })?;
        limits.refused.map(|()| value)
    }

    /// Reads a text that is canonical.
    ///
    /// # Panics
    /// It is not even JSON: whoever made it did not make it here.
    pub fn read(canonical: &'a str) -> Self {
        match Self::parse(canonical) {
            Ok(value) => value,
            Err(error) => panic!("a stored JSONB can't be read: {error}: {canonical}"),
        }
    }

    /// The object of these members; of several with one name the last one counts.
    pub fn object(mut members: Vec<(Cow<'a, str>, Jsonb<'a>)>) -> Self {
        if !members.is_sorted_by(|(left, _), (right, _)| compare_names(left, right).is_lt()) {
            // A stable order leaves the members of one name as they came; the last one is kept.
            members.sort_by(|(left, _), (right, _)| compare_names(left, right));
            members.reverse();
            members.dedup_by(|(left, _), (right, _)| left == right);
            members.reverse();
        }
        Self::Object(members)
    }

    /// A value of SQL as JSON, as `to_jsonb` has it: numbers are numbers, times are texts of ISO 8601, what JSON has nothing for is the text that
    /// PostgreSQL prints, NULL is `null`.
    ///
    /// # Errors
    /// A number has more digits than one in JSON may have.
    pub fn of_value(value: &'a Value<'a>) -> Result<Self, JsonbError> {
        let plain = |text: String| Ok(Self::Text(Cow::Owned(text)));
        match value {
            Value::Null => Ok(Self::Null),
            Value::Boolean(value) => Ok(Self::Boolean(*value)),
            Value::Int(value) => Ok(Self::Number(Cow::Owned(value.to_string()))),
            Value::UInt(value) => Ok(Self::Number(Cow::Owned(value.to_string()))),
            Value::Float(value) if value.is_finite() => float_digits(*value).map(Self::Number),
            Value::Float(value) if value.is_nan() => plain("NaN".to_owned()),
            Value::Float(value) => plain(if *value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()),
            Value::Decimal(units, scale) => Ok(Self::Number(Cow::Owned(decimal_text(*units, *scale)))),
            Value::Numeric(units) => Ok(Self::Number(Cow::Owned(Numeric::from_wide(*units).to_string()))),
            Value::Text(text) => Ok(Self::Text(Cow::Borrowed(text))),
            Value::Json(text) => Ok(Self::read(text)),
            Value::Bytes(bytes) => plain(format!("\\x{}", hex::encode(bytes))),
            Value::Timestamp(micros) => plain(clock(*micros, "+00:00")),
            Value::LocalTimestamp(micros) => plain(clock(*micros, "")),
            Value::Date(days) => plain(day(*days)),
            Value::Interval(value) => plain(value.to_string()),
            Value::List(values) => Ok(Self::Array(values.iter().map(Self::of_value).collect::<Result<_, _>>()?)),
        }
    }

    /// The canonical text.
    ///
    /// # Errors
    /// The value is too deep, or its text too long.
    pub fn canonical(&self) -> Result<String, JsonbError> {
        let mut out = String::new();
        self.write(0, &mut out)?;
        Ok(out)
    }

    fn write(&self, depth: usize, out: &mut String) -> Result<(), JsonbError> {
        match self {
            Self::Null => out.push_str("null"),
            Self::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(content) => write_quoted(content, out),
            Self::Array(_) | Self::Object(_) if depth == JSONB_DEPTH_MAX => return Err(JsonbError::TooDeep),
            Self::Array(elements) => {
                out.push('[');
                for (place, element) in elements.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    element.write(depth + 1, out)?;
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (place, (name, value)) in members.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    write_quoted(name, out);
                    out.push(':');
                    value.write(depth + 1, out)?;
                }
                out.push('}');
            }
        }
        if out.len() > JSONB_BYTES_MAX { Err(JsonbError::TooLarge) } else { Ok(()) }
    }

    /// Number of values within it, itself included.
    pub fn values_within(&self) -> usize {
        match self {
            Self::Array(elements) => 1 + elements.iter().map(Self::values_within).sum::<usize>(),
            Self::Object(members) => 1 + members.iter().map(|(_, value)| value.values_within()).sum::<usize>(),
            _ => 1,
        }
    }

    /// The name of its type as `jsonb_typeof` has it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// The same value without a borrow.
    pub fn into_owned(self) -> Jsonb<'static> {
        match self {
            Jsonb::Null => Jsonb::Null,
            Jsonb::Boolean(value) => Jsonb::Boolean(value),
            Jsonb::Number(digits) => Jsonb::Number(Cow::Owned(digits.into_owned())),
            Jsonb::Text(text) => Jsonb::Text(Cow::Owned(text.into_owned())),
            Jsonb::Array(elements) => Jsonb::Array(elements.into_iter().map(Jsonb::into_owned).collect()),
            Jsonb::Object(members) => {
                let owned = |(name, value): (Cow<'_, str>, Jsonb<'_>)| (Cow::Owned(name.into_owned()), value.into_owned());
                Jsonb::Object(members.into_iter().map(owned).collect())
            }
        }
    }
}

/// Facts of a text that is being read: what is JSON may be no JSONB all the same.
struct ReadLimits {
    refused: Result<(), JsonbError>,
    /// digits that numbers with exponents have become
    digits: usize,
}

impl ReadLimits {
    /// The digits of a number; few bytes may stand for many of them, so they are counted while they are written down.
    fn number<'a>(&mut self, written: &'a str) -> Result<Jsonb<'a>, JsonbError> {
        if self.digits > JSONB_BYTES_MAX {
            return Err(JsonbError::TooLarge);
        }
        let digits = digits(written)?;
        if let Cow::Owned(digits) = &digits {
            self.digits += digits.len();
        }
        Ok(Jsonb::Number(digits))
    }
}

/// Reads the next value at a depth. JSON that cannot be a JSONB is reported in `limits`, and null stands for it.
fn next_value<'a>(reader: &mut Reader<'a>, depth: usize, limits: &mut ReadLimits) -> Result<Jsonb<'a>, Fault> {
    let sign = reader.peek();
    if depth == JSONB_DEPTH_MAX && matches!(sign, Some(b'[' | b'{')) {
        return Err(Fault::new(Reason::TooDeep, JsonbError::TooDeep.to_string()));
    }
    let made = match sign {
        Some(b'[') => {
            let mut elements = Vec::new();
            reader.array(|reader| {
                elements.push(next_value(reader, depth + 1, limits)?);
                Ok(())
            })?;
            Ok(Jsonb::Array(elements))
        }
        Some(b'{') => {
            let mut members = Vec::new();
            reader.object(|reader, name| {
                let value = next_value(reader, depth + 1, limits)?;
                match checked(name) {
                    Ok(name) => members.push((name, value)),
                    Err(error) => limits.refused = Err(error),
                }
                Ok(())
            })?;
            Ok(Jsonb::object(members))
        }
        _ => match reader.value()? {
            JsonToken::Null => Ok(Jsonb::Null),
            JsonToken::Boolean(value) => Ok(Jsonb::Boolean(value)),
            JsonToken::Number(written) => limits.number(written),
            JsonToken::Text(text) => checked(text).map(Jsonb::Text),
            JsonToken::Array(text) | JsonToken::Object(text) => Err(JsonbError::Syntax(text.to_owned())),
        },
    };
    Ok(made.unwrap_or_else(|error| {
        limits.refused = Err(error);
        Jsonb::Null
    }))
}

fn checked(text: Cow<'_, str>) -> Result<Cow<'_, str>, JsonbError> {
    if text.as_bytes().contains(&0) { Err(JsonbError::NulCharacter) } else { Ok(text) }
}
