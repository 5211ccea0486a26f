//! Casts of values as PostgreSQL makes them.
//!
//! A value and a type by its name enter; the value of that type leaves, or the error that PostgreSQL has for it. Rounding is to the nearest:
//! of a NUMERIC away from zero, of a DOUBLE PRECISION to even.

use schemas::field::{FieldKind, Value, decimal_text};
use schemas::jsonb::{Jsonb, shown};
use schemas::numeric::Numeric;

use crate::read::expression_error::ExpressionError;
use crate::read::literal::{kind_name, literal, out_of_range, whole_value};
use crate::read::source::written_json;
use crate::read::value_text::value_text;

const DAY_MICROS: i64 = 86_400_000_000;

/// The type that a value is cast to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CastTarget {
    /// a type of columns
    Kind(FieldKind),
    /// `json` and `jsonb`
    Json,
}

impl CastTarget {
    /// The type of a name.
    pub(crate) fn of_name(name: &str) -> Result<Self, ExpressionError> {
        Ok(Self::Kind(match name.trim().to_ascii_lowercase().as_str() {
            "text" | "varchar" | "character varying" => FieldKind::Text,
            "bool" | "boolean" => FieldKind::Boolean,
            "int2" | "smallint" => FieldKind::Int16,
            "int" | "int4" | "integer" => FieldKind::Int32,
            "int8" | "bigint" => FieldKind::Int64,
            "float8" | "float" | "double precision" => FieldKind::Float64,
            "numeric" | "decimal" => FieldKind::Numeric,
            "timestamptz" | "timestamp with time zone" => FieldKind::Timestamp,
            "timestamp" | "timestamp without time zone" => FieldKind::LocalTimestamp,
            "date" => FieldKind::Date,
            "interval" => FieldKind::Interval,
            "json" | "jsonb" => return Ok(Self::Json),
            _ => return Err(ExpressionError::UnknownType { name: name.to_owned() }),
        }))
    }

    /// Checks that values of a kind, `None` for JSON, can be cast to it at all.
    pub(crate) fn check(&self, from: Option<&FieldKind>) -> Result<(), ExpressionError> {
        let Self::Kind(to) = self else {
            return match from {
                None | Some(FieldKind::Text) => Ok(()),
                Some(from) => Err(ExpressionError::CannotCast { from: kind_name(from), to: "json".into() }),
            };
        };
        let can = match from {
            _ if *to == FieldKind::Text => true,
            None => is_number(to) || *to == FieldKind::Boolean,
            Some(from) => has_cast(from, to),
        };
        let from = || from.map_or_else(|| "jsonb".to_owned(), kind_name);
        if can { Ok(()) } else { Err(ExpressionError::CannotCast { from: from(), to: kind_name(to) }) }
    }
}

fn has_cast(from: &FieldKind, to: &FieldKind) -> bool {
    use FieldKind as K;
    match (from, to) {
        (K::Text, _) => true,
        (K::Boolean, K::Int32) | (K::Int32, K::Boolean) => true,
        (K::Timestamp | K::LocalTimestamp | K::Date, K::Timestamp | K::LocalTimestamp | K::Date) => true,
        (from, to) => from == to || (is_number(from) && is_number(to)),
    }
}

fn is_number(kind: &FieldKind) -> bool {
    use FieldKind as K;
    matches!(kind, K::Int16 | K::Int32 | K::Int64 | K::UInt64 | K::Float64 | K::Decimal { .. } | K::Numeric)
}

/// The value as one of a kind; [`CastTarget::check`] has said that there is such a cast.
pub(crate) fn cast<'v>(value: Value<'v>, to: &FieldKind) -> Result<Value<'v>, ExpressionError> {
    Ok(match (value, to) {
        (Value::Null, _) => Value::Null,
        (value, FieldKind::Text) => Value::Text(value_text(&value).into()),
        (Value::Json(json), to) => cast_json(Jsonb::read(&json), to)?,
        (Value::Text(text), to) => to.read(literal(to, &text)?.as_bytes(), 0).into_owned(),
        (Value::Boolean(value), FieldKind::Int32) => Value::Int(value.into()),
        (Value::Int(value), FieldKind::Boolean) => Value::Boolean(value != 0),
        (Value::Timestamp(at) | Value::LocalTimestamp(at), FieldKind::Timestamp) => Value::Timestamp(at),
        (Value::Timestamp(at) | Value::LocalTimestamp(at), FieldKind::LocalTimestamp) => Value::LocalTimestamp(at),
        (Value::Timestamp(at) | Value::LocalTimestamp(at), FieldKind::Date) => {
            let day = i32::try_from(at.div_euclid(DAY_MICROS));
            Value::Date(day.map_err(|_| out_of_range(to, &at.to_string()))?)
        }
        (Value::Date(day), FieldKind::Timestamp) => Value::Timestamp(midnight(day, to)?),
        (Value::Date(day), FieldKind::LocalTimestamp) => Value::LocalTimestamp(midnight(day, to)?),
        (Value::Float(value), to) => cast_float(value, to)?,
        (Value::Int(value), to) => cast_number(&Numeric::new(value, 0), to)?,
        (Value::UInt(value), to) => cast_number(&Numeric::new(value, 0), to)?,
        (Value::Numeric(value), to) => cast_number(&Numeric::from_wide(value), to)?,
        (Value::Decimal(units, scale), to) => cast_number(&decimal(units, scale, to)?, to)?,
        (value, _) => value,
    })
}

