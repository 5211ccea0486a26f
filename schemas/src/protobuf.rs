//! Events as Protobuf: the topic's message, read and written without a generated type.
//!
//! Owns the walk over the wire format. Bytes enter and leave; in between an [`Event`]. Everything is checked, wanted or not, so
//! that an event is good or bad whoever reads it. A number or a text that is not on the wire has its default, as Protobuf has it;
//! ids and times do not, for 0 would be a wrong id and a wrong time: those that are required have to be there.

use std::borrow::Cow;

use prost::encoding::{WireType, decode_varint, encode_key, encode_varint};

use crate::dead_letter::{Fault, Reason};
use crate::event::checks::{
    aggregate_words, check_aggregate_text, check_event_id, check_id, check_text, check_time, check_version, event_kind, missing,
};
use crate::event::content::Event;
use crate::field::Value;
use crate::topic::enveloped::{AggregateIdKind, EnvelopedTopic, EventFieldKind, EventSchema, FieldSchema, SCHEMA_VERSION};

const EVENT_ID: u32 = 1;
const EVENT_TYPE: u32 = 2;
const VERSION: u32 = 3;
const AGGREGATE_ID: u32 = 4;
const OCCURRED_AT: u32 = 5;
const ACTOR_ID: u32 = 6;
const TRACE_PARENT: u32 = 7;

/// One field as it lies on the wire.
#[derive(Clone, Copy, Debug)]
enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

/// The fields of a message, not yet looked at.
#[derive(Default)]
struct WireEvent<'a> {
    event_id: Option<Wire<'a>>,
    event_type: Option<Wire<'a>>,
    schema_version: Option<Wire<'a>>,
    aggregate_id: Option<Wire<'a>>,
    occurred_at: Option<Wire<'a>>,
    actor_id: Option<Wire<'a>>,
    trace_parent: Option<Wire<'a>>,
    payload: Option<(u32, Wire<'a>)>,
}

/// The wanted fields of each event type; lists that nobody wants are checked but not collected.
#[derive(Clone, Debug)]
pub(crate) struct Wanted(pub(crate) Vec<u64>);

impl Wanted {
    /// Every field.
    pub(crate) fn all(schema: &EnvelopedTopic) -> Self {
        Self(vec![u64::MAX; schema.events.len()])
    }
}

/// Reads a message of the topic into `event`, whose former content is overwritten.
pub(crate) fn read_event<'a>(
    schema: &EnvelopedTopic,
    bytes: &'a [u8],
    wanted: &Wanted,
    event: &mut Event<'a>,
) -> Result<(), Fault> {
    let raw = scan(schema, bytes)?;
    let (kind, of) = event_kind(schema, text(raw.event_type.ok_or_else(|| missing("event_type"))?, "event_type")?)?;
    event.kind = kind;
    check_version(number(raw.schema_version.ok_or_else(|| missing("schema_version"))?, "schema_version")?)?;
    event.event_id = check_event_id(text(raw.event_id.ok_or_else(|| missing("event_id"))?, "event_id")?.as_bytes())?;
    event.aggregate_id = aggregate_id(schema.aggregate, raw.aggregate_id.ok_or_else(|| missing("aggregate_id"))?)?;
    let occurred_at = number(raw.occurred_at.ok_or_else(|| missing("occurred_at"))?, "occurred_at")?;
    event.occurred_at = check_time(occurred_at, "occurred_at")?;
    event.actor_id = check_id(number(raw.actor_id.ok_or_else(|| missing("actor_id"))?, "actor_id")?, "actor_id")?;
    event.trace_parent = raw.trace_parent.map(|wire| text(wire, "trace_parent")).transpose()?.map(Cow::Borrowed);
    match raw.payload {
        Some((tag, wire)) if tag == of.tag => read_payload(of, bytes_of(wire, "payload")?, wanted.0[kind], &mut event.fields),
        Some(_) => Err(Fault::at(Reason::WrongType, "payload", format!("the payload is not that of '{}'", of.event_type))),
        None => Err(missing("payload")),
    }
}

fn scan<'a>(schema: &EnvelopedTopic, mut bytes: &'a [u8]) -> Result<WireEvent<'a>, Fault> {
    let mut raw = WireEvent::default();
    while !bytes.is_empty() {
        let (tag, wire) = field(&mut bytes)?;
        match tag {
            EVENT_ID => raw.event_id = Some(wire),
            EVENT_TYPE => raw.event_type = Some(wire),
            VERSION => raw.schema_version = Some(wire),
            AGGREGATE_ID => raw.aggregate_id = Some(wire),
            OCCURRED_AT => raw.occurred_at = Some(wire),
            ACTOR_ID => raw.actor_id = Some(wire),
            TRACE_PARENT => raw.trace_parent = Some(wire),
            _ if schema.events.iter().any(|event| event.tag == tag) => raw.payload = Some((tag, wire)),
            _ => {}
        }
    }
    Ok(raw)
}

