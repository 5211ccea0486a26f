//! The event catalogue: which topics there are, which events they carry, and the columns SQL sees of them.
//!
//! Owns the schemas, read once from the descriptors of `proto/` that are built into the program. Names enter, schemas leave.
//!
//! ```
//! let posts = schemas::catalogue::catalogue().topic("social.post").ok_or("no such topic")?;
//! assert_eq!(posts.message, "social.v1.PostEvent");
//! assert!(posts.columns.iter().any(|column| column.name == "created.author_id"));
//! # Ok::<(), &str>(())
//! ```

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The only version of the events so far.
pub const SCHEMA_VERSION: i64 = 1;

/// Everything that may be sent, by topic.
#[derive(Debug)]
pub struct Catalogue {
    topics: Vec<TopicSchema>,
}

/// A topic and its events.
#[derive(Debug, PartialEq, Eq)]
pub struct TopicSchema {
    /// its name, such as `social.post`
    pub topic: String,
    /// the full name of its Protobuf message, such as `social.v1.PostEvent`
    pub message: String,
    /// kind of the aggregate of the topic
    pub aggregate: AggregateIdKind,
    /// its events in the order of their Protobuf tags
    pub events: Vec<EventSchema>,
    /// columns in SQL: the envelope, then every field of every event
    pub columns: Vec<EventColumn>,
}

/// Kind of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateIdKind {
    /// a number
    Id,
    /// a text, such as the two users of a conversation, or a path
    Text,
}

/// One event type.
#[derive(Debug, PartialEq, Eq)]
pub struct EventSchema {
    /// the value of `event_type`, such as `post.created`
    pub event_type: String,
    /// the name of its payload in SQL and Protobuf, such as `created`
    pub name: String,
    /// the Protobuf tag of the payload
    pub tag: u32,
    /// fields of the payload, in the order of the Protobuf tags
    pub fields: Vec<FieldSchema>,
}

/// One field of a payload.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldSchema {
    /// its name
    pub name: String,
    /// its path in an event, such as `payload.text`
    pub path: String,
    /// its Protobuf tag
    pub tag: u32,
    /// its type
    pub kind: EventFieldKind,
    /// true if it may be missing or null; a list that is missing is empty
    pub nullable: bool,
    /// true if it must equal the aggregate's id
    pub key: bool,
}

/// The types of fields in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFieldKind {
    /// an identifier, a string of digits in JSON
    Id,
    /// a whole number
    Int,
    /// a floating point number
    Float,
    /// true or false
    Boolean,
    /// a text
    Text,
    /// an instant in microseconds since 1970, UTC; RFC 3339 in JSON
    Time,
    /// a list of identifiers
    Ids,
    /// a list of texts
    Texts,
}

/// A column of a topic as SQL sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventColumn {
    /// `event_id` and the like for the envelope, `created.text` for a field of a payload
    pub name: String,
    /// its Arrow type
    pub data_type: DataType,
    /// true if it may be NULL; fields of payloads are, in every event of another type
    pub nullable: bool,
    pub(crate) source: ColumnSource,
}

/// Origin of a column's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnSource {
    EventId,
    EventType,
    SchemaVersion,
    AggregateId,
    OccurredAt,
    ActorId,
    TraceParent,
    Payload { event: usize, field: usize },
}

/// The catalogue built into this program.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::from_descriptors);
    &CATALOGUE
}

impl Catalogue {
    /// All topics, by name.
    pub fn topics(&self) -> &[TopicSchema] {
        &self.topics
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<&TopicSchema> {
        self.topics.iter().find(|topic| topic.topic == name)
    }

    /// The topic that carries this Protobuf message, such as `social.v1.PostEvent`.
    pub fn message(&self, name: &str) -> Option<&TopicSchema> {
        self.topics.iter().find(|topic| topic.message == name)
    }

    fn from_descriptors() -> Self {
        let pool = DescriptorPool::decode(DESCRIPTORS)
            .unwrap_or_else(|error| panic!("the descriptors built into the program can't be read: {error}"));
        let mut topics: Vec<TopicSchema> = pool
            .all_messages()
            .filter_map(|message| Some(topic_schema(&message, message_topic(&pool, &message)?, &pool)))
            .collect();
        topics.sort_by(|a, b| a.topic.cmp(&b.topic));
        Self { topics }
    }
}

impl TopicSchema {
    /// The columns as an Arrow schema.
    pub fn arrow_schema(&self) -> SchemaRef {
        self.arrow_schema_of(&(0..self.columns.len()).collect::<Vec<_>>())
    }

    /// Some of the columns, by position, as an Arrow schema.
    pub fn arrow_schema_of(&self, columns: &[usize]) -> SchemaRef {
        let field = |&column: &usize| {
            let column = &self.columns[column];
            Field::new(&column.name, column.data_type.clone(), column.nullable)
        };
        Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
    }

    /// The position and the schema of an event type.
    pub fn event(&self, event_type: &str) -> Option<(usize, &EventSchema)> {
        self.events.iter().enumerate().find(|(_, event)| event.event_type == event_type)
    }
}

impl EventFieldKind {
    /// The Arrow type of a column of this kind.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Id | Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Text => DataType::Utf8,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
            Self::Ids => DataType::new_list(DataType::Int64, true),
            Self::Texts => DataType::new_list(DataType::Utf8, true),
        }
    }
}

fn topic_schema(message: &MessageDescriptor, topic: String, pool: &DescriptorPool) -> TopicSchema {
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
    TopicSchema { topic, message: message.full_name().to_owned(), aggregate, events, columns }
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
