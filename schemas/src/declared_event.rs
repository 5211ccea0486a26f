//! Records of topics with declared columns, whatever they hold: members of JSON objects, fields of messages, changes of rows, and parts of the
//! record itself.
//!
//! Owns the choice among the readers. A record enters and one value for each column of its topic leaves.

use std::borrow::Cow;

use crate::dead_letter::Fault;
use crate::event::content::Event;
use crate::event::declared::hashed_key;
use crate::field::Value;
use crate::raw_record::RawRecord;
use crate::topic::column::RecordPart;
use crate::topic::declared::DeclaredTopic;
use crate::{json, message};

/// Reads a record into one value for each column; the former content of `event` is overwritten.
pub(crate) fn read_record<'a>(topic: &DeclaredTopic, record: &RawRecord<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    match (topic.changes(), topic.message()) {
        (Some(changes), _) => json::changes::read_event(topic, changes, record, event)?,
        (None, Some(of)) => message::read_event(topic, of, record.value, record.appended_at, event)?,
        (None, None) => json::columns::read_event(topic, record.value, record.appended_at, event)?,
    }
    include(topic, record, event)
}

/// Appends the parts of a record that are columns.
fn include<'a>(topic: &DeclaredTopic, record: &RawRecord<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    for (part, column) in topic.included() {
        let value = match part {
            RecordPart::Key => key(record, event),
            RecordPart::Partition => Value::Int(record.partition.0.into()),
            RecordPart::Offset => Value::Int(i64::try_from(record.offset.0).unwrap_or(i64::MAX)),
            RecordPart::Timestamp => Value::Timestamp(record.appended_at),
            RecordPart::Payload => payload(topic, record, column)?,
        };
        event.fields.push(value);
    }
    Ok(())
}

/// The key as it was sent. Of an event without one, a hash is the key of its record.
fn key<'a>(record: &RawRecord<'a>, event: &Event<'_>) -> Value<'a> {
    let is_own = |text: &&str| !text.is_empty() && !text.contains('\0');
    let is_made = record.key == event.event_id.0 || record.key == hashed_key(record.value);
    match str::from_utf8(record.key).ok().filter(is_own) {
        Some(text) if !is_made => Value::Text(Cow::Borrowed(text)),
        _ => Value::Null,
    }
}

/// The event itself; NULL in a record that has none.
fn payload<'a>(topic: &DeclaredTopic, record: &RawRecord<'a>, column: usize) -> Result<Value<'a>, Fault> {
    let of = &topic.columns()[column];
    match topic.message() {
        Some(_) => Ok(Value::Bytes(Cow::Borrowed(record.value))),
        None if record.value.trim_ascii().is_empty() => Ok(Value::Null),
        None => json::columns::whole_value((&of.data_type, topic.form(column)), record.value, &of.name),
    }
}

#[cfg(test)]
mod tests;
