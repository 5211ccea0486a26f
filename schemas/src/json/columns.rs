//! Events that are JSON objects without an envelope: their members become the columns that a source declares.
//!
//! Owns the JSON form of every declared type. Bytes and the declared topic enter; one value per column leaves, or the first [`Fault`] with the
//! path of its member. Nothing is guessed: a value that would have to be rounded, cut or converted to fit is a fault.

use std::borrow::Cow;

use arrow_schema::DataType;
use smallvec::{SmallVec, smallvec};

use super::reader::{JsonToken, Reader};
use super::{null, text, time, whole_object, within, words, wrong_type};
use crate::dead_letter::{Fault, Reason};
use crate::event::checks::{check_text, missing, shortened};
use crate::event::content::Event;
use crate::event::declared::complete;
use crate::event::id::EventId;
use crate::field::Value;
use crate::interval::Interval;
use crate::jsonb::{Jsonb, JsonbError};
use crate::numeric::Numeric;
use crate::row::arrow_interval;
use crate::time::{date_days, parse_rfc3339};
use crate::topic::column::{MEMBER_SEPARATOR, TextForm};
use crate::topic::declared::DeclaredTopic;

/// Digits of a NUMERIC that is read without numbers of any size.
const SHORT_DIGITS_MAX: usize = 18;

pub(super) type MemberTokens<'a> = SmallVec<[Option<JsonToken<'a>>; 16]>;

/// Reads an event into one value per column; its former content is overwritten. Without an event time of its own it happened when it was
/// appended, in microseconds since 1970.
pub(crate) fn read_event<'a>(
    topic: &DeclaredTopic,
    bytes: &'a [u8],
    appended_at: i64,
    event: &mut Event<'a>,
) -> Result<(), Fault> {
    let tokens = member_tokens(topic, bytes)?;
    event.fields.clear();
    for (place, (column, token)) in topic.members().iter().zip(tokens).enumerate() {
        event.fields.push(match token {
            None | Some(JsonToken::Null) if column.nullable => Value::Null,
            Some(token) if token != JsonToken::Null => value(&column.data_type, topic.form(place), token, &column.name)?,
            absent => match topic.default_value(place) {
                Some(default) => default,
                None if absent.is_none() => return Err(missing(&column.name)),
                None => return Err(null(&column.name)),
            },
        });
    }
    complete(topic, appended_at, event)
}

/// The values of the declared members of an object, in the order of the columns; of those of no column nothing is kept.
pub(super) fn member_tokens<'a>(topic: &DeclaredTopic, bytes: &'a [u8]) -> Result<MemberTokens<'a>, Fault> {
    let mut members = DeclaredMembers { topic, tokens: smallvec![None; topic.members().len()], likely: 0, fault: None };
    whole_object(bytes, |reader, key| members.read(reader, "", &key))?;
    members.fault.map_or(Ok(members.tokens), Err)
}

/// The declared members of an object that were found so far.
struct DeclaredMembers<'t, 'a> {
    topic: &'t DeclaredTopic,
    tokens: MemberTokens<'a>,
    /// the column that the next member is, since producers write them in one order
    likely: usize,
    /// the first fault of an object inside; a text that is not JSON is reported before it
    fault: Option<Fault>,
}

impl<'a> DeclaredMembers<'_, 'a> {
    /// Reads the value of a member; `around` is the path to the object that has it. A name with a point is that of no column.
    fn read(&mut self, reader: &mut Reader<'a>, around: &str, key: &str) -> Result<(), Fault> {
        let path = match around {
            "" => Cow::Borrowed(key),
            around => Cow::Owned(format!("{around}{MEMBER_SEPARATOR}{key}")),
        };
        let is_plain = !key.contains(MEMBER_SEPARATOR);
        if let Some(column) = self.topic.column_of(&path, self.likely).filter(|_| is_plain) {
            self.likely = column + 1;
            // The last one counts, as in most readers of JSON.
            self.tokens[column] = Some(reader.value().map_err(|fault| within(fault, &path))?);
            return Ok(());
        }
        let Some(columns) = self.topic.object_at(&path).filter(|_| is_plain) else {
            return reader.skip().map_err(|fault| within(fault, &shortened(&path)));
        };
        self.likely = columns.start;
        self.tokens[columns].fill(None);
        if reader.peek() == Some(b'{') {
            return reader.object(|reader, key| self.read(reader, &path, &key));
        }
        match reader.value().map_err(|fault| within(fault, &path))? {
            JsonToken::Null => {}
            other => self.fault = self.fault.take().or_else(|| Some(wrong_type(&path, "an object", &other))),
        }
        Ok(())
    }
}

