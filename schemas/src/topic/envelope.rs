//! The convention by which a message of a `.proto` file has the envelope, and what a file gets wrong about it.
//!
//! Owns the reading of such a message. A descriptor enters; an [`EnvelopedTopic`] leaves, or a fault with its place in the file. The options
//! that make fields ids, times and keys are in `tidewater/v1/options.proto`, which comes with this crate as Protobuf's own files come with Protobuf.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, OneofDescriptor, Value};

use super::enveloped::{AggregateIdKind, ENVELOPED_COLUMNS_MAX, EnvelopedTopic, EventFieldKind, EventSchema, FieldSchema, envelope_columns};

/// Name of the file that a message with the envelope imports.
pub const OPTIONS_FILE: &str = "tidewater/v1/options.proto";
/// Its text.
pub(super) const OPTIONS_TEXT: &str = include_str!("../../proto/tidewater/v1/options.proto");
/// Name of the oneof with a message for each event type.
const PAYLOAD: &str = "payload";
/// Most fields of a payload: the decoder has a bit for each.
const PAYLOAD_FIELDS_MAX: usize = 64;
/// The option `meaning` of a number that is an id, and of one that is an instant.
const MEANING_ID: i32 = 1;
const MEANING_TIME: i32 = 2;

/// The fields that every envelope has: the name, the number on the wire, and the declaration.
const ENVELOPE_FIELDS: [(&str, u32, &str); 7] = [
    ("event_id", 1, "string event_id = 1;"),
    ("event_type", 2, "string event_type = 2;"),
    ("schema_version", 3, "int32 schema_version = 3;"),
    ("aggregate_id", 4, "int64 aggregate_id = 4 [(tidewater.v1.meaning) = MEANING_ID]; or string aggregate_id = 4;"),
    ("occurred_at", 5, "int64 occurred_at = 5 [(tidewater.v1.meaning) = MEANING_TIME];"),
    ("actor_id", 6, "int64 actor_id = 6 [(tidewater.v1.meaning) = MEANING_ID];"),
    ("trace_parent", 7, "optional string trace_parent = 7;"),
];

/// A fault of a message that is meant to have the envelope, and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {fault}")]
pub struct EnvelopeError {
    /// name of the file
    pub file: String,
    /// line in the file, from 1
    pub line: usize,
    /// column in the line, from 1
    pub column: usize,
    /// the fault
    pub fault: EnvelopeFault,
}

/// Fault of a message that is meant to have the envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeFault {
    /// a field of the envelope is not there
    #[error("'{message}' has no field '{field}', which every envelope has")]
    Missing {
        /// the message
        message: String,
        /// the field
        field: &'static str,
        /// its declaration
        declaration: &'static str,
    },
    /// a field of the envelope has another number, type or meaning
    #[error("'{field}' is not declared as the envelope has it")]
    Otherwise {
        /// the field
        field: &'static str,
        /// its declaration
        declaration: &'static str,
    },
    /// a field lies beside the envelope and the payload
    #[error("the field '{field}' is not one of the envelope, and nobody would read it")]
    Foreign {
        /// the field
        field: String,
    },
    /// no oneof has the payloads
    #[error("'{message}' has no 'oneof payload' with a message for each event type")]
    NoPayload {
        /// the message
        message: String,
    },
    /// a payload is a number or a text
    #[error("the payload '{payload}' is not a message")]
    NotMessage {
        /// the member of the oneof
        payload: String,
    },
    /// a payload does not say the type of its events
    #[error("the payload '{payload}' has no option (tidewater.v1.event_type)")]
    NoEventType {
        /// the member of the oneof
        payload: String,
    },
    /// two payloads are of one event type
    #[error("the payloads '{first}' and '{payload}' have the same event type '{event_type}'")]
    SameEventType {
        /// the type
        event_type: String,
        /// the member of the oneof that has it first
        first: String,
        /// the other one
        payload: String,
    },
    /// a payload has too many fields
    #[error("the payload '{payload}' has {count} fields, and at most {PAYLOAD_FIELDS_MAX} are read")]
    TooManyFields {
        /// its message
        payload: String,
        /// number of its fields
        count: usize,
    },
    /// all payloads together have too many fields
    #[error("'{message}' has {count} columns, and at most {ENVELOPED_COLUMNS_MAX} are read")]
    TooManyColumns {
        /// the message
        message: String,
        /// number of its columns
        count: usize,
    },
    /// a field of a payload has a type that events don't have
    #[error("the field '{field}' has a type or a meaning that payloads don't have")]
    FieldType {
        /// the field
        field: String,
    },
    /// a key is not an id, or the aggregate is not one
    #[error("the key '{field}' can't equal 'aggregate_id'")]
    Key {
        /// the field
        field: String,
    },
    /// the file names another topic than the statement
    #[error("'{message}' is declared for topic '{declared}', not for '{topic}'")]
    OtherTopic {
        /// the message
        message: String,
        /// topic of the option in the file
        declared: String,
        /// topic of the statement
        topic: String,
    },
}

