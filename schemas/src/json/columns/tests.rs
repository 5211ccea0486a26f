//! Every declared type: the values that fit, those at its limits, and those that do not fit.

use arrow_schema::TimeUnit;
use testkit::random::Random;

use super::*;
use crate::event::EVENT_FUTURE_MICROS_MAX;
use crate::topic::column::DeclaredColumn;
use crate::topic::declared::DECLARED_COLUMNS_MAX;

const NOW: i64 = 1_704_110_400_000_000;

fn column(name: &str, data_type: DataType, nullable: bool) -> DeclaredColumn {
    DeclaredColumn { name: name.to_owned(), data_type, nullable, form: TextForm::Plain }
}

fn timestamptz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

fn read(topic: &DeclaredTopic, json: &str) -> Result<Event<'static>, (Reason, Option<String>)> {
    let mut event = Event::default();
    read_event(topic, json.as_bytes(), NOW, &mut event).map_err(|fault| (fault.reason, fault.field))?;
    Ok(event.into_owned())
}

#[test]
fn members_are_found_in_any_order() {
    let name = |place: usize| format!("c{place}");
    let columns = (0..DECLARED_COLUMNS_MAX).map(|place| column(&name(place), DataType::Int64, true)).collect();
    let topic = DeclaredTopic::new("t", columns, None, Vec::new());
    let member = |place: usize| format!("\"{}\":{place},\"x{place}\":0", name(place));
    let members: Vec<String> = (0..DECLARED_COLUMNS_MAX).rev().map(member).collect();
    let event = read(&topic, &format!("{{{}}}", members.join(","))).expect("an event");
    assert!(event.fields.iter().enumerate().all(|(place, value)| *value == Value::Int(place as i64)));
    assert_eq!((topic.column_of("c7", 0), topic.column_of("c7", 7), topic.column_of("x7", 7)), (Some(7), Some(7), None));
}

/// The one value of a column `v`.
fn value_of(data_type: DataType, form: TextForm, json: &str) -> Result<Value<'static>, Reason> {
    let column = DeclaredColumn { name: "v".to_owned(), data_type, nullable: true, form };
    let topic = DeclaredTopic::new("t", vec![column], None, Vec::new());
    let read = read(&topic, &format!("{{\"v\":{json}}}"));
    read.map(|mut event| event.fields.remove(0)).map_err(|(reason, _)| reason)
}

fn plain(data_type: DataType, json: &str) -> Result<Value<'static>, Reason> {
    value_of(data_type, TextForm::Plain, json)
}

fn text(value: &str) -> Value<'static> {
    Value::Text(Cow::Owned(value.to_owned()))
}

#[test]
fn whole_numbers_fit_to_their_limits_and_may_stand_in_quotes() {
    let limits = [
        (DataType::Int16, i64::from(i16::MIN), i64::from(i16::MAX)),
        (DataType::Int32, i64::from(i32::MIN), i64::from(i32::MAX)),
        (DataType::Int64, i64::MIN, i64::MAX),
    ];
    for (data_type, least, most) in limits {
        for number in [least, 0, most] {
            assert_eq!(plain(data_type.clone(), &number.to_string()), Ok(Value::Int(number)));
            assert_eq!(plain(data_type.clone(), &format!("\"{number}\"")), Ok(Value::Int(number)));
        }
        for beyond in [i128::from(least) - 1, i128::from(most) + 1] {
            assert_eq!(plain(data_type.clone(), &beyond.to_string()), Err(Reason::WrongType), "{data_type}: {beyond}");
        }
        for other in ["1.0", "1e3", "\"+1\"", "\" 1\"", "\"\"", "true", "[1]", "{}"] {
            assert_eq!(plain(data_type.clone(), other), Err(Reason::WrongType), "{data_type}: {other}");
        }
    }
}

