//! Events: the limits they are held to, the checks that hold in every encoding, and one line of ingest.
//!
//! Owns [`parse_line`], which turns a line that someone sent into an [`Incoming`] event or says what is wrong with it. Bytes enter;
//! a checked event leaves that can be written in either [`Encoding`]. Reading back what a log holds is [`crate::decoder`]'s part.
//!
//! ```
//! use schemas::event::{Encoding, parse_line};
//! use schemas::topic::message::{CompiledFile, MessageEvents, ProtoFile};
//! use schemas::topic::{TopicSchema, TopicSet};
//!
//! let text = r#"
//!     syntax = "proto3";
//!     import "tidewater/v1/options.proto";
//!     message OrderEvent {
//!       string event_id = 1;
//!       string event_type = 2;
//!       int32 schema_version = 3;
//!       int64 aggregate_id = 4 [(tidewater.v1.meaning) = MEANING_ID];
//!       int64 occurred_at = 5 [(tidewater.v1.meaning) = MEANING_TIME];
//!       int64 actor_id = 6 [(tidewater.v1.meaning) = MEANING_ID];
//!       optional string trace_parent = 7;
//!       oneof payload { Placed placed = 10 [(tidewater.v1.event_type) = "order.placed"]; }
//!     }
//!     message Placed { int64 customer_id = 1 [(tidewater.v1.meaning) = MEANING_ID]; }"#;
//! let files = [ProtoFile { name: "order.proto".to_owned(), text: text.to_owned() }];
//! let events = CompiledFile::compile(&files, "order.proto")?.events("OrderEvent", "shop.order")?;
//! let MessageEvents::Enveloped(orders) = events else { panic!("it has the envelope") };
//! let topics: TopicSet = [TopicSchema::Enveloped(orders)].into_iter().collect();
//!
//! let line = br#"{"topic":"shop.order","event":{"event_id":"018cc251-f402-7000-8002-000000000002","event_type":"order.placed",
//!     "schema_version":1,"aggregate_id":"12","occurred_at":"2024-01-01T00:00:00.002000Z","actor_id":"3","payload":{"customer_id":"3"}}}"#;
//! let now_micros = 1_704_067_200_000_000;
//! let incoming = parse_line(&topics, line, now_micros)?.ok_or("an empty line")?;
//! assert_eq!((incoming.topic.as_str(), incoming.key.as_slice()), ("shop.order", b"12".as_slice()));
//! assert!(incoming.encode(Encoding::Protobuf).len() < line.len());
//!
//! let rejected = parse_line(&topics, b"{\"topic\":\"shop.nonsense\",\"event\":{}}", now_micros).unwrap_err();
//! assert_eq!(rejected.fault.reason.as_str(), "unknown_topic");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dead_letter::{Fault, Reason};
use crate::declared_event::read_record;
use crate::field::Value;
use crate::json::record_key::{read_key, write_key};
use crate::position::{TOPIC_NAME_LENGTH_MAX, Topic};
use crate::raw_record::RawRecord;
use crate::topic::changes::{ChangeFormat, TopicChanges};
use crate::topic::declared::DeclaredTopic;
use crate::topic::enveloped::EnvelopedTopic;
use crate::topic::message::DeclaredMessage;
use crate::topic::{TopicSchema, TopicSet};
use crate::{json, message, protobuf};
use checks::{check_event, check_length, shortened, shortened_to, wrong_topic};
use content::Event;
use declared::hashed_key;

pub use id::EventId;
pub use limits::{EVENT_BYTES_MAX, EVENT_FUTURE_MICROS_MAX, NESTING_DEPTH_MAX};

pub(crate) mod checks;
pub(crate) mod content;
pub(crate) mod declared;
pub(crate) mod id;
pub(crate) mod limits;

/// Encoding of an event in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// the `event` object of an ingest line
    Json,
    /// the topic's message
    Protobuf,
}

impl Encoding {
    /// The encoding of a record of a topic with this one. An object is JSON in every topic: an event whose members the message does not all know
    /// is kept as it came. No message with the envelope begins with the byte of a brace, which would be the beginning of a group.
    pub(crate) fn of_record(self, bytes: &[u8]) -> Self {
        if is_object(bytes) { Self::Json } else { self }
    }
}

fn is_object(record: &[u8]) -> bool {
    record.first() == Some(&b'{')
}

