//! Values as people write them in a condition, a claim or a policy.
//!
//! Text and the kind of a column enter; the encoded field leaves, ready to be compared byte by byte with the fields of rows.

use std::borrow::Cow;

use schemas::field::{FieldKind, Value};
use schemas::interval::Interval;
use schemas::numeric::{Numeric, WIDE_SCALE};
use schemas::row::Row;
use schemas::time::parse_timestamp;
use serde_json::Value as Json;

const DAY_MICROS: i64 = 86_400_000_000;

/// A text that is not a value of the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotOfKind {
    /// the form that was expected, in words
    pub(crate) expected: String,
}

/// The encoded field of `text` as a value of `kind`.
pub(crate) fn parse(kind: &FieldKind, text: &str) -> Result<Row, NotOfKind> {
    let value = value_of(kind, text).ok_or_else(|| NotOfKind { expected: expected(kind) })?;
    Ok(encode(kind, &value))
}

/// The encoded field of NULL.
pub(crate) fn null(kind: &FieldKind) -> Row {
    encode(kind, &Value::Null)
}

/// The encoded field that the API prints as `json`; `None` for NULL, and for what no value of the kind prints as.
///
/// A string and a number that read alike are the same here, since claims carry ids as either.
pub(crate) fn printed_as(kind: &FieldKind, json: &Json) -> Option<Row> {
    let text: Cow<'_, str> = match json {
        Json::String(text) => text.into(),
        Json::Number(number) => number.to_string().into(),
        Json::Bool(flag) => flag.to_string().into(),
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    let value = value_of(kind, &text)?;
    (printed_text(&value) == text).then(|| encode(kind, &value))
}

fn encode(kind: &FieldKind, value: &Value<'_>) -> Row {
    let mut field = Row::empty();
    kind.write(value, &mut field);
    field
}

/// Returns the text that the API prints, without the quotes of a string.
fn printed_text<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    if let Value::Text(text) = value {
        return Cow::Borrowed(text);
    }
    let mut json = String::new();
    value.write_json(&mut json);
    match serde_json::from_str(&json) {
        Ok(Json::String(text)) => text.into(),
        _ => json.into(),
    }
}

fn value_of<'a>(kind: &FieldKind, text: &'a str) -> Option<Value<'a>> {
    Some(match kind {
        FieldKind::Boolean => Value::Boolean(text.parse().ok()?),
        FieldKind::Int16 => Value::Int(text.parse::<i16>().ok()?.into()),
        FieldKind::Int32 => Value::Int(text.parse::<i32>().ok()?.into()),
        FieldKind::Int64 => Value::Int(text.parse().ok()?),
        FieldKind::UInt64 => Value::UInt(text.parse().ok()?),
        FieldKind::Float64 => Value::Float(text.parse().ok()?),
        FieldKind::Decimal { scale } => Value::Decimal(decimal(text, *scale)?, *scale),
        FieldKind::Numeric => Value::Numeric(Numeric::parse(text).ok()?.to_wide()?),
        FieldKind::Text => Value::Text(text.into()),
        FieldKind::Bytes => Value::Bytes(bytes(text)?.into()),
        FieldKind::Timestamp => Value::Timestamp(parse_timestamp(text)?),
        FieldKind::LocalTimestamp => Value::LocalTimestamp(parse_timestamp(text)?),
        FieldKind::Date => Value::Date(date(text)?),
        FieldKind::Interval => Value::Interval(Interval::parse(text)?),
        FieldKind::List(_) | FieldKind::Json => return None,
    })
}

fn expected(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Boolean => "true or false".into(),
        FieldKind::Int16 => format!("a whole number from {} to {}", i16::MIN, i16::MAX),
        FieldKind::Int32 => format!("a whole number from {} to {}", i32::MIN, i32::MAX),
        FieldKind::Int64 => "a whole number of at most 64 bits".into(),
        FieldKind::UInt64 => "a whole number of at most 64 bits that is not negative".into(),
        FieldKind::Float64 => "a number".into(),
        FieldKind::Decimal { scale } => format!("a number with at most {scale} digits after the point"),
        FieldKind::Numeric => format!("a number with at most {WIDE_SCALE} digits after the point"),
        FieldKind::Text => "a text".into(),
        FieldKind::Bytes => "bytes in hexadecimal such as \\x00ff".into(),
        FieldKind::Timestamp => "a time such as 2024-01-07T23:59:59Z (in a URL, '+' is written %2B)".into(),
        FieldKind::LocalTimestamp => "a time such as 2024-01-07T23:59:59".into(),
        FieldKind::Date => "a day such as 2024-01-07".into(),
        FieldKind::Interval => "a length of time such as 3 days 04:05:06".into(),
        FieldKind::List(_) => "is.null, since lists can't be compared".into(),
        FieldKind::Json => "is.null, since JSONB is not compared as a whole here".into(),
    }
}

