//! Topics whose events have the envelope: an id, a type, an aggregate, a time and an actor around the payload of their type.
//!
//! Owns the shape of such a topic. [`super::envelope`] makes it of a message; the readers and writers of both encodings follow it.

use arrow_schema::{DataType, TimeUnit};

use super::column::{ColumnSource, EventColumn};

/// The only version of the events so far.
pub const SCHEMA_VERSION: i64 = 1;
/// The most columns of a topic: those of the envelope, and the fields of all events.
pub const ENVELOPED_COLUMNS_MAX: usize = 1_000;

/// A topic and its events.
#[derive(Debug, PartialEq, Eq)]
pub struct EnvelopedTopic {
    /// its name, such as `shop.order`
    pub topic: String,
    /// the full name of its Protobuf message, such as `shop.v1.OrderEvent`
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
    /// the value of `event_type`, such as `order.placed`
    pub event_type: String,
    /// the name of its payload in SQL and Protobuf, such as `placed`
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

impl EnvelopedTopic {
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

/// The columns of a topic in SQL: the envelope, then every field of every event.
pub(super) fn envelope_columns(aggregate: AggregateIdKind, events: &[EventSchema]) -> Vec<EventColumn> {
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
