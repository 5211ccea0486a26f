//! Checks that hold in every encoding, and the words of their faults.
//!
//! Events and parts of events enter; a [`Fault`] with its reason, its place and a detail for the producer leaves.

use super::content::Event;
use super::id::EventId;
use super::limits::{EVENT_BYTES_MAX, EVENT_FUTURE_MICROS_MAX};
use crate::dead_letter::{Fault, Reason};
use crate::field::Value;
use crate::time::{RFC3339_MICROS_MAX, RFC3339_MICROS_MIN, timestamp_text};
use crate::topic::TopicSet;
use crate::topic::enveloped::{AggregateIdKind, EnvelopedTopic, EventSchema, SCHEMA_VERSION};

/// The most characters of someone's text that a message repeats.
const QUOTED_CHARACTERS_MAX: usize = 80;

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
pub(crate) fn check_event(schema: &EnvelopedTopic, event: &Event<'_>, now_micros: i64) -> Result<(), Fault> {
    check_future(event.occurred_at, now_micros, "occurred_at")?;
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

/// Refuses a time that lies further ahead of the clock than any zone explains.
pub(crate) fn check_future(occurred_at: i64, now_micros: i64, path: &str) -> Result<(), Fault> {
    if occurred_at <= now_micros.saturating_add(EVENT_FUTURE_MICROS_MAX) {
        return Ok(());
    }
    let detail = format!(
        "{} is more than {} hours ahead of {}; correct the producer's clock",
        timestamp_text(occurred_at),
        EVENT_FUTURE_MICROS_MAX / 3_600_000_000,
        timestamp_text(now_micros)
    );
    Err(Fault::at(Reason::TimeInFuture, path, detail))
}

/// The event type of this name in a topic.
pub(crate) fn event_kind<'s>(schema: &'s EnvelopedTopic, event_type: &str) -> Result<(usize, &'s EventSchema), Fault> {
    if let Some(found) = schema.event(event_type) {
        return Ok(found);
    }
    let known: Vec<&str> = schema.events.iter().map(|event| event.event_type.as_str()).collect();
    let quoted = shortened(event_type);
    let detail = format!("there is no event type '{quoted}'; those of '{}' are {}", schema.topic, known.join(", "));
    Err(Fault::at(Reason::UnknownEventType, "event_type", detail))
}

/// The fault of an event whose type its topic does not have: it belongs to another one of these topics, where that has the type.
pub(crate) fn wrong_topic(topics: &TopicSet, sent_to: &str, event_type: Option<&str>, fault: Fault) -> Fault {
    let Some(event_type) = event_type.filter(|_| fault.reason == Reason::UnknownEventType) else { return fault };
    match topics.with_event(event_type) {
        Some(home) => {
            let detail = format!("'{}' was sent to '{sent_to}'; it belongs to '{home}'", shortened(event_type));
            Fault::at(Reason::WrongTopic, "event_type", detail)
        }
        None => fault,
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
    shortened_to(text, QUOTED_CHARACTERS_MAX)
}

/// The beginning of a text that has more characters than that.
pub(crate) fn shortened_to(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The kind of value that names an aggregate, in words.
pub(crate) fn aggregate_words(kind: AggregateIdKind) -> &'static str {
    match kind {
        AggregateIdKind::Id => "an id",
        AggregateIdKind::Text => "a text",
    }
}
