//! Functions by their name, over times that 64 bits of nanoseconds do not reach, and over constants that never work.

use arrow_schema::DataType;
use schemas::field::Value;
use schemas::interval::Interval;

use super::definition::{Check, Kind};
use super::*;
use crate::plan::types::{interval_type, local_timestamp_type, timestamp_type};

/// Returns the answer of a function to constants, as PostgreSQL writes it.
fn answer(name: &str, arguments: &[Value<'static>]) -> std::result::Result<String, String> {
    let definition = definitions().find(|definition| definition.name == name).unwrap_or_else(|| panic!("there is no {name}"));
    let types: Vec<DataType> = arguments.iter().map(type_of).collect();
    let (overload, _) = definition.overload(&types).unwrap_or_else(|| panic!("{name} does not take {types:?}"));
    (overload.call)(arguments).map(|value| written::written(&value).into_owned()).map_err(|fault| fault.to_string())
}

fn type_of(value: &Value<'_>) -> DataType {
    match value {
        Value::Text(_) => DataType::Utf8,
        Value::Int(_) => DataType::Int64,
        Value::Float(_) => DataType::Float64,
        Value::Decimal(_, scale) => DataType::Decimal128(38, *scale),
        Value::Timestamp(_) => timestamp_type(),
        Value::LocalTimestamp(_) => local_timestamp_type(),
        Value::Date(_) => DataType::Date32,
        Value::Interval(_) => interval_type(),
        other => panic!("{other:?} is not used here"),
    }
}

fn word(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}

#[test]
fn times_beyond_nanoseconds_have_fields_and_beginnings() {
    // 0044-03-15 BC, 12:00:00, in a year that 64 bits of nanoseconds do not reach.
    let ides = Value::Timestamp(calendar::days(-43, 3, 15) * schemas::interval::DAY_MICROS + 43_200_000_000);
    let far = Value::Timestamp(calendar::days(9999, 12, 31) * schemas::interval::DAY_MICROS + 1);
    for (field, of_ides, of_far) in
        [("year", "-44", "9999"), ("century", "-1", "100"), ("dow", "5", "5"), ("week", "11", "52"), ("doy", "74", "365")]
    {
        assert_eq!(answer("extract", &[word(field), ides.clone()]).as_deref(), Ok(of_ides), "{field}");
        assert_eq!(answer("extract", &[word(field), far.clone()]).as_deref(), Ok(of_far), "{field}");
    }
    assert_eq!(answer("date_trunc", &[word("decade"), far.clone()]).as_deref(), Ok("9990-01-01 00:00:00+00"));
    assert_eq!(answer("date_trunc", &[word("century"), ides.clone()]).as_deref(), Ok("0100-01-01 00:00:00+00 BC"));
    assert_eq!(answer("to_char", &[ides, word("YYYY-MM-DD BC")]).as_deref(), Ok("0044-03-15 BC"));
}

#[test]
fn a_series_of_times_goes_as_far_as_times_do() {
    let day = |year, month, day| Value::Timestamp(calendar::days(year, month, day) * schemas::interval::DAY_MICROS);
    let step = |months, days| Value::Interval(Interval { months, days, micros: 0 });
    let series = |first, last, step| answer("generate_series", &[first, last, step]);
    let months = r#"{"1500-01-31 00:00:00+00","1500-02-28 00:00:00+00","1500-03-28 00:00:00+00"}"#;
    assert_eq!(series(day(1500, 1, 31), day(1500, 4, 1), step(1, 0)).as_deref(), Ok(months));
    let back = r#"{"9999-12-31 00:00:00+00","9999-12-30 00:00:00+00"}"#;
    assert_eq!(series(day(9999, 12, 31), day(9999, 12, 30), step(0, -1)).as_deref(), Ok(back));
    assert_eq!(series(day(2024, 1, 1), day(2023, 1, 1), step(0, 1)).as_deref(), Ok("{}"));
    assert_eq!(series(day(2024, 1, 1), day(2024, 1, 2), step(1, -30)), Err("step size cannot equal zero".to_owned()));
    let numbers = |arguments: &[i64]| answer("generate_series", &arguments.iter().map(|number| Value::Int(*number)).collect::<Vec<_>>());
    assert_eq!(numbers(&[i64::MAX - 1, i64::MAX]).as_deref(), Ok("{9223372036854775806,9223372036854775807}"));
    assert_eq!(numbers(&[3, -3, -4]).as_deref(), Ok("{3,-1}"));
    assert_eq!(numbers(&[1, 2, 0]), Err("step size cannot equal zero".to_owned()));
}

#[test]
fn a_product_of_an_interval_spills_months_into_days() {
    let month = Value::Interval(Interval { months: 1, days: 1, micros: 0 });
    assert_eq!(answer("interval_multiply", &[month.clone(), Value::Float(1.5)]).as_deref(), Ok("1 mon 16 days 12:00:00"));
    assert_eq!(answer("interval_divide", &[month, Value::Float(0.0)]), Err("division by zero".to_owned()));
}

#[test]
fn constants_that_can_never_work_are_found_without_a_row() {
    let refused = |name: &str, constants: &[Option<Value<'static>>], kinds: &[Kind]| {
        let definition = definitions().find(|definition| definition.name == name).expect("it is defined");
        let outcome = match definition.check.as_ref().expect("it looks at constants") {
            Check::Values(check) => check(constants),
            Check::Typed(check) => check(kinds, constants),
        };
        outcome.is_err()
    };
    assert!(refused("split_part", &[None, None, Some(Value::Int(0))], &[]));
    assert!(!refused("split_part", &[None, None, Some(Value::Int(-1))], &[]));
    assert!(refused("extract", &[Some(word("fortnight")), None], &[]));
    assert!(refused("date_trunc", &[Some(word("epoch")), None], &[]));
    assert!(refused("timezone", &[Some(word("Mars/Olympus")), None], &[]));
    assert!(refused("timezone", &[Some(word("+09:00")), None], &[]));
    assert!(!refused("timezone", &[Some(word("Asia/Tokyo")), None], &[]));
    assert!(refused("to_char", &[None, Some(word("%Y-%m-%d"))], &[Kind::Timestamp, Kind::Text]));
    assert!(refused("to_char", &[None, Some(word("YYYY"))], &[Kind::BigInt, Kind::Text]));
    assert!(refused("regexp_like", &[None, Some(word("(a")), None], &[]));
    assert!(refused(SIMILAR_TO, &[None, Some(word("[a"))], &[]));
    assert!(refused("date_bin", &[Some(Value::Interval(Interval::default())), None], &[]));
}

#[test]
fn clocks_change_in_years_that_no_table_lists() {
    let zone = zone::Zone::parse("europe/berlin").expect("a zone");
    for (year, month, hours) in [(2024, 7, 2), (2024, 1, 1), (2786, 8, 2), (2786, 1, 1), (9996, 6, 2), (9996, 2, 1)] {
        let noon = calendar::days(year, month, 20) * schemas::interval::DAY_MICROS;
        let local = zone.local_time(noon).expect("in range");
        assert_eq!(local - noon, hours * 3_600_000_000, "{year}-{month}");
        assert_eq!(zone.instant(local).ok(), Some(noon));
    }
}

#[test]
fn a_pattern_that_ends_in_an_escape_fails_only_where_a_text_gets_as_far() {
    assert_eq!(answer("like", &[word("xyz"), word("a\\")]).as_deref(), Ok("f"));
    assert!(answer("like", &[word("abc"), word("a\\")]).is_err());
    assert!(answer("like", &[word("abc"), word("%\\")]).is_err());
}