/// A line that was accepted.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// topic to append it to
    pub topic: Topic,
    /// key that decides the partition: the text of its `aggregate_id`; of an event without an envelope the key of its line, or a hash
    pub key: Vec<u8>,
    /// its content
    pub event: ParsedEvent,
}

/// A line that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Rejected {
    /// its fault
    pub fault: Fault,
    /// the topic it names, where that could be read; cut when it is longer than the name of a topic may be
    pub sent_to: Option<String>,
    /// the id of who did it, where that could be read
    pub actor_id: Option<i64>,
}

/// A checked event.
#[derive(Clone, Debug)]
pub struct ParsedEvent(Content);

/// Content of a checked event.
#[derive(Clone, Debug)]
enum Content {
    /// with the bytes as they came, where these are an object with members that the message does not know, or a message
    Enveloped(Arc<EnvelopedTopic>, Event<'static>, Option<Vec<u8>>),
    /// bytes as they came, and event time
    Declared(Vec<u8>, i64),
    /// a message of the topic with the values of its columns, and event time
    Message(Arc<DeclaredTopic>, Vec<u8>, Vec<Value<'static>>, i64),
}

/// Reads and checks one line of ingest, `{"topic": ..., "event": {...}}`, for one of some topics. A blank line is `None`.
///
/// `now_micros` is the clock against which a time in the future is told, in microseconds since 1970.
pub fn parse_line(topics: &TopicSet, line: &[u8], now_micros: i64) -> Result<Option<Incoming>, Rejected> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let mut raw = json::RawLine::default();
    let scanned = check_length(line.len()).and_then(|()| json::scan_line(line, &mut raw));
    if line.len() > EVENT_BYTES_MAX {
        // Only for the topic and the actor, which come first as a rule; that the cut line does not end well is no news.
        let _ = json::scan_line(&line[..EVENT_BYTES_MAX], &mut raw);
    }
    // A name that a topic may have stays whole: permissions are compared with it.
    let (sent_to, actor_id) = (raw.sent_to().map(|topic| shortened_to(topic, TOPIC_NAME_LENGTH_MAX)), raw.actor_id());
    match scanned.and_then(|()| read_line(topics, raw, now_micros)) {
        Ok(incoming) => Ok(Some(incoming)),
        Err(fault) => Err(Rejected { fault, sent_to, actor_id }),
    }
}

fn read_line(topics: &TopicSet, mut raw: json::RawLine<'_>, now_micros: i64) -> Result<Incoming, Fault> {
    let topic = raw.take_topic()?;
    match topics.get(&topic) {
        Some(TopicSchema::Enveloped(schema)) => read_enveloped(topics, schema, raw, now_micros),
        Some(TopicSchema::Declared(schema)) => match schema.changes() {
            Some(changes) => read_change(schema, changes, raw, now_micros),
            None => read_declared(schema, raw, now_micros),
        },
        None => {
            let known: Vec<&str> = topics.names().collect();
            let known = if known.is_empty() { "no source reads any".to_owned() } else { format!("the topics are {}", known.join(", ")) };
            let detail = format!("there is no topic '{}'; {known}", shortened(&topic));
            Err(Fault::at(Reason::UnknownTopic, "topic", detail))
        }
    }
}

/// Reads a line whose event has the envelope: an object, or the message itself in base64. The bytes are kept as they came where they may hold
/// more than the message of the topic knows.
fn read_enveloped(
    topics: &TopicSet,
    schema: &Arc<EnvelopedTopic>,
    raw: json::RawLine<'_>,
    now_micros: i64,
) -> Result<Incoming, Fault> {
    if let Some(text) = raw.event_base64() {
        let bytes = decoded_message(text)?;
        let mut event = Event::default();
        protobuf::read_event(schema, &bytes, &protobuf::Wanted::all(schema), &mut event)?;
        check_event(schema, &event, now_micros)?;
        let event = event.into_owned();
        return Ok(Incoming::of_enveloped(schema, event, Some(bytes)));
    }
    let (raw, text) = raw.into_event()?;
    let event_type = raw.event_type();
    let mut event = Event::default();
    let has_more = json::read_event(schema, raw, &mut event)
        .map_err(|fault| wrong_topic(topics, &schema.topic, event_type.as_deref(), fault))?;
    check_event(schema, &event, now_micros)?;
    Ok(Incoming::of_enveloped(schema, event.into_owned(), has_more.then(|| text.as_bytes().to_vec())))
}

/// The bytes of a message that came in base64.
fn decoded_message(text: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(text).map_err(|error| {
        Fault::at(Reason::WrongType, "event", format!("expected an object, or a message in base64: {error}"))
    })
}

/// Reads a line whose event has no envelope. Where events are told apart by columns, these decide the partition, in which a repeated event is
/// looked for; then a line has no key of its own.
fn read_declared(schema: &Arc<DeclaredTopic>, raw: json::RawLine<'_>, now_micros: i64) -> Result<Incoming, Fault> {
    let mut event = Event::default();
    let (bytes, key) = match (schema.message(), raw.event_base64()) {
        (Some(of), Some(text)) => {
            let bytes = decoded_message(text)?;
            message::read_event(schema, of, &bytes, now_micros, &mut event)?;
            (bytes, raw.into_key()?)
        }
        (of, _) => {
            let (text, key) = raw.into_object()?;
            json::columns::read_event(schema, text.as_bytes(), now_micros, &mut event)?;
            let bytes = match of {
                Some(of) => write_message(schema, of, now_micros, &mut event)?,
                None => text.as_bytes().to_vec(),
            };
            (bytes, key)
        }
    };
    let is_told_apart = !schema.told_apart_by().is_empty();
    let key = match key {
        Some(_) if is_told_apart => {
            let detail =
                format!("the columns of DEDUPLICATE BY decide the partition of events of '{}': leave out the key", schema.topic);
            return Err(Fault::at(Reason::KeyMismatch, "key", detail));
        }
        Some(key) => key.into_owned().into_bytes(),
        None if is_told_apart => event.event_id.0.to_vec(),
        None => hashed_key(&bytes),
    };
    let event = ParsedEvent(Content::of_declared(schema, bytes, event));
    Ok(Incoming { topic: Topic::new(&schema.topic), key, event })
}

/// Reads a line whose event changes a row. The key of its record is that of the row in its one form, so that all changes of a row lie in one
/// partition, whatever form the line has it in.
fn read_change(
    schema: &Arc<DeclaredTopic>,
    changes: &TopicChanges,
    raw: json::RawLine<'_>,
    now_micros: i64,
) -> Result<Incoming, Fault> {
    let (text, key) = raw.into_change()?;
    let sent_key = key.unwrap_or_default();
    let value = text.unwrap_or("").as_bytes();
    let record = RawRecord { key: sent_key.as_bytes(), ..RawRecord::unplaced(value, now_micros) };
    let mut event = Event::default();
    read_record(schema, &record, &mut event)?;
    let row_key: Vec<&Value<'_>> = changes.key.iter().map(|&column| &event.fields[column]).collect();
    let has_row = row_key.iter().all(|value| **value != Value::Null);
    if has_row && changes.format == ChangeFormat::Upsert && !sent_key.is_empty() {
        let sent = read_key(schema, changes, sent_key.as_bytes())?;
        if !row_key.iter().copied().eq(&sent) {
            let detail = format!(
                "the key '{}' is not that of the event, which has {}; leave out the key, or send the row with it",
                shortened(&sent_key),
                shortened(&String::from_utf8_lossy(&write_key(schema, changes, &row_key)))
            );
            return Err(Fault::at(Reason::KeyMismatch, "key", detail));
        }
    }
    let key = if has_row { write_key(schema, changes, &row_key) } else { sent_key.as_bytes().to_vec() };
    let event = ParsedEvent(Content::Declared(value.to_vec(), event.occurred_at));
    Ok(Incoming { topic: Topic::new(&schema.topic), key, event })
}

/// Writes an event that came as an object as the message that the log holds, and reads that into it: a `float` is rounded, so that the identity
/// of the object would be another one than that of the record.
fn write_message(schema: &DeclaredTopic, of: &DeclaredMessage, now_micros: i64, event: &mut Event<'_>) -> Result<Vec<u8>, Fault> {
    let written = message::write_event(of, &event.fields)?;
    check_length(written.len())?;
    message::read_event(schema, of, &written, now_micros, event)?;
    Ok(written)
}

impl Content {
    fn of_declared(schema: &Arc<DeclaredTopic>, bytes: Vec<u8>, event: Event<'_>) -> Self {
        match schema.message() {
            None => Self::Declared(bytes, event.occurred_at),
            Some(_) => {
                let fields = event.fields.into_iter().map(Value::into_owned).collect();
                Self::Message(Arc::clone(schema), bytes, fields, event.occurred_at)
            }
        }
    }
}

/// The text of an aggregate's id.
fn aggregate_text(event: &Event<'_>) -> String {
    match &event.aggregate_id {
        Value::Text(text) => text.to_string(),
        Value::Int(id) => id.to_string(),
        other => panic!("the aggregate_id of a checked event is {other:?}"),
    }
}

impl Incoming {
    fn of_enveloped(schema: &Arc<EnvelopedTopic>, event: Event<'static>, kept: Option<Vec<u8>>) -> Self {
        let key = aggregate_text(&event).into_bytes();
        let event = ParsedEvent(Content::Enveloped(Arc::clone(schema), event, kept));
        Self { topic: Topic::new(&schema.topic), key, event }
    }

