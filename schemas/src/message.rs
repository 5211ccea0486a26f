//! Events that are Protobuf messages of a company's own: between the bytes of a message and the values of its columns.
//!
//! Owns the meaning of each kind of field. Bytes enter and values leave, or the other way around; a [`Fault`] names the field that does not fit.

use std::borrow::Cow;

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value as WireValue};

use crate::dead_letter::{Fault, Reason};
use crate::event::checks::{check_text, check_time, missing, shortened};
use crate::event::content::Event;
use crate::event::declared::complete;
use crate::event::limits::EVENT_BYTES_MAX;
use crate::field::{Value, json_string};
use crate::topic::declared::DeclaredTopic;
use crate::topic::message::{DeclaredMessage, MessageField};

const MICROS_PER_SECOND: i64 = 1_000_000;
const NANOS_PER_MICRO: i64 = 1_000;

/// Reads a message into one value per column; the former content of `event` is overwritten.
pub(crate) fn read_event(
    topic: &DeclaredTopic,
    message: &DeclaredMessage,
    bytes: &[u8],
    appended_at: i64,
    event: &mut Event<'_>,
) -> Result<(), Fault> {
    let read = DynamicMessage::decode(message.descriptor.clone(), bytes)
        .map_err(|error| Fault::new(Reason::NotProtobuf, format!("the bytes are no '{}': {error}", message.name())))?;
    event.fields.clear();
    let mut name_bytes = 0;
    for (MessageField { around, field, path }, column) in message.fields.iter().zip(topic.columns()) {
        let holder = holder(&read, around).filter(|holder| !field.supports_presence() || holder.has_field(field));
        event.fields.push(match holder {
            Some(holder) => value(&holder.get_field(field), &field.kind(), path, &mut name_bytes)?,
            None if column.nullable => Value::Null,
            None => return Err(missing(path)),
        });
    }
    complete(topic, appended_at, event)
}

/// The message inside of others that has a field; `None` where one of them is missing.
fn holder<'m>(whole: &'m DynamicMessage, around: &[FieldDescriptor]) -> Option<&'m DynamicMessage> {
    around.iter().try_fold(whole, |holder, field| match holder.has_field(field).then(|| holder.get_field(field))? {
        Cow::Borrowed(WireValue::Message(inside)) => Some(inside),
        _ => None,
    })
}

/// One value of a column, or one item of a list. `name_bytes` are those of the names of enumerations that the event has so far.
fn value(found: &WireValue, kind: &Kind, path: &str, name_bytes: &mut usize) -> Result<Value<'static>, Fault> {
    Ok(match found {
        WireValue::Bool(value) => Value::Boolean(*value),
        WireValue::I32(value) => Value::Int((*value).into()),
        WireValue::I64(value) => Value::Int(*value),
        WireValue::U32(value) => Value::Int((*value).into()),
        WireValue::U64(value) => Value::Decimal((*value).into(), 0),
        WireValue::F32(value) => finite((*value).into(), path)?,
        WireValue::F64(value) => finite(*value, path)?,
        WireValue::String(text) => {
            check_text(text, path)?;
            Value::Text(Cow::Owned(text.clone()))
        }
        WireValue::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.to_vec())),
        WireValue::EnumNumber(number) => Value::Text(Cow::Owned(enum_name(kind, *number, path, name_bytes)?)),
        WireValue::Message(time) => Value::Timestamp(time_of(time, path)?),
        WireValue::List(items) => {
            Value::List(items.iter().map(|item| value(item, kind, path, name_bytes)).collect::<Result<Vec<_>, Fault>>()?)
        }
        WireValue::Map(_) => panic!("the map '{path}' was read as a column"),
    })
}

/// A message has no infinities and no not-a-number, since JSON has none.
fn finite(number: f64, path: &str) -> Result<Value<'static>, Fault> {
    match number.is_finite() {
        true => Ok(Value::Float(number)),
        false => Err(Fault::at(Reason::WrongType, path, format!("expected a number, found {number}"))),
    }
}

/// The name of a value of an enumeration; one that this version of the message does not know is its number. A name may be many times as long as
/// the one byte that stands for it, so that the names of an event are limited together.
fn enum_name(kind: &Kind, number: i32, path: &str, name_bytes: &mut usize) -> Result<String, Fault> {
    let known = match kind {
        Kind::Enum(of) => of.get_value(number),
        _ => None,
    };
    let name = known.map_or_else(|| number.to_string(), |value| value.name().to_owned());
    *name_bytes += name.len();
    match *name_bytes <= EVENT_BYTES_MAX {
        true => Ok(name),
        false => {
            let detail = format!("the names of the event's values have more than {EVENT_BYTES_MAX} bytes; send shorter lists");
            Err(Fault::at(Reason::TooLarge, path, detail))
        }
    }
}

