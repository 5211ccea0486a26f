//! Events: the limits they are held to, the checks that hold in every encoding, and one line of ingest.
//!
//! Owns [`parse_line`], which turns a line that someone sent into an [`Incoming`] event or says what is wrong with it. Bytes enter;
//! a checked event leaves that can be written in either [`Encoding`]. Reading back what a log holds is [`crate::decoder`]'s part.
//!
//! ```
//! use schemas::event::{Encoding, parse_line};
//!
//! let line = br#"{"topic":"social.post","event":{"event_id":"018cc251-f402-7000-8002-000000000002","event_type":"post.liked",
//!     "schema_version":1,"aggregate_id":"12","occurred_at":"2024-01-01T00:00:00.002000Z","actor_id":"3","payload":{"user_id":"3"}}}"#;
//! let now_micros = 1_704_067_200_000_000;
//! let incoming = parse_line(line, now_micros)?.ok_or("an empty line")?;
//! assert_eq!((incoming.topic.as_str(), incoming.key.as_slice()), ("social.post", b"12".as_slice()));
//! assert!(incoming.encode(Encoding::Protobuf).len() < line.len());
//!
//! let rejected = parse_line(b"{\"topic\":\"social.nonsense\",\"event\":{}}", now_micros).unwrap_err();
//! assert_eq!(rejected.fault.reason.as_str(), "unknown_topic");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::catalogue::{TopicSchema, catalogue};
use crate::dead_letter::{Fault, Reason};
use crate::field::Value;
use crate::position::Topic;
use crate::{json, protobuf};
use checks::{check_event, check_length, shortened};
use content::Event;

pub use id::EventId;
pub use limits::{EVENT_BYTES_MAX, EVENT_FUTURE_MICROS_MAX, NESTING_DEPTH_MAX};

pub(crate) mod checks;
pub(crate) mod content;
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

/// A line that was accepted.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// topic to append it to
    pub topic: Topic,
    /// the text of its `aggregate_id`, which decides the partition
    pub key: Vec<u8>,
    /// its identity
    pub event_id: EventId,
    /// event time, in microseconds since 1970, UTC
    pub occurred_at: i64,
    /// its content
    pub event: ParsedEvent,
}

/// A line that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Rejected {
    /// its fault
    pub fault: Fault,
    /// the topic it names, where that could be read
    pub sent_to: Option<String>,
    /// the id of who did it, where that could be read
    pub actor_id: Option<i64>,
}

/// A checked event.
#[derive(Clone, Debug)]
pub struct ParsedEvent {
    schema: &'static TopicSchema,
    event: Event<'static>,
}

/// Reads and checks one line of ingest, `{"topic": ..., "event": {...}}`. A blank line is `None`.
///
/// `now_micros` is the clock against which a time in the future is told, in microseconds since 1970.
pub fn parse_line(line: &[u8], now_micros: i64) -> Result<Option<Incoming>, Rejected> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let mut raw = json::RawLine::default();
    let scanned = check_length(line.len()).and_then(|()| json::scan_line(line, &mut raw));
    if line.len() > EVENT_BYTES_MAX {
        // Only for the topic and the actor, which come first as a rule; that the cut line does not end well is no news.
        let _ = json::scan_line(&line[..EVENT_BYTES_MAX], &mut raw);
    }
    let (sent_to, actor_id) = (raw.sent_to().map(shortened), raw.actor_id());
    match scanned.and_then(|()| read_line(raw, now_micros)) {
        Ok(incoming) => Ok(Some(incoming)),
        Err(fault) => Err(Rejected { fault, sent_to, actor_id }),
    }
}

fn read_line(raw: json::RawLine<'_>, now_micros: i64) -> Result<Incoming, Fault> {
    let (topic, raw_event) = raw.into_parts()?;
    let Some(schema) = catalogue().topic(&topic) else {
        let known: Vec<&str> = catalogue().topics().iter().map(|topic| topic.topic.as_str()).collect();
        let detail = format!("there is no topic '{}'; the topics are {}", shortened(&topic), known.join(", "));
        return Err(Fault::at(Reason::UnknownTopic, "topic", detail));
    };
    let mut event = Event::default();
    json::read_event(schema, raw_event, &mut event)?;
    check_event(schema, &event, now_micros)?;
    let event = ParsedEvent { schema, event: event.into_owned() };
    Ok(Incoming {
        topic: Topic::new(&schema.topic),
        key: event.key().into_bytes(),
        event_id: event.event.event_id,
        occurred_at: event.event.occurred_at,
        event,
    })
}

impl Incoming {
    /// The event's record in a log.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        self.event.encode(encoding)
    }
}

impl ParsedEvent {
    /// Reads a record of a log, as it was appended at that time in microseconds since 1970.
    pub fn read(schema: &'static TopicSchema, encoding: Encoding, bytes: &[u8], appended_at: i64) -> Result<Self, Fault> {
        check_length(bytes.len())?;
        let mut event = Event::default();
        match encoding {
            Encoding::Json => json::read_event(schema, json::scan_record(bytes)?, &mut event)?,
            Encoding::Protobuf => protobuf::read_event(schema, bytes, &protobuf::Wanted::all(schema), &mut event)?,
        }
        check_event(schema, &event, appended_at)?;
        Ok(Self { schema, event: event.into_owned() })
    }

    /// Its identity.
    pub fn event_id(&self) -> EventId {
        self.event.event_id
    }

    /// Returns the event time, in microseconds since 1970, UTC.
    pub fn occurred_at(&self) -> i64 {
        self.event.occurred_at
    }

    /// Returns the id of who did it.
    pub fn actor_id(&self) -> i64 {
        self.event.actor_id
    }

    /// Its type, such as `post.created`.
    pub fn event_type(&self) -> &'static str {
        &self.schema.events[self.event.kind].event_type
    }

    /// Its record in a log.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Json => json::write_event(self.schema, &self.event),
            Encoding::Protobuf => protobuf::write_event(self.schema, &self.event),
        }
    }

    fn key(&self) -> String {
        match &self.event.aggregate_id {
            Value::Text(text) => text.to_string(),
            Value::Int(id) => id.to_string(),
            other => panic!("the aggregate_id of a checked event is {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
