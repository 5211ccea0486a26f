//! Events of a source: messages of a file, with the envelope or without it, or JSON objects with declared columns.
//!
//! A statement enters; the schema of the topic leaves, or the reason why not, with what to write instead.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_sql::sqlparser::ast::{self, ArrayElemTypeDef};
use schemas::topic::TopicSchema;
use schemas::topic::column::{DeclaredColumn, TextForm};
use schemas::topic::declared::{DECLARED_COLUMNS_MAX, DeclaredTopic};
use schemas::topic::envelope::EnvelopeFault;
use schemas::topic::message::{MessageError, MessageEvents};

use super::errors::{Outcome, fail};
use super::included::including;
use super::proto_files::ProtoFiles;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::parse::{ColumnDefinition, DeclaredEvents, Encoding, IncludedColumn, Name, SchemaEvents, Text};
use crate::plan::sql::declared_type;
use crate::plan::types::timestamp_type;

/// Remedy for a column of a type that events don't have.
const SUPPORTED_TYPES: &str = "use BIGINT, INTEGER, SMALLINT, BOOLEAN, DOUBLE PRECISION, NUMERIC(p, s), TEXT, UUID, BYTEA, TIMESTAMPTZ, \
                               TIMESTAMP, DATE, INTERVAL, a list such as TEXT[], STRUCT<name type, ...> or JSONB for an object";

/// Remedy for a file that can't be compiled.
const CORRECT_FILE: &str = "correct the file; what it imports lies beside it, under the name that it is imported by";

/// The column of the envelope by which events are told apart.
const EVENT_ID: &str = "event_id";

/// Most messages of a file that are told to who has named another.
const MESSAGES_TOLD_MAX: usize = 10;

/// Events with declared columns.
pub(super) fn declared(
    source: &Name,
    topic: &Text,
    events: &DeclaredEvents,
    included: &[IncludedColumn],
) -> Outcome<TopicSchema> {
    let columns = events.columns.iter().map(column).collect::<Outcome<Vec<_>>>()?;
    let topic = topic_of(source, topic, columns, (events.event_time.as_ref(), &events.told_apart_by))?;
    Ok(TopicSchema::Declared(Arc::new(including(topic, included)?)))
}

/// Events that are messages of a file beside the statements.
pub(super) fn of_file(
    source: &Name,
    topic: &Text,
    (events, included, encoding): (&SchemaEvents, &[IncludedColumn], Encoding),
    files: &mut ProtoFiles,
) -> Outcome<TopicSchema> {
    let location = location(events, files)?;
    let message = match message(topic, (events, &location), files)? {
        MessageEvents::Enveloped(enveloped) => {
            check_enveloped(events, included)?;
            return Ok(TopicSchema::Enveloped(enveloped));
        }
        MessageEvents::Plain(message) => message,
    };
    if encoding == Encoding::Json {
        let text = format!("the events of '{}' have no envelope, so they are ENCODE PROTOBUF", events.message.text);
        return refused(&location, text, "write ENCODE PROTOBUF, or declare columns for JSON");
    }
    if let Some(deduplication) = &events.deduplication {
        let error = Diagnostic::new(deduplication.clone(), "events without an envelope have no id that could be remembered");
        return Err(Box::from(error.with_help("write DEDUPLICATE BY (column, ...) WITHIN INTERVAL '...' behind the encoding")));
    }
    let declared = topic_of(source, topic, message.columns(), (events.event_time.as_ref(), &events.told_apart_by))?;
    Ok(TopicSchema::Declared(Arc::new(including(declared.of_message(message), included)?)))
}

fn refused<T>(text: &Text, message: impl Into<String>, help: impl Into<String>) -> Outcome<T> {
    Err(Box::from(Diagnostic::new(text.location.clone(), message).with_help(help)))
}

