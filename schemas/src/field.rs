//! The inside of one field of a [`Row`]: its end, its value, its encoding.
//!
//! Owns [`FieldKind`], the shape of a column's encoding, and [`Value`], one decoded value. Bytes of a row enter, borrowed values,
//! field boundaries and JSON leave. It must agree with `arrow-row` to the byte; the tests hold the two against each other.

use std::borrow::Cow;

use arrow_buffer::i256;
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use smallvec::SmallVec;

use crate::float::canonical;
use crate::interval::{INTERVAL_BYTES, Interval};
use crate::numeric::{Numeric, WIDE_DIGITS, WIDE_SCALE};
use crate::row::Row;
use crate::time::write_timestamp;

const VALID: u8 = 1;
const EMPTY: u8 = 1;
const NON_EMPTY: u8 = 2;
const NULL: u8 = 0xFF;
const CONTINUES: u8 = 0xFF;
const MINI_BLOCK: usize = 8;
const MINI_BLOCKS: usize = 4;
const BLOCK: usize = 32;

/// Offsets at which the fields of a row end, in order.
pub type FieldEnds = SmallVec<[usize; 12]>;

/// The shape of one encoded column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// `BOOLEAN`
    Boolean,
    /// `SMALLINT`
    Int16,
    /// `INTEGER`
    Int32,
    /// `BIGINT`
    Int64,
    /// unsigned 64 bits, the type of some function results
    UInt64,
    /// `DOUBLE PRECISION`
    Float64,
    /// `NUMERIC(precision, scale)`; the value is an integer of units of `10^-scale`
    Decimal {
        /// digits after the decimal point
        scale: i8,
    },
    /// `NUMERIC` without a scale of its own: an integer of 256 bits of units of `10^-48`
    Numeric,
    /// `TEXT`
    Text,
    /// `JSONB`: the canonical text of [`crate::jsonb`], encoded as a text is
    Json,
    /// `BYTEA`
    Bytes,
    /// `TIMESTAMPTZ`, microseconds since 1970 in UTC
    Timestamp,
    /// `TIMESTAMP`, microseconds since 1970 on a clock whose zone is not known
    LocalTimestamp,
    /// `DATE`, days since 1970
    Date,
    /// `INTERVAL`
    Interval,
    /// a list of values of one kind
    List(Box<FieldKind>),
}

impl FieldKind {
    /// The kind of an Arrow type; `None` when rows can't hold it.
    pub fn of(kind: &DataType) -> Option<Self> {
        Some(match kind {
            DataType::Boolean => Self::Boolean,
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::UInt64 => Self::UInt64,
            DataType::Float64 => Self::Float64,
            DataType::Decimal128(_, scale) => Self::Decimal { scale: *scale },
            DataType::Decimal256(WIDE_DIGITS, WIDE_SCALE) => Self::Numeric,
            DataType::Utf8 => Self::Text,
            // No other text is a LargeUtf8: it is the mark by which a planner knows JSONB.
            DataType::LargeUtf8 => Self::Json,
            DataType::Binary => Self::Bytes,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Self::Timestamp,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::LocalTimestamp,
            DataType::Date32 => Self::Date,
            DataType::Interval(IntervalUnit::MonthDayNano) => Self::Interval,
            DataType::List(item) => match Self::of(item.data_type())? {
                // Their bytes are not Arrow's own, and inside of a list only Arrow writes.
                Self::Interval => return None,
                item => Self::List(Box::new(item)),
            },
            _ => return None,
        })
    }

    /// The name a user of SQL knows the type by.
    pub fn sql_name(&self) -> String {
        match self {
            Self::Boolean => "BOOLEAN".into(),
            Self::Int16 => "SMALLINT".into(),
            Self::Int32 => "INTEGER".into(),
            Self::Int64 | Self::UInt64 => "BIGINT".into(),
            Self::Float64 => "DOUBLE PRECISION".into(),
            Self::Decimal { .. } | Self::Numeric => "NUMERIC".into(),
            Self::Text => "TEXT".into(),
            Self::Json => "JSONB".into(),
            Self::Bytes => "BYTEA".into(),
            Self::Timestamp => "TIMESTAMPTZ".into(),
            Self::LocalTimestamp => "TIMESTAMP".into(),
            Self::Interval => "INTERVAL".into(),
            Self::Date => "DATE".into(),
            Self::List(item) => format!("{}[]", item.sql_name()),
        }
    }

