//! Values as texts, as PostgreSQL prints them.

use schemas::field::Value;
use schemas::jsonb::shown;
use schemas::time::timestamp_text;

/// The text of a value; that of NULL is `NULL`, as in a list.
pub(crate) fn value_text(value: &Value<'_>) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => text.clone().into_owned(),
        Value::Json(text) => shown(text),
        Value::Float(value) => float_text(*value),
        Value::Timestamp(at) => format!("{}+00", clock_text(*at)),
        Value::LocalTimestamp(at) => clock_text(*at),
        Value::List(values) => {
            let items: Vec<String> = values.iter().map(item_text).collect();
            format!("{{{}}}", items.join(","))
        }
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("\\x{digits}")
        }
        Value::Interval(value) => value.to_string(),
        other => {
            let mut json = String::new();
            other.write_json(&mut json);
            json.trim_matches('"').to_owned()
        }
    }
}

fn clock_text(micros: i64) -> String {
    let text = timestamp_text(micros).replacen('T', " ", 1);
    let text = text.trim_end_matches('Z');
    match text.split_once('.') {
        Some((seconds, fraction)) => {
            let fraction = fraction.trim_end_matches('0');
            if fraction.is_empty() { seconds.to_owned() } else { format!("{seconds}.{fraction}") }
        }
        None => text.to_owned(),
    }
}

/// The shortest digits that are read back as the same number, with an exponent where PostgreSQL has one.
fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    if value == 0.0 || (1e-4..1e15).contains(&value.abs()) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn item_text(value: &Value<'_>) -> String {
    let text = value_text(value);
    let is_null = matches!(value, Value::Null);
    let is_plain = !text.is_empty()
        && (is_null || !text.eq_ignore_ascii_case("null"))
        && !text.contains(|letter: char| letter.is_ascii_whitespace() || "{},\"\\".contains(letter));
    if is_plain || matches!(value, Value::List(_)) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_postgresql() {
        for (value, expected) in [
            (Value::Boolean(true), "true"),
            (Value::Decimal(-150, 2), "-1.50"),
            (Value::Float(1e15), "1e+15"),
            (Value::Float(-1.5e-5), "-1.5e-05"),
            (Value::Float(0.1), "0.1"),
            (Value::Float(f64::NEG_INFINITY), "-Infinity"),
            (Value::Timestamp(1_500_000), "1970-01-01 00:00:01.5+00"),
            (Value::LocalTimestamp(0), "1970-01-01 00:00:00"),
            (Value::Date(1), "1970-01-02"),
            (Value::Bytes(vec![0, 255].into()), "\\x00ff"),
            (
                Value::List(vec![Value::Text("a b".into()), Value::Null, Value::Text("null".into()), Value::Text("x".into())]),
                r#"{"a b",NULL,"null",x}"#,
            ),
        ] {
            assert_eq!(value_text(&value), expected);
        }
    }
}