/// The name of the message's file: the one that a statement names, or the one beside it that declares the message.
fn location(events: &SchemaEvents, files: &mut ProtoFiles) -> Outcome<Text> {
    let SchemaEvents { message, location, .. } = events;
    if let Some(location) = location {
        return Ok(location.clone());
    }
    match files.declaring(&message.text) {
        Some(file) => Ok(Text { text: file, location: message.location.clone() }),
        None => {
            let missing = format!("no file beside the statements has the message '{}'", message.text);
            // The message may be in the file that is wrong.
            if let Some((file, error)) = files.broken() {
                return refused(message, format!("{missing}, and '{file}' can't be compiled: {error}"), CORRECT_FILE);
            }
            refused(message, missing, missing_help(&message.text, &files.messages()))
        }
    }
}

/// Remedy for the name of a message that no file has: one of `known` that is like it.
fn missing_help(message: &str, known: &[String]) -> String {
    let in_package = known.iter().find(|name| name.rsplit('.').next() == Some(message));
    let near = in_package.map(|name| format!("did you mean '{name}'?"));
    near.or_else(|| did_you_mean(message, known.iter().map(String::as_str))).unwrap_or_else(|| {
        "no message is built in: put its .proto file beside the .sql files, or name it with schema.location = 'file.proto'".to_owned()
    })
}

/// The message that a statement names, in its file.
fn message(topic: &Text, (events, location): (&SchemaEvents, &Text), files: &mut ProtoFiles) -> Outcome<MessageEvents> {
    let file = location.text.as_str();
    if !files.names().any(|name| name == file) {
        let help = did_you_mean(file, files.names())
            .unwrap_or_else(|| "put the file beside the .sql files, and write its name without a folder".to_owned());
        return refused(location, format!("there is no file '{file}' beside the statements"), help);
    }
    match files.events(file, &events.message.text, &topic.text) {
        Ok(events) => Ok(events),
        Err(MessageError::NotCompiled { detail }) => {
            refused(location, format!("'{file}' can't be compiled: {detail}"), CORRECT_FILE)
        }
        Err(MessageError::Unknown { message, known }) => {
            let help = did_you_mean(&message, known.iter().map(String::as_str))
                .unwrap_or_else(|| format!("its messages are {}", first_names(&known)));
            refused(&events.message, format!("'{file}' has no message '{message}'"), help)
        }
        Err(error @ MessageError::NoColumns { .. }) => {
            refused(&events.message, error.to_string(), "name a message with fields of its own")
        }
        Err(error @ MessageError::TooManyFields { .. }) => {
            refused(&events.message, error.to_string(), "name a smaller message, or send JSON with the columns that are needed")
        }
        Err(MessageError::Envelope(error)) => {
            let at = if matches!(error.fault, EnvelopeFault::OtherTopic { .. }) { topic } else { &events.message };
            refused(at, error.to_string(), error.fault.help())
        }
    }
}

/// The envelope says when an event happened and which one it is, so a statement says neither.
fn check_enveloped(events: &SchemaEvents, included: &[IncludedColumn]) -> Outcome<()> {
    if let Some(event_time) = &events.event_time {
        let message = format!("'{}' has the envelope, whose event time is 'occurred_at'", events.message.text);
        return refused(event_time, message, "leave out the option 'event_time'");
    }
    if let Some(column) = events.told_apart_by.iter().find(|column| column.text != EVENT_ID) {
        let message = format!("'{}' has the envelope, whose events are told apart by '{EVENT_ID}'", events.message.text);
        return fail(column, message, format!("leave out DEDUPLICATE BY, or write DEDUPLICATE BY ({EVENT_ID})"));
    }
    if let Some(column) = included.first() {
        let message = format!("INCLUDE in a source of '{}', which has the envelope, is not supported", events.message.text);
        return fail(&column.name, message, "leave it out: the columns are those of the envelope and of its payloads");
    }
    Ok(())
}

