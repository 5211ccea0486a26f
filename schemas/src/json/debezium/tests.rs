//! Envelopes as Debezium writes them.

use std::borrow::Cow;

use arrow_schema::DataType;

use super::*;
use crate::position::{Offset, Partition};
use crate::topic::changes::ChangeFormat;
use crate::topic::column::DeclaredColumn;

fn orders() -> DeclaredTopic {
    let columns = vec![
        DeclaredColumn::plain("id", DataType::Int64, false),
        DeclaredColumn::plain("name", DataType::Utf8, false),
        DeclaredColumn::plain("quantity", DataType::Int32, true),
    ];
    DeclaredTopic::new("orders", columns, None, Vec::new()).of_changes(ChangeFormat::Debezium, vec![0])
}

/// The declared columns of a record, and behind them its effect, its place, and which columns keep what they have.
fn read(key: &str, value: &str) -> Result<Vec<Value<'static>>, (Reason, Option<String>)> {
    let topic = orders();
    let changes = topic.changes().expect("changes of rows");
    let record =
        RawRecord { partition: Partition(0), offset: Offset(0), appended_at: 0, key: key.as_bytes(), value: value.as_bytes() };
    let change = read_change(&topic, changes, &record).map_err(|fault| (fault.reason, fault.field))?;
    Ok(change.into_fields(&topic, changes).into_iter().map(Value::into_owned).collect())
}

fn text(text: &str) -> Value<'static> {
    Value::Text(Cow::Owned(text.to_owned()))
}

fn row(id: i64, name: &str, quantity: Option<i64>, lsn: Option<i64>) -> Vec<Value<'static>> {
    let number = |value: Option<i64>| value.map_or(Value::Null, Value::Int);
    vec![Value::Int(id), text(name), number(quantity), text("put"), number(lsn), Value::Boolean(false), Value::Boolean(false)]
}

fn deleted(id: i64) -> Vec<Value<'static>> {
    let nothing_kept = Value::Boolean(false);
    vec![Value::Int(id), Value::Null, Value::Null, text("delete"), Value::Null, nothing_kept.clone(), nothing_kept]
}

#[test]
fn each_operation_is_what_it_does_to_the_row() {
    for op in ["c", "r", "u"] {
        let envelope =
            format!(r#"{{"before":null,"after":{{"id":1,"name":"a","quantity":2}},"source":{{"lsn":9}},"op":"{op}","ts_ms":1}}"#);
        assert_eq!(read("", &envelope), Ok(row(1, "a", Some(2), Some(9))), "{op}");
    }
    let with_before = r#"{"before":{"id":1,"name":"old"},"after":{"id":1,"name":"a"},"op":"u"}"#;
    assert_eq!(read("", with_before), Ok(row(1, "a", None, None)));
    assert_eq!(read("", r#"{"before":{"id":1,"name":""},"after":null,"op":"d"}"#), Ok(deleted(1)));
    // Without a row before, the key of the record says which.
    assert_eq!(read(r#"{"id":1}"#, r#"{"before":null,"op":"d"}"#), Ok(deleted(1)));
    assert_eq!(read(r#"{"schema":{},"payload":{"id":1}}"#, r#"{"op":"d"}"#), Ok(deleted(1)));
    let nothing = |operation: Value<'static>| {
        vec![Value::Null, Value::Null, Value::Null, operation, Value::Null, Value::Boolean(false), Value::Boolean(false)]
    };
    assert_eq!(read("", r#"{"op":"t","source":{"lsn":null}}"#), Ok(nothing(text("truncate"))));
    assert_eq!(read("", r#"{"op":"m","message":{}}"#), Ok(nothing(Value::Null)));
    assert_eq!(read("", r#"{"schema":{},"payload":null}"#), Ok(nothing(Value::Null)));
}

#[test]
fn an_envelope_may_stand_in_a_payload() {
    let wrapped =
        r#"{"schema":{"type":"struct"},"payload":{"before":null,"after":{"id":1,"name":"a"},"op":"c","source":{"lsn":3}}}"#;
    assert_eq!(read("", wrapped), Ok(row(1, "a", None, Some(3))));
    let wrong = r#"{"schema":{},"payload":{"after":{"id":1,"name":5},"op":"c"}}"#;
    assert_eq!(read("", wrong), Err((Reason::WrongType, Some("payload.after.name".to_owned()))));
}

#[test]
fn a_value_that_is_unavailable_is_kept() {
    let envelope = |before: &str| {
        format!(r#"{{"before":{before},"after":{{"id":1,"name":"__debezium_unavailable_value","quantity":3}},"op":"u"}}"#)
    };
    let mut kept = row(1, "", Some(3), None);
    (kept[1], kept[5], kept[6]) = (Value::Null, Value::Boolean(true), Value::Boolean(true));
    for before in ["null", r#"{"id":1,"name":null}"#, r#"{"id":1,"name":"__debezium_unavailable_value"}"#] {
        assert_eq!(read("", &envelope(before)), Ok(kept.clone()), "{before}");
    }
    // A replica identity that has all columns says it.
    assert_eq!(read("", &envelope(r#"{"id":1,"name":"long"}"#)), Ok(row(1, "long", Some(3), None)));
}

#[test]
fn what_does_not_fit_is_a_fault_with_its_path() {
    for (value, reason, field) in [
        ("{}", Reason::MissingField, "op"),
        (r#"{"op":"x"}"#, Reason::WrongType, "op"),
        (r#"{"op":"c"}"#, Reason::MissingField, "after"),
        (r#"{"op":"c","after":null}"#, Reason::NullInRequired, "after"),
        (r#"{"op":"c","after":[]}"#, Reason::WrongType, "after"),
        (r#"{"op":"c","after":{"id":1}}"#, Reason::MissingField, "after.name"),
        (r#"{"op":"c","after":{"id":1,"name":null}}"#, Reason::NullInRequired, "after.name"),
        (r#"{"op":"c","after":{"id":1,"name":"a","quantity":1.5}}"#, Reason::WrongType, "after.quantity"),
        (r#"{"op":"c","after":{"name":"a"}}"#, Reason::MissingField, "after.id"),
        (r#"{"op":"u","before":{"id":2},"after":{"id":1,"name":"a"}}"#, Reason::KeyMismatch, "after.id"),
        (r#"{"op":"d","before":null}"#, Reason::MissingField, "key"),
        (r#"{"op":"d","before":{"id":"x"}}"#, Reason::WrongType, "before.id"),
        (r#"{"op":"c","after":{"id":1,"name":"a"},"source":{"lsn":"x"}}"#, Reason::WrongType, "source.lsn"),
    ] {
        assert_eq!(read("", value), Err((reason, Some(field.to_owned()))), "{value}");
    }
    let wrapped = r#"{"schema":{},"payload":{"op":"c","after":{"name":"a"}}}"#;
    assert_eq!(read(r#"{"no":1}"#, wrapped), Err((Reason::MissingField, Some("key.id".to_owned()))));
}
