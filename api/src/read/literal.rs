//! Literals as PostgreSQL reads them in a comparison with a column.
//!
//! Text and the kind of a column enter; the encoded field leaves. Everything that [`super::value`] reads is read, and the further forms of
//! PostgreSQL: `t` and `yes`, blanks around numbers, zones of two digits, lists in braces.

use schemas::field::{FieldKind, Value};
use schemas::jsonb::canonical;
use schemas::list_text::list_items;
use schemas::numeric::{Numeric, NumericError, WIDE_SCALE};
use schemas::row::Row;
use schemas::time::parse_timestamp;

use crate::read::expression_error::ExpressionError;
use crate::read::value::parse;

/// Words for truth values; any beginning of one will do that is not the beginning of another.
const TRUTHS: [(&str, usize, bool); 8] = [
    ("true", 1, true),
    ("yes", 1, true),
    ("on", 2, true),
    ("1", 1, true),
    ("false", 1, false),
    ("no", 1, false),
    ("off", 2, false),
    ("0", 1, false),
];
const DAY_BYTES: usize = "2024-01-07".len();

/// The other side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// an encoded field of the column's kind
    Field(Row),
    /// a number between this value and the next one that the column keeps
    Behind(Row),
    /// a number that is less than every value of the kind
    Below,
    /// a number that is greater than every value of the kind
    Above,
}

/// The other side of a comparison with a column of this kind.
pub(crate) fn operand(kind: &FieldKind, text: &str) -> Result<Operand, ExpressionError> {
    let number = match kind {
        FieldKind::Decimal { scale } => Numeric::parse(text).ok().map(|number| (number, *scale)),
        FieldKind::Numeric => Numeric::parse(text).ok().map(|number| (number, WIDE_SCALE)),
        _ => None,
    };
    let Some((number, scale)) = number else { return literal(kind, text).map(Operand::Field) };
    let kept = greatest_up_to(&number, scale);
    Ok(match exact(kind, &kept) {
        Some(value) if kept.compare(&number).is_eq() => Operand::Field(encoded(kind, &value)),
        Some(value) => Operand::Behind(encoded(kind, &value)),
        None if number.sign() < 0 => Operand::Below,
        None => Operand::Above,
    })
}

/// The greatest number with so many digits behind the point that is not greater.
fn greatest_up_to(number: &Numeric, scale: i8) -> Numeric {
    let cut = number.truncate(scale.into());
    if cut.compare(number).is_gt() { cut.subtract(&Numeric::new(1, scale.unsigned_abs().into())) } else { cut }
}

/// The encoded field of a literal of this kind.
pub(crate) fn literal(kind: &FieldKind, text: &str) -> Result<Row, ExpressionError> {
    Ok(encoded(kind, &value_of(kind, text)?))
}

fn encoded(kind: &FieldKind, value: &Value<'_>) -> Row {
    let mut field = Row::empty();
    kind.write(value, &mut field);
    field
}

fn value_of(kind: &FieldKind, text: &str) -> Result<Value<'static>, ExpressionError> {
    let bad = || ExpressionError::BadSyntax { kind: kind_name(kind), text: text.to_owned() };
    let trimmed = text.trim_ascii();
    Ok(match kind {
        FieldKind::Boolean => Value::Boolean(truth(trimmed).ok_or_else(bad)?),
        FieldKind::Int16 | FieldKind::Int32 | FieldKind::Int64 | FieldKind::UInt64 => whole(kind, text)?,
        FieldKind::Float64 => Value::Float(float(text)?),
        FieldKind::Decimal { .. } | FieldKind::Numeric => {
            let number = Numeric::parse(text).map_err(|error| match error {
                NumericError::Syntax => bad(),
                NumericError::TooLong | NumericError::NotFinite => out_of_range(kind, text),
            })?;
            exact(kind, &number).ok_or_else(|| out_of_range(kind, text))?
        }
        FieldKind::Text => Value::Text(text.to_owned().into()),
        FieldKind::Json => Value::Json(canonical(text).map_err(|_| bad())?.into()),
        FieldKind::Timestamp => Value::Timestamp(instant(trimmed).ok_or_else(bad)?),
        FieldKind::LocalTimestamp => Value::LocalTimestamp(instant(without_zone(trimmed)).ok_or_else(bad)?),
        FieldKind::Date => {
            let day = trimmed.get(..DAY_BYTES).filter(|_| instant(trimmed).is_some()).ok_or_else(bad)?;
            parse(kind, day).map_err(|_| bad())?;
            return Ok(kind.read(parse(kind, day).map_err(|_| bad())?.as_bytes(), 0).into_owned());
        }
        FieldKind::List(element) => {
            let items = list_items(text).ok_or_else(|| ExpressionError::BadArray { text: text.to_owned() })?;
            let values = items.iter().map(|item| item.as_ref().map_or(Ok(Value::Null), |item| value_of(element, item)));
            Value::List(values.collect::<Result<_, _>>()?)
        }
        FieldKind::Bytes | FieldKind::Interval => kind.read(parse(kind, trimmed).map_err(|_| bad())?.as_bytes(), 0).into_owned(),
    })
}

