//! Helpers for the tests of several crates: the topics of the social network, and one event of every type.
//!
//! Owns their making. The texts of `.proto` files enter, because nothing here reads a disk.

use std::sync::Arc;

use crate::dead_letter::{DeadLetter, Fault};
use crate::topic::{TopicSchema, TopicSet};
use crate::topic::enveloped::{AggregateIdKind, EnvelopedTopic, EventFieldKind, EventSchema, FieldSchema};
use crate::topic::message::{CompiledFile, MessageEvents, ProtoFile};

/// The clock of the tests, 2024-01-01T12:00:00Z.
pub const NOW: i64 = 1_704_110_400_000_000;

/// The topics of the social network, of the names and texts of its files: `post.proto` has the message `social.v1.PostEvent` of the topic
/// `social.post`.
///
/// # Panics
/// A file has no such message.
pub fn social_topics(files: Vec<(String, String)>) -> TopicSet {
    let files: Vec<ProtoFile> = files.into_iter().map(|(name, text)| ProtoFile { name, text }).collect();
    let topic = |file: &ProtoFile| {
        let subject = file.name.trim_end_matches(".proto");
        let message = format!("social.v1.{}{}Event", subject[..1].to_uppercase(), &subject[1..]);
        let events = CompiledFile::compile(&files, &file.name).and_then(|file| file.events(&message, &format!("social.{subject}")));
        match events {
            Ok(MessageEvents::Enveloped(topic)) => TopicSchema::Enveloped(topic),
            other => panic!("{message} was read as {other:?}"),
        }
    };
    files.iter().map(topic).collect()
}

/// A dead letter of these bytes, whose other members say as little as they can.
pub fn letter(topic: &str, offset: u64, fault: Fault, bytes: Vec<u8>) -> DeadLetter {
    DeadLetter {
        topic: topic.to_owned(),
        partition: 0,
        offset,
        sent_to: None,
        fault,
        length: bytes.len() as u64,
        bytes,
        arrived: None,
        sender_actor: None,
        relation: None,
    }
}

/// The topics of a set whose events have the envelope.
pub fn enveloped_topics(topics: &TopicSet) -> Vec<&Arc<EnvelopedTopic>> {
    let enveloped = |name: &str| match topics.get(name)? {
        TopicSchema::Enveloped(topic) => Some(topic),
        TopicSchema::Declared(_) => None,
    };
    topics.names().filter_map(enveloped).collect()
}

/// One line for every event type.
pub fn sample_lines(topics: &TopicSet) -> Vec<String> {
    let topics = enveloped_topics(topics).into_iter();
    topics.flat_map(|topic| topic.events.iter().map(|event| sample_line(topic, event, |_| true))).collect()
}

/// A line of this event type with those fields of its payload that `with` chooses.
pub fn sample_line(topic: &EnvelopedTopic, event: &EventSchema, with: impl Fn(&FieldSchema) -> bool) -> String {
    let fields: Vec<String> =
        event.fields.iter().filter(|field| with(field)).map(|field| format!("\"{}\":{}", field.name, sample(field))).collect();
    let aggregate_id = match topic.aggregate {
        AggregateIdKind::Id => "41",
        AggregateIdKind::Text => "3-41",
    };
    format!(
        r#"{{"topic":"{}","event":{{"event_id":"018cc251-f402-7000-8002-000000000002","event_type":"{}","schema_version":1,"aggregate_id":"{aggregate_id}","occurred_at":"2024-01-01T00:00:00.002000Z","actor_id":"41","trace_parent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","payload":{{{}}}}}}}"#,
        topic.topic,
        event.event_type,
        fields.join(",")
    )
}

fn sample(field: &FieldSchema) -> String {
    match field.kind {
        EventFieldKind::Id if field.key => "\"41\"".into(),
        EventFieldKind::Id => "\"9223372036854775807\"".into(),
        EventFieldKind::Int => "-1234567890123".into(),
        EventFieldKind::Float => "-0.125".into(),
        EventFieldKind::Boolean => "true".into(),
        EventFieldKind::Text => r#""caf\u00e9 \"quoted\" 𝄞\n""#.into(),
        EventFieldKind::Time => "\"2024-01-01T00:00:00.000001Z\"".into(),
        EventFieldKind::Ids => r#"["1","300","9223372036854775807"]"#.into(),
        EventFieldKind::Texts => r#"["x","","y z"]"#.into(),
    }
}

/// The topics of the social network, for the tests of this crate.
#[cfg(test)]
pub(crate) fn social() -> &'static TopicSet {
    static SOCIAL: std::sync::LazyLock<TopicSet> = std::sync::LazyLock::new(|| social_topics(testkit::social::proto_files()));
    &SOCIAL
}

/// One of them.
#[cfg(test)]
pub(crate) fn social_topic(name: &str) -> &'static Arc<EnvelopedTopic> {
    match social().get(name) {
        Some(TopicSchema::Enveloped(topic)) => topic,
        other => panic!("the topic '{name}' is {other:?}"),
    }
}