/// The first of some names, and how many more there are.
fn first_names(names: &[String]) -> String {
    let told = names[..names.len().min(MESSAGES_TOLD_MAX)].join(", ");
    match names.len().saturating_sub(MESSAGES_TOLD_MAX) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// The topic of these columns, with the one that is the event time and those by which events are told apart.
fn topic_of(
    source: &Name,
    topic: &Text,
    mut columns: Vec<DeclaredColumn>,
    (event_time_name, told_apart_names): (Option<&Text>, &[Name]),
) -> Outcome<DeclaredTopic> {
    if columns.len() > DECLARED_COLUMNS_MAX {
        let message = format!("the source '{}' has {} columns", source.text, columns.len());
        return fail(source, message, format!("declare at most {DECLARED_COLUMNS_MAX}, and an object as one JSONB"));
    }
    let event_time = event_time_name.map(|name| event_time(source, &columns, name)).transpose()?;
    if let Some(column) = event_time {
        columns[column].nullable = false;
    }
    let mut told_apart_by = Vec::with_capacity(told_apart_names.len());
    for name in told_apart_names {
        let Some(column) = columns.iter().position(|column| column.name == name.text) else {
            let message = format!("the source '{}' has no column '{}'", source.text, name.text);
            return Err(Box::from(missing(Diagnostic::new(name.location.clone(), message), &name.text, &columns)));
        };
        told_apart_by.push(column);
    }
    Ok(DeclaredTopic::new(topic.text.as_str(), columns, event_time, told_apart_by))
}

fn missing(error: Diagnostic, name: &str, columns: &[DeclaredColumn]) -> Diagnostic {
    let names = columns.iter().map(|column| column.name.as_str());
    let help = did_you_mean(name, names.clone()).unwrap_or_else(|| format!("it has {}", names.collect::<Vec<_>>().join(", ")));
    error.with_help(help)
}

fn event_time(source: &Name, columns: &[DeclaredColumn], name: &Text) -> Outcome<usize> {
    let Some(place) = columns.iter().position(|column| column.name == name.text) else {
        let message = format!("the source '{}' has no column '{}'", source.text, name.text);
        return Err(Box::from(missing(Diagnostic::new(name.location.clone(), message), &name.text, columns)));
    };
    if columns[place].data_type != timestamp_type() {
        let message = format!("the event time '{}' is not a TIMESTAMPTZ", name.text);
        let help = "declare it as TIMESTAMPTZ: an instant needs a zone";
        return Err(Box::from(Diagnostic::new(name.location.clone(), message).with_help(help)));
    }
    Ok(place)
}

/// A member of events that is a column.
pub(super) fn column(definition: &ColumnDefinition) -> Outcome<DeclaredColumn> {
    let ColumnDefinition { name, data_type, data_type_location, not_null } = definition;
    let Some((data_type, form)) = member_type(data_type) else {
        let message = format!("type '{data_type}' is not supported for column '{}'", name.text);
        return Err(Box::from(Diagnostic::new(data_type_location.clone(), message).with_help(instead_of(data_type))));
    };
    Ok(DeclaredColumn { name: name.text.clone(), data_type, nullable: !not_null, form })
}

/// The type of a member, and how its texts are read; `None` for a type that JSON has no form for here.
fn member_type(data_type: &ast::DataType) -> Option<(DataType, TextForm)> {
    use ast::DataType as Sql;
    match data_type {
        Sql::Uuid => Some((DataType::Utf8, TextForm::Uuid)),
        // A length would have to be checked.
        Sql::Varchar(Some(_)) | Sql::CharacterVarying(Some(_)) => None,
        Sql::Array(ArrayElemTypeDef::SquareBracket(item, _) | ArrayElemTypeDef::AngleBracket(item)) => match member_type(item)? {
            (DataType::List(_) | DataType::Interval(_), _) => None,
            (item, form) => Some((DataType::new_list(item, true), form)),
        },
        other => Some((declared_type(other)?, TextForm::Plain)),
    }
}

/// The remedy for a type that events don't have.
fn instead_of(data_type: &ast::DataType) -> &'static str {
    use ast::DataType as Sql;
    match data_type {
        Sql::JSON => "write JSONB, which has one text for equal values",
        Sql::Real | Sql::Float4 => "write DOUBLE PRECISION",
        Sql::Varchar(_) | Sql::CharacterVarying(_) | Sql::Char(_) | Sql::Character(_) => "write TEXT: a length is not checked",
        Sql::Interval { .. } => "write INTERVAL without fields and digits",
        Sql::Array(_) => "write JSONB for a list of lists, or of anything that is no column by itself",
        _ => SUPPORTED_TYPES,
    }
}

#[cfg(test)]
mod tests;
