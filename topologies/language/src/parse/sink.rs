//! `CREATE SINK`: where the changes of a view go.
//!
//! Enters: a cursor after the words. Leaves: the statement, or the first thing in it that is not so. Options depend on what the sink
//! writes: the message for one that belongs to another kind says so.

use datafusion_sql::sqlparser::tokenizer::Token;

use super::create::word_of;
use super::cursor::Cursor;
use super::options::{OptionEntry, Options};
use super::statement::{Name, SinkFormat, SinkMode, SinkTarget, StatementKind, Text};
use super::unsupported::not_yet;
use crate::diagnostic::{Diagnostic, did_you_mean, one_of};

const OPTIONS: &[&str] = &["connector", "type", "topic", "key", "channel", "mode"];
const CONNECTORS: &[&str] = &["log", "redis"];
const CONNECTORS_LATER: &[&str] = &["kafka", "postgres", "nats", "elasticsearch"];
const TYPES: &[&str] = &["changes", "invalidate"];
const MODES: &[&str] = &["delete", "version"];
const FORMATS: &[&str] = &["upsert", "changelog"];
const FORMATS_LATER: &[&str] = &["debezium", "plain"];
const ENCODINGS: &[&str] = &["json"];
const ENCODINGS_LATER: &[&str] = &["protobuf", "avro"];

/// After `CREATE SINK`.
pub(super) fn sink(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    let name = cursor.name("the name of the sink")?;
    if cursor.peeks("AS") {
        let help = "make it a materialized view, and write CREATE SINK name FROM view";
        return Err(not_yet(cursor.location(), "a sink with a query of its own", help));
    }
    cursor.expect("FROM")?;
    let view = cursor.name("the name of the view")?;
    cursor.expect("WITH")?;
    let options = Options::read(cursor, "a sink", OPTIONS)?;
    let connector = options.require("connector", &name.location, "add connector = 'log' or connector = 'redis'")?;
    let connector = choice(connector, "connector", CONNECTORS, CONNECTORS_LATER)?;
    let kind = options.get("type").map(|option| choice(option, "type", TYPES, &[])).transpose()?.unwrap_or("changes");
    let target = match connector {
        "redis" => redis(&options, &name, kind)?,
        _ => log(&options, &name)?,
    };
    let format = match kind {
        "invalidate" => invalidation(cursor, &options, &name)?,
        _ => changes(cursor, &options)?,
    };
    Ok(StatementKind::CreateSink { name, view, target, format })
}

fn log(options: &Options, name: &Name) -> Result<SinkTarget, Diagnostic> {
    refuse(options, &["channel", "mode"], "belongs to connector = 'redis'")?;
    let topic = options.require("topic", &name.location, "add topic = 'name of the topic in the log'")?;
    Ok(SinkTarget::Log { topic: text(topic)? })
}

fn redis(options: &Options, name: &Name, kind: &str) -> Result<SinkTarget, Diagnostic> {
    refuse(options, &["topic"], "belongs to connector = 'log'")?;
    if kind != "invalidate" {
        let help = "add type = 'invalidate' and key = 'name:{column}'";
        return Err(not_yet(name.location.clone(), "a sink that keeps rows in Redis", help));
    }
    let mode = options.get("mode").map(|option| choice(option, "mode", MODES, &[])).transpose()?;
    let mode = if mode == Some("version") { SinkMode::Version } else { SinkMode::Delete };
    Ok(SinkTarget::Redis { channel: options.get("channel").map(OptionEntry::text).transpose()?, mode })
}

fn changes(cursor: &mut Cursor<'_>, options: &Options) -> Result<SinkFormat, Diagnostic> {
    cursor.expect("FORMAT")?;
    let format = word_of(cursor, "format", FORMATS, FORMATS_LATER)?;
    cursor.expect("ENCODE")?;
    word_of(cursor, "encoding", ENCODINGS, ENCODINGS_LATER)?;
    if cursor.peek() == &Token::LParen {
        return Err(cursor.error("the encoding JSON has no options").with_help("leave out the brackets"));
    }
    if format == "changelog" {
        refuse(options, &["key"], "belongs to FORMAT UPSERT: a changelog tells rows apart by all their columns")?;
        return Ok(SinkFormat::Changelog);
    }
    Ok(SinkFormat::Upsert { key: options.get("key").map(text).transpose()? })
}

fn invalidation(cursor: &Cursor<'_>, options: &Options, name: &Name) -> Result<SinkFormat, Diagnostic> {
    if cursor.peeks("FORMAT") {
        let help = "leave out FORMAT and ENCODE: its records are keys of a cache";
        return Err(cursor.error("a sink of type 'invalidate' has no format").with_help(help));
    }
    let key = options.require("key", &name.location, "add key = 'name:{column}', the key under which the cache holds a page")?;
    Ok(SinkFormat::Invalidate { key: text(key)? })
}

fn text(option: &OptionEntry) -> Result<Text, Diagnostic> {
    Ok(Text { text: option.text()?, location: option.location.clone() })
}

/// Refuses options that mean nothing for this sink: none is ever ignored.
fn refuse(options: &Options, names: &[&str], why: &str) -> Result<(), Diagnostic> {
    match names.iter().find_map(|name| Some((name, options.get(name)?))) {
        Some((name, option)) => Err(option.error(format!("the option '{name}' {why}")).with_help("leave it out")),
        None => Ok(()),
    }
}

/// One of some values.
fn choice(option: &OptionEntry, what: &str, known: &[&'static str], later: &[&str]) -> Result<&'static str, Diagnostic> {
    let text = option.text.as_str();
    if let Some(found) = known.iter().find(|known| **known == text) {
        return Ok(found);
    }
    let choices = format!("write {what} = '{}'", one_of(known.iter().copied()).replace(" or ", &format!("' or {what} = '")));
    if later.contains(&text) {
        return Err(option.error(format!("the {what} '{text}' is not supported yet")).with_help(choices));
    }
    let help = did_you_mean(text, known.iter().copied()).unwrap_or(choices);
    Err(option.error(format!("there is no {what} '{text}'")).with_help(help))
}