    /// Bytes of the encoding where they do not depend on the value.
    pub fn fixed_width(&self) -> Option<usize> {
        Some(match self {
            Self::Boolean => 2,
            Self::Int16 => 3,
            Self::Int32 | Self::Date => 5,
            Self::Int64 | Self::UInt64 | Self::Float64 | Self::Timestamp | Self::LocalTimestamp => 9,
            Self::Interval => 1 + INTERVAL_BYTES,
            Self::Decimal { .. } => 17,
            Self::Numeric => 33,
            Self::Text | Self::Json | Self::Bytes | Self::List(_) => return None,
        })
    }

    /// Returns the end of the field that starts at `start`.
    pub fn end(&self, row: &[u8], start: usize) -> usize {
        match self.fixed_width() {
            Some(width) => start + width,
            None if matches!(self, Self::List(_)) => list_end(row, start),
            None => variable_end(row, start),
        }
    }

    /// Inverts a field stored in descending form, in place, and returns where it ends.
    pub fn invert_field(&self, row: &mut [u8], start: usize) -> usize {
        // The length of a fixed field is known; of others only the inverted bytes tell it, so all that follows is inverted there and back.
        let end = self.fixed_width().map(|width| start + width);
        let invert = |bytes: &mut [u8]| bytes.iter_mut().for_each(|byte| *byte = !*byte);
        match end {
            Some(end) => {
                invert(&mut row[start..end]);
                end
            }
            None => {
                invert(&mut row[start..]);
                let end = self.end(row, start);
                invert(&mut row[end..]);
                end
            }
        }
    }

    /// Reads the field that starts at `start`; `row` is in ascending form.
    pub fn read<'a>(&self, row: &'a [u8], start: usize) -> Value<'a> {
        let field = &row[start..];
        if field[0] == NULL {
            return Value::Null;
        }
        match self {
            Self::Boolean => Value::Boolean(field[1] != 0),
            Self::Int16 => Value::Int(i64::from(i16::from_be_bytes(flip(array(field))))),
            Self::Int32 => Value::Int(i64::from(i32::from_be_bytes(flip(array(field))))),
            Self::Int64 => Value::Int(i64::from_be_bytes(flip(array(field)))),
            Self::UInt64 => Value::UInt(u64::from_be_bytes(array(field))),
            Self::Float64 => Value::Float(float_from_order(i64::from_be_bytes(flip(array(field))))),
            Self::Decimal { scale } => Value::Decimal(i128::from_be_bytes(flip(array(field))), *scale),
            Self::Numeric => Value::Numeric(i256::from_be_bytes(flip(array(field)))),
            Self::Timestamp => Value::Timestamp(i64::from_be_bytes(flip(array(field)))),
            Self::LocalTimestamp => Value::LocalTimestamp(i64::from_be_bytes(flip(array(field)))),
            Self::Date => Value::Date(i32::from_be_bytes(flip(array(field)))),
            Self::Interval => match Interval::from_bytes(&field[1..=INTERVAL_BYTES]) {
                Some(interval) => Value::Interval(interval),
                None => panic!("the bytes of an interval were not written as one"),
            },
            Self::Text => Value::Text(text(variable_bytes(row, start))),
            Self::Json => Value::Json(text(variable_bytes(row, start))),
            Self::Bytes => Value::Bytes(variable_bytes(row, start)),
            Self::List(item) => Value::List(list_items(item, row, start)),
        }
    }

    /// Appends a value of this kind; a number is converted to the kind's width. Panics when the value is of another kind:
    /// the planner has typed it.
    pub fn write(&self, value: &Value<'_>, out: &mut Row) {
        match (self, value) {
            (_, Value::Null) => self.write_null(out),
            (Self::Boolean, Value::Boolean(v)) => out.extend(&[VALID, u8::from(*v)]),
            (Self::Int16, Value::Int(v)) => write_fixed(flip((*v as i16).to_be_bytes()), out),
            (Self::Int32, Value::Int(v)) => write_fixed(flip((*v as i32).to_be_bytes()), out),
            (Self::Int64, Value::Int(v)) => write_fixed(flip(v.to_be_bytes()), out),
            (Self::UInt64, Value::UInt(v)) => write_fixed(v.to_be_bytes(), out),
            (Self::Float64, Value::Float(v)) => write_fixed(flip(order_from_float(canonical(*v)).to_be_bytes()), out),
            (Self::Decimal { .. }, Value::Decimal(v, _)) => write_fixed(flip(v.to_be_bytes()), out),
            (Self::Numeric, Value::Numeric(v)) => write_fixed(flip(v.to_be_bytes()), out),
            (Self::Timestamp, Value::Timestamp(v)) => write_fixed(flip(v.to_be_bytes()), out),
            (Self::LocalTimestamp, Value::LocalTimestamp(v)) => write_fixed(flip(v.to_be_bytes()), out),
            (Self::Date, Value::Date(v)) => write_fixed(flip(v.to_be_bytes()), out),
            (Self::Interval, Value::Interval(v)) => write_fixed(v.to_bytes(), out),
            (Self::Text, Value::Text(v)) | (Self::Json, Value::Json(v)) => write_variable(v.as_bytes(), out),
            (Self::Bytes, Value::Bytes(v)) => write_variable(v, out),
            (Self::List(item), Value::List(values)) => {
                for value in values {
                    let mut element = Row::empty();
                    item.write(value, &mut element);
                    write_variable(element.as_bytes(), out);
                }
                out.push(EMPTY);
            }
            (kind, value) => panic!("a value {value:?} was written as {}", kind.sql_name()),
        }
    }

    /// Appends NULL.
    pub fn write_null(&self, out: &mut Row) {
        out.push(NULL);
        for _ in 1..self.fixed_width().unwrap_or(1) {
            out.push(0);
        }
    }
}