#[test]
fn decimals_are_never_rounded() {
    let money = DataType::Decimal128(18, 2);
    for (json, units) in [
        ("0", 0),
        ("-0.5", -50),
        ("12.30", 1_230),
        ("1e3", 100_000),
        ("\"9999999999999999.99\"", 999_999_999_999_999_999),
        ("-9999999999999999.99", -999_999_999_999_999_999),
        ("1.500", 150),
    ] {
        assert_eq!(plain(money.clone(), json), Ok(Value::Decimal(units, 2)), "{json}");
    }
    for json in ["0.005", "10000000000000000", "1e17", "\"NaN\"", "\"x\"", "true", "\"-\"", "\"1.\u{661}\""] {
        assert_eq!(plain(money.clone(), json), Err(Reason::WrongType), "{json}");
    }
    let widest = DataType::Decimal128(38, 0);
    let nines = "9".repeat(38);
    assert_eq!(plain(widest.clone(), &nines), Ok(Value::Decimal(nines.parse().expect("38 digits fit"), 0)));
    assert_eq!(plain(widest, &format!("{nines}0")), Err(Reason::WrongType));
    let wide = DataType::Decimal256(crate::numeric::WIDE_DIGITS, crate::numeric::WIDE_SCALE);
    let expected = Numeric::parse("0.001").expect("a number").to_wide().expect("it fits");
    assert_eq!(plain(wide.clone(), "0.001"), Ok(Value::Numeric(expected)));
    assert_eq!(plain(wide, "1e28"), Err(Reason::WrongType));
}

#[test]
fn short_numbers_are_read_as_long_ones_are() {
    let mut random = Random::new(5);
    for _ in 0..20_000 {
        let characters = ["-", "0", "1", "9", ".", "5"];
        let text: String = (0..=random.below(12)).map(|_| characters[random.below(characters.len())]).collect();
        let Some(units) = short_units(&text, 3) else { continue };
        let number = Numeric::parse(&text).unwrap_or_else(|error| panic!("'{text}': {error}"));
        assert_eq!(number.units_exactly(3).and_then(|units| i128::try_from(units).ok()), Some(units), "{text}");
    }
}

#[test]
fn other_scalars_have_one_form_each() {
    assert_eq!(plain(DataType::Float64, "-1.5e300"), Ok(Value::Float(-1.5e300)));
    assert_eq!(plain(DataType::Float64, "1e999"), Err(Reason::WrongType));
    assert_eq!(plain(DataType::Float64, "\"1\""), Err(Reason::WrongType));
    assert_eq!(plain(DataType::Boolean, "false"), Ok(Value::Boolean(false)));
    assert_eq!(plain(DataType::Boolean, "0"), Err(Reason::WrongType));
    assert_eq!(plain(DataType::Utf8, "\"caf\\u00e9\""), Ok(text("café")));
    assert_eq!(plain(DataType::Utf8, "7"), Err(Reason::WrongType));
    assert_eq!(plain(DataType::Utf8, "\"a\\u0000\""), Err(Reason::NulCharacter));
    assert_eq!(plain(DataType::Binary, "\"\\\\x00fF\""), Ok(Value::Bytes(Cow::Owned(vec![0, 255]))));
    assert_eq!(plain(DataType::Binary, "\"00ff\""), Err(Reason::WrongType));
    let id = "018CC251-f402-7000-8002-000000000002";
    assert_eq!(value_of(DataType::Utf8, TextForm::Uuid, &format!("\"{id}\"")), Ok(text(&id.to_lowercase())));
    assert_eq!(value_of(DataType::Utf8, TextForm::Uuid, "\"7\""), Err(Reason::WrongType));
    assert_eq!(value_of(DataType::Utf8, TextForm::Uuid, "7"), Err(Reason::WrongType));
}

#[test]
fn times_and_dates_have_to_exist() {
    let local = DataType::Timestamp(TimeUnit::Microsecond, None);
    assert_eq!(plain(timestamptz(), "\"2024-01-01T14:00:00.000001+02:00\""), Ok(Value::Timestamp(NOW + 1)));
    assert_eq!(plain(local.clone(), "\"2024-01-01T12:00:00.5\""), Ok(Value::LocalTimestamp(NOW + 500_000)));
    assert_eq!(plain(local.clone(), "\"2024-01-01 12:00:00\""), Ok(Value::LocalTimestamp(NOW)));
    assert_eq!(plain(DataType::Date32, "\"1970-01-02\""), Ok(Value::Date(1)));
    assert_eq!(plain(DataType::Date32, "\"0000-01-01\""), Ok(Value::Date(-719_528)));
    assert_eq!(plain(DataType::Date32, "\"2023-02-29\""), Err(Reason::BadTime));
    assert_eq!(plain(DataType::Date32, "\"2024-1-1\""), Err(Reason::BadTime));
    assert_eq!(plain(local.clone(), "\"2024-01-01T12:00:00Z\""), Err(Reason::BadTime));
    assert_eq!(plain(timestamptz(), "\"2024-01-01T12:00:00\""), Err(Reason::BadTime));
    for data_type in [timestamptz(), local, DataType::Date32] {
        assert_eq!(plain(data_type, "1704110400"), Err(Reason::WrongType));
    }
}

