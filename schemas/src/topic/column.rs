//! Columns of a topic as SQL sees them, whatever the events look like, and as a source declares them.

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

/// Separator of the members on the path to one inside of an object; a member with such a name is no column.
pub const MEMBER_SEPARATOR: char = '.';

/// A column as a source declares it: a member of each event's JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredColumn {
    /// the name of the member
    pub name: String,
    /// its Arrow type, one that rows hold
    pub data_type: DataType,
    /// true if the member may be missing or null
    pub nullable: bool,
    /// reading of its texts
    pub form: TextForm,
}

impl DeclaredColumn {
    /// A column whose values are read as their type says.
    pub fn plain(name: &str, data_type: DataType, nullable: bool) -> Self {
        Self { name: name.to_owned(), data_type, nullable, form: TextForm::Plain }
    }
}

/// Part of a record of the log that a source shows as a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordPart {
    /// the key as a text; NULL for a record that was sent without one
    Key,
    /// the partition
    Partition,
    /// the place in the partition
    Offset,
    /// the time of appending
    Timestamp,
    /// the bytes of the event
    Payload,
}

/// Reading of a column whose type is a text, and of the items of a list of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// a JSON string; also the form of every column that is no text
    Plain,
    /// a JSON string that is a UUID, kept in lower case
    Uuid,
}
