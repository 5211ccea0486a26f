//! Helpers that several test files share: one event of every type.

use crate::catalogue::catalogue;
use crate::topic::enveloped::{AggregateIdKind, EnvelopedTopic, EventFieldKind, EventSchema, FieldSchema};

/// The clock of the tests, 2024-01-01T12:00:00Z.
pub(crate) const NOW: i64 = 1_704_110_400_000_000;

/// One line for every event type.
pub(crate) fn sample_lines() -> Vec<String> {
    let topics = catalogue().topics().iter();
    topics.flat_map(|topic| topic.events.iter().map(|event| sample_line(topic, event, |_| true))).collect()
}

/// A line of this event type with those fields of its payload that `with` chooses.
pub(crate) fn sample_line(topic: &EnvelopedTopic, event: &EventSchema, with: impl Fn(&FieldSchema) -> bool) -> String {
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
