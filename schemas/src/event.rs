//! Events: the limits they are held to, the checks that hold in every encoding, and one line of ingest.
//!
//! Owns [`parse_line`], which turns a line that someone sent into an [`Incoming`] event or says what is wrong with it. Bytes enter;
//! a checked event leaves that can be written in either [`Encoding`]. Reading back what a log holds is [`crate::decoder`]'s part.
//!
//! ```
//! use schemas::catalogue::catalogue;
//! use schemas::event::{Encoding, parse_line};
//!
//! let topics = catalogue().set();
//! let line = br#"{"topic":"social.post","event":{"event_id":"018cc251-f402-7000-8002-000000000002","event_type":"post.liked",
//!     "schema_version":1,"aggregate_id":"12","occurred_at":"2024-01-01T00:00:00.002000Z","actor_id":"3","payload":{"user_id":"3"}}}"#;
//! let now_micros = 1_704_067_200_000_000;
//! let incoming = parse_line(topics, line, now_micros)?.ok_or("an empty line")?;
//! assert_eq!((incoming.topic.as_str(), incoming.key.as_slice()), ("social.post", b"12".as_slice()));
//! assert!(incoming.encode(Encoding::Protobuf).len() < line.len());
//!
//! let rejected = parse_line(topics, b"{\"topic\":\"social.nonsense\",\"event\":{}}", now_micros).unwrap_err();
//! assert_eq!(rejected.fault.reason.as_str(), "unknown_topic");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::dead_letter::{Fault, Reason};
use crate::field::Value;
use crate::position::{TOPIC_NAME_LENGTH_MAX, Topic};
use crate::topic::declared::DeclaredTopic;
use crate::topic::enveloped::EnvelopedTopic;
use crate::topic::message::DeclaredMessage;
use crate::topic::{TopicSchema, TopicSet};
use crate::{json, message, protobuf};
use checks::{check_event, check_length, shortened, shortened_to};
use content::Event;

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

/// Bytes of the hash that is the key of an event without one.
const HASHED_KEY_BYTES: usize = 8;

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
    Enveloped(Arc<EnvelopedTopic>, Event<'static>),
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
        Some(TopicSchema::Enveloped(schema)) => {
            let mut event = Event::default();
            json::read_event(schema, raw.into_event()?, &mut event)?;
            check_event(schema, &event, now_micros)?;
            let key = aggregate_text(&event).into_bytes();
            let event = ParsedEvent(Content::Enveloped(Arc::clone(schema), event.into_owned()));
            Ok(Incoming { topic: Topic::new(&schema.topic), key, event })
        }
        Some(TopicSchema::Declared(schema)) => read_declared(schema, raw, now_micros),
        None => {
            let known: Vec<&str> = topics.names().collect();
            let detail = format!("there is no topic '{}'; the topics are {}", shortened(&topic), known.join(", "));
            Err(Fault::at(Reason::UnknownTopic, "topic", detail))
        }
    }
}

/// Reads a line whose event has no envelope. Where events are told apart by columns, these decide the partition, in which a repeated event is
/// looked for; then a line has no key of its own.
fn read_declared(schema: &Arc<DeclaredTopic>, raw: json::RawLine<'_>, now_micros: i64) -> Result<Incoming, Fault> {
    let mut event = Event::default();
    let (bytes, key) = match (schema.message(), raw.event_base64()) {
        (Some(of), Some(text)) => {
            let bytes = STANDARD.decode(text).map_err(|error| {
                Fault::at(Reason::WrongType, "event", format!("expected an object, or a message in base64: {error}"))
            })?;
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
        None => Sha256::digest(&bytes)[..HASHED_KEY_BYTES].to_vec(),
    };
    let event = ParsedEvent(Content::of_declared(schema, bytes, event));
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
    /// The event's record in a log. An event without an envelope has one form, its bytes as they came.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        self.event.encode(encoding)
    }
}

impl ParsedEvent {
    /// Reads a record of a log, as it was appended at that time in microseconds since 1970.
    pub fn read(schema: &TopicSchema, encoding: Encoding, bytes: &[u8], appended_at: i64) -> Result<Self, Fault> {
        check_length(bytes.len())?;
        let mut event = Event::default();
        Ok(Self(match schema {
            TopicSchema::Declared(schema) => {
                match schema.message() {
                    Some(of) => message::read_event(schema, of, bytes, appended_at, &mut event)?,
                    None => json::columns::read_event(schema, bytes, appended_at, &mut event)?,
                }
                Content::of_declared(schema, bytes.to_vec(), event)
            }
            TopicSchema::Enveloped(schema) => {
                match encoding {
                    Encoding::Json => json::read_event(schema, json::scan_record(bytes)?, &mut event)?,
                    Encoding::Protobuf => protobuf::read_event(schema, bytes, &protobuf::Wanted::all(schema), &mut event)?,
                }
                check_event(schema, &event, appended_at)?;
                Content::Enveloped(Arc::clone(schema), event.into_owned())
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
            Content::Enveloped(_, event) => event.occurred_at,
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

    /// Its record in a log. An event with declared columns has one form, its bytes as they came; of a message JSON is the form for people.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        match (&self.0, encoding) {
            (Content::Enveloped(topic, event), Encoding::Json) => json::write_event(topic, event),
            (Content::Enveloped(topic, event), Encoding::Protobuf) => protobuf::write_event(topic, event),
            (Content::Message(topic, _, fields, _), Encoding::Json) => {
                topic.message().map_or_else(Vec::new, |of| message::write_json(of, fields))
            }
            (Content::Declared(bytes, _) | Content::Message(_, bytes, ..), _) => bytes.clone(),
        }
    }

    fn envelope(&self) -> Option<(&EnvelopedTopic, &Event<'static>)> {
        match &self.0 {
            Content::Enveloped(topic, event) => Some((topic, event)),
            Content::Declared(..) | Content::Message(..) => None,
        }
    }
}

#[cfg(test)]
mod tests;
