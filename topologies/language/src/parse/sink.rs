//! `CREATE SINK`: where the changes of a view go.
//!
//! Enters: a cursor after the words. Leaves: the statement, or the first thing in it that is not so. The options are those that the
//! connector declares ([`schemas::connector`]): the message for one that belongs to another connector says so.

use datafusion_sql::sqlparser::tokenizer::Token;
use schemas::connector::{ContentKind, OptionKind, OptionValue, SinkConnector, SinkOption, declarable};
use schemas::server_url::ServerUrl;

use super::create::word_of;
use super::cursor::Cursor;
use super::options::{OptionEntry, Options};
use super::statement::{GivenOption, Name, SinkFormat, StatementKind, Text};
use super::unsupported::not_yet;
use crate::diagnostic::{Diagnostic, did_you_mean, one_of};

/// The options that every sink may have.
const COMMON_OPTIONS: &[&str] = &["connector", "type", "key"];
const CONNECTORS_LATER: &[&str] = &["kafka", "postgres", "nats", "elasticsearch"];
const TYPES: &[&str] = &["changes", "invalidate"];
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
    let options = Options::read(cursor, "a sink", &known_options())?;
    let connector = connector(&options, &name)?;
    let kind = options.get("type").map(|option| choice(option, "type", TYPES, &[])).transpose()?.unwrap_or("changes");
    let content = if kind == "invalidate" { ContentKind::Invalidations } else { ContentKind::Rows };
    refuse_options_of_others(&options, connector)?;
    if !connector.contents.contains(&content) {
        let (subject, help) = connector.refused_content;
        return Err(not_yet(name.location.clone(), subject, help));
    }
    let given = connector.options.iter().map(|option| given(&options, option, &name));
    let given: Vec<Option<GivenOption>> = given.collect::<Result<_, _>>()?;
    let format = match kind {
        "invalidate" => invalidation(cursor, &options, &name)?,
        _ => changes(cursor, &options)?,
    };
    Ok(StatementKind::CreateSink { name, view, connector, options: given.into_iter().flatten().collect(), format })
}

/// Every name that some sink may give an option.
fn known_options() -> Vec<&'static str> {
    let mut known = COMMON_OPTIONS.to_vec();
    for name in declarable().flat_map(|connector| connector.options).flat_map(SinkOption::names) {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}

fn connector(options: &Options, name: &Name) -> Result<&'static SinkConnector, Diagnostic> {
    let names: Vec<&'static str> = declarable().map(|connector| connector.name).collect();
    let option = options.require("connector", &name.location, &format!("add {}", choices("connector", &names)))?;
    let chosen = choice(option, "connector", &names, CONNECTORS_LATER)?;
    let found = declarable().find(|connector| connector.name == chosen);
    Ok(found.unwrap_or_else(|| panic!("the connector '{chosen}' was chosen from the table and is not in it")))
}

/// Refuses options that mean nothing for this sink: none is ever ignored.
fn refuse_options_of_others(options: &Options, connector: &SinkConnector) -> Result<(), Diagnostic> {
    for other in declarable().filter(|other| other.name != connector.name) {
        let names = other.options.iter().flat_map(SinkOption::names).filter(|name| connector.option(name).is_none());
        for name in names {
            refuse(options, name, &format!("belongs to connector = '{}'", other.name))?;
        }
    }
    Ok(())
}

/// The value of an option that the connector declares, if the statement gives one.
fn given(options: &Options, declared: &'static SinkOption, sink: &Name) -> Result<Option<GivenOption>, Diagnostic> {
    let mut found = declared.names().filter_map(|name| options.get(name));
    let Some(option) = found.next() else {
        if !declared.is_needed {
            return Ok(None);
        }
        return Err(options.missing(declared.name, &sink.location, &format!("add {}", declared.help)));
    };
    if let (Some(again), Some(alias)) = (found.next(), declared.alias) {
        let error = again.error(format!("the option '{}' is given twice", declared.name));
        return Err(error.with_help(format!("'{alias}' is another name of it")));
    }
    let value = value(option, declared)?;
    Ok(Some(GivenOption { option: declared, value, location: option.location.clone() }))
}

fn value(option: &OptionEntry, declared: &SinkOption) -> Result<OptionValue, Diagnostic> {
    match declared.kind {
        OptionKind::Topic | OptionKind::Text => option.text().map(OptionValue::Text),
        OptionKind::Word(words) => Ok(OptionValue::Text(choice(option, declared.name, words, &[])?.to_owned())),
        OptionKind::Url(schemes) => ServerUrl::parse(&option.text, schemes).map(OptionValue::Url).map_err(|error| {
            let message = format!("the option '{}' is not an address: {error}", declared.name);
            option.error(message).with_help(format!("write {}", declared.help))
        }),
    }
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
        refuse(options, "key", "belongs to FORMAT UPSERT: a changelog tells rows apart by all their columns")?;
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

fn refuse(options: &Options, name: &str, why: &str) -> Result<(), Diagnostic> {
    match options.get(name) {
        Some(option) => Err(option.error(format!("the option '{name}' {why}")).with_help("leave it out")),
        None => Ok(()),
    }
}

/// One of some values.
fn choice(option: &OptionEntry, what: &str, known: &[&'static str], later: &[&str]) -> Result<&'static str, Diagnostic> {
    let text = option.text.as_str();
    if let Some(found) = known.iter().find(|known| **known == text) {
        return Ok(found);
    }
    let choices = format!("write {}", choices(what, known));
    if later.contains(&text) {
        return Err(option.error(format!("the {what} '{text}' is not supported yet")).with_help(choices));
    }
    let help = did_you_mean(text, known.iter().copied()).unwrap_or(choices);
    Err(option.error(format!("there is no {what} '{text}'")).with_help(help))
}

/// `what = 'a' or what = 'b'`
fn choices(what: &str, known: &[&str]) -> String {
    format!("{what} = '{}'", one_of(known.iter().copied()).replace(" or ", &format!("' or {what} = '")))
}