impl EnvelopeFault {
    /// Returns what to write instead.
    pub fn help(&self) -> String {
        match self {
            Self::Missing { declaration, .. } | Self::Otherwise { declaration, .. } => format!("write {declaration}"),
            Self::Foreign { .. } => "move it into the messages of 'payload'".to_owned(),
            Self::NoPayload { .. } => {
                "write oneof payload { Created created = 10 [(tidewater.v1.event_type) = \"thing.created\"]; }".to_owned()
            }
            Self::NotMessage { .. } => "put the value into a message of its own".to_owned(),
            Self::NoEventType { .. } => "write [(tidewater.v1.event_type) = \"thing.created\"] behind its number".to_owned(),
            Self::SameEventType { .. } => "give one of them another event type".to_owned(),
            Self::TooManyFields { .. } | Self::TooManyColumns { .. } => {
                "leave out what no view reads: it stays in the events that are sent as JSON".to_owned()
            }
            Self::FieldType { .. } => "write int64, int64 with MEANING_ID or MEANING_TIME, double, bool, string, repeated string, or \
                                       repeated int64 with MEANING_ID"
                .to_owned(),
            Self::Key { .. } => {
                "a key is an int64 with MEANING_ID that is always there, in a message whose aggregate_id is one too: leave out the option"
                    .to_owned()
            }
            Self::OtherTopic { declared, .. } => {
                format!("write topic = '{declared}', or leave out the option (tidewater.v1.topic) of the message")
            }
        }
    }
}

/// Returns true for a message that is meant to have the envelope: its file imports the options, and it has a topic, or a payload with an event
/// type or beside an id.
pub(super) fn has_envelope(message: &MessageDescriptor) -> bool {
    let has = |options: &DynamicMessage, name: &str| option(message.parent_pool(), options, name).is_some();
    let is_of_event = |member: FieldDescriptor| has(&member.options(), "event_type");
    let is_payload = |payload: OneofDescriptor| {
        message.get_field_by_name("event_id").is_some() || payload.fields().any(is_of_event)
    };
    let imports = message.parent_file().dependencies().any(|file| file.name() == OPTIONS_FILE);
    imports && (has(&message.options(), "topic") || payload(message).is_some_and(is_payload))
}

