//! Events as JSON: the `{"topic": ..., "event": {...}}` of an ingest line, and the event object that a log may hold.
//!
//! Owns the mapping between JSON members and the fields of messages with the envelope. Bytes enter and leave; in between an [`Event`]. A text
//! that is no JSON is told before anything that is wrong with its content.

use std::borrow::Cow;
use std::fmt::Write as _;

use smallvec::SmallVec;

use crate::dead_letter::{Fault, Reason};
use crate::event::checks::{
    aggregate_words, check_aggregate_text, check_event_id, check_id, check_text, check_version, event_kind, missing, shortened,
};
use crate::event::content::Event;
use crate::field::{Value, json_string};
use crate::time::{parse_rfc3339, write_timestamp};
use crate::topic::enveloped::{AggregateIdKind, EnvelopedTopic, EventFieldKind, FieldSchema, SCHEMA_VERSION};

use reader::{JsonToken, Reader};

pub(crate) mod changes;
pub(crate) mod columns;
mod connect;
mod debezium;
pub(crate) mod reader;
pub(crate) mod record_key;
mod row_change;

/// The values that may be a key where records change no rows, in words.
const KEY_WORDS: &str = "a text or a number";
/// The most digits of a number of 63 bits.
const ID_DIGITS_MAX: usize = 19;

/// The members of an ingest line.
#[derive(Default)]
pub(crate) struct RawLine<'a> {
    topic: Option<JsonToken<'a>>,
    key: Option<JsonToken<'a>>,
    event: Option<Nested<'a, JsonEvent<'a>>>,
    /// the bytes of the event
    event_text: &'a str,
}

/// The members of an event, not yet looked at.
#[derive(Default)]
pub(crate) struct JsonEvent<'a> {
    event_id: Option<JsonToken<'a>>,
    event_type: Option<JsonToken<'a>>,
    schema_version: Option<JsonToken<'a>>,
    aggregate_id: Option<JsonToken<'a>>,
    occurred_at: Option<JsonToken<'a>>,
    actor_id: Option<JsonToken<'a>>,
    trace_parent: Option<JsonToken<'a>>,
    payload: Option<Nested<'a, Members<'a>>>,
    /// true if it has members that no envelope has
    has_more: bool,
}

type Members<'a> = SmallVec<[(Cow<'a, str>, JsonToken<'a>); 8]>;

/// A value that should be an object.
enum Nested<'a, T> {
    Object(T),
    Other(JsonToken<'a>),
}

impl<'a> RawLine<'a> {
    /// The topic that the line names.
    pub(crate) fn sent_to(&self) -> Option<&str> {
        match &self.topic {
            Some(JsonToken::Text(topic)) => Some(topic),
            _ => None,
        }
    }

    /// The id of who did it, as the line says.
    pub(crate) fn actor_id(&self) -> Option<i64> {
        match &self.event {
            Some(Nested::Object(event)) => event.actor_id.as_ref().and_then(|token| id(token, "actor_id").ok()),
            _ => None,
        }
    }

    /// The topic, which has to be there.
    pub(crate) fn take_topic(&mut self) -> Result<Cow<'a, str>, Fault> {
        text(required(self.topic.take(), "topic")?, "topic")
    }

    /// The event with its envelope, which has to be there, and its bytes.
    pub(crate) fn into_event(self) -> Result<(JsonEvent<'a>, &'a str), Fault> {
        let text = self.event_text;
        nested(self.event, "event").map(|event| (event, text))
    }

    /// The text that stands in place of the event's object.
    pub(crate) fn event_base64(&self) -> Option<&str> {
        match &self.event {
            Some(Nested::Other(JsonToken::Text(text))) => Some(text),
            _ => None,
        }
    }

    /// The bytes of the event, which has to be an object, and the key that the line names.
    pub(crate) fn into_object(self) -> Result<(&'a str, Option<Cow<'a, str>>), Fault> {
        let text = self.event_text;
        nested(self.event, "event")?;
        Ok((text, key(self.key, KEY_WORDS)?))
    }

    /// The bytes of the event, which may be `null` where a record without a value says something, and the bytes of the key that the line names:
    /// an object is its text.
    pub(crate) fn into_change(self) -> Result<(Option<&'a str>, Option<Cow<'a, str>>), Fault> {
        let key = match self.key {
            Some(JsonToken::Object(text)) => Some(Cow::Borrowed(text)),
            other => key(other, "a text, a number or an object")?,
        };
        match self.event {
            Some(Nested::Other(JsonToken::Null)) => Ok((None, key)),
            event => nested(event, "event").map(|_| (Some(self.event_text), key)),
        }
    }

    /// The key that the line names.
    pub(crate) fn into_key(self) -> Result<Option<Cow<'a, str>>, Fault> {
        key(self.key, KEY_WORDS)
    }
}