/// The value of a column that is a whole text of JSON.
pub(crate) fn whole_value<'a>((data_type, form): (&DataType, TextForm), bytes: &'a [u8], path: &str) -> Result<Value<'a>, Fault> {
    let mut reader = Reader::new(bytes);
    let token = reader.value()?;
    reader.end()?;
    value(data_type, form, token, path)
}

/// One value of a column, or one item of a list.
pub(super) fn value<'a>(data_type: &DataType, form: TextForm, token: JsonToken<'a>, path: &str) -> Result<Value<'a>, Fault> {
    Ok(match data_type {
        DataType::Utf8 => Value::Text(match form {
            TextForm::Plain => text(token, path)?,
            TextForm::Uuid => uuid(&token, path)?,
        }),
        DataType::LargeUtf8 => Value::Json(json_text(token, path)?),
        DataType::Boolean => match token {
            JsonToken::Boolean(value) => Value::Boolean(value),
            other => return Err(wrong_type(path, "true or false", &other)),
        },
        DataType::Int16 => Value::Int(whole_number(&token, path, i64::from(i16::MIN), i64::from(i16::MAX))?),
        DataType::Int32 => Value::Int(whole_number(&token, path, i64::from(i32::MIN), i64::from(i32::MAX))?),
        DataType::Int64 => Value::Int(whole_number(&token, path, i64::MIN, i64::MAX)?),
        DataType::Float64 => Value::Float(super::float(&token, path)?),
        DataType::Decimal128(precision, scale) => Value::Decimal(decimal(&token, *precision, *scale, path)?, *scale),
        DataType::Decimal256(..) => Value::Numeric(
            number(&token, path)?
                .to_wide()
                .ok_or_else(|| wrong_type(path, "a number of at most 28 digits before the point and 48 behind it", &token))?,
        ),
        DataType::Timestamp(_, Some(_)) => Value::Timestamp(time(&token, path)?),
        DataType::Timestamp(_, None) => Value::LocalTimestamp(local_time(&token, path)?),
        DataType::Date32 => Value::Date(date(&token, path)?),
        DataType::Interval(_) => Value::Interval(interval(&token, path)?),
        DataType::Binary => Value::Bytes(Cow::Owned(bytes(&token, path)?)),
        DataType::List(item) => list(item.data_type(), form, token, path)?,
        other => panic!("a column was declared with type {other}, which events don't have"),
    })
}

fn list<'a>(item: &DataType, form: TextForm, token: JsonToken<'a>, path: &str) -> Result<Value<'a>, Fault> {
    let JsonToken::Array(array) = token else { return Err(wrong_type(path, "a list", &token)) };
    let mut values = Vec::new();
    Reader::new(array.as_bytes()).array(|reader| {
        values.push(match reader.value()? {
            JsonToken::Null => Value::Null,
            token => value(item, form, token, &format!("{path}[{}]", values.len()))?,
        });
        Ok(())
    })?;
    Ok(Value::List(values))
}

/// The digits of a number, which may stand in quotes: many producers can't write 64 bits otherwise.
fn digits<'t>(token: &'t JsonToken<'_>, path: &str, expected: &str) -> Result<&'t str, Fault> {
    match token {
        JsonToken::Number(number) => Ok(number),
        JsonToken::Text(text) if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => Ok(text),
        other => Err(wrong_type(path, expected, other)),
    }
}

fn whole_number(token: &JsonToken<'_>, path: &str, least: i64, most: i64) -> Result<i64, Fault> {
    let found = digits(token, path, "a whole number")?.parse().ok();
    found.filter(|number| (least..=most).contains(number)).ok_or_else(|| {
        let detail = format!("expected a whole number from {least} to {most}, found {}", words(token));
        Fault::at(Reason::WrongType, path, detail)
    })
}

fn number(token: &JsonToken<'_>, path: &str) -> Result<Numeric, Fault> {
    Numeric::parse(digits(token, path, "a number")?).map_err(|_| wrong_type(path, "a number", token))
}

/// The units of `10^-scale` of a number that has no more digits than the column.
fn decimal(token: &JsonToken<'_>, precision: u8, scale: i8, path: &str) -> Result<i128, Fault> {
    let text = digits(token, path, "a number")?;
    let behind = u32::from(scale.unsigned_abs());
    let units = match short_units(text, behind) {
        Some(units) => Some(units),
        None => number(token, path)?.units_exactly(behind).and_then(|units| i128::try_from(units).ok()),
    };
    let limit = 10_u128.checked_pow(precision.into());
    let fits = |units: &i128| limit.is_none_or(|limit| units.unsigned_abs() < limit);
    units.filter(fits).ok_or_else(|| {
        let before = i32::from(precision) - i32::from(scale);
        wrong_type(path, &format!("a number of at most {before} digits before the point and {behind} behind it"), token)
    })
}