fn time_of(time: &DynamicMessage, path: &str) -> Result<i64, Fault> {
    let part = |name: &str| match time.get_field_by_name(name).as_deref() {
        Some(WireValue::I64(value)) => *value,
        Some(WireValue::I32(value)) => (*value).into(),
        _ => 0,
    };
    let micros = part("seconds").checked_mul(MICROS_PER_SECOND);
    let micros = micros.and_then(|micros| micros.checked_add(part("nanos") / NANOS_PER_MICRO));
    let too_far = || Fault::at(Reason::BadTime, path, "the time lies outside of the years 0 to 9999");
    check_time(micros.ok_or_else(too_far)?, path)
}

/// Writes the values of the columns as a message. Fields that are no columns are not there.
pub(crate) fn write_event(message: &DeclaredMessage, fields: &[Value<'_>]) -> Result<Vec<u8>, Fault> {
    let mut written = DynamicMessage::new(message.descriptor.clone());
    for (MessageField { around, field, path }, value) in message.fields.iter().zip(fields) {
        let value = match value {
            Value::Null => continue,
            Value::List(items) => {
                WireValue::List(items.iter().map(|item| wire_value(field, path, item)).collect::<Result<Vec<_>, Fault>>()?)
            }
            value => wire_value(field, path, value)?,
        };
        let mut holder = &mut written;
        for outer in around {
            let inside = holder.get_field_mut(outer).as_message_mut();
            holder = inside.unwrap_or_else(|| panic!("'{path}' was declared inside of a field that is no message"));
        }
        holder.set_field(field, value);
    }
    Ok(written.encode_to_vec())
}

fn wire_value(field: &FieldDescriptor, path: &str, value: &Value<'_>) -> Result<WireValue, Fault> {
    let wrong = |expected: &str| {
        let mut found = String::new();
        value.write_json(&mut found);
        Fault::at(Reason::WrongType, path, format!("expected {expected}, found {}", shortened(&found)))
    };
    let small = |number: i64| i32::try_from(number).map_err(|_| wrong("a whole number of 32 bits"));
    let unsigned = |number: i64| u32::try_from(number).map_err(|_| wrong("a whole number of 32 bits without a sign"));
    let single = |number: f64| {
        let single = Some(number as f32).filter(|single| single.is_finite());
        single.ok_or_else(|| wrong("a floating-point number of 32 bits"))
    };
    Ok(match (field.kind(), value) {
        (Kind::Bool, Value::Boolean(value)) => WireValue::Bool(*value),
        (Kind::Int32 | Kind::Sint32 | Kind::Sfixed32, Value::Int(value)) => WireValue::I32(small(*value)?),
        (Kind::Int64 | Kind::Sint64 | Kind::Sfixed64, Value::Int(value)) => WireValue::I64(*value),
        (Kind::Uint32 | Kind::Fixed32, Value::Int(value)) => WireValue::U32(unsigned(*value)?),
        (Kind::Uint64 | Kind::Fixed64, Value::Decimal(value, _)) => {
            WireValue::U64(u64::try_from(*value).map_err(|_| wrong("a whole number of 64 bits without a sign"))?)
        }
        (Kind::Float, Value::Float(value)) => WireValue::F32(single(*value)?),
        (Kind::Double, Value::Float(value)) => WireValue::F64(*value),
        (Kind::String, Value::Text(text)) => WireValue::String(text.to_string()),
        (Kind::Bytes, Value::Bytes(bytes)) => WireValue::Bytes(bytes.to_vec().into()),
        (Kind::Enum(of), Value::Text(name)) => match of.get_value_by_name(name) {
            Some(value) => WireValue::EnumNumber(value.number()),
            None => return Err(wrong(&format!("a name of '{}'", of.full_name()))),
        },
        (Kind::Message(of), Value::Timestamp(micros)) => {
            let mut time = DynamicMessage::new(of);
            time.set_field_by_name("seconds", WireValue::I64(micros.div_euclid(MICROS_PER_SECOND)));
            let nanos = micros.rem_euclid(MICROS_PER_SECOND) * NANOS_PER_MICRO;
            time.set_field_by_name("nanos", WireValue::I32(nanos as i32));
            WireValue::Message(time)
        }
        _ => return Err(wrong("a value of the field's type")),
    })
}

/// Writes the values of the columns as a JSON object, for people.
pub(crate) fn write_json(message: &DeclaredMessage, fields: &[Value<'_>]) -> Vec<u8> {
    let mut out = String::from("{");
    // The fields of a message inside lie side by side.
    let mut open: Vec<&str> = Vec::new();
    let there = message.fields.iter().zip(fields).filter(|(_, value)| **value != Value::Null);
    for (MessageField { around, field, .. }, value) in there {
        let around: Vec<&str> = around.iter().map(FieldDescriptor::name).collect();
        let common = open.iter().zip(&around).take_while(|(one, other)| one == other).count();
        out.extend(std::iter::repeat_n('}', open.len() - common));
        out.push_str(if out.ends_with('{') { "" } else { "," });
        for name in &around[common..] {
            json_string(name, &mut out);
            out.push_str(":{");
        }
        json_string(field.name(), &mut out);
        out.push(':');
        value.write_json(&mut out);
        open = around;
    }
    out.extend(std::iter::repeat_n('}', open.len() + 1));
    out.into_bytes()
}

#[cfg(test)]
mod tests;