    /// The event's record in a log. An event without an envelope has one form, its bytes as they came.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        self.event.encode(encoding)
    }
}

impl ParsedEvent {
    /// Reads a record of a log.
    pub fn read<'a>(schema: &TopicSchema, encoding: Encoding, record: impl Into<RawRecord<'a>>) -> Result<Self, Fault> {
        let record = record.into();
        let (bytes, appended_at) = (record.value, record.appended_at);
        check_length(bytes.len())?;
        let mut event = Event::default();
        Ok(Self(match schema {
            TopicSchema::Declared(schema) => {
                read_record(schema, &record, &mut event)?;
                Content::of_declared(schema, bytes.to_vec(), event)
            }
            TopicSchema::Enveloped(schema) => {
                let has_more = match encoding.of_record(bytes) {
                    Encoding::Json => json::read_event(schema, json::scan_record(bytes)?, &mut event)?,
                    Encoding::Protobuf => {
                        protobuf::read_event(schema, bytes, &protobuf::Wanted::all(schema), &mut event)?;
                        true
                    }
                };
                check_event(schema, &event, appended_at)?;
                Content::Enveloped(Arc::clone(schema), event.into_owned(), has_more.then(|| bytes.to_vec()))
            }
        }))
    }

    /// Its identity; an event without an envelope has none.
    pub fn event_id(&self) -> Option<EventId> {
        self.envelope().map(|(_, event)| event.event_id)
    }

    /// Returns the event time, in microseconds since 1970, UTC.
    pub fn occurred_at(&self) -> i64 {
        match &self.0 {
            Content::Enveloped(_, event, _) => event.occurred_at,
            Content::Declared(_, occurred_at) | Content::Message(_, _, _, occurred_at) => *occurred_at,
        }
    }

    /// Returns the id of who did it; an event without an envelope does not say.
    pub fn actor_id(&self) -> Option<i64> {
        self.envelope().map(|(_, event)| event.actor_id)
    }

    /// Its type, such as `post.created`; an event without an envelope has none.
    pub fn event_type(&self) -> Option<&str> {
        self.envelope().map(|(topic, event)| topic.events[event.kind].event_type.as_str())
    }

    /// Its record in a log. An event with declared columns has one form, its bytes as they came, and so has an object with the envelope that has
    /// members which its message does not know. A message is kept as it came too; its JSON is the form for people, and for a topic of objects.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        match (&self.0, encoding) {
            (Content::Enveloped(_, _, Some(bytes)), encoding) if encoding == Encoding::Protobuf || is_object(bytes) => bytes.clone(),
            (Content::Enveloped(topic, event, _), Encoding::Json) => json::write_event(topic, event),
            (Content::Enveloped(topic, event, _), Encoding::Protobuf) => protobuf::write_event(topic, event),
            (Content::Message(topic, _, fields, _), Encoding::Json) => {
                topic.message().map_or_else(Vec::new, |of| message::write_json(of, fields))
            }
            (Content::Declared(bytes, _) | Content::Message(_, bytes, ..), _) => bytes.clone(),
        }
    }

    fn envelope(&self) -> Option<(&EnvelopedTopic, &Event<'static>)> {
        match &self.0 {
            Content::Enveloped(topic, event, _) => Some((topic, event)),
            Content::Declared(..) | Content::Message(..) => None,
        }
    }
}

#[cfg(test)]
mod tests;