fn read_payload<'a>(of: &EventSchema, mut bytes: &'a [u8], wanted: u64, values: &mut Vec<Value<'a>>) -> Result<(), Fault> {
    values.clear();
    values.resize(of.fields.len(), Value::Null);
    let mut seen = 0_u64;
    while !bytes.is_empty() {
        let (tag, wire) = field(&mut bytes)?;
        let Some(index) = field_index(&of.fields, tag) else { continue };
        seen |= 1 << index;
        read_value(&of.fields[index], wire, wanted >> index & 1 == 1, &mut values[index])?;
    }
    for (index, field) in of.fields.iter().enumerate().filter(|(index, _)| seen >> index & 1 == 0) {
        values[index] = absent(field)?;
    }
    Ok(())
}

/// Tags count from 1 without gaps, as a rule.
fn field_index(fields: &[FieldSchema], tag: u32) -> Option<usize> {
    let likely = (tag as usize).wrapping_sub(1);
    match fields.get(likely) {
        Some(field) if field.tag == tag => Some(likely),
        _ => fields.iter().position(|field| field.tag == tag),
    }
}

/// The value of a field that is not on the wire.
fn absent(field: &FieldSchema) -> Result<Value<'static>, Fault> {
    Ok(match field.kind {
        EventFieldKind::Ids | EventFieldKind::Texts => Value::List(Vec::new()),
        _ if field.nullable => Value::Null,
        EventFieldKind::Id | EventFieldKind::Time => return Err(missing(&field.path)),
        EventFieldKind::Int => Value::Int(0),
        EventFieldKind::Float => Value::Float(0.0),
        EventFieldKind::Boolean => Value::Boolean(false),
        EventFieldKind::Text => Value::Text(Cow::Borrowed("")),
    })
}

fn read_value<'a>(field: &FieldSchema, wire: Wire<'a>, wanted: bool, value: &mut Value<'a>) -> Result<(), Fault> {
    let path = field.path.as_str();
    *value = match field.kind {
        EventFieldKind::Id => Value::Int(check_id(number(wire, path)?, path)?),
        EventFieldKind::Int => Value::Int(number(wire, path)?),
        EventFieldKind::Time => Value::Timestamp(check_time(number(wire, path)?, path)?),
        EventFieldKind::Float => match wire {
            Wire::Fixed64(bits) if f64::from_bits(bits).is_finite() => Value::Float(f64::from_bits(bits)),
            _ => return Err(wrong_type(path, "a finite number", wire)),
        },
        EventFieldKind::Boolean => Value::Boolean(number(wire, path)? != 0),
        EventFieldKind::Text => Value::Text(Cow::Borrowed(text(wire, path)?)),
        EventFieldKind::Texts => {
            let item = text(wire, path)?;
            push(value, wanted.then_some(Value::Text(Cow::Borrowed(item))));
            return Ok(());
        }
        EventFieldKind::Ids => return read_ids(wire, path, wanted, value),
    };
    Ok(())
}

/// Adds one id, or all of a packed list.
fn read_ids<'a>(wire: Wire<'a>, path: &str, wanted: bool, value: &mut Value<'a>) -> Result<(), Fault> {
    let Wire::Bytes(mut packed) = wire else {
        let id = check_id(number(wire, path)?, path)?;
        push(value, wanted.then_some(Value::Int(id)));
        return Ok(());
    };
    while !packed.is_empty() {
        let id = check_id(varint(&mut packed)? as i64, path)?;
        push(value, wanted.then_some(Value::Int(id)));
    }
    push(value, None);
    Ok(())
}

/// Makes the value a list, where it is none yet, and adds the item, where there is one.
fn push<'a>(value: &mut Value<'a>, item: Option<Value<'a>>) {
    match value {
        Value::List(items) => items.extend(item),
        other => *other = Value::List(item.into_iter().collect()),
    }
}

