//! Events of a source: those of a message of the catalogue, or JSON objects with declared columns.
//!
//! A statement enters; the schema of the topic leaves, or the reason why not, with what to write instead.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_sql::sqlparser::ast::{self, ArrayElemTypeDef};
use schemas::catalogue::catalogue;
use schemas::topic::TopicSchema;
use schemas::topic::column::{DeclaredColumn, TextForm};
use schemas::topic::declared::{DECLARED_COLUMNS_MAX, DeclaredTopic};
use schemas::topic::message::MessageError;

use super::errors::{Outcome, fail};
use super::proto_files::ProtoFiles;
use crate::diagnostic::{Diagnostic, did_you_mean, suggestion};
use crate::parse::{ColumnDefinition, DeclaredEvents, Name, SchemaEvents, Text};
use crate::plan::sql::declared_type;
use crate::plan::types::timestamp_type;

/// Remedy for a column of a type that events don't have.
const SUPPORTED_TYPES: &str = "use BIGINT, INTEGER, SMALLINT, BOOLEAN, DOUBLE PRECISION, NUMERIC(p, s), TEXT, UUID, BYTEA, TIMESTAMPTZ, \
                               TIMESTAMP, DATE, a list such as TEXT[], or JSONB for an object";

/// Most messages of a file that are told to who has named another.
const MESSAGES_TOLD_MAX: usize = 10;

/// The events of a message.
pub(super) fn of_message(topic: &Text, message: &Text) -> Outcome<TopicSchema> {
    let Some(schema) = catalogue().message(&message.text) else {
        let hint = suggestion(&message.text, catalogue().topics().iter().map(|topic| topic.message.as_str()));
        let text = format!("message '{}' is not in the event catalogue", message.text);
        let diagnostic = Diagnostic::new(message.location.clone(), text);
        return Err(Box::from(match hint {
            Some(near) => diagnostic.with_help(format!("did you mean '{near}'?")),
            None => diagnostic,
        }));
    };
    if schema.topic != topic.text {
        let text = format!("topic '{}' does not carry '{}'", topic.text, message.text);
        let help = format!("the events of '{}' are in topic '{}'", message.text, schema.topic);
        return Err(Box::from(Diagnostic::new(topic.location.clone(), text).with_help(help)));
    }
    Ok(TopicSchema::from(schema))
}

/// Events with declared columns.
pub(super) fn declared(source: &Name, topic: &Text, events: &DeclaredEvents) -> Outcome<TopicSchema> {
    let columns = events.columns.iter().map(column).collect::<Outcome<Vec<_>>>()?;
    let topic = topic_of(source, topic, columns, (events.event_time.as_ref(), &events.told_apart_by))?;
    Ok(TopicSchema::Declared(Arc::new(topic)))
}

/// Events that are messages of a file beside the statements.
pub(super) fn of_file(source: &Name, topic: &Text, events: &SchemaEvents, files: &mut ProtoFiles) -> Outcome<TopicSchema> {
    let location = events.location.text.as_str();
    let refused = |text: &Text, message: String, help: String| {
        Err(Box::from(Diagnostic::new(text.location.clone(), message).with_help(help)))
    };
    if !files.names().any(|name| name == location) {
        let help = did_you_mean(location, files.names())
            .unwrap_or_else(|| "put the file beside the .sql files, and write its name without a folder".to_owned());
        return refused(&events.location, format!("there is no file '{location}' beside the statements"), help);
    }
    let message = match files.message(location, &events.message.text) {
        Ok(message) => message,
        Err(MessageError::NotCompiled { detail }) => {
            let help = "correct the file; what it imports lies beside it, under the name that it is imported by";
            return refused(&events.location, format!("'{location}' can't be compiled: {detail}"), help.to_owned());
        }
        Err(MessageError::Unknown { message, known }) => {
            let help = did_you_mean(&message, known.iter().map(String::as_str))
                .unwrap_or_else(|| format!("its messages are {}", first_names(&known)));
            return refused(&events.message, format!("'{location}' has no message '{message}'"), help);
        }
        Err(error @ MessageError::NoColumns { .. }) => {
            return refused(&events.message, error.to_string(), "name a message with fields of its own".to_owned());
        }
    };
    let declared = topic_of(source, topic, message.columns(), (events.event_time.as_ref(), &events.told_apart_by))?;
    Ok(TopicSchema::Declared(Arc::new(declared.of_message(message))))
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

fn column(definition: &ColumnDefinition) -> Outcome<DeclaredColumn> {
    let ColumnDefinition { name, data_type, data_type_location, not_null } = definition;
    if name.text.contains('.') {
        let message = format!("the column '{}' has a point in its name", name.text);
        return fail(name, message, "a column is a member of the event itself: declare the object around it as JSONB");
    }
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
        Sql::JSONB => Some((DataType::Utf8, TextForm::Json)),
        Sql::Uuid => Some((DataType::Utf8, TextForm::Uuid)),
        // A length would have to be checked.
        Sql::Varchar(Some(_)) | Sql::CharacterVarying(Some(_)) | Sql::Interval { .. } => None,
        Sql::Array(ArrayElemTypeDef::SquareBracket(item, _) | ArrayElemTypeDef::AngleBracket(item)) => match member_type(item)? {
            (DataType::List(_), _) => None,
            (item, form) => Some((DataType::new_list(item, true), form)),
        },
        other => Some((declared_type(other)?, TextForm::Plain)),
    }
}

/// The remedy for a type that events don't have.
fn instead_of(data_type: &ast::DataType) -> &'static str {
    use ast::DataType as Sql;
    match data_type {
        Sql::JSON => "write JSONB: a view sees the JSON as its text",
        Sql::Real | Sql::Float4 => "write DOUBLE PRECISION",
        Sql::Varchar(_) | Sql::CharacterVarying(_) | Sql::Char(_) | Sql::Character(_) => "write TEXT: a length is not checked",
        Sql::Interval { .. } => "write DOUBLE PRECISION, and have it sent in seconds",
        Sql::Array(_) => "write JSONB for a list of lists, or of anything that is no column by itself",
        _ => SUPPORTED_TYPES,
    }
}

#[cfg(test)]
mod tests;
