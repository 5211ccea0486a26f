//! Parts of records as columns, and what is read of each kind of topic.

use arrow_schema::{DataType, TimeUnit};

use super::*;
use crate::position::{Offset, Partition};
use crate::topic::column::DeclaredColumn;

fn including(told_apart_by: Vec<usize>) -> DeclaredTopic {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    let part = |part, name: &str, data_type| (part, DeclaredColumn::plain(name, data_type, true));
    DeclaredTopic::new("t", vec![DeclaredColumn::plain("a", DataType::Int64, true)], None, told_apart_by).including(vec![
        part(RecordPart::Key, "k", DataType::Utf8),
        part(RecordPart::Partition, "p", DataType::Int32),
        part(RecordPart::Offset, "o", DataType::Int64),
        part(RecordPart::Timestamp, "at", time),
        part(RecordPart::Payload, "raw", DataType::LargeUtf8),
    ])
}

fn read(topic: &DeclaredTopic, key: &[u8], value: &str) -> Vec<Value<'static>> {
    let record = RawRecord { partition: Partition(3), offset: Offset(5), appended_at: 7, key, value: value.as_bytes() };
    let mut event = Event::default();
    read_record(topic, &record, &mut event).unwrap_or_else(|fault| panic!("{fault}"));
    event.into_owned().fields
}

#[test]
fn the_parts_of_a_record_are_columns_behind_its_members() {
    let topic = including(Vec::new());
    let value = r#"{"a":1,"k":"not this"}"#;
    let fields = read(&topic, b"order 7", value);
    let key = Value::Text(Cow::Owned("order 7".to_owned()));
    assert_eq!(fields[..5], [Value::Int(1), key, Value::Int(3), Value::Int(5), Value::Timestamp(7)]);
    let payload = json::columns::whole_value((&DataType::LargeUtf8, topic.form(5)), value.as_bytes(), "raw");
    assert_eq!(Ok(fields[5].clone()), payload.map(Value::into_owned));
}

#[test]
fn a_key_that_was_not_sent_is_null() {
    let topic = including(Vec::new());
    let value = r#"{"a":1}"#;
    for key in [&b""[..], &hashed_key(value.as_bytes()), b"\xff\xfe", b"a\0"] {
        assert_eq!(read(&topic, key, value)[1], Value::Null, "{key:?}");
    }
    let told_apart = including(vec![0]);
    let record = RawRecord::unplaced(value.as_bytes(), 0);
    let mut event = Event::default();
    read_record(&told_apart, &record, &mut event).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(read(&told_apart, &event.event_id.0, value)[1], Value::Null);
}
