//! The language: from the text of files to statements.
//!
//! Owns the grammar: which statements there are and what they are made of. Expressions, queries and types are read by
//! sqlparser in PostgreSQL's dialect. Enters: files. Leaves: statements in order, or every error in them, at its place.
//! What names mean is the planner's.

mod access;
mod create;
mod cursor;
mod dialect;
mod file_index;
mod include;
mod members;
mod merge;
mod names;
mod nesting;
mod options;
mod rows;
mod search;
mod sink;
mod source;
mod statement;
mod table;
mod table_topic;
mod unsupported;

use std::sync::Arc;

use datafusion_sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer, TokenizerError};

pub use create::INDEX_LIMIT_MAX;
pub use file_index::FileIndex;
pub use nesting::{BRACKETS_DEPTH_MAX, TREE_DEPTH_MAX};
pub use search::{PREFIX_LETTERS_DEFAULT, PREFIX_LETTERS_MAX};
pub use statement::{
    ColumnDefinition, DeclaredEvents, DropKind, Encoding, GivenOption, IncludedColumn, MergeAction, MergeClause, MergeSource, Name,
    Retention, SchemaEvents,
    SearchOptions, SinkFormat, SourceEvents, Statement, StatementKind, TableTopic, Text, index_name, search_index_name,
};

use crate::diagnostic::{Diagnostic, Location, SourceFile};
use cursor::Cursor;
use dialect::{TopologyDialect, with_json_operators};
use nesting::TooDeep;

/// Kinds that can be created, the longer of two that begin alike first.
const CREATE_KINDS: &[&str] = &["SOURCE", "TABLE", "VIEW", "MATERIALIZED VIEW", "INDEX", "POLICY", "SINK"];

/// Reads the statements of files, in order. It calls itself as deeply as a statement is nested: the stack has to be deep enough for that.
///
/// # Errors
///
/// All that are found, in order: after an error reading goes on behind the next semicolon.
pub fn parse(files: &[SourceFile]) -> Result<Vec<Statement>, Vec<Diagnostic>> {
    let mut statements = Vec::new();
    let mut errors = Vec::new();
    for file in files {
        parse_file(&Arc::new(FileIndex::new(file)), &mut statements, &mut errors);
    }
    if errors.is_empty() { Ok(statements) } else { Err(errors) }
}

fn parse_file(file: &Arc<FileIndex>, statements: &mut Vec<Statement>, errors: &mut Vec<Diagnostic>) {
    let mut tokens = Vec::new();
    let outcome = Tokenizer::new(&TopologyDialect, file.text()).tokenize_with_location_into_buf(&mut tokens);
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let tokens = with_json_operators(tokens);
    let mut rest = tokens.as_slice();
    while let Some(semicolon) = rest.iter().position(|token| token.token == Token::SemiColon) {
        let end = file.locate(rest[semicolon].span);
        match parse_statement(&rest[..semicolon], file, end) {
            Ok(statement) => statements.extend(statement),
            Err(error) => errors.push(error),
        }
        rest = &rest[semicolon + 1..];
    }
    match outcome.map_err(|error| unreadable(file, &error)).and_then(|()| parse_statement(rest, file, file.end())) {
        Ok(statement) => statements.extend(statement),
        Err(error) => errors.push(error),
    }
}

/// The error for text that is not even words: a quote that is not closed, for the most part.
fn unreadable(file: &FileIndex, error: &TokenizerError) -> Diagnostic {
    let location = file.locate(Span::new(error.location, error.location));
    Diagnostic::new(location, cursor::lower_first(&error.message))
}

/// Reads the tokens of one statement; there may be none.
fn parse_statement(tokens: &[TokenWithSpan], file: &Arc<FileIndex>, end: Location) -> Result<Option<Statement>, Diagnostic> {
    if tokens.is_empty() {
        return Ok(None);
    }
    nesting::check_nesting(tokens).map_err(|error| too_deep(file, &error))?;
    unsupported::refuse_later(tokens, file)?;
    let mut cursor = Cursor::new(tokens, file, end);
    let start = cursor.location();
    let kind = statement_kind(&mut cursor)?;
    cursor.expect_end()?;
    Ok(Some(Statement { file: Arc::clone(cursor.file()), location: cursor.location_since(&start), kind }))
}

fn too_deep(file: &FileIndex, error: &TooDeep) -> Diagnostic {
    match error {
        TooDeep::Brackets(span) => {
            let message = format!("brackets are nested deeper than {BRACKETS_DEPTH_MAX} levels");
            Diagnostic::new(file.locate(*span), message).with_help("give the inner parts names: WITH name AS (SELECT ...)")
        }
        TooDeep::Operators(span) => {
            let message = format!("more than {TREE_DEPTH_MAX} operators follow one another");
            let help = "write x IN (a, b, ...) for alternatives of one value, or split the statement into views";
            Diagnostic::new(file.locate(*span), message).with_help(help)
        }
    }
}

fn statement_kind(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    if cursor.accept("MERGE") {
        merge::merge(cursor)
    } else if cursor.accept("INSERT") {
        rows::insert(cursor)
    } else if cursor.accept("GRANT") {
        access::grant(cursor)
    } else if cursor.accept("DROP") {
        access::drop(cursor)
    } else if cursor.accept("CREATE") {
        create_kind(cursor)
    } else {
        Err(unsupported::unknown_statement(cursor))
    }
}

fn create_kind(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    let Some(kind) = CREATE_KINDS.iter().find(|kind| cursor.accept(kind)) else {
        return Err(unsupported::unknown_kind(cursor, "created", CREATE_KINDS.iter().copied()));
    };
    if cursor.peeks("IF NOT EXISTS") {
        let help = "leave it out: a topology says what there is, and a deploy makes what is missing";
        return Err(unsupported::not_yet(cursor.location(), "IF NOT EXISTS", help));
    }
    match *kind {
        "SOURCE" => source::source(cursor),
        "TABLE" => table::table(cursor),
        "INDEX" => create::index(cursor),
        "POLICY" => access::policy(cursor),
        "SINK" => sink::sink(cursor),
        kind => create::view(cursor, kind == "MATERIALIZED VIEW"),
    }
}

#[cfg(test)]
mod error_tests;
#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod tests;