/// The name of a type as PostgreSQL's messages have it.
pub(crate) fn kind_name(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Timestamp => "timestamp with time zone".into(),
        FieldKind::LocalTimestamp => "timestamp without time zone".into(),
        other => other.sql_name().to_lowercase(),
    }
}

pub(crate) fn out_of_range(kind: &FieldKind, text: &str) -> ExpressionError {
    ExpressionError::OutOfRange { kind: kind_name(kind), text: text.to_owned() }
}

/// The number as a value of a kind that holds it exactly; `None` when digits would be lost or it is too large.
pub(crate) fn exact(kind: &FieldKind, number: &Numeric) -> Option<Value<'static>> {
    match kind {
        FieldKind::Decimal { scale } => {
            let units = number.units_exactly(u32::try_from(*scale).ok()?)?;
            Some(Value::Decimal(i128::try_from(units).ok()?, *scale))
        }
        FieldKind::Numeric => number.to_wide().map(Value::Numeric),
        _ => None,
    }
}

/// A whole number as a value of a kind, if it is one of its range.
pub(crate) fn whole_value(kind: &FieldKind, number: i128) -> Option<Value<'static>> {
    match kind {
        FieldKind::Int16 => i16::try_from(number).ok().map(|number| Value::Int(number.into())),
        FieldKind::Int32 => i32::try_from(number).ok().map(|number| Value::Int(number.into())),
        FieldKind::Int64 => i64::try_from(number).ok().map(Value::Int),
        FieldKind::UInt64 => u64::try_from(number).ok().map(Value::UInt),
        _ => None,
    }
}

fn whole(kind: &FieldKind, text: &str) -> Result<Value<'static>, ExpressionError> {
    let trimmed = text.trim_ascii();
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ExpressionError::BadSyntax { kind: kind_name(kind), text: text.to_owned() });
    }
    let value = trimmed.parse().ok().and_then(|number| whole_value(kind, number));
    value.ok_or_else(|| out_of_range(kind, text))
}

fn float(text: &str) -> Result<f64, ExpressionError> {
    let kind = FieldKind::Float64;
    let bad = || ExpressionError::BadSyntax { kind: kind_name(&kind), text: text.to_owned() };
    let value: f64 = text.trim_ascii().parse().map_err(|_| bad())?;
    let has_digits = text.bytes().any(|byte| byte.is_ascii_digit());
    if value.is_infinite() && has_digits { Err(out_of_range(&kind, text)) } else { Ok(value) }
}

fn truth(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let known = TRUTHS.iter().find(|(word, least, _)| text.len() >= *least && word.starts_with(&text));
    known.map(|(_, _, truth)| *truth)
}

/// Microseconds since 1970 of a day or a time, with or without seconds, and with a zone of hours alone.
fn instant(text: &str) -> Option<i64> {
    if let Some(micros) = parse_timestamp(text) {
        return Some(micros);
    }
    let clock = without_zone(text);
    let zone = text.get(clock.len()..)?.trim_start();
    let clock = if clock.len() == "2024-01-07 10:00".len() { format!("{clock}:00") } else { clock.to_owned() };
    let zone = match zone.len() {
        3 => format!("{zone}:00"),
        5 if !zone.contains(':') => format!("{}:{}", zone.get(..3)?, zone.get(3..)?),
        _ => zone.to_owned(),
    };
    parse_timestamp(&format!("{}{zone}", clock.replacen(' ', "T", 1)))
}