#[test]
fn json_is_kept_in_its_canonical_form() {
    let json = |json: &str| plain(DataType::LargeUtf8, json);
    let kept = |json: &str| Ok(Value::Json(json.to_owned().into()));
    assert_eq!(
        json("{ \"a b\" : [ 1, \"x \\\" y\" ],\n\"c\\\\\": null, \"a b\": 1e2 }"),
        kept("{\"c\\\\\":null,\"a b\":100}")
    );
    assert_eq!((json("[1, 2]"), json("\"t\\u0041\"")), (kept("[1,2]"), kept("\"tA\"")));
    assert_eq!((json("1.50"), json("true"), json("null")), (kept("1.50"), kept("true"), Ok(Value::Null)));
    assert_eq!((json("\"\\u0000\""), json("{\"a\":[\"\\u0000\"]}")), (Err(Reason::NulCharacter), Err(Reason::NulCharacter)));
    assert_eq!(json("1e2000"), Err(Reason::WrongType));
    let deep = |levels: usize| plain(DataType::LargeUtf8, &format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
    assert_eq!((deep(100).is_ok(), deep(101)), (true, Err(Reason::TooDeep)));
    let list = plain(DataType::new_list(DataType::LargeUtf8, true), "[{\"b\":1,\"a\":2}, null]");
    assert_eq!(list, Ok(Value::List(vec![Value::Json("{\"a\":2,\"b\":1}".into()), Value::Null])));
}

#[test]
fn lists_hold_nulls_and_name_the_item_that_does_not_fit() {
    let list = |item: DataType| DataType::new_list(item, true);
    let expected = Value::List(vec![Value::Int(1), Value::Null, Value::Int(-2)]);
    assert_eq!(plain(list(DataType::Int16), "[1, null, \"-2\"]"), Ok(expected));
    assert_eq!(plain(list(DataType::Utf8), "[]"), Ok(Value::List(Vec::new())));
    assert_eq!(plain(list(DataType::Utf8), "\"x\""), Err(Reason::WrongType));
    let topic = DeclaredTopic::new("t", vec![column("v", list(DataType::Date32), true)], None, Vec::new());
    let fault = read(&topic, r#"{"v":["2024-01-01","x"]}"#);
    assert_eq!(fault, Err((Reason::BadTime, Some("v[1]".to_owned()))));
}

#[test]
fn what_is_missing_is_null_and_what_is_not_declared_is_left_alone() {
    let columns = vec![column("id", DataType::Int64, false), column("note", DataType::Utf8, true)];
    let topic = DeclaredTopic::new("t", columns, None, Vec::new());
    let fields = |json: &str| read(&topic, json).map(|event| event.fields);
    assert_eq!(fields(r#"{"id":1}"#), Ok(vec![Value::Int(1), Value::Null]));
    assert_eq!(fields(r#"{"note":"x","other":{"id":9},"id":1,"more":[]}"#), Ok(vec![Value::Int(1), text("x")]));
    assert_eq!(fields(r#"{"id":1,"id":2}"#), Ok(vec![Value::Int(2), Value::Null]));
    let fault = |reason, field: &str| Err((reason, (!field.is_empty()).then(|| field.to_owned())));
    assert_eq!(fields(r#"{"ID":1}"#), fault(Reason::MissingField, "id"));
    assert_eq!(fields(r#"{"id":null}"#), fault(Reason::NullInRequired, "id"));
    assert_eq!(fields(r#"{"id":"x","note":1"#), fault(Reason::NotJson, ""));
    assert_eq!(fields("[1]"), fault(Reason::NotAnObject, ""));
    assert_eq!(fields(r#"{"id":1,"note":{}}"#), fault(Reason::WrongType, "note"));
    let deep = format!("{{\"id\":1,\"other\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert_eq!(fields(&deep), fault(Reason::TooDeep, "other"));
}

#[test]
fn an_event_happened_when_its_column_says_and_else_when_it_was_appended() {
    let columns = || vec![column("at", timestamptz(), false), column("id", DataType::Int64, true)];
    let timed = DeclaredTopic::new("t", columns(), Some(0), Vec::new());
    let json = r#"{"at":"2024-01-01T00:00:00Z","id":1}"#;
    assert_eq!(read(&timed, json).map(|event| event.occurred_at), Ok(NOW - 12 * 3_600_000_000));
    assert_eq!(read(&DeclaredTopic::new("t", columns(), None, Vec::new()), json).map(|event| event.occurred_at), Ok(NOW));
    let ahead = crate::time::timestamp_text(NOW + EVENT_FUTURE_MICROS_MAX + 1);
    let fault = read(&timed, &format!("{{\"at\":\"{ahead}\"}}"));
    assert_eq!(fault, Err((Reason::TimeInFuture, Some("at".to_owned()))));
}

#[test]
fn events_are_told_apart_by_the_declared_columns_alone() {
    let columns =
        vec![column("id", DataType::Int64, true), column("n", DataType::Utf8, true), column("x", DataType::Int64, true)];
    let topic = DeclaredTopic::new("t", columns, None, vec![0, 1]);
    let id = |json: &str| read(&topic, json).map(|event| event.event_id);
    assert_eq!(id(r#"{"id":1,"n":"a","x":1}"#), id(r#"{ "x":2, "n":"a", "id":"1" }"#));
    assert_ne!(id(r#"{"id":1,"n":"a"}"#), id(r#"{"id":1,"n":"b"}"#));
    assert_ne!(id(r#"{"id":1}"#), id(r#"{"n":"1"}"#));
}

#[test]
fn members_of_objects_are_found_by_their_paths() {
    let names = ["id", "buyer.name", "buyer.address.city", "buyer.age"];
    let mut columns: Vec<DeclaredColumn> = names.iter().map(|name| column(name, DataType::Utf8, true)).collect();
    columns[1].nullable = false;
    let topic = DeclaredTopic::new("t", columns, None, Vec::new());
    let fields = |json: &str| read(&topic, json).map(|event| event.fields);
    let row = |values: [Option<&str>; 4]| Ok(values.map(|value| value.map_or(Value::Null, text)).to_vec());
    let whole = r#"{"buyer":{"age":"7","address":{"zip":"1","city":"c"},"name":"n"},"id":"1","city":"no"}"#;
    assert_eq!(fields(whole), row([Some("1"), Some("n"), Some("c"), Some("7")]));
    assert_eq!(fields(r#"{"buyer":{"name":"n","address":null}}"#), row([None, Some("n"), None, None]));
    // The last object counts, and a name with a point is that of no column.
    let twice = r#"{"buyer":{"name":"a","age":"7"},"buyer":{"name":"b"},"buyer.age":"8"}"#;
    assert_eq!(fields(twice), row([None, Some("b"), None, None]));
    let fault = |json: &str| read(&topic, json).map(|_| ());
    for (json, reason, field) in [
        (r#"{"id":"1"}"#, Reason::MissingField, "buyer.name"),
        (r#"{"buyer":null}"#, Reason::MissingField, "buyer.name"),
        (r#"{"buyer":{"name":5}}"#, Reason::WrongType, "buyer.name"),
        (r#"{"buyer":"n"}"#, Reason::WrongType, "buyer"),
        (r#"{"buyer":{"name":"n","address":[]}}"#, Reason::WrongType, "buyer.address"),
    ] {
        assert_eq!(fault(json), Err((reason, Some(field.to_owned()))), "{json}");
    }
    assert_eq!(fault(r#"{"buyer":"n""#), Err((Reason::NotJson, None)), "a text that is not JSON is told first");
}

#[test]
fn lengths_of_time_are_read_as_postgresql_and_iso_8601_write_them() {
    let interval = || DataType::Interval(arrow_schema::IntervalUnit::MonthDayNano);
    let length = Value::Interval(Interval { months: 14, days: 3, micros: 14_706_700_000 });
    for json in ["\"1 year 2 mons 3 days 04:05:06.7\"", "\"P1Y2M3DT4H5M6.7S\""] {
        assert_eq!(plain(interval(), json), Ok(length.clone()), "{json}");
    }
    for json in ["\"1 week\"", "\"\"", "5", "\"2562047788:00:54\"", "\"PT2562047788H54S\"", "\"PT\""] {
        assert_eq!(plain(interval(), json), Err(Reason::WrongType), "{json}");
    }
}
