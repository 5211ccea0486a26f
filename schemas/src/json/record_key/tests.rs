//! Keys in each of their forms, and the one form that they are written in.

use super::*;
use crate::topic::changes::ChangeFormat;
use crate::topic::column::DeclaredColumn;

fn topic(columns: &[(&str, DataType)]) -> DeclaredTopic {
    let key = (0..columns.len()).collect();
    let columns = columns.iter().map(|(name, data_type)| DeclaredColumn::plain(name, data_type.clone(), false));
    DeclaredTopic::new("t", columns.collect(), None, Vec::new()).of_changes(ChangeFormat::Upsert, key)
}

fn read(topic: &DeclaredTopic, key: &str) -> Result<Vec<Value<'static>>, (Reason, Option<String>)> {
    let changes = topic.changes().expect("changes of rows");
    let values = read_key(topic, changes, key.as_bytes()).map_err(|fault| (fault.reason, fault.field))?;
    Ok(values.into_iter().map(Value::into_owned).collect())
}

fn written(topic: &DeclaredTopic, values: &[Value<'_>]) -> String {
    let changes = topic.changes().expect("changes of rows");
    let values: Vec<&Value<'_>> = values.iter().collect();
    String::from_utf8(write_key(topic, changes, &values)).expect("a text")
}

#[test]
fn a_key_of_one_column_is_a_value_or_an_object() {
    let numbers = topic(&[("id", DataType::Int64)]);
    for key in ["7", "\"7\"", r#"{"id":7}"#, r#"{"schema":{"type":"struct"},"payload":{"id":7}}"#, r#"{"schema":{},"payload":7}"#]
    {
        assert_eq!(read(&numbers, key), Ok(vec![Value::Int(7)]), "{key}");
    }
    for (key, reason, field) in [
        ("", Reason::MissingField, "key"),
        ("seven", Reason::WrongType, "key"),
        ("[7]", Reason::WrongType, "key"),
        (r#"{"id":null}"#, Reason::NullInRequired, "key.id"),
        (r#"{"id":"x"}"#, Reason::WrongType, "key.id"),
        (r#"{"no":7}"#, Reason::MissingField, "key.id"),
    ] {
        assert_eq!(read(&numbers, key), Err((reason, Some(field.to_owned()))), "{key}");
    }
    let changes = numbers.changes().expect("changes of rows");
    assert!(read_key(&numbers, changes, &[0xff, 0xfe]).is_err_and(|fault| fault.reason == Reason::InvalidUtf8));
}

#[test]
fn a_key_of_several_columns_is_an_object() {
    let both = topic(&[("a", DataType::Utf8), ("b", DataType::Int64)]);
    let values = read(&both, r#"{ "b": 2, "a": "x" }"#).expect("a key");
    assert_eq!(written(&both, &values), r#"{"a":"x","b":2}"#);
    assert_eq!(read(&both, "x"), Err((Reason::WrongType, Some("key".to_owned()))));
}

#[test]
fn what_is_written_is_read_back() {
    let texts = topic(&[("sku", DataType::Utf8)]);
    for text in ["A1", "12", "true", "", " ", "{\"sku\":1}", "\"A1\"", " {}", "\u{e4}", "[1]", "null"] {
        let key = written(&texts, &[Value::Text(Cow::Borrowed(text))]);
        assert_eq!(read(&texts, &key), Ok(vec![Value::Text(Cow::Owned(text.to_owned()))]), "{key}");
    }
    assert_eq!(written(&texts, &[Value::Text(Cow::Borrowed("A1"))]), "A1");
    let days = topic(&[("day", DataType::Date32)]);
    let key = written(&days, &[Value::Date(19_723)]);
    assert_eq!((key.as_str(), read(&days, &key)), ("\"2024-01-01\"", Ok(vec![Value::Date(19_723)])));
}
