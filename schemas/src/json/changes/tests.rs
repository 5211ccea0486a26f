//! Rows and their deletions as the value and the key of a record say them.

use std::borrow::Cow;

use arrow_schema::DataType;

use super::*;
use crate::dead_letter::Reason;
use crate::field::Value;
use crate::position::{Offset, Partition};
use crate::topic::column::DeclaredColumn;

const NOW: i64 = 1_704_110_400_000_000;

fn products() -> DeclaredTopic {
    let columns = vec![
        DeclaredColumn::plain("sku", DataType::Utf8, false),
        DeclaredColumn::plain("price_cents", DataType::Int64, false),
        DeclaredColumn::plain("note", DataType::Utf8, true),
    ];
    DeclaredTopic::new("products", columns, None, Vec::new()).of_changes(ChangeFormat::Upsert, vec![0])
}

fn read(topic: &DeclaredTopic, key: &str, value: &str) -> Result<Vec<Value<'static>>, (Reason, Option<String>)> {
    let record =
        RawRecord { partition: Partition(0), offset: Offset(0), appended_at: NOW, key: key.as_bytes(), value: value.as_bytes() };
    let mut event = Event::default();
    let changes = topic.changes().expect("changes of rows");
    read_event(topic, changes, &record, &mut event).map_err(|fault| (fault.reason, fault.field))?;
    Ok(event.into_owned().fields)
}

fn text(text: &str) -> Value<'static> {
    Value::Text(Cow::Owned(text.to_owned()))
}

#[test]
fn a_value_is_the_row_of_its_key() {
    let topic = products();
    let row = read(&topic, "", r#"{"sku":"A1","price_cents":5,"more":[1]}"#);
    assert_eq!(row, Ok(vec![text("A1"), Value::Int(5), Value::Null, text("put")]));
    // The key of the record fills in what the value lacks, and nothing else.
    for key in ["A1", r#""A1""#, r#"{"sku":"A1"}"#, r#"{"schema":{"type":"string"},"payload":"A1"}"#] {
        let row = read(&topic, key, r#"{"price_cents":5,"note":"n"}"#);
        assert_eq!(row, Ok(vec![text("A1"), Value::Int(5), text("n"), text("put")]), "{key}");
    }
    assert_eq!(read(&topic, "B", r#"{"sku":"A1","price_cents":5}"#).map(|row| row[0].clone()), Ok(text("A1")));
}

#[test]
fn a_record_without_a_value_deletes_the_row_of_its_key() {
    let topic = products();
    for (key, sku) in [("A1", "A1"), ("12", "12"), (r#"{"sku":"A1"}"#, "A1"), (r#""{\"a\":1}""#, r#"{"a":1}"#), ("null", "null")]
    {
        for value in ["", " ", "null"] {
            let row = read(&topic, key, value);
            assert_eq!(row, Ok(vec![text(sku), Value::Null, Value::Null, text("delete")]), "{key} {value:?}");
        }
    }
    assert_eq!(read(&topic, "", ""), Err((Reason::MissingField, Some("key".to_owned()))));
    assert_eq!(read(&topic, r#"{"id":1}"#, ""), Err((Reason::MissingField, Some("key.sku".to_owned()))));
    assert_eq!(read(&topic, r#"{"sku":1}"#, ""), Err((Reason::WrongType, Some("key.sku".to_owned()))));
}

#[test]
fn what_does_not_fit_is_a_fault_with_its_path() {
    let topic = products();
    for (key, value, reason, field) in [
        ("", r#"{"price_cents":5}"#, Reason::MissingField, Some("sku")),
        ("A1", r#"{"price_cents":null}"#, Reason::NullInRequired, Some("price_cents")),
        ("A1", r#"{"sku":"A1"}"#, Reason::MissingField, Some("price_cents")),
        ("A1", r#"{"sku":"A1","price_cents":"x"}"#, Reason::WrongType, Some("price_cents")),
        ("A1", r#"{"sku":"A1","price_cents":5"#, Reason::NotJson, None),
        ("A1", "[1]", Reason::NotAnObject, None),
        // The key was to say what the value lacks.
        (r#"{"id":"A1"}"#, r#"{"price_cents":5}"#, Reason::MissingField, Some("key.sku")),
        ("a\0", r#"{"price_cents":5}"#, Reason::NulCharacter, Some("key")),
        (r#"{"sku":"a\u0000"}"#, r#"{"price_cents":5}"#, Reason::NulCharacter, Some("key.sku")),
    ] {
        assert_eq!(read(&topic, key, value), Err((reason, field.map(str::to_owned))), "{value}");
    }
}

#[test]
fn a_change_of_a_database_happened_when_the_database_says() {
    let columns = vec![DeclaredColumn::plain("id", DataType::Int64, false)];
    let topic = DeclaredTopic::new("orders", columns, None, Vec::new()).of_changes(ChangeFormat::Debezium, vec![0]);
    let occurred_at = |source: &str| {
        let value = format!(r#"{{"after":{{"id":1}},"source":{source},"op":"c","ts_ms":5}}"#);
        let record =
            RawRecord { partition: Partition(0), offset: Offset(0), appended_at: NOW, key: b"", value: value.as_bytes() };
        let mut event = Event::default();
        read_event(&topic, topic.changes().unwrap(), &record, &mut event).unwrap();
        event.occurred_at
    };
    assert_eq!(occurred_at(r#"{"lsn":1,"ts_ms":1704067200123}"#), 1_704_067_200_123_000);
    // A clock that is ahead, a time that is none, and a database that says nothing of it.
    for source in [r#"{"ts_ms":4102444800000}"#, r#"{"ts_ms":9223372036854775807}"#, r#"{"ts_ms":"now"}"#, "{}", "null"] {
        assert_eq!(occurred_at(source), NOW, "{source}");
    }
}