/// Units of `10^-scale`; `None` when the text has more digits than the scale keeps.
fn decimal(text: &str, scale: i8) -> Option<i128> {
    let scale = usize::try_from(scale).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let all_digits = !digits.is_empty() && [digits, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if !all_digits || fraction.len() > scale {
        return None;
    }
    format!("{whole}{fraction:0<scale$}").parse().ok()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    let decoded = pairs.iter().map(|[high, low]| Some(hexadecimal(*high)? * 16 + hexadecimal(*low)?));
    rest.is_empty().then(|| decoded.collect())?
}

/// The value of a hexadecimal digit.
pub(crate) fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn date(text: &str) -> Option<i32> {
    let micros = parse_timestamp(text).filter(|_| text.len() == "2024-01-07".len())?;
    i32::try_from(micros.div_euclid(DAY_MICROS)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(kind: &FieldKind, text: &str) -> String {
        let field = parse(kind, text).unwrap();
        printed_text(&kind.read(field.as_bytes(), 0)).into_owned()
    }

    #[test]
    fn values_of_every_kind_are_read() {
        assert_eq!(round_trip(&FieldKind::Boolean, "true"), "true");
        assert_eq!(round_trip(&FieldKind::Int16, "-32768"), "-32768");
        assert_eq!(round_trip(&FieldKind::Int32, "7"), "7");
        assert_eq!(round_trip(&FieldKind::Int64, "-9223372036854775808"), "-9223372036854775808");
        assert_eq!(round_trip(&FieldKind::UInt64, "18446744073709551615"), "18446744073709551615");
        assert_eq!(round_trip(&FieldKind::Float64, "1.5"), "1.5");
        assert_eq!(round_trip(&FieldKind::Decimal { scale: 2 }, "-0.5"), "-0.50");
        assert_eq!(round_trip(&FieldKind::Text, "a \"b\""), "a \"b\"");
        assert_eq!(round_trip(&FieldKind::Bytes, "\\x00ff"), "\\x00ff");
        assert_eq!(round_trip(&FieldKind::Timestamp, "2024-01-07T00:00:00Z"), "2024-01-07T00:00:00.000000Z");
        assert_eq!(round_trip(&FieldKind::LocalTimestamp, "2024-01-07T00:00:00.5"), "2024-01-07T00:00:00.500000Z");
        assert_eq!(round_trip(&FieldKind::Date, "1969-12-31"), "1969-12-31");
        assert_eq!(round_trip(&FieldKind::Interval, "1 mon -1 days +04:05:06"), "1 mon -1 days +04:05:06");
    }

    #[test]
    fn what_is_no_value_of_the_kind_is_refused() {
        let list = FieldKind::List(Box::new(FieldKind::Int64));
        let cases = [
            (FieldKind::Boolean, "1"),
            (FieldKind::Int16, "32768"),
            (FieldKind::Int32, "3000000000"),
            (FieldKind::Int64, "4.2"),
            (FieldKind::Int64, ""),
            (FieldKind::UInt64, "-1"),
            (FieldKind::Float64, "x"),
            (FieldKind::Decimal { scale: 2 }, "1.234"),
            (FieldKind::Decimal { scale: 2 }, "-"),
            (FieldKind::Decimal { scale: 2 }, "1e3"),
            (FieldKind::Bytes, "\\x0"),
            (FieldKind::Bytes, "ff"),
            (FieldKind::Timestamp, "2024-02-30"),
            (FieldKind::LocalTimestamp, "yesterday"),
            (FieldKind::Date, "2024-01-07T01:00:00Z"),
            (FieldKind::Interval, "soon"),
            (list, "[1]"),
        ];
        for (kind, text) in cases {
            assert!(parse(&kind, text).is_err(), "'{text}' was read as {}", kind.sql_name());
        }
    }

    #[test]
    fn a_claim_equals_a_column_only_in_its_printed_form() {
        let number = |json: &str| printed_as(&FieldKind::Int64, &serde_json::from_str(json).unwrap());
        assert_eq!(number("42"), number("\"42\""));
        assert!(number("42").is_some());
        for other in ["\"042\"", "\"+42\"", "\" 42\"", "42.0", "null", "[42]", "{\"a\":42}", "true"] {
            assert_eq!(number(other), None, "{other}");
        }
        let text = |json: &str| printed_as(&FieldKind::Text, &serde_json::from_str(json).unwrap());
        assert_eq!(text("42"), text("\"42\""));
        assert_eq!(text("null"), None);
    }
}
