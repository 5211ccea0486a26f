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
use crate::event::checks::{missing, shortened};
use crate::event::content::Event;
use crate::event::declared::complete;
use crate::event::id::EventId;
use crate::field::{Value, json_string};
use crate::numeric::Numeric;
use crate::time::{date_days, parse_rfc3339};
use crate::topic::column::TextForm;
use crate::topic::declared::DeclaredTopic;

/// Digits of a NUMERIC that is read without numbers of any size.
const SHORT_DIGITS_MAX: usize = 18;

type Tokens<'a> = SmallVec<[Option<JsonToken<'a>>; 16]>;

/// Reads an event into one value per column; its former content is overwritten. Without an event time of its own it happened when it was
/// appended, in microseconds since 1970.
pub(crate) fn read_event<'a>(
    topic: &DeclaredTopic,
    bytes: &'a [u8],
    appended_at: i64,
    event: &mut Event<'a>,
) -> Result<(), Fault> {
    let columns = topic.columns();
    let mut tokens: Tokens<'a> = smallvec![None; columns.len()];
    let mut likely = 0;
    // A text that is not JSON is told before anything that is wrong with its content.
    whole_object(bytes, |reader, key| {
        let Some(column) = topic.column_of(&key, likely) else {
            return reader.skip().map_err(|fault| within(fault, &shortened(&key)));
        };
        likely = column + 1;
        // The last one counts, as in most readers of JSON.
        tokens[column] = Some(reader.value().map_err(|fault| within(fault, &columns[column].name))?);
        Ok(())
    })?;
    event.fields.clear();
    for (place, (column, token)) in columns.iter().zip(tokens).enumerate() {
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

/// One value of a column, or one item of a list.
fn value<'a>(data_type: &DataType, form: TextForm, token: JsonToken<'a>, path: &str) -> Result<Value<'a>, Fault> {
    Ok(match data_type {
        DataType::Utf8 => Value::Text(match form {
            TextForm::Plain => text(token, path)?,
            TextForm::Uuid => uuid(&token, path)?,
            TextForm::Json => json_text(token),
        }),
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

fn bytes(token: &JsonToken<'_>, path: &str) -> Result<Vec<u8>, Fault> {
    let found = match token {
        JsonToken::Text(text) => text.strip_prefix("\\x").and_then(|digits| hex::decode(digits).ok()),
        _ => None,
    };
    found.ok_or_else(|| wrong_type(path, "bytes as a text such as '\\x00ff'", token))
}

/// The JSON text of a value, without blanks between its parts.
fn json_text(token: JsonToken<'_>) -> Cow<'_, str> {
    match token {
        JsonToken::Null => Cow::Borrowed("null"),
        JsonToken::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        JsonToken::Number(number) => Cow::Borrowed(number),
        JsonToken::Text(text) => {
            let mut quoted = String::with_capacity(text.len() + 2);
            json_string(&text, &mut quoted);
            Cow::Owned(quoted)
        }
        JsonToken::Array(text) | JsonToken::Object(text) => without_blanks(text),
    }
}

fn without_blanks(text: &str) -> Cow<'_, str> {
    if !text.contains([' ', '\t', '\n', '\r']) {
        return Cow::Borrowed(text);
    }
    let (mut inside, mut escaped) = (false, false);
    let is_kept = |character: &char| {
        let is_blank = !inside && matches!(character, ' ' | '\t' | '\n' | '\r');
        inside ^= *character == '"' && !escaped;
        escaped = inside && *character == '\\' && !escaped;
        !is_blank
    };
    Cow::Owned(text.chars().filter(is_kept).collect())
}

#[cfg(test)]
mod tests;