/// Reads a message that is meant to have the envelope, for the events of a topic.
pub(super) fn enveloped_topic(message: &MessageDescriptor, topic: &str) -> Result<EnvelopedTopic, EnvelopeError> {
    let at_message = |fault| error_at(&message.parent_file(), message.path(), fault);
    if let Some(Value::String(declared)) = option(message.parent_pool(), &message.options(), "topic")
        && declared != topic
    {
        let message = message.full_name().to_owned();
        return Err(at_message(EnvelopeFault::OtherTopic { message, declared, topic: topic.to_owned() }));
    }
    let aggregate = envelope(message)?;
    let Some(payload) = payload(message) else {
        return Err(at_message(EnvelopeFault::NoPayload { message: message.full_name().to_owned() }));
    };
    check_foreign(message, &payload)?;
    let mut events = payload.fields().map(|member| event_schema(&member, aggregate)).collect::<Result<Vec<_>, _>>()?;
    check_event_types(&payload, &events)?;
    events.sort_by_key(|event| event.tag);
    let columns = envelope_columns(aggregate, &events);
    if columns.len() > ENVELOPED_COLUMNS_MAX {
        let count = columns.len();
        return Err(at_message(EnvelopeFault::TooManyColumns { message: message.full_name().to_owned(), count }));
    }
    Ok(EnvelopedTopic { topic: topic.to_owned(), message: message.full_name().to_owned(), aggregate, events, columns })
}

/// Checks the fields of the envelope, whose numbers the readers know; returns the kind of the aggregate.
fn envelope(message: &MessageDescriptor) -> Result<AggregateIdKind, EnvelopeError> {
    for (name, number, declaration) in ENVELOPE_FIELDS {
        let Some(field) = message.get_field_by_name(name) else {
            let fault = EnvelopeFault::Missing { message: message.full_name().to_owned(), field: name, declaration };
            return Err(error_at(&message.parent_file(), message.path(), fault));
        };
        if field.number() != number || !is_plain(&field) || !has_envelope_type(name, &field.kind(), meaning(&field)) {
            return Err(error_of(&field, EnvelopeFault::Otherwise { field: name, declaration }));
        }
    }
    let is_text = message.get_field_by_name("aggregate_id").is_some_and(|field| field.kind() == Kind::String);
    Ok(if is_text { AggregateIdKind::Text } else { AggregateIdKind::Id })
}

/// Returns true for one value that does not exclude another one.
fn is_plain(field: &FieldDescriptor) -> bool {
    !field.is_list() && !field.is_map() && field.containing_oneof().is_none_or(|oneof| oneof.is_synthetic())
}

fn has_envelope_type(name: &str, kind: &Kind, meaning: i32) -> bool {
    match (name, kind) {
        ("event_id" | "event_type" | "trace_parent" | "aggregate_id", Kind::String) => meaning == 0,
        ("schema_version", Kind::Int32 | Kind::Int64 | Kind::Uint32) => meaning == 0,
        ("aggregate_id" | "actor_id", Kind::Int64) => meaning == MEANING_ID,
        ("occurred_at", Kind::Int64) => meaning == MEANING_TIME,
        _ => false,
    }
}

/// Refuses fields that are no columns: in a payload all are.
fn check_foreign(message: &MessageDescriptor, payload: &OneofDescriptor) -> Result<(), EnvelopeError> {
    let is_foreign = |field: &FieldDescriptor| {
        let is_payload = payload.fields().any(|member| member.number() == field.number());
        !is_payload && ENVELOPE_FIELDS.iter().all(|(name, ..)| *name != field.name())
    };
    match message.fields().find(is_foreign) {
        Some(field) => Err(error_of(&field, EnvelopeFault::Foreign { field: field.name().to_owned() })),
        None => Ok(()),
    }
}

fn check_event_types(payload: &OneofDescriptor, events: &[EventSchema]) -> Result<(), EnvelopeError> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (member, event) in payload.fields().zip(events) {
        if let Some(first) = seen.insert(&event.event_type, &event.name) {
            let (event_type, first, payload) = (event.event_type.clone(), first.to_owned(), event.name.clone());
            return Err(error_of(&member, EnvelopeFault::SameEventType { event_type, first, payload }));
        }
    }
    Ok(())
}

