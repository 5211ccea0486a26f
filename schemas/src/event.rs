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

use std::borrow::Cow;
use std::fmt;

use crate::catalogue::{AggregateKind, EventSchema, SCHEMA_VERSION, TopicSchema, catalogue};
use crate::dead_letter::{Fault, Reason};
use crate::field::Value;
use crate::position::Topic;
use crate::time::{RFC3339_MICROS_MAX, RFC3339_MICROS_MIN, timestamp_text};
use crate::{json, protobuf};

/// The longest event, in bytes of its line or record.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// The deepest nesting of arrays and objects in an event's JSON.
pub const NESTING_DEPTH_MAX: usize = 128;

/// Most microseconds by which an event may lie ahead of the clock: a day, so that a wrong time zone passes and a wrong year does not.
pub const EVENT_FUTURE_MICROS_MAX: i64 = 24 * 3_600 * 1_000_000;

/// The most characters of someone's text that a message repeats.
const QUOTED_CHARACTERS_MAX: usize = 80;

/// Encoding of an event in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// the `event` object of an ingest line
    Json,
    /// the topic's message
    Protobuf,
}

/// The identity of an event, a UUID: what is sent twice is taken once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub [u8; 16]);

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
}

/// A checked event.
#[derive(Clone, Debug)]
pub struct ParsedEvent {
    schema: &'static TopicSchema,
    event: Event<'static>,
}

/// The content of an event, borrowed from its bytes where they hold it as it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event<'a> {
    /// position of its type in the topic's events
    pub(crate) kind: usize,
    pub(crate) event_id: EventId,
    pub(crate) aggregate_id: Value<'a>,
    pub(crate) occurred_at: i64,
    pub(crate) actor_id: i64,
    pub(crate) trace_parent: Option<Cow<'a, str>>,
    /// one value per field of the type's payload
    pub(crate) fields: Vec<Value<'a>>,
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
        // Only for the name of the topic, which comes first as a rule; that the cut line does not end well is no news.
        let _ = json::scan_line(&line[..EVENT_BYTES_MAX], &mut raw);
    }
    let sent_to = raw.sent_to().map(shortened);
    match scanned.and_then(|()| read_line(raw, now_micros)) {
        Ok(incoming) => Ok(Some(incoming)),
        Err(fault) => Err(Rejected { fault, sent_to }),
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

impl Default for Event<'_> {
    fn default() -> Self {
        Self {
            kind: 0,
            event_id: EventId::default(),
            aggregate_id: Value::Null,
            occurred_at: 0,
            actor_id: 0,
            trace_parent: None,
            fields: Vec::new(),
        }
    }
}

impl Event<'_> {
    fn into_owned(self) -> Event<'static> {
        Event {
            kind: self.kind,
            event_id: self.event_id,
            aggregate_id: self.aggregate_id.into_owned(),
            occurred_at: self.occurred_at,
            actor_id: self.actor_id,
            trace_parent: self.trace_parent.map(|text| Cow::Owned(text.into_owned())),
            fields: self.fields.into_iter().map(Value::into_owned).collect(),
        }
    }
}

impl EventId {
    /// Reads the canonical text form of a UUID, in either case of letters.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != 36 {
            return None;
        }
        let mut bytes = [0; 16];
        let mut at = 0;
        for (index, byte) in bytes.iter_mut().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                if text[at] != b'-' {
                    return None;
                }
                at += 1;
            }
            *byte = hexadecimal(text[at])? << 4 | hexadecimal(text[at + 1])?;
            at += 2;
        }
        Some(Self(bytes))
    }
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(36);
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        f.write_str(&text)
    }
}

/// Refuses events beyond [`EVENT_BYTES_MAX`].
pub(crate) fn check_length(length: usize) -> Result<(), Fault> {
    if length <= EVENT_BYTES_MAX {
        return Ok(());
    }
    Err(Fault::new(
        Reason::TooLarge,
        format!("{length} bytes; an event may have {EVENT_BYTES_MAX}, send large content by reference"),
    ))
}

