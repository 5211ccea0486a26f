//! Columns of a topic as SQL sees them, whatever the events look like.

use arrow_schema::DataType;

/// A column of a topic as SQL sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventColumn {
    /// `event_id` and the like for an envelope, `created.text` for a field of a payload, or the name that a source declares
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
    Payload {
        event: usize,
        field: usize,
    },
    /// a member of an event that is one JSON object
    Member(usize),
}