/// Returns true if the field that starts at `start` is NULL.
pub fn is_null(row: &[u8], start: usize) -> bool {
    row[start] == NULL
}

/// Returns the ends of the fields of `row`, one offset per kind.
pub fn field_ends(kinds: &[FieldKind], row: &[u8]) -> FieldEnds {
    let mut at = 0;
    kinds
        .iter()
        .map(|kind| {
            at = kind.end(row, at);
            at
        })
        .collect()
}

/// One decoded value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL
    Null,
    /// a truth value
    Boolean(bool),
    /// SMALLINT, INTEGER, BIGINT
    Int(i64),
    /// unsigned 64 bits
    UInt(u64),
    /// DOUBLE PRECISION
    Float(f64),
    /// NUMERIC: units of `10^-scale`, and the scale
    Decimal(i128, i8),
    /// NUMERIC without a scale of its own: units of `10^-48`
    Numeric(i256),
    /// TEXT
    Text(Cow<'a, str>),
    /// JSONB: its canonical text, which [`crate::jsonb`] makes
    Json(Cow<'a, str>),
    /// BYTEA
    Bytes(Cow<'a, [u8]>),
    /// microseconds since 1970, UTC
    Timestamp(i64),
    /// microseconds since 1970 on a clock whose zone is not known
    LocalTimestamp(i64),
    /// days since 1970
    Date(i32),
    /// a length of time
    Interval(Interval),
    /// a list
    List(Vec<Value<'a>>),
}

impl Value<'_> {
    /// Appends the value as JSON: numbers as numbers, NUMERIC as a string that keeps every digit, JSONB as the JSON that it is, times in RFC
    /// 3339 with microseconds (a TIMESTAMP as if its clock were that of UTC), bytes in hexadecimal as PostgreSQL prints them. Not-a-number
    /// and infinities are `null`.
    pub fn write_json(&self, out: &mut String) {
        use std::fmt::Write as _;
        match self {
            Value::Null => out.push_str("null"),
            Value::Boolean(v) => out.push_str(if *v { "true" } else { "false" }),
            Value::Int(v) => drop(write!(out, "{v}")),
            Value::UInt(v) => drop(write!(out, "{v}")),
            Value::Float(v) if v.is_finite() => drop(write!(out, "{v}")),
            Value::Float(_) => out.push_str("null"),
            Value::Decimal(v, scale) => drop(write!(out, "\"{}\"", decimal_text(*v, *scale))),
            Value::Numeric(v) => drop(write!(out, "\"{}\"", Numeric::from_wide(*v))),
            Value::Text(v) => json_string(v, out),
            Value::Json(v) => out.push_str(v),
            Value::Bytes(v) => {
                out.push_str("\"\\\\x");
                out.push_str(&hex::encode(v));
                out.push('"');
            }
            Value::Timestamp(v) | Value::LocalTimestamp(v) => {
                out.push('"');
                write_timestamp(*v, out);
                out.push('"');
            }
            Value::Interval(v) => drop(write!(out, "\"{v}\"")),
            Value::Date(v) => {
                out.push('"');
                let mut day = String::new();
                write_timestamp(i64::from(*v) * 86_400_000_000, &mut day);
                out.push_str(day.split_once('T').map_or(day.as_str(), |(date, _)| date));
                out.push('"');
            }
            Value::List(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    value.write_json(out);
                }
                out.push(']');
            }
        }
    }
}

/// Appends a JSON string with its quotes.
pub fn json_string(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => drop(write!(out, "\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A NUMERIC in digits: `decimal_text(1234, 2)` is `12.34`.
pub fn decimal_text(units: i128, scale: i8) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = units.unsigned_abs().to_string();
    match usize::try_from(scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}

fn array<const N: usize>(field: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&field[1..=N]);
    bytes
}

fn flip<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    bytes[0] ^= 0x80;
    bytes
}

/// The involution between a float's bits and an integer of the same order (IEEE 754 total order).
fn order_from_float(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn float_from_order(order: i64) -> f64 {
    f64::from_bits((order ^ (((order >> 63) as u64) >> 1) as i64) as u64)
}

fn write_fixed<const N: usize>(bytes: [u8; N], out: &mut Row) {
    out.push(VALID);
    out.extend(&bytes);
}

fn write_variable(bytes: &[u8], out: &mut Row) {
    if bytes.is_empty() {
        return out.push(EMPTY);
    }
    out.push(NON_EMPTY);
    let (first, rest) = bytes.split_at(bytes.len().min(BLOCK));
    write_blocks(first, MINI_BLOCK, rest.is_empty(), out);
    if !rest.is_empty() {
        write_blocks(rest, BLOCK, true, out);
    }
}

fn write_blocks(bytes: &[u8], size: usize, last: bool, out: &mut Row) {
    let count = bytes.len().div_ceil(size);
    for (index, chunk) in bytes.chunks(size).enumerate() {
        out.extend(chunk);
        out.extend(&[0; BLOCK][..size - chunk.len()]);
        out.push(if last && index + 1 == count { chunk.len() as u8 } else { CONTINUES });
    }
}

/// Calls `visit` with each block's content, and returns where the field ends.
fn walk_blocks<'a>(row: &'a [u8], start: usize, mut visit: impl FnMut(&'a [u8])) -> usize {
    let mut at = start + 1;
    if row[start] != NON_EMPTY {
        return at;
    }
    for index in 0.. {
        let size = if index < MINI_BLOCKS { MINI_BLOCK } else { BLOCK };
        let marker = row[at + size];
        let used = if marker == CONTINUES { size } else { usize::from(marker) };
        visit(&row[at..at + used]);
        at += size + 1;
        if marker != CONTINUES {
            break;
        }
    }
    at
}

fn variable_end(row: &[u8], start: usize) -> usize {
    walk_blocks(row, start, |_| {})
}

fn variable_bytes(row: &[u8], start: usize) -> Cow<'_, [u8]> {
    let mut parts: SmallVec<[&[u8]; 8]> = SmallVec::new();
    walk_blocks(row, start, |part| parts.push(part));
    match parts.as_slice() {
        [] => Cow::Borrowed(&[]),
        [one] => Cow::Borrowed(one),
        many => Cow::Owned(many.concat()),
    }
}

fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

fn list_end(row: &[u8], start: usize) -> usize {
    let mut at = start;
    while row[at] == NON_EMPTY {
        at = variable_end(row, at);
    }
    at + 1
}

fn list_items<'a>(item: &FieldKind, row: &[u8], start: usize) -> Vec<Value<'a>> {
    let mut values = Vec::new();
    let mut at = start;
    while row[at] == NON_EMPTY {
        let element = variable_bytes(row, at);
        values.push(item.read(&element, 0).into_owned());
        at = variable_end(row, at);
    }
    values
}

impl Value<'_> {
    /// The same value without a borrow.
    pub fn into_owned<'b>(self) -> Value<'b> {
        match self {
            Value::Null => Value::Null,
            Value::Boolean(v) => Value::Boolean(v),
            Value::Int(v) => Value::Int(v),
            Value::UInt(v) => Value::UInt(v),
            Value::Float(v) => Value::Float(v),
            Value::Decimal(v, scale) => Value::Decimal(v, scale),
            Value::Numeric(v) => Value::Numeric(v),
            Value::Text(v) => Value::Text(Cow::Owned(v.into_owned())),
            Value::Json(v) => Value::Json(Cow::Owned(v.into_owned())),
            Value::Bytes(v) => Value::Bytes(Cow::Owned(v.into_owned())),
            Value::Timestamp(v) => Value::Timestamp(v),
            Value::LocalTimestamp(v) => Value::LocalTimestamp(v),
            Value::Date(v) => Value::Date(v),
            Value::Interval(v) => Value::Interval(v),
            Value::List(values) => Value::List(values.into_iter().map(Value::into_owned).collect()),
        }
    }
}

#[cfg(test)]
mod tests;
