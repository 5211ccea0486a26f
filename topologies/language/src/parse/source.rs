//! `CREATE SOURCE`: a topic of a log, and what its events look like.
//!
//! Enters: a cursor after the words that say which. Leaves: the statement, or the first thing in it that is not so. Events are those of a
//! protobuf message, or JSON objects whose members are declared as columns.

use datafusion_sql::sqlparser::tokenizer::Token;
use schemas::position::PARTITIONS_MAX;
use schemas::source_connector::{self, Availability, ConnectorSpec, SOURCES};

use super::create::word_of;
use super::cursor::Cursor;
use super::names::distinct;
use super::options::{OptionEntry, Options};
use super::statement::{ColumnDefinition, DeclaredEvents, Encoding, Name, SchemaEvents, SourceEvents, StatementKind, Text};
use super::unsupported::not_yet;
use crate::diagnostic::{Diagnostic, did_you_mean, one_of};

const FORMATS: &[&str] = &["plain"];
const FORMATS_LATER: &[&str] = &["debezium", "upsert"];
const ENCODINGS: &[&str] = &["protobuf", "json"];
const ENCODINGS_LATER: &[&str] = &["avro", "bytes", "csv"];

/// Remedy for a constraint that would tell events apart.
const TELL_APART: &str = "write DEDUPLICATE BY (column, ...) behind ENCODE JSON, or fold the events into a table with MERGE";

/// Constraints that columns of tables have elsewhere, and members of events do not.
const CONSTRAINTS: &[(&str, &str)] = &[
    ("PRIMARY KEY", TELL_APART),
    ("UNIQUE", TELL_APART),
    ("DEFAULT", "write coalesce(column, value) in a view"),
    ("GENERATED ALWAYS", "write the expression in a view"),
    ("AS", "write the expression in a view"),
    ("CHECK", "write the condition in a view: WHERE ..."),
    ("REFERENCES", "join the relations in a view"),
    ("FOREIGN KEY", "join the relations in a view"),
    ("CONSTRAINT", "a column of a source has no constraint but NOT NULL"),
    ("COLLATE", "texts are ordered by their bytes"),
];

/// Types of objects inside of an event.
const NESTED: &[&str] = &["STRUCT", "ROW", "MAP"];

/// After `CREATE SOURCE`.
pub(super) fn source(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    let name = cursor.name("the name of the source")?;
    let columns = match cursor.peek() {
        Token::LParen => Some(columns(cursor)?),
        _ => None,
    };
    if cursor.peeks("INCLUDE") {
        let help = "leave it out: what a producer knows of an event is a member of the event";
        return Err(not_yet(cursor.location(), "INCLUDE in a source", help));
    }
    cursor.expect("WITH")?;
    let options = Options::read(cursor, "a source", source_connector::SOURCE_LOG.options)?;
    let connector = source_connector(options.require("connector", &name.location, "add connector = 'log'")?)?;
    let topic = options.require("topic", &name.location, "add topic = 'name of the topic in the log'")?;
    cursor.expect("FORMAT")?;
    word_of(cursor, "format", FORMATS, FORMATS_LATER)?;
    cursor.expect("ENCODE")?;
    let encoding_location = cursor.location();
    let encoding = match word_of(cursor, "encoding", ENCODINGS, ENCODINGS_LATER)? {
        "json" => Encoding::Json,
        _ => Encoding::Protobuf,
    };
    let mut deduplication = options.get("deduplication").map(OptionEntry::duration).transpose()?;
    let events = match columns {
        None => {
            let (events, within) = message(cursor, &options, encoding)?;
            deduplication = within.or(deduplication);
            events
        }
        Some(_) if encoding == Encoding::Protobuf => {
            let error = Diagnostic::new(encoding_location, "a source with columns has JSON events");
            return Err(error.with_help("write ENCODE JSON, or leave out the columns: those of a message are its fields"));
        }
        Some(columns) => {
            let (declared, within) = declared_events(cursor, &options, columns)?;
            deduplication = within;
            SourceEvents::Declared(declared)
        }
    };
    Ok(StatementKind::CreateSource {
        connector,
        topic: topic.text()?,
        topic_location: topic.location.clone(),
        events,
        encoding,
        partitions: partitions(&options)?,
        deduplication,
        retention: options.get("retention").map(OptionEntry::duration).transpose()?,
        retention_location: options.get("retention").map_or_else(|| name.location.clone(), |option| option.location.clone()),
        name,
    })
}

/// Reads the message behind the encoding and the rest of the statement; also returns for how long events are told apart, in microseconds.
fn message(cursor: &mut Cursor<'_>, options: &Options, encoding: Encoding) -> Result<(SourceEvents, Option<i64>), Diagnostic> {
    let encoding_options = match cursor.peek() {
        Token::LParen => Options::read(cursor, "an encoding", &["message", "schema.location"])?,
        _ => Options::none("an encoding"),
    };
    let help = "write the name of a protobuf message: (message = 'package.Message')";
    let message = encoding_options.require("message", &cursor.location(), help)?;
    let message = Text { text: message.text()?, location: message.location.clone() };
    if let Some(location) = encoding_options.get("schema.location") {
        if encoding == Encoding::Json {
            let error = location.error("the events of a .proto file are ENCODE PROTOBUF");
            return Err(error.with_help("write ENCODE PROTOBUF, or declare columns for JSON"));
        }
        let location = Text { text: location.text()?, location: location.location.clone() };
        let (event_time, told_apart_by, within) = told_apart(cursor, options)?;
        return Ok((SourceEvents::Schema(SchemaEvents { message, location, event_time, told_apart_by }), within));
    }
    if let Some(option) = options.get("event_time") {
        let help = "leave it out: the event time of a message with an envelope is its occurred_at";
        return Err(option.error("only a source with columns has the option 'event_time'").with_help(help));
    }
    if cursor.peeks("DEDUPLICATE") {
        let error = cursor.error("only events with declared columns are told apart by columns");
        return Err(error.with_help("leave it out: an event with an envelope is known by its event_id"));
    }
    Ok((SourceEvents::Message(message), None))
}