fn aggregate_id(kind: AggregateIdKind, wire: Wire<'_>) -> Result<Value<'_>, Fault> {
    match (kind, wire) {
        (AggregateIdKind::Text, Wire::Bytes(_)) => {
            let text = text(wire, "aggregate_id")?;
            check_aggregate_text(text)?;
            Ok(Value::Text(Cow::Borrowed(text)))
        }
        (AggregateIdKind::Id, Wire::Varint(id)) => Ok(Value::Int(check_id(id as i64, "aggregate_id")?)),
        _ => Err(wrong_type("aggregate_id", aggregate_words(kind), wire)),
    }
}

fn field<'a>(bytes: &mut &'a [u8]) -> Result<(u32, Wire<'a>), Fault> {
    let key = varint(bytes)?;
    let tag = u32::try_from(key >> 3).ok().filter(|tag| *tag > 0).ok_or_else(|| broken("a field has no valid number"))?;
    let wire = match key & 7 {
        0 => Wire::Varint(varint(bytes)?),
        1 => {
            let (fixed, rest) = bytes.split_first_chunk().ok_or_else(|| broken("it ends within a number"))?;
            *bytes = rest;
            Wire::Fixed64(u64::from_le_bytes(*fixed))
        }
        2 => {
            let length = varint(bytes)?;
            let parts = usize::try_from(length).ok().and_then(|length| bytes.split_at_checked(length));
            let (content, rest) = parts.ok_or_else(|| broken("it ends within a field"))?;
            *bytes = rest;
            Wire::Bytes(content)
        }
        5 => {
            *bytes = bytes.get(4..).ok_or_else(|| broken("it ends within a number"))?;
            Wire::Fixed32
        }
        _ => return Err(broken("a field has a wire type that is not in use")),
    };
    Ok((tag, wire))
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Fault> {
    match bytes.split_first() {
        Some((&byte, rest)) if byte < 0x80 => {
            *bytes = rest;
            Ok(u64::from(byte))
        }
        _ => decode_varint(bytes).map_err(|_| broken("it ends within a number, or a number is longer than 64 bits")),
    }
}

fn bytes_of<'a>(wire: Wire<'a>, path: &str) -> Result<&'a [u8], Fault> {
    match wire {
        Wire::Bytes(bytes) => Ok(bytes),
        other => Err(wrong_type(path, "a length and that many bytes", other)),
    }
}

fn text<'a>(wire: Wire<'a>, path: &str) -> Result<&'a str, Fault> {
    let bytes = bytes_of(wire, path)?;
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("byte {} of the text is not UTF-8; send UTF-8", error.valid_up_to());
        Fault::at(Reason::InvalidUtf8, path, detail)
    })?;
    check_text(text, path)?;
    Ok(text)
}

fn number(wire: Wire<'_>, path: &str) -> Result<i64, Fault> {
    match wire {
        Wire::Varint(number) => Ok(number as i64),
        other => Err(wrong_type(path, "a whole number", other)),
    }
}

fn broken(detail: &str) -> Fault {
    Fault::new(Reason::NotProtobuf, format!("{detail}; send the message of the topic"))
}

fn wrong_type(path: &str, expected: &str, found: Wire<'_>) -> Fault {
    let found = match found {
        Wire::Varint(_) => "a whole number",
        Wire::Fixed64(_) => "64 bits",
        Wire::Fixed32 => "32 bits",
        Wire::Bytes(_) => "a length and bytes",
    };
    Fault::at(Reason::WrongType, path, format!("expected {expected}, found {found} on the wire"))
}

/// Writes the topic's message. What is not NULL is written even where it is the default, so that nothing required seems missing.
pub(crate) fn write_event(schema: &EnvelopedTopic, event: &Event<'_>) -> Vec<u8> {
    let of = &schema.events[event.kind];
    let mut payload = Vec::with_capacity(64);
    for (field, value) in of.fields.iter().zip(&event.fields) {
        write_value(field.tag, value, &mut payload);
    }
    let mut out = Vec::with_capacity(payload.len() + 128);
    write_bytes(EVENT_ID, event.event_id.to_string().as_bytes(), &mut out);
    write_bytes(EVENT_TYPE, of.event_type.as_bytes(), &mut out);
    write_number(VERSION, SCHEMA_VERSION, &mut out);
    write_value(AGGREGATE_ID, &event.aggregate_id, &mut out);
    write_number(OCCURRED_AT, event.occurred_at, &mut out);
    write_number(ACTOR_ID, event.actor_id, &mut out);
    if let Some(trace_parent) = &event.trace_parent {
        write_bytes(TRACE_PARENT, trace_parent.as_bytes(), &mut out);
    }
    write_bytes(of.tag, &payload, &mut out);
    out
}

fn write_value(tag: u32, value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Boolean(value) => write_number(tag, i64::from(*value), out),
        Value::Int(value) | Value::Timestamp(value) => write_number(tag, *value, out),
        Value::Float(value) => {
            encode_key(tag, WireType::SixtyFourBit, out);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Text(text) => write_bytes(tag, text.as_bytes(), out),
        Value::List(items) if matches!(items.first(), Some(Value::Int(_))) => {
            let mut packed = Vec::new();
            for item in items {
                if let Value::Int(id) = item {
                    encode_varint(*id as u64, &mut packed);
                }
            }
            write_bytes(tag, &packed, out);
        }
        Value::List(items) => items.iter().for_each(|item| write_value(tag, item, out)),
        other => panic!("events hold no value such as {other:?}"),
    }
}

fn write_number(tag: u32, number: i64, out: &mut Vec<u8>) {
    encode_key(tag, WireType::Varint, out);
    encode_varint(number as u64, out);
}

fn write_bytes(tag: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}