impl<'a> JsonEvent<'a> {
    /// The type that it says it has.
    pub(crate) fn event_type(&self) -> Option<Cow<'a, str>> {
        match &self.event_type {
            Some(JsonToken::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }
}

fn key<'a>(token: Option<JsonToken<'a>>, expected: &str) -> Result<Option<Cow<'a, str>>, Fault> {
    match token {
        None | Some(JsonToken::Null) => Ok(None),
        Some(JsonToken::Number(digits)) => Ok(Some(Cow::Borrowed(digits))),
        Some(JsonToken::Text(key)) => Ok(Some(key)),
        Some(other) => Err(wrong_type("key", expected, &other)),
    }
}

/// Reads the JSON of an ingest line. On a fault `line` holds what was read so far.
pub(crate) fn scan_line<'a>(bytes: &'a [u8], line: &mut RawLine<'a>) -> Result<(), Fault> {
    whole_object(bytes, |reader, key| {
        match key.as_ref() {
            "topic" => line.topic = Some(reader.value().map_err(|fault| within(fault, "topic"))?),
            "key" => line.key = Some(reader.value().map_err(|fault| within(fault, "key"))?),
            "event" if reader.peek() == Some(b'{') => {
                let mut event = JsonEvent::default();
                let scanned = reader.spanned(|reader| reader.object(|reader, key| scan_member(reader, &key, &mut event)));
                line.event = Some(Nested::Object(event));
                (_, line.event_text) = scanned?;
            }
            "event" => line.event = Some(Nested::Other(reader.value()?)),
            _ => reader.skip()?,
        }
        Ok(())
    })
}

/// Reads the JSON of an event that a log holds.
pub(crate) fn scan_record(bytes: &[u8]) -> Result<JsonEvent<'_>, Fault> {
    let mut event = JsonEvent::default();
    whole_object(bytes, |reader, key| scan_member(reader, &key, &mut event))?;
    Ok(event)
}

fn whole_object<'a>(
    bytes: &'a [u8],
    member: impl FnMut(&mut Reader<'a>, Cow<'a, str>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    if reader.peek() == Some(b'{') {
        reader.object(member)?;
        return reader.end();
    }
    let found = reader.value()?;
    reader.end()?;
    Err(Fault::new(Reason::NotAnObject, format!("expected an object, found {}", words(&found))))
}

fn scan_member<'a>(reader: &mut Reader<'a>, key: &str, event: &mut JsonEvent<'a>) -> Result<(), Fault> {
    let place = match key {
        "event_id" => &mut event.event_id,
        "event_type" => &mut event.event_type,
        "schema_version" => &mut event.schema_version,
        "aggregate_id" => &mut event.aggregate_id,
        "occurred_at" => &mut event.occurred_at,
        "actor_id" => &mut event.actor_id,
        "trace_parent" => &mut event.trace_parent,
        "payload" => {
            event.payload = Some(nested_value(reader, scan_payload)?);
            return Ok(());
        }
        _ => {
            event.has_more = true;
            return reader.skip().map_err(|fault| within(fault, key));
        }
    };
    *place = Some(reader.value().map_err(|fault| within(fault, key))?);
    Ok(())
}

fn scan_payload<'a>(reader: &mut Reader<'a>) -> Result<Members<'a>, Fault> {
    let mut members = Members::new();
    reader.object(|reader, key| {
        let value = reader.value().map_err(|fault| within(fault, &format!("payload.{}", shortened(&key))))?;
        members.push((key, value));
        Ok(())
    })?;
    Ok(members)
}

fn nested_value<'a, T>(
    reader: &mut Reader<'a>,
    scan: impl FnOnce(&mut Reader<'a>) -> Result<T, Fault>,
) -> Result<Nested<'a, T>, Fault> {
    match reader.peek() {
        Some(b'{') => scan(reader).map(Nested::Object),
        _ => reader.value().map(Nested::Other),
    }
}

/// Names the field a fault of the reader lies in. Where the text stops being JSON, the byte says more than the field.
fn within(mut fault: Fault, path: &str) -> Fault {
    if fault.reason != Reason::NotJson {
        fault.field = Some(shortened(path));
    }
    fault
}

/// Names the object around the member that a fault lies in.
fn inside(around: &str, mut fault: Fault) -> Fault {
    match &fault.field {
        _ if around.is_empty() => fault,
        Some(field) => {
            fault.field = Some(format!("{around}.{field}"));
            fault
        }
        None => within(fault, around),
    }
}

