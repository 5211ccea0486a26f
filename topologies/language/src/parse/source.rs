//! `CREATE SOURCE`: a topic of a log, and what its events look like.
//!
//! Enters: a cursor after the words that say which. Leaves: the statement, or the first thing in it that is not so. Events are those of a
//! protobuf message, or JSON objects whose members are declared as columns.

use datafusion_sql::sqlparser::tokenizer::Token;
use schemas::position::PARTITIONS_MAX;
use schemas::source_connector::{self, Availability, ConnectorSpec, SOURCES};

use super::create::word_of;
use super::cursor::Cursor;
use super::include::included;
use super::members::columns;
use super::names::distinct;
use super::options::{OptionEntry, Options};
use super::statement::{
    ColumnDefinition, DeclaredEvents, Encoding, IncludedColumn, Name, SchemaEvents, SourceEvents, StatementKind, Text,
};
use crate::diagnostic::{Diagnostic, did_you_mean, one_of};

const FORMATS: &[&str] = &["plain"];
pub(super) const FORMATS_LATER: &[&str] = &["canal", "debezium_mongo", "maxwell"];
const ENCODINGS: &[&str] = &["protobuf", "json"];
const ENCODINGS_LATER: &[&str] = &["avro", "bytes", "csv"];

/// After `CREATE SOURCE`.
pub(super) fn source(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    let name = cursor.name("the name of the source")?;
    let columns = match cursor.peek() {
        Token::LParen => Some(columns(cursor)?),
        _ => None,
    };
    let mut included = included(cursor)?;
    cursor.expect("WITH")?;
    let options = Options::read(cursor, "a source", source_connector::SOURCE_LOG.options)?;
    let connector = source_connector(options.require("connector", &name.location, "add connector = 'log'")?)?;
    let topic = options.require("topic", &name.location, "add topic = 'name of the topic in the log'")?;
    cursor.expect("FORMAT")?;
    if cursor.peeks("UPSERT") || cursor.peeks("DEBEZIUM") {
        let error = cursor.error("changes of rows are a table, and not a stream of events");
        let help = format!("write CREATE TABLE {} (columns, PRIMARY KEY (...)) WITH (...) FORMAT ...", name.text);
        return Err(error.with_help(help));
    }
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
            let (events, within) = message(cursor, &options, &mut included)?;
            deduplication = within.or(deduplication);
            SourceEvents::Schema(events)
        }
        Some(_) if encoding == Encoding::Protobuf => {
            let error = Diagnostic::new(encoding_location, "a source with columns has JSON events");
            return Err(error.with_help("write ENCODE JSON, or leave out the columns: those of a message are its fields"));
        }
        Some(columns) => {
            let (declared, within) = declared_events(cursor, (&options, &mut included), columns)?;
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
        included,
        deduplication,
        retention: options.get("retention").map(OptionEntry::duration).transpose()?,
        retention_location: options.get("retention").map_or_else(|| name.location.clone(), |option| option.location.clone()),
        name,
    })
}

/// Reads the message behind the encoding and the rest of the statement; also returns for how long events are told apart, in microseconds.
fn message(
    cursor: &mut Cursor<'_>,
    options: &Options,
    included: &mut Vec<IncludedColumn>,
) -> Result<(SchemaEvents, Option<i64>), Diagnostic> {
    let encoding_options = match cursor.peek() {
        Token::LParen => Options::read(cursor, "an encoding", &["message", "schema.location"])?,
        _ => Options::none("an encoding"),
    };
    let help = "write the name of a protobuf message: (message = 'package.Message')";
    let message = encoding_options.require("message", &cursor.location(), help)?;
    let message = Text { text: message.text()?, location: message.location.clone() };
    let location = match encoding_options.get("schema.location") {
        Some(entry) => Some(Text { text: entry.text()?, location: entry.location.clone() }),
        None => None,
    };
    let deduplication = options.get("deduplication").map(|option| option.location.clone());
    let (event_time, told_apart_by, within) = told_apart(cursor, options, included)?;
    Ok((SchemaEvents { message, location, event_time, told_apart_by, deduplication }, within))
}

/// Reads the rest of a statement with columns; also returns for how long events are told apart, in microseconds.
fn declared_events(
    cursor: &mut Cursor<'_>,
    (options, included): (&Options, &mut Vec<IncludedColumn>),
    columns: Vec<ColumnDefinition>,
) -> Result<(DeclaredEvents, Option<i64>), Diagnostic> {
    if cursor.peek() == &Token::LParen {
        let error = cursor.error("a source has columns or a message, not both");
        return Err(error.with_help("leave out one of them: the columns of a message are its fields"));
    }
    if let Some(option) = options.get("deduplication") {
        let error = option.error("events without an envelope have no id that could be remembered");
        return Err(error.with_help("write DEDUPLICATE BY (column, ...) WITHIN INTERVAL '...' behind the encoding"));
    }
    let (event_time, told_apart_by, within) = told_apart(cursor, options, included)?;
    Ok((DeclaredEvents { columns, event_time, told_apart_by }, within))
}

type ToldApart = (Option<Text>, Vec<Name>, Option<i64>);

/// The column that is the event time, the columns by which they are told apart, and for how long, in microseconds.
fn told_apart(cursor: &mut Cursor<'_>, options: &Options, included: &mut Vec<IncludedColumn>) -> Result<ToldApart, Diagnostic> {
    let event_time = options.get("event_time").map(|option| Ok(Text { text: option.text()?, location: option.location.clone() }));
    let event_time = event_time.transpose()?;
    let (mut told_apart_by, mut within) = (Vec::new(), None);
    included.extend(self::included(cursor)?);
    if cursor.accept("DEDUPLICATE BY") {
        told_apart_by = distinct(cursor.bracketed_list(Cursor::path)?, "column")?;
        if cursor.accept("WITHIN") {
            within = Some(interval(cursor)?);
        }
    }
    included.extend(self::included(cursor)?);
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

pub(super) fn source_connector(option: &OptionEntry) -> Result<&'static ConnectorSpec, Diagnostic> {
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

pub(super) fn partitions(options: &Options) -> Result<Option<u32>, Diagnostic> {
    let Some(option) = options.get("partitions") else { return Ok(None) };
    let count = option.count(PARTITIONS_MAX as usize)?;
    Ok(u32::try_from(count).ok())
}