/// Microseconds from 1970 to the beginning of a day.
fn midnight(day: i32, to: &FieldKind) -> Result<i64, ExpressionError> {
    i64::from(day).checked_mul(DAY_MICROS).ok_or_else(|| out_of_range(to, &day.to_string()))
}

/// The value of JSON as one of a kind, as PostgreSQL casts `jsonb`.
pub(crate) fn cast_json(json: Jsonb<'_>, to: &FieldKind) -> Result<Value<'static>, ExpressionError> {
    let kind = match &json {
        json if *to == FieldKind::Text => return Ok(Value::Text(shown(&written_json(json)).into())),
        Jsonb::Null => return Ok(Value::Null),
        Jsonb::Boolean(value) if *to == FieldKind::Boolean => return Ok(Value::Boolean(*value)),
        Jsonb::Number(digits) if is_number(to) => {
            let number = Numeric::parse(digits).map_err(|_| out_of_range(to, digits))?;
            return cast_number(&number, to);
        }
        Jsonb::Number(_) => "numeric",
        other => other.type_name(),
    };
    Err(ExpressionError::CannotCastJson { from: kind, to: kind_name(to) })
}

fn decimal(units: i128, scale: i8, to: &FieldKind) -> Result<Numeric, ExpressionError> {
    let text = decimal_text(units, scale);
    Numeric::parse(&text).map_err(|_| out_of_range(to, &text))
}

fn cast_number(number: &Numeric, to: &FieldKind) -> Result<Value<'static>, ExpressionError> {
    let value = match to {
        FieldKind::Float64 => Some(Value::Float(number.to_f64())),
        FieldKind::Numeric => number.to_wide().map(Value::Numeric),
        // The rounded digits of a number that a row holds are few.
        to => number.round(0).to_string().parse().ok().and_then(|whole: i128| whole_value(to, whole)),
    };
    value.ok_or_else(|| out_of_range(to, &number.to_string()))
}

fn cast_float(value: f64, to: &FieldKind) -> Result<Value<'static>, ExpressionError> {
    let range = || out_of_range(to, &value.to_string());
    match to {
        FieldKind::Float64 => Ok(Value::Float(value)),
        FieldKind::Numeric => cast_number(&Numeric::from_f64(value).map_err(|_| range())?, to),
        to if value.is_finite() => whole_value(to, value.round_ties_even() as i128).ok_or_else(range),
        _ => Err(range()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(value: Value<'_>, to: &str) -> Result<String, &'static str> {
        let CastTarget::Kind(to) = CastTarget::of_name(to).map_err(|error| error.sql_state())? else { panic!("{to}") };
        let mut json = String::new();
        cast(value, &to).map_err(|error| error.sql_state())?.write_json(&mut json);
        Ok(json)
    }

    #[test]
    fn values_are_cast_as_by_postgresql() {
        for (value, to, expected) in [
            (Value::Int(7), "text", Ok("\"7\"")),
            (Value::Int(40_000), "int2", Err("22003")),
            (Value::Int(2), "bool", Ok("true")),
            (Value::Boolean(true), "int", Ok("1")),
            (Value::Decimal(-250, 2), "int", Ok("-3")),
            (Value::Float(2.5), "bigint", Ok("2")),
            (Value::Float(f64::NAN), "int", Err("22003")),
            (Value::Float(0.1), "numeric", Ok("\"0.1\"")),
            (Value::Decimal(150, 2), "float8", Ok("1.5")),
            (Value::Text("12".into()), "int", Ok("12")),
            (Value::Text("x".into()), "int", Err("22P02")),
            (Value::Timestamp(-1), "date", Ok("\"1969-12-31\"")),
            (Value::Date(1), "timestamptz", Ok("\"1970-01-02T00:00:00.000000Z\"")),
            (Value::Date(i32::MAX), "timestamptz", Err("22003")),
            (Value::Date(i32::MIN), "timestamp", Err("22003")),
            (Value::Null, "int", Ok("null")),
            (Value::Int(1), "money", Err("42704")),
        ] {
            assert_eq!(printed(value.clone(), to).as_deref(), expected.as_ref().copied(), "{value:?}::{to}");
        }
    }

    #[test]
    fn casts_that_do_not_exist_are_known_before_a_row_is_read() {
        let check = |from: Option<&FieldKind>, to| CastTarget::of_name(to).unwrap().check(from).is_ok();
        assert!(check(Some(&FieldKind::Text), "int") && check(Some(&FieldKind::Text), "jsonb") && check(None, "int"));
        assert!(check(Some(&FieldKind::List(Box::new(FieldKind::Int64))), "text"));
        for (from, to) in [
            (Some(&FieldKind::Int64), "date"),
            (Some(&FieldKind::Boolean), "bigint"),
            (Some(&FieldKind::Int64), "json"),
            (None, "date"),
        ] {
            assert!(!check(from, to), "{from:?} {to}");
        }
    }

    #[test]
    fn json_is_cast_by_its_kind() {
        assert_eq!(cast_json(Jsonb::read("1.5"), &FieldKind::Int32), Ok(Value::Int(2)));
        assert_eq!(cast_json(Jsonb::read("[1,2]"), &FieldKind::Text), Ok(Value::Text("[1, 2]".into())));
        assert_eq!(cast(Value::Json("true".into()), &FieldKind::Boolean), Ok(Value::Boolean(true)));
        let text = cast_json(Jsonb::read("\"1\""), &FieldKind::Int32);
        assert_eq!(text.map_err(|error| error.sql_state()), Err("22023"));
    }
}
