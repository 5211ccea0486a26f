//! Values in the forms that Kafka Connect's JSON converter gives them.

use arrow_schema::TimeUnit;

use super::*;

const SCHEMA: &str = r#"{"type":"struct","fields":[
    {"type":"struct","field":"before","fields":[]},
    {"type":"struct","field":"after","fields":[
        {"type":"bytes","field":"exact","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},
        {"type":"string","field":"words"},
        {"type":"int64","field":"milli","name":"io.debezium.time.Timestamp"},
        {"type":"int64","field":"micro","name":"io.debezium.time.MicroTimestamp"},
        {"type":"int64","field":"nano","name":"io.debezium.time.NanoTimestamp"}]},
    {"type":"string","field":"op"}]}"#;

fn read(data_type: DataType, schema: Option<&'static str>, name: &str, json: &str) -> Result<Value<'static>, Reason> {
    let mut reader = Reader::new(json.as_bytes());
    let token = reader.value().expect("JSON");
    let schema = ConnectSchema::of(schema, Some("after"));
    let read = value((&data_type, TextForm::Plain), token, (&schema, name), "after.x");
    read.map(Value::into_owned).map_err(|fault| {
        assert!(fault.field.is_some_and(|field| field.starts_with("after.x")), "a fault without its path");
        fault.reason
    })
}

fn zoned() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

#[test]
fn decimals_come_as_numbers_as_texts_and_as_bytes() {
    let price = || DataType::Decimal128(10, 2);
    for (schema, name, json, units) in [
        (None, "exact", "392.25", 39_225),
        (None, "exact", "\"392.25\"", 39_225),
        (None, "exact", "-1e1", -1_000),
        // 39225 and -1 as two's complements.
        (Some(SCHEMA), "exact", "\"AJk5\"", 39_225),
        (Some(SCHEMA), "exact", "\"/w==\"", -1),
        (Some(SCHEMA), "words", "\"392\"", 39_200),
        (None, "exact", r#"{"scale":1,"value":"AJk5"}"#, 392_250),
    ] {
        assert_eq!(read(price(), schema, name, json), Ok(Value::Decimal(units, 2)), "{json}");
    }
    for (schema, json) in [
        // Base64 of other digits, or a whole number: nobody can tell.
        (None, "\"1234\""),
        (None, "\"AJk5\""),
        (Some(SCHEMA), "\"39!\""),
        (None, "392.255"),
        (None, r#"{"scale":3,"value":"AJk5"}"#),
        (None, r#"{"scale":-1,"value":"AJk5"}"#),
        (None, r#"{"value":"AJk5"}"#),
        (None, r#"{"scale":999999999,"value":"AJk5"}"#),
        (None, "true"),
    ] {
        assert_eq!(read(price(), schema, "exact", json), Err(Reason::WrongType), "{json}");
    }
    assert_eq!(read(DataType::Decimal128(10, 0), None, "n", "\"1234\""), Ok(Value::Decimal(1_234, 0)));
    let long = format!("\"{}\"", STANDARD.encode([1; DECIMAL_BYTES_MAX + 1]));
    assert_eq!(read(price(), Some(SCHEMA), "exact", &long), Err(Reason::WrongType));
}

#[test]
fn times_are_counted_from_1970_in_the_unit_of_the_schema() {
    let micros = 1_734_539_354_748_899;
    for (name, json) in [("micro", "1734539354748899"), ("nano", "1734539354748899321"), ("untold", "1734539354748899")] {
        assert_eq!(read(zoned(), Some(SCHEMA), name, json), Ok(Value::Timestamp(micros)), "{name}");
    }
    assert_eq!(read(zoned(), Some(SCHEMA), "milli", "1734539354748"), Ok(Value::Timestamp(1_734_539_354_748_000)));
    let local = || DataType::Timestamp(TimeUnit::Microsecond, None);
    assert_eq!(read(local(), None, "micro", "1734539354748899"), Ok(Value::LocalTimestamp(micros)));
    assert_eq!(read(zoned(), None, "at", "\"2024-12-18T16:29:14.748899Z\""), Ok(Value::Timestamp(micros)));
    assert_eq!(read(DataType::Date32, None, "day", "19723"), Ok(Value::Date(19_723)));
    assert_eq!(read(DataType::Date32, None, "day", "\"2024-01-01\""), Ok(Value::Date(19_723)));
    for (data_type, json, reason) in [
        (zoned(), "1.5", Reason::WrongType),
        (zoned(), "9223372036854775807", Reason::BadTime),
        (DataType::Date32, "9999999", Reason::BadTime),
        (DataType::Date32, "99999999999", Reason::WrongType),
        (DataType::Date32, "\"2024-02-31\"", Reason::BadTime),
    ] {
        assert_eq!(read(data_type, Some(SCHEMA), "milli", json), Err(reason), "{json}");
    }
}

#[test]
fn bytes_are_base64_and_json_stands_in_a_text() {
    let bytes = |bytes: &[u8]| Ok(Value::Bytes(Cow::Owned(bytes.to_vec())));
    assert_eq!(read(DataType::Binary, None, "b", "\"AP8=\""), bytes(&[0, 255]));
    assert_eq!(read(DataType::Binary, None, "b", "\"\\\\x00ff\""), bytes(&[0, 255]));
    assert_eq!(read(DataType::Binary, None, "b", "\"A\""), Err(Reason::WrongType));
    let inside = read(DataType::LargeUtf8, None, "j", r#""{\"a\": [1]}""#);
    assert_eq!(inside, read(DataType::LargeUtf8, None, "j", r#"{"a":[1]}"#));
    assert!(inside.is_ok());
    assert_eq!(read(DataType::LargeUtf8, None, "j", "\"{\""), Err(Reason::WrongType));
    let days = DataType::new_list(DataType::Date32, true);
    assert_eq!(read(days.clone(), None, "l", "[1,null]"), Ok(Value::List(vec![Value::Date(1), Value::Null])));
    assert_eq!(read(days, None, "l", "[1.5]"), Err(Reason::WrongType));
}

#[test]
fn what_is_unavailable_is_known_in_each_of_its_forms() {
    for (json, expected) in [
        ("\"__debezium_unavailable_value\"", true),
        ("\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"", true),
        ("[\"__debezium_unavailable_value\"]", true),
        ("[\"__debezium_unavailable_value\",\"a\"]", false),
        ("[]", false),
        ("\"__debezium_unavailable_value \"", false),
        ("{}", false),
    ] {
        let token = Reader::new(json.as_bytes()).value().expect("JSON");
        assert_eq!(is_unavailable(&token), expected, "{json}");
    }
}