/// The text of a time up to its zone.
fn without_zone(text: &str) -> &str {
    let behind_day = text.get(DAY_BYTES..).unwrap_or("");
    match behind_day.find(['+', '-', 'Z', 'z']) {
        Some(at) => text[..DAY_BYTES + at].trim_end(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(kind: &FieldKind, text: &str) -> Result<String, ExpressionError> {
        let field = literal(kind, text)?;
        let mut json = String::new();
        kind.read(field.as_bytes(), 0).write_json(&mut json);
        Ok(json)
    }

    #[test]
    fn literals_have_the_forms_of_postgresql() {
        let list = FieldKind::List(Box::new(FieldKind::Text));
        for (kind, text, expected) in [
            (FieldKind::Boolean, "T", "true"),
            (FieldKind::Boolean, " off ", "false"),
            (FieldKind::Int32, " +7 ", "7"),
            (FieldKind::Float64, "-Infinity", "null"),
            (FieldKind::Decimal { scale: 2 }, "1e1", "\"10.00\""),
            (FieldKind::Timestamp, "2024-01-07 10:00:00+00", "\"2024-01-07T10:00:00.000000Z\""),
            (FieldKind::Timestamp, "2024-01-07 10:00+0230", "\"2024-01-07T07:30:00.000000Z\""),
            (FieldKind::LocalTimestamp, "2024-01-07T10:00:00+02:00", "\"2024-01-07T10:00:00.000000Z\""),
            (FieldKind::Date, "2024-01-07T10:00:00Z", "\"2024-01-07\""),
            (list, r#"{a, "b,\"c" ,NULL,"null"}"#, r#"["a","b,\"c",null,"null"]"#),
        ] {
            assert_eq!(printed(&kind, text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_number_that_the_column_does_not_keep_lies_between_two_that_it_keeps_or_beyond_all() {
        let kind = FieldKind::Decimal { scale: 2 };
        for (text, expected) in [
            ("1.5", Operand::Field(literal(&kind, "1.50").unwrap())),
            ("1.505", Operand::Behind(literal(&kind, "1.50").unwrap())),
            ("-1.505", Operand::Behind(literal(&kind, "-1.51").unwrap())),
            ("0.001", Operand::Behind(literal(&kind, "0").unwrap())),
            ("-0.001", Operand::Behind(literal(&kind, "-0.01").unwrap())),
            ("1e60", Operand::Above),
            ("-1e60", Operand::Below),
        ] {
            assert_eq!(operand(&kind, text), Ok(expected), "{text}");
        }
        assert_eq!(operand(&FieldKind::Numeric, "1e90"), Ok(Operand::Above));
        assert!(matches!(operand(&FieldKind::Numeric, "1e-90"), Ok(Operand::Behind(_))));
        assert!(operand(&kind, "x").is_err());
    }

    #[test]
    fn other_texts_are_errors_with_the_code_of_postgresql() {
        let list = FieldKind::List(Box::new(FieldKind::Int64));
        for (kind, text, code) in [
            (FieldKind::Boolean, "o", "22P02"),
            (FieldKind::Boolean, "", "22P02"),
            (FieldKind::Int64, "1.5", "22P02"),
            (FieldKind::Int64, "9223372036854775808", "22003"),
            (FieldKind::Int16, "40000", "22003"),
            (FieldKind::Float64, "1e999", "22003"),
            (FieldKind::Numeric, "x", "22P02"),
            (FieldKind::Decimal { scale: 2 }, "1.005", "22003"),
            (FieldKind::Timestamp, "soon", "22007"),
            (FieldKind::Date, "2024-13-01", "22007"),
            (list.clone(), "{1", "22P02"),
            (list.clone(), "{1,}", "22P02"),
            (list.clone(), "{x}", "22P02"),
            (list, "{\"1\"2}", "22P02"),
        ] {
            assert_eq!(printed(&kind, text).map_err(|error| error.sql_state()), Err(code), "{text}");
        }
    }
}