fn event_schema(member: &FieldDescriptor, aggregate: AggregateIdKind) -> Result<EventSchema, EnvelopeError> {
    let name = member.name().to_owned();
    let Kind::Message(of) = member.kind() else {
        return Err(error_of(member, EnvelopeFault::NotMessage { payload: name }));
    };
    let event_type = match option(member.parent_pool(), &member.options(), "event_type") {
        Some(Value::String(event_type)) if !event_type.is_empty() => event_type,
        _ => return Err(error_of(member, EnvelopeFault::NoEventType { payload: name })),
    };
    let mut fields = of.fields().map(|field| field_schema(&field, aggregate)).collect::<Result<Vec<_>, _>>()?;
    if fields.len() > PAYLOAD_FIELDS_MAX {
        let fault = EnvelopeFault::TooManyFields { payload: of.full_name().to_owned(), count: fields.len() };
        return Err(error_at(&of.parent_file(), of.path(), fault));
    }
    fields.sort_by_key(|field| field.tag);
    Ok(EventSchema { event_type, name, tag: member.number(), fields })
}

fn field_schema(field: &FieldDescriptor, aggregate: AggregateIdKind) -> Result<FieldSchema, EnvelopeError> {
    let is_single = !field.is_list() && !field.is_map();
    let kind = match (field.kind(), is_single, meaning(field)) {
        (Kind::Int64, true, 0) => EventFieldKind::Int,
        (Kind::Int64, true, MEANING_ID) => EventFieldKind::Id,
        (Kind::Int64, true, MEANING_TIME) => EventFieldKind::Time,
        (Kind::Int64, false, MEANING_ID) => EventFieldKind::Ids,
        (Kind::String, true, 0) => EventFieldKind::Text,
        (Kind::String, false, 0) => EventFieldKind::Texts,
        (Kind::Bool, true, 0) => EventFieldKind::Boolean,
        (Kind::Double, true, 0) => EventFieldKind::Float,
        _ => return Err(error_of(field, EnvelopeFault::FieldType { field: field.full_name().to_owned() })),
    };
    let nullable = field.supports_presence() && !field.is_required();
    let key = option(field.parent_pool(), &field.options(), "key") == Some(Value::Bool(true));
    if key && (kind != EventFieldKind::Id || aggregate != AggregateIdKind::Id || nullable) {
        return Err(error_of(field, EnvelopeFault::Key { field: field.full_name().to_owned() }));
    }
    let (name, path) = (field.name().to_owned(), format!("payload.{}", field.name()));
    Ok(FieldSchema { name, path, tag: field.number(), kind, nullable, key })
}

fn payload(message: &MessageDescriptor) -> Option<OneofDescriptor> {
    message.oneofs().find(|oneof| oneof.name() == PAYLOAD)
}

fn meaning(field: &FieldDescriptor) -> i32 {
    match option(field.parent_pool(), &field.options(), "meaning") {
        Some(Value::EnumNumber(number)) => number,
        _ => 0,
    }
}

/// The value of an option of Tidewater, where it is set.
fn option(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<Value> {
    let extension = pool.get_extension_by_name(&format!("tidewater.v1.{name}"))?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

fn error_of(field: &FieldDescriptor, fault: EnvelopeFault) -> EnvelopeError {
    error_at(&field.parent_file(), field.path(), fault)
}

/// A fault at the place of a descriptor in its file.
fn error_at(file: &FileDescriptor, path: &[i32], fault: EnvelopeFault) -> EnvelopeError {
    let mut locations = file.file_descriptor_proto().source_code_info.iter().flat_map(|info| &info.location);
    let span = locations.find(|location| location.path == path).map(|location| location.span.as_slice());
    let from_one = |number: i32| usize::try_from(number).map_or(1, |number| number + 1);
    let (line, column) = match span {
        Some([line, column, ..]) => (from_one(*line), from_one(*column)),
        _ => (1, 1),
    };
    EnvelopeError { file: file.name().to_owned(), line, column, fault }
}

#[cfg(test)]
mod tests;