/// Reads the rest of a statement with columns; also returns for how long events are told apart, in microseconds.
fn declared_events(
    cursor: &mut Cursor<'_>,
    options: &Options,
    columns: Vec<ColumnDefinition>,
) -> Result<(DeclaredEvents, Option<i64>), Diagnostic> {
    if cursor.peek() == &Token::LParen {
        let error = cursor.error("a source has columns or a message, not both");
        return Err(error.with_help("leave out one of them: the columns of a message are its fields"));
    }
    let (event_time, told_apart_by, within) = told_apart(cursor, options)?;
    Ok((DeclaredEvents { columns, event_time, told_apart_by }, within))
}

type ToldApart = (Option<Text>, Vec<Name>, Option<i64>);

/// The event time of events without an envelope, the columns by which they are told apart, and for how long, in microseconds.
fn told_apart(cursor: &mut Cursor<'_>, options: &Options) -> Result<ToldApart, Diagnostic> {
    if let Some(option) = options.get("deduplication") {
        let error = option.error("events without an envelope have no id that could be remembered");
        return Err(error.with_help("write DEDUPLICATE BY (column, ...) WITHIN INTERVAL '...' behind the encoding"));
    }
    let event_time = options.get("event_time").map(|option| Ok(Text { text: option.text()?, location: option.location.clone() }));
    let event_time = event_time.transpose()?;
    let (mut told_apart_by, mut within) = (Vec::new(), None);
    if cursor.accept("DEDUPLICATE BY") {
        told_apart_by = distinct(cursor.bracketed_list(|cursor| cursor.name("the name of a column"))?, "column")?;
        if cursor.accept("WITHIN") {
            within = Some(interval(cursor)?);
        }
    }
    Ok((event_time, told_apart_by, within))
}

/// `INTERVAL '7 days'`, in microseconds.
fn interval(cursor: &mut Cursor<'_>) -> Result<i64, Diagnostic> {
    cursor.expect("INTERVAL")?;
    let location = cursor.location();
    let Token::SingleQuotedString(text) = cursor.peek() else {
        return Err(cursor.expected("a length of time in single quotes, such as '7 days'"));
    };
    let entry = OptionEntry::unnamed("WITHIN", text.clone(), location);
    cursor.advance();
    entry.duration()
}

/// The columns in brackets.
fn columns(cursor: &mut Cursor<'_>) -> Result<Vec<ColumnDefinition>, Diagnostic> {
    let columns = cursor.bracketed_list(column)?;
    distinct(columns.iter().map(|column| column.name.clone()).collect(), "column")?;
    Ok(columns)
}

fn column(cursor: &mut Cursor<'_>) -> Result<ColumnDefinition, Diagnostic> {
    if let Some(error) = constraint_error(cursor) {
        return Err(error);
    }
    let name = cursor.name("the name of a column")?;
    let start = cursor.location();
    if matches!(cursor.peek(), Token::Comma | Token::RParen) || cursor.peeks("NOT NULL") {
        return Err(cursor.expected(&format!("the type of the column '{}'", name.text)));
    }
    if let Some(word) = NESTED.iter().find(|word| cursor.peeks(word)) {
        return Err(not_yet(cursor.location(), &format!("{word} in a source"), "declare the object as JSONB"));
    }
    let data_type = cursor.data_type()?;
    let data_type_location = cursor.location_since(&start);
    let not_null = cursor.accept("NOT NULL");
    if !not_null {
        cursor.accept("NULL");
    }
    match (constraint_error(cursor), cursor.peek()) {
        (Some(error), _) => Err(error),
        (None, Token::Comma | Token::RParen) => Ok(ColumnDefinition { name, data_type, data_type_location, not_null }),
        (None, _) => Err(cursor.expected("NOT NULL, ',' or ')'")),
    }
}

fn constraint_error(cursor: &Cursor<'_>) -> Option<Diagnostic> {
    let (word, help) = CONSTRAINTS.iter().find(|(word, _)| cursor.peeks(word))?;
    Some(not_yet(cursor.location(), &format!("{word} in a source"), help))
}

fn source_connector(option: &OptionEntry) -> Result<&'static ConnectorSpec, Diagnostic> {
    let text = option.text.as_str();
    match source_connector::find(&SOURCES, text) {
        Some(found) if found.availability == Availability::Planned => {
            let help = format!("write connector = '{}' for the log that is built in", source_connector::SOURCE_LOG.name);
            Err(option.error(format!("the connector '{text}' is not supported yet")).with_help(help))
        }
        Some(found) => Ok(found),
        None => {
            let known = source_connector::names(&SOURCES);
            let help = did_you_mean(text, known.clone()).unwrap_or_else(|| format!("write connector = '{}'", one_of(known)));
            Err(option.error(format!("there is no connector '{text}'")).with_help(help))
        }
    }
}

fn partitions(options: &Options) -> Result<Option<u32>, Diagnostic> {
    let Some(option) = options.get("partitions") else { return Ok(None) };
    let count = option.count(PARTITIONS_MAX as usize)?;
    Ok(u32::try_from(count).ok())
}
