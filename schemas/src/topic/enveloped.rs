//! Topics whose events have the envelope: an id, a type, an aggregate, a time and an actor around the payload of their type.
//!
//! Owns the shape of such a topic. The catalogue makes it; the readers and writers of both encodings follow it.

use arrow_schema::{DataType, TimeUnit};

use super::column::EventColumn;

/// The only version of the events so far.
pub const SCHEMA_VERSION: i64 = 1;

/// A topic and its events.
#[derive(Debug, PartialEq, Eq)]
pub struct EnvelopedTopic {
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
