//! Topics: what their events look like, and the columns that SQL sees of them.
//!
//! Owns [`TopicSchema`], the schema of one topic, which a plan's source carries with it, and [`TopicSet`], the topics that events can be
//! sent to. Schemas are values of the running process: a deployment brings those of its sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};

use column::EventColumn;
use declared::DeclaredTopic;
use enveloped::EnvelopedTopic;
use message::DeclaredMessage;

pub mod changes;
pub mod column;
pub mod declared;
pub mod envelope;
pub mod enveloped;
pub mod message;

/// The schema of one topic; clones share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicSchema {
    /// events with the envelope, as a message of a `.proto` file has them
    Enveloped(Arc<EnvelopedTopic>),
    /// events with columns that a source declares, or those of a message without the envelope
    Declared(Arc<DeclaredTopic>),
}

/// Topics by name.
#[derive(Clone, Debug, Default)]
pub struct TopicSet(BTreeMap<String, TopicSchema>);

impl TopicSchema {
    /// The name of the topic.
    pub fn topic(&self) -> &str {
        match self {
            Self::Enveloped(topic) => &topic.topic,
            Self::Declared(topic) => &topic.topic,
        }
    }

    /// The columns that SQL sees.
    pub fn columns(&self) -> &[EventColumn] {
        match self {
            Self::Enveloped(topic) => &topic.columns,
            Self::Declared(topic) => topic.columns(),
        }
    }

    /// The Protobuf message of the events, if they have one.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Enveloped(topic) => Some(&topic.message),
            Self::Declared(topic) => topic.message().map(DeclaredMessage::name),
        }
    }

    /// The columns as an Arrow schema.
    pub fn arrow_schema(&self) -> SchemaRef {
        self.arrow_schema_of(&(0..self.columns().len()).collect::<Vec<_>>())
    }

    /// Some of the columns, by position, as an Arrow schema.
    pub fn arrow_schema_of(&self, columns: &[usize]) -> SchemaRef {
        let field = |&column: &usize| {
            let column = &self.columns()[column];
            Field::new(&column.name, column.data_type.clone(), column.nullable)
        };
        Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
    }
}

impl From<&Arc<EnvelopedTopic>> for TopicSchema {
    fn from(topic: &Arc<EnvelopedTopic>) -> Self {
        Self::Enveloped(Arc::clone(topic))
    }
}

impl From<&Self> for TopicSchema {
    fn from(topic: &Self) -> Self {
        topic.clone()
    }
}

impl TopicSet {
    /// The topic of this name.
    pub fn get(&self, name: &str) -> Option<&TopicSchema> {
        self.0.get(name)
    }

    /// The name of the topic whose events have this type; `None` where none has it.
    pub(crate) fn with_event(&self, event_type: &str) -> Option<&str> {
        let has_event = |schema: &&TopicSchema| match schema {
            TopicSchema::Enveloped(topic) => topic.event(event_type).is_some(),
            TopicSchema::Declared(_) => false,
        };
        self.0.values().find(has_event).map(TopicSchema::topic)
    }

    /// The names of all topics, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The last topic of a name counts.
impl FromIterator<TopicSchema> for TopicSet {
    fn from_iter<I: IntoIterator<Item = TopicSchema>>(topics: I) -> Self {
        Self(topics.into_iter().map(|topic| (topic.topic().to_owned(), topic)).collect())
    }
}