/// Reads the members of an event into the fields of its type. Returns true if it has members that the message of the topic does not know, or
/// one of them twice: these are lost when it is written again.
pub(crate) fn read_event<'a>(schema: &EnvelopedTopic, raw: JsonEvent<'a>, event: &mut Event<'a>) -> Result<bool, Fault> {
    let event_type = text(required(raw.event_type, "event_type")?, "event_type")?;
    let (kind, of) = event_kind(schema, &event_type)?;
    event.kind = kind;
    check_version(integer(&required(raw.schema_version, "schema_version")?, "schema_version")?)?;
    let event_id = text(required(raw.event_id, "event_id")?, "event_id")?;
    event.event_id = check_event_id(event_id.as_bytes())?;
    event.aggregate_id = aggregate_id(schema.aggregate, required(raw.aggregate_id, "aggregate_id")?)?;
    event.occurred_at = time(&required(raw.occurred_at, "occurred_at")?, "occurred_at")?;
    event.actor_id = id(&required(raw.actor_id, "actor_id")?, "actor_id")?;
    event.trace_parent = match raw.trace_parent {
        None | Some(JsonToken::Null) => None,
        Some(token) => Some(text(token, "trace_parent")?),
    };
    let mut members = nested(raw.payload, "payload")?;
    event.fields.clear();
    let mut known = 0;
    for field in &of.fields {
        // The last one counts, as in most readers of JSON.
        let found = members.iter_mut().rev().find(|(key, _)| *key == field.name);
        let token = found.map(|(_, token)| std::mem::replace(token, JsonToken::Null));
        known += usize::from(token.is_some());
        event.fields.push(payload_field(field, token)?);
    }
    Ok(raw.has_more || known < members.len())
}

fn payload_field<'a>(field: &FieldSchema, token: Option<JsonToken<'a>>) -> Result<Value<'a>, Fault> {
    let token = match (token, field.kind) {
        (None | Some(JsonToken::Null), EventFieldKind::Ids | EventFieldKind::Texts) => return Ok(Value::List(Vec::new())),
        (None | Some(JsonToken::Null), _) if field.nullable => return Ok(Value::Null),
        (token, _) => required(token, &field.path)?,
    };
    Ok(match field.kind {
        EventFieldKind::Id => Value::Int(id(&token, &field.path)?),
        EventFieldKind::Int => Value::Int(integer(&token, &field.path)?),
        EventFieldKind::Float => Value::Float(float(&token, &field.path)?),
        EventFieldKind::Boolean => match token {
            JsonToken::Boolean(value) => Value::Boolean(value),
            other => return Err(wrong_type(&field.path, "true or false", &other)),
        },
        EventFieldKind::Text => Value::Text(text(token, &field.path)?),
        EventFieldKind::Time => Value::Timestamp(time(&token, &field.path)?),
        EventFieldKind::Ids => list(token, &field.path, |token, path| Ok(Value::Int(id(&token, path)?)))?,
        EventFieldKind::Texts => list(token, &field.path, |token, path| Ok(Value::Text(text(token, path)?)))?,
    })
}

fn list<'a>(
    token: JsonToken<'a>,
    path: &str,
    item: impl Fn(JsonToken<'a>, &str) -> Result<Value<'a>, Fault>,
) -> Result<Value<'a>, Fault> {
    let JsonToken::Array(array) = token else { return Err(wrong_type(path, "a list", &token)) };
    let mut values = Vec::new();
    Reader::new(array.as_bytes()).array(|reader| {
        let token = required(Some(reader.value()?), path)?;
        values.push(item(token, path)?);
        Ok(())
    })?;
    Ok(Value::List(values))
}

fn aggregate_id<'a>(kind: AggregateIdKind, token: JsonToken<'a>) -> Result<Value<'a>, Fault> {
    match (kind, token) {
        (AggregateIdKind::Text, JsonToken::Text(text)) => {
            check_aggregate_text(&text)?;
            Ok(Value::Text(text))
        }
        (AggregateIdKind::Text, other) => Err(wrong_type("aggregate_id", aggregate_words(kind), &other)),
        (AggregateIdKind::Id, token) => Ok(Value::Int(id(&token, "aggregate_id")?)),
    }
}

fn required<'a>(token: Option<JsonToken<'a>>, path: &str) -> Result<JsonToken<'a>, Fault> {
    match token {
        None => Err(missing(path)),
        Some(JsonToken::Null) => Err(null(path)),
        Some(token) => Ok(token),
    }
}

