//! The content of one event between its two encodings.
//!
//! Owns [`Event`], which the readers of JSON and Protobuf fill and their writers write.

use std::borrow::Cow;

use super::id::EventId;
use crate::field::Value;

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
    /// The same content without borrowed bytes.
    pub(crate) fn into_owned(self) -> Event<'static> {
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
