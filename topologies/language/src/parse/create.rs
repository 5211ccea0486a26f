//! `CREATE VIEW`, `CREATE MATERIALIZED VIEW` and `CREATE INDEX`.
//!
//! Enters: a cursor after the words that say which. Leaves: the statement, or the first thing in it that is not so.

use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::names::distinct;
use super::options::Options;
use super::search;
use super::statement::{Name, Retention, StatementKind, Text};
use super::unsupported::not_yet;
use crate::diagnostic::{Diagnostic, one_of, suggestion};

/// The most rows of one key that an index can be limited to: above it, leave the limit out.
pub const INDEX_LIMIT_MAX: usize = 1_000_000_000;

/// The most seconds for which a page of a view may be used without asking again: a year, beyond which nobody keeps anything.
pub const MAX_AGE_MAX: u32 = 31_536_000;

/// One of some words, which are no keywords anywhere else.
pub(super) fn word_of(
    cursor: &mut Cursor<'_>,
    what: &str,
    known: &[&'static str],
    later: &[&str],
) -> Result<&'static str, Diagnostic> {
    let choices = one_of(known.iter().copied()).to_uppercase().replace(" OR ", " or ");
    let Some(word) = cursor.peek_word().map(str::to_lowercase) else {
        return Err(cursor.expected(&choices));
    };
    if let Some(found) = known.iter().find(|known| **known == word) {
        cursor.advance();
        return Ok(found);
    }
    if later.contains(&word.as_str()) {
        return Err(not_yet(cursor.location(), &format!("the {what} {}", word.to_uppercase()), &format!("write {choices}")));
    }
    let error = cursor.expected(&choices);
    Err(match suggestion(&word, known.iter().copied()) {
        Some(near) => error.with_help(format!("did you mean '{}'?", near.to_uppercase())),
        None => error,
    })
}

/// After `CREATE VIEW` or `CREATE MATERIALIZED VIEW`.
pub(super) fn view(cursor: &mut Cursor<'_>, materialized: bool) -> Result<StatementKind, Diagnostic> {
    let name = cursor.name("the name of the view")?;
    let columns = match cursor.peek() {
        Token::LParen => distinct(cursor.bracketed_list(|cursor| cursor.name("the name of a column"))?, "column")?,
        _ => Vec::new(),
    };
    if cursor.peeks("WITH") && !materialized {
        let help = "go on with AS SELECT ..., or write CREATE MATERIALIZED VIEW";
        return Err(cursor.error("a view that is not kept has no options").with_help(help));
    }
    let options = match cursor.accept("WITH") {
        true => Options::read(cursor, "a view", &["max_age", "retention", "event_time"])?,
        false => Options::none("a view"),
    };
    let max_age = options.get("max_age").map(|option| option.seconds(MAX_AGE_MAX)).transpose()?;
    let retention = retention(&options)?;
    cursor.expect("AS")?;
    let start = cursor.location();
    let query = cursor.query()?;
    if let Some((message, help)) = refused_query(&query) {
        return Err(Diagnostic::new(cursor.location_since(&start), message).with_help(help));
    }
    if cursor.peeks("WITH") {
        return Err(cursor.error("a view is always filled").with_help("leave out WITH [NO] DATA"));
    }
    Ok(StatementKind::CreateView { name, materialized, columns, max_age, retention, query })
}

/// The age at which rows go away, and the column by which it counts: one needs the other.
pub(super) fn retention(options: &Options) -> Result<Option<Retention>, Diagnostic> {
    match (options.get("retention"), options.get("event_time")) {
        (None, None) => Ok(None),
        (Some(age), Some(column)) => {
            let event_time = Text { text: column.text()?, location: column.location.clone() };
            Ok(Some(Retention { micros: age.duration()?, event_time }))
        }
        (Some(age), None) => {
            let help = "add event_time = 'column', the TIMESTAMPTZ that says how old a row is";
            Err(age.error("a retention counts from a column").with_help(help))
        }
        (None, Some(column)) => {
            let help = "add retention = '30 days', or leave it out";
            Err(column.error("event_time is for a retention, and there is none").with_help(help))
        }
    }
}

/// Returns the reason why something that sqlparser reads as a query can't be a view, and the remedy.
pub(super) fn refused_query(query: &ast::Query) -> Option<(&'static str, &'static str)> {
    match query.body.as_ref() {
        ast::SetExpr::Insert(_) | ast::SetExpr::Update(_) | ast::SetExpr::Delete(_) | ast::SetExpr::Merge(_) => {
            Some(("a view can't change anything", "write AS SELECT ..."))
        }
        ast::SetExpr::Select(select) if select.into.is_some() => Some(("a view can't select INTO a table", "leave out INTO")),
        _ if !query.locks.is_empty() => Some(("a view locks nothing", "leave out FOR UPDATE or FOR SHARE")),
        _ => None,
    }
}

/// After `CREATE INDEX`.
pub(super) fn index(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    let name = if cursor.peeks("ON") { None } else { Some(cursor.name("the name of the index or ON")?) };
    cursor.expect("ON")?;
    let view = cursor.name("the name of the view")?;
    if cursor.accept("USING FULLTEXT") {
        return search::index(cursor, name, view);
    }
    if cursor.peeks("USING") {
        let help = "leave it out: an index keeps its rows in order; or write USING FULLTEXT";
        return Err(not_yet(cursor.location(), "another USING in an index", help));
    }
    let columns = cursor.bracketed_list(index_column)?;
    distinct(columns.iter().map(|(name, _)| name.clone()).collect(), "column")?;
    for (word, help) in
        [("INCLUDE", "leave it out: an index serves all columns of its view"), ("WHERE", "write the condition in the view")]
    {
        if cursor.peeks(word) {
            return Err(not_yet(cursor.location(), &format!("{word} in an index"), help));
        }
    }
    let options = match cursor.accept("WITH") {
        true => Options::read(cursor, "an index", &["limit"])?,
        false => Options::none("an index"),
    };
    let limit = options.get("limit").map(|option| option.count(INDEX_LIMIT_MAX)).transpose()?;
    Ok(StatementKind::CreateIndex { name, view, columns, limit })
}

fn index_column(cursor: &mut Cursor<'_>) -> Result<(Name, bool), Diagnostic> {
    if cursor.peek() == &Token::LParen {
        return Err(expression_in_index(cursor));
    }
    let name = cursor.name("the name of a column")?;
    let descending = !cursor.accept("ASC") && cursor.accept("DESC");
    match cursor.peek() {
        Token::Comma | Token::RParen => Ok((name, descending)),
        Token::LParen => Err(expression_in_index(cursor)),
        _ if cursor.peeks("NULLS") => {
            Err(not_yet(cursor.location(), "the place of nulls in an index", "leave out NULLS FIRST or NULLS LAST"))
        }
        _ => Err(cursor.expected("ASC, DESC, ',' or ')'")),
    }
}

fn expression_in_index(cursor: &Cursor<'_>) -> Diagnostic {
    let error = cursor.error("an index is on columns, not on expressions");
    error.with_help("give the expression a name in the view, and index that")
}