/// Checks rules that concern the whole event: it lies with its owner, and not in the future.
pub(crate) fn check_event(schema: &TopicSchema, event: &Event<'_>, now_micros: i64) -> Result<(), Fault> {
    if event.occurred_at > now_micros.saturating_add(EVENT_FUTURE_MICROS_MAX) {
        let detail = format!(
            "{} is more than {} hours ahead of {}; correct the producer's clock",
            timestamp_text(event.occurred_at),
            EVENT_FUTURE_MICROS_MAX / 3_600_000_000,
            timestamp_text(now_micros)
        );
        return Err(Fault::at(Reason::TimeInFuture, "occurred_at", detail));
    }
    for (field, value) in schema.events[event.kind].fields.iter().zip(&event.fields) {
        if let (true, Value::Int(owner), Value::Int(aggregate)) = (field.key, value, &event.aggregate_id)
            && owner != aggregate
        {
            let detail =
                format!("{} is {owner}, but aggregate_id is {aggregate}; send the event to its owner's aggregate", field.name);
            return Err(Fault::at(Reason::KeyMismatch, &field.path, detail));
        }
    }
    Ok(())
}

/// The event type of this name in a topic.
pub(crate) fn event_kind<'s>(schema: &'s TopicSchema, event_type: &str) -> Result<(usize, &'s EventSchema), Fault> {
    if let Some(found) = schema.event(event_type) {
        return Ok(found);
    }
    let quoted = shortened(event_type);
    match catalogue().topics().iter().find(|topic| topic.event(event_type).is_some()) {
        Some(home) => {
            let detail = format!("'{quoted}' was sent to '{}'; it belongs to '{}'", schema.topic, home.topic);
            Err(Fault::at(Reason::WrongTopic, "event_type", detail))
        }
        None => {
            let known: Vec<&str> = schema.events.iter().map(|event| event.event_type.as_str()).collect();
            let detail = format!("there is no event type '{quoted}'; those of '{}' are {}", schema.topic, known.join(", "));
            Err(Fault::at(Reason::UnknownEventType, "event_type", detail))
        }
    }
}

pub(crate) fn check_version(version: i64) -> Result<(), Fault> {
    if version == SCHEMA_VERSION {
        return Ok(());
    }
    let detail = format!("version {version} is not known; send version {SCHEMA_VERSION}");
    Err(Fault::at(Reason::UnknownSchemaVersion, "schema_version", detail))
}

pub(crate) fn check_event_id(text: &[u8]) -> Result<EventId, Fault> {
    EventId::parse(text).ok_or_else(|| {
        let found = shortened(&String::from_utf8_lossy(text));
        Fault::at(Reason::BadId, "event_id", format!("'{found}' is no UUID such as 018cc251-f402-7000-8002-000000000002"))
    })
}

/// Ids have no sign.
pub(crate) fn check_id(id: i64, path: &str) -> Result<i64, Fault> {
    if id >= 0 {
        return Ok(id);
    }
    Err(Fault::at(Reason::BadId, path, format!("{id} is negative; an id is digits without a sign")))
}

/// PostgreSQL's texts can't hold U+0000, and ours are to be sent there.
pub(crate) fn check_text(text: &str, path: &str) -> Result<(), Fault> {
    if !text.as_bytes().contains(&0) {
        return Ok(());
    }
    Err(Fault::at(Reason::NulCharacter, path, "the text holds the character U+0000; remove it"))
}

/// A text that names an aggregate is not empty.
pub(crate) fn check_aggregate_text(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::at(Reason::BadId, "aggregate_id", "the text is empty; it names the aggregate"));
    }
    check_text(text, "aggregate_id")
}

/// Times are those that RFC 3339 can write.
pub(crate) fn check_time(micros: i64, path: &str) -> Result<i64, Fault> {
    if (RFC3339_MICROS_MIN..=RFC3339_MICROS_MAX).contains(&micros) {
        return Ok(micros);
    }
    Err(Fault::at(Reason::BadTime, path, format!("{micros} microseconds since 1970 lie outside of the years 0 to 9999")))
}

pub(crate) fn missing(path: &str) -> Fault {
    Fault::at(Reason::MissingField, path, format!("'{path}' is not there, but required"))
}

/// The beginning of a text, for messages.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The kind of value that names an aggregate, in words.
pub(crate) fn aggregate_words(kind: AggregateKind) -> &'static str {
    match kind {
        AggregateKind::Id => "an id",
        AggregateKind::Text => "a text",
    }
}

#[cfg(test)]
mod tests;
