//! The event catalogue: which topics there are, which events they carry, and the columns SQL sees of them.
//!
//! Owns the catalogue, read once from the descriptors of `proto/` that are built into the program. Names enter, schemas leave.
//!
//! ```
//! let posts = schemas::catalogue::catalogue().topic("social.post").ok_or("no such topic")?;
//! assert_eq!(posts.message, "social.v1.PostEvent");
//! assert!(posts.columns.iter().any(|column| column.name == "created.author_id"));
//! # Ok::<(), &str>(())
//! ```

use std::sync::{Arc, LazyLock};

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::topic::column::{ColumnSource, EventColumn};
use crate::topic::enveloped::{AggregateIdKind, EnvelopedTopic, EventFieldKind, EventSchema, FieldSchema};
use crate::topic::{TopicSchema, TopicSet};

static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Everything that may be sent, by topic.
#[derive(Debug)]
pub struct Catalogue {
    topics: Vec<Arc<EnvelopedTopic>>,
    set: TopicSet,
}

/// The catalogue built into this program.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::from_descriptors);
    &CATALOGUE
}

impl Catalogue {
    /// All topics, by name.
    pub fn topics(&self) -> &[Arc<EnvelopedTopic>] {
        &self.topics
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<&Arc<EnvelopedTopic>> {
        self.topics.iter().find(|topic| topic.topic == name)
    }

    /// The topic that carries this Protobuf message, such as `social.v1.PostEvent`.
    pub fn message(&self, name: &str) -> Option<&Arc<EnvelopedTopic>> {
        self.topics.iter().find(|topic| topic.message == name)
    }

    /// The same topics as lines of ingest are checked by.
    pub fn set(&self) -> &TopicSet {
        &self.set
    }

    fn from_descriptors() -> Self {
        let pool = DescriptorPool::decode(DESCRIPTORS)
            .unwrap_or_else(|error| panic!("the descriptors built into the program can't be read: {error}"));
        let mut topics: Vec<Arc<EnvelopedTopic>> = pool
            .all_messages()
            .filter_map(|message| Some(Arc::new(enveloped_topic(&message, message_topic(&pool, &message)?, &pool))))
            .collect();
        topics.sort_by(|a, b| a.topic.cmp(&b.topic));
        let set = topics.iter().map(TopicSchema::from).collect();
        Self { topics, set }
    }
}

fn enveloped_topic(message: &MessageDescriptor, topic: String, pool: &DescriptorPool) -> EnvelopedTopic {
    let aggregate = match message.get_field_by_name("aggregate_id").map(|field| field.kind()) {
        Some(Kind::Int64) => AggregateIdKind::Id,
        Some(Kind::String) => AggregateIdKind::Text,
        other => panic!("aggregate_id of {} is neither int64 nor string but {other:?}", message.full_name()),
    };
    let mut events: Vec<EventSchema> = message
        .oneofs()
        .filter(|oneof| oneof.name() == "payload")
        .flat_map(|oneof| oneof.fields().map(|member| event_schema(&member, pool)).collect::<Vec<_>>())
        .collect();
    events.sort_by_key(|event| event.tag);
    let columns = columns(aggregate, &events);
    EnvelopedTopic { topic, message: message.full_name().to_owned(), aggregate, events, columns }
}

fn event_schema(member: &FieldDescriptor, pool: &DescriptorPool) -> EventSchema {
    let Kind::Message(payload) = member.kind() else { panic!("the payload {} is not a message", member.full_name()) };
    let event_type = match field_option(pool, member, "event_type") {
        Some(Value::String(name)) => name,
        _ => panic!("the payload {} has no option tidewater.v1.event_type", member.full_name()),
    };
    let mut fields: Vec<FieldSchema> = payload.fields().map(|field| field_schema(&field, pool)).collect();
    fields.sort_by_key(|field| field.tag);
    assert!(fields.len() <= 64, "{} has more fields than the set of fields seen can hold", payload.full_name());
    EventSchema { event_type, name: member.name().to_owned(), tag: member.number(), fields }
}

fn field_schema(field: &FieldDescriptor, pool: &DescriptorPool) -> FieldSchema {
    let meaning = match field_option(pool, field, "meaning") {
        Some(Value::EnumNumber(number)) => number,
        _ => 0,
    };
    let kind = match (field.kind(), field.is_list(), meaning) {
        (Kind::Int64, false, 0) => EventFieldKind::Int,
        (Kind::Int64, false, 1) => EventFieldKind::Id,
        (Kind::Int64, false, 2) => EventFieldKind::Time,
        (Kind::Int64, true, 1) => EventFieldKind::Ids,
        (Kind::String, false, 0) => EventFieldKind::Text,
        (Kind::String, true, 0) => EventFieldKind::Texts,
        (Kind::Bool, false, 0) => EventFieldKind::Boolean,
        (Kind::Double, false, 0) => EventFieldKind::Float,
        _ => panic!("the field {} has a type that events don't use", field.full_name()),
    };
    FieldSchema {
        name: field.name().to_owned(),
        path: format!("payload.{}", field.name()),
        tag: field.number(),
        kind,
        nullable: field.field_descriptor_proto().proto3_optional(),
        key: field_option(pool, field, "key") == Some(Value::Bool(true)),
    }
}

fn columns(aggregate: AggregateIdKind, events: &[EventSchema]) -> Vec<EventColumn> {
    let column = |name: &str, kind: EventFieldKind, nullable, source| EventColumn {
        name: name.to_owned(),
        data_type: kind.data_type(),
        nullable,
        source,
    };
    let aggregate_kind = match aggregate {
        AggregateIdKind::Id => EventFieldKind::Id,
        AggregateIdKind::Text => EventFieldKind::Text,
    };
    let mut columns = vec![
        column("event_id", EventFieldKind::Text, false, ColumnSource::EventId),
        column("event_type", EventFieldKind::Text, false, ColumnSource::EventType),
        column("schema_version", EventFieldKind::Int, false, ColumnSource::SchemaVersion),
        column("aggregate_id", aggregate_kind, false, ColumnSource::AggregateId),
        column("occurred_at", EventFieldKind::Time, false, ColumnSource::OccurredAt),
        column("actor_id", EventFieldKind::Id, false, ColumnSource::ActorId),
        column("trace_parent", EventFieldKind::Text, true, ColumnSource::TraceParent),
    ];
    for (event, schema) in events.iter().enumerate() {
        for (field, of) in schema.fields.iter().enumerate() {
            let name = format!("{}.{}", schema.name, of.name);
            columns.push(column(&name, of.kind, true, ColumnSource::Payload { event, field }));
        }
    }
    columns
}

fn message_topic(pool: &DescriptorPool, message: &MessageDescriptor) -> Option<String> {
    match extension(pool, &message.options(), "topic")? {
        Value::String(topic) => Some(topic),
        other => panic!("the option tidewater.v1.topic of {} is {other:?}", message.full_name()),
    }
}

fn field_option(pool: &DescriptorPool, field: &FieldDescriptor, name: &str) -> Option<Value> {
    extension(pool, &field.options(), name)
}

fn extension(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<Value> {
    let extension = pool.all_extensions().find(|extension| extension.full_name() == format!("tidewater.v1.{name}"))?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

#[cfg(test)]
mod tests;
