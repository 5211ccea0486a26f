//! The text forms of values, as PostgreSQL writes them.

use std::borrow::Cow;

use schemas::field::{Value, decimal_text};
use schemas::jsonb::shown;
use schemas::numeric::Numeric;

use super::calendar::{Moment, civil};

/// A value as PostgreSQL writes it.
pub fn written<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        Value::Json(text) => Cow::Owned(shown(text)),
        Value::Null => Cow::Borrowed(""),
        Value::Boolean(value) => Cow::Borrowed(if *value { "t" } else { "f" }),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::UInt(number) => Cow::Owned(number.to_string()),
        Value::Float(number) => Cow::Owned(float_text(*number)),
        Value::Decimal(units, scale) => Cow::Owned(decimal_text(*units, *scale)),
        Value::Numeric(units) => Cow::Owned(Numeric::from_wide(*units).to_string()),
        Value::Bytes(bytes) => Cow::Owned(format!("\\x{}", hex::encode(bytes))),
        Value::Timestamp(micros) => Cow::Owned(moment_text(*micros, "+00")),
        Value::LocalTimestamp(micros) => Cow::Owned(moment_text(*micros, "")),
        Value::Date(days) => Cow::Owned(era(i64::from(*days), "")),
        Value::Interval(interval) => Cow::Owned(interval.to_string()),
        Value::List(items) => Cow::Owned(list_text(items)),
    }
}

/// A number with as few digits as tell it from its neighbours, in PostgreSQL's choice of notation.
fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (-4..15).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

fn moment_text(micros: i64, zone: &str) -> String {
    let moment = Moment::of(micros);
    let fraction = micros.rem_euclid(1_000_000);
    let fraction = if fraction == 0 { String::new() } else { format!(".{}", format!("{fraction:06}").trim_end_matches('0')) };
    era(moment.days(), &format!(" {:02}:{:02}:{:02}{fraction}{zone}", moment.hour(), moment.minute(), moment.second()))
}

/// A day, what is behind it, and BC for the years before 1.
fn era(days: i64, rest: &str) -> String {
    let (year, month, day) = civil(days);
    if year > 0 {
        format!("{year:04}-{month:02}-{day:02}{rest}")
    } else {
        format!("{:04}-{month:02}-{day:02}{rest} BC", 1 - year)
    }
}

fn list_text(items: &[Value<'_>]) -> String {
    let item = |value: &Value<'_>| {
        let text = written(value);
        let is_plain = !text.is_empty()
            && !text.eq_ignore_ascii_case("null")
            && !text
                .contains(|character: char| matches!(character, '{' | '}' | '"' | '\\' | ',') || character.is_ascii_whitespace());
        match value {
            Value::Null => "NULL".to_owned(),
            Value::List(_) => text.into_owned(),
            _ if is_plain => text.into_owned(),
            _ => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    };
    format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(","))
}