fn nested<T>(value: Option<Nested<'_, T>>, path: &str) -> Result<T, Fault> {
    match value {
        None => Err(missing(path)),
        Some(Nested::Object(value)) => Ok(value),
        Some(Nested::Other(JsonToken::Null)) => Err(null(path)),
        Some(Nested::Other(other)) => Err(wrong_type(path, "an object", &other)),
    }
}

fn text<'a>(token: JsonToken<'a>, path: &str) -> Result<Cow<'a, str>, Fault> {
    match token {
        JsonToken::Text(text) => {
            check_text(&text, path)?;
            Ok(text)
        }
        other => Err(wrong_type(path, "a text", &other)),
    }
}

/// An id: a string of digits, or a whole number for those who write ids so.
fn id(token: &JsonToken<'_>, path: &str) -> Result<i64, Fault> {
    let digits = match token {
        JsonToken::Text(text) => text.as_ref(),
        JsonToken::Number(number) => number,
        other => return Err(wrong_type(path, "an id", other)),
    };
    let only_digits = !digits.is_empty() && digits.len() <= ID_DIGITS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse().ok().filter(|_| only_digits) {
        Some(number) => check_id(number, path),
        None => {
            let detail = format!("'{}' is not an id: digits without a sign, at most {}", shortened(digits), i64::MAX);
            Err(Fault::at(Reason::BadId, path, detail))
        }
    }
}

fn integer(token: &JsonToken<'_>, path: &str) -> Result<i64, Fault> {
    let number = match token {
        JsonToken::Number(number) => number.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| wrong_type(path, "a whole number of 64 bits", token))
}

fn float(token: &JsonToken<'_>, path: &str) -> Result<f64, Fault> {
    let number = match token {
        JsonToken::Number(number) => number.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    };
    number.ok_or_else(|| wrong_type(path, "a number", token))
}

fn time(token: &JsonToken<'_>, path: &str) -> Result<i64, Fault> {
    let JsonToken::Text(text) = token else { return Err(wrong_type(path, "a time", token)) };
    parse_rfc3339(text).ok_or_else(|| {
        let detail = format!("'{}' is not a time that exists, such as 2024-01-01T12:00:00.000001Z", shortened(text));
        Fault::at(Reason::BadTime, path, detail)
    })
}

fn null(path: &str) -> Fault {
    Fault::at(Reason::NullInRequired, path, format!("'{path}' is null, but required"))
}

fn wrong_type(path: &str, expected: &str, found: &JsonToken<'_>) -> Fault {
    Fault::at(Reason::WrongType, path, format!("expected {expected}, found {}", words(found)))
}

fn words(token: &JsonToken<'_>) -> String {
    match token {
        JsonToken::Null => "null".to_owned(),
        JsonToken::Boolean(value) => value.to_string(),
        JsonToken::Number(number) => format!("the number {}", shortened(number)),
        JsonToken::Text(text) => format!("the text '{}'", shortened(text)),
        JsonToken::Array(_) => "a list".to_owned(),
        JsonToken::Object(_) => "an object".to_owned(),
    }
}

/// Writes the event object.
pub(crate) fn write_event(schema: &EnvelopedTopic, event: &Event<'_>) -> Vec<u8> {
    let of = &schema.events[event.kind];
    let mut out = String::with_capacity(256);
    let _ =
        write!(out, r#"{{"event_id":"{}","event_type":"{}","schema_version":{SCHEMA_VERSION}"#, event.event_id, of.event_type);
    out.push_str(",\"aggregate_id\":");
    write_value(&event.aggregate_id, EventFieldKind::Id, &mut out);
    out.push_str(",\"occurred_at\":\"");
    write_timestamp(event.occurred_at, &mut out);
    let _ = write!(out, r#"","actor_id":"{}""#, event.actor_id);
    if let Some(trace_parent) = &event.trace_parent {
        out.push_str(",\"trace_parent\":");
        json_string(trace_parent, &mut out);
    }
    out.push_str(",\"payload\":{");
    for (index, (field, value)) in of.fields.iter().zip(&event.fields).enumerate() {
        let _ = write!(out, "{}\"{}\":", if index == 0 { "" } else { "," }, field.name);
        write_value(value, field.kind, &mut out);
    }
    out.push_str("}}");
    out.into_bytes()
}

fn write_value(value: &Value<'_>, kind: EventFieldKind, out: &mut String) {
    match (kind, value) {
        (EventFieldKind::Id, Value::Int(id)) => drop(write!(out, "\"{id}\"")),
        (EventFieldKind::Ids, Value::List(ids)) => {
            out.push('[');
            for (index, id) in ids.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_value(id, EventFieldKind::Id, out);
            }
            out.push(']');
        }
        _ => value.write_json(out),
    }
}