/// The units of a short number without an exponent; `None` for every other text, which may be a number all the same.
fn short_units(text: &str, scale: u32) -> Option<i128> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let zeros = usize::try_from(scale).ok()?.checked_sub(fraction.len())?;
    if whole.is_empty() || whole.len() + fraction.len() + zeros > SHORT_DIGITS_MAX {
        return None;
    }
    let digit = |units: i64, byte: u8| byte.is_ascii_digit().then(|| units * 10 + i64::from(byte - b'0'));
    let units = whole.bytes().chain(fraction.bytes()).try_fold(0, digit)?;
    let units = i128::from((0..zeros).fold(units, |units, _| units * 10));
    Some(if negative { -units } else { units })
}

fn uuid<'a>(token: &JsonToken<'a>, path: &str) -> Result<Cow<'a, str>, Fault> {
    let id = match token {
        JsonToken::Text(text) => EventId::parse(text.as_bytes()),
        other => return Err(wrong_type(path, "a UUID", other)),
    };
    let id = id.ok_or_else(|| wrong_type(path, "a UUID such as 018cc251-f402-7000-8002-000000000002", token))?;
    Ok(Cow::Owned(id.to_string()))
}

fn local_time(token: &JsonToken<'_>, path: &str) -> Result<i64, Fault> {
    let JsonToken::Text(text) = token else { return Err(wrong_type(path, "a time without a zone", token)) };
    // Day and clock may be parted by a blank, as PostgreSQL writes them.
    let zoned = format!("{}Z", text.replacen(' ', "T", 1));
    parse_rfc3339(&zoned).ok_or_else(|| {
        let detail = format!("'{}' is not a time without a zone, such as 2024-01-01T12:00:00.000001", shortened(text));
        Fault::at(Reason::BadTime, path, detail)
    })
}

fn date(token: &JsonToken<'_>, path: &str) -> Result<i32, Fault> {
    let JsonToken::Text(text) = token else { return Err(wrong_type(path, "a date", token)) };
    date_days(text).ok_or_else(|| {
        Fault::at(Reason::BadTime, path, format!("'{}' is not a date that exists, such as 2024-01-31", shortened(text)))
    })
}

/// A length of time as PostgreSQL or ISO 8601 writes it, and no longer than a view can compute with.
fn interval(token: &JsonToken<'_>, path: &str) -> Result<Interval, Fault> {
    let found = match token {
        JsonToken::Text(text) => {
            let interval = Interval::parse(text).or_else(|| Interval::parse_iso(text));
            interval.filter(|interval| arrow_interval(*interval).is_some())
        }
        _ => None,
    };
    found.ok_or_else(|| wrong_type(path, "a length of time such as '1 day 02:00:00' or 'P1DT2H'", token))
}

fn bytes(token: &JsonToken<'_>, path: &str) -> Result<Vec<u8>, Fault> {
    let found = match token {
        JsonToken::Text(text) => text.strip_prefix("\\x").and_then(|digits| hex::decode(digits).ok()),
        _ => None,
    };
    found.ok_or_else(|| wrong_type(path, "bytes as a text such as '\\x00ff'", token))
}

/// The canonical text of a JSONB.
fn json_text<'a>(token: JsonToken<'a>, path: &str) -> Result<Cow<'a, str>, Fault> {
    let value = match token {
        JsonToken::Null => Ok(Jsonb::Null),
        JsonToken::Boolean(value) => Ok(Jsonb::Boolean(value)),
        JsonToken::Text(text) => check_text(&text, path).map(|()| Ok(Jsonb::Text(text)))?,
        JsonToken::Number(text) | JsonToken::Array(text) | JsonToken::Object(text) => Jsonb::parse(text),
    };
    value.and_then(|value| value.canonical()).map(Cow::Owned).map_err(|error| {
        let reason = match error {
            JsonbError::Syntax(_) => Reason::NotJson,
            JsonbError::NulCharacter => Reason::NulCharacter,
            JsonbError::TooDeep => Reason::TooDeep,
            JsonbError::TooLarge => Reason::TooLarge,
            JsonbError::TooManyDigits | JsonbError::NoSuchPlace(_) => Reason::WrongType,
        };
        Fault::at(reason, path, format!("the JSON is no JSONB: {error}"))
    })
}

#[cfg(test)]
mod tests;
