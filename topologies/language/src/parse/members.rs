//! Columns of a source: members of its events' JSON objects, also those of objects inside.
//!
//! Enters: a cursor at the bracket, or at a column. Leaves: the columns; a field of `STRUCT<...>` is one that is named `object.field`.

use datafusion_sql::sqlparser::tokenizer::Token;

use super::cursor::{Cursor, unquoted_word};
use super::names::distinct;
use super::statement::{ColumnDefinition, Name};
use super::unsupported::not_yet;
use crate::diagnostic::Diagnostic;

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

/// Types of objects inside of an event that have no columns.
const NESTED: &[&str] = &["ROW", "MAP"];

/// Type of an object inside of an event whose fields are columns.
const OBJECT: &str = "STRUCT";

/// The most objects around a field.
const OBJECT_DEPTH_MAX: usize = 16;

/// The columns in brackets.
pub(super) fn columns(cursor: &mut Cursor<'_>) -> Result<Vec<ColumnDefinition>, Diagnostic> {
    let columns = cursor.bracketed_list(column)?.concat();
    distinct(columns.iter().map(|column| column.name.clone()).collect(), "column")?;
    Ok(columns)
}

/// A column, or those of an object.
fn column(cursor: &mut Cursor<'_>) -> Result<Vec<ColumnDefinition>, Diagnostic> {
    let name = name(cursor, "the name of a column", "column")?;
    if !cursor.peeks(OBJECT) {
        return Ok(vec![typed(cursor, name)?]);
    }
    let start = cursor.location();
    let mut columns = Vec::new();
    if fields(cursor, &name, 1, &mut columns)? > 0 {
        let error = Diagnostic::new(cursor.location_since(&start), "more objects end here than begin");
        return Err(error.with_help("leave out a '>'"));
    }
    refuse_list(cursor)?;
    if cursor.peeks("NOT NULL") {
        let help = "write NOT NULL behind the type of a field: then each event has the object and the field";
        return Err(cursor.error("an object has no NOT NULL of its own").with_help(help));
    }
    cursor.accept("NULL");
    Ok(columns)
}

/// Refuses a list of the objects that were just read.
fn refuse_list(cursor: &Cursor<'_>) -> Result<(), Diagnostic> {
    if cursor.peek() != &Token::LBracket && !cursor.peeks("ARRAY") {
        return Ok(());
    }
    Err(not_yet(cursor.location(), "a list of objects in a source", "declare it as JSONB"))
}

/// The name of a member, which has no point in it.
fn name(cursor: &mut Cursor<'_>, expected: &str, what: &str) -> Result<Name, Diagnostic> {
    if let Some(error) = constraint_error(cursor).or_else(|| capitals_error(cursor)) {
        return Err(error);
    }
    let name = cursor.name(expected)?;
    if name.text.contains('.') {
        let error = Diagnostic::new(name.location, format!("the {what} '{}' has a point in its name", name.text));
        let help = "a column is a member of an object: declare the object around it as JSONB, or as STRUCT<...>";
        return Err(error.with_help(help));
    }
    Ok(name)
}

/// Reads the fields of an object; returns how many objects around it end with it, since `>>` is one token.
fn fields(
    cursor: &mut Cursor<'_>,
    around: &Name,
    depth: usize,
    columns: &mut Vec<ColumnDefinition>,
) -> Result<usize, Diagnostic> {
    if depth > OBJECT_DEPTH_MAX {
        let error = cursor.error(format!("a field is in more than {OBJECT_DEPTH_MAX} objects"));
        return Err(error.with_help("declare one of them as JSONB"));
    }
    cursor.expect(OBJECT)?;
    if cursor.peek() == &Token::Neq {
        return Err(cursor.error("an object has a field at least").with_help("declare an object of any fields as JSONB"));
    }
    cursor.expect_token(&Token::Lt)?;
    loop {
        let field = name(cursor, "the name of a field", "field")?;
        let path = Name { text: format!("{}.{}", around.text, field.text), location: field.location };
        let ended = match cursor.peeks(OBJECT) {
            true => fields(cursor, &path, depth + 1, columns)?,
            false => {
                columns.push(typed(cursor, path)?);
                0
            }
        };
        if ended > 0 {
            return Ok(ended - 1);
        }
        refuse_list(cursor)?;
        match ending(cursor.peek()) {
            0 if cursor.accept_token(&Token::Comma) => {}
            0 => return Err(cursor.expected("',' or '>'")),
            ended => {
                cursor.advance();
                return Ok(ended - 1);
            }
        }
    }
}

/// Number of objects that a token ends.
fn ending(token: &Token) -> usize {
    match token {
        Token::Gt => 1,
        Token::ShiftRight => 2,
        Token::CustomBinaryOperator(signs) if signs.bytes().all(|sign| sign == b'>') => signs.len(),
        _ => 0,
    }
}

/// The type of a column and what follows it.
fn typed(cursor: &mut Cursor<'_>, name: Name) -> Result<ColumnDefinition, Diagnostic> {
    let is_end = |cursor: &Cursor<'_>| matches!(cursor.peek(), Token::Comma | Token::RParen) || ending(cursor.peek()) > 0;
    let start = cursor.location();
    if is_end(cursor) || cursor.peeks("NOT NULL") {
        return Err(cursor.expected(&format!("the type of the column '{}'", name.text)));
    }
    if let Some(word) = NESTED.iter().find(|word| cursor.peeks(word)) {
        let help = "declare the object as JSONB, or as STRUCT<name type, ...>";
        return Err(not_yet(cursor.location(), &format!("{word} in a source"), help));
    }
    let data_type = cursor.data_type()?;
    let data_type_location = cursor.location_since(&start);
    let not_null = cursor.accept("NOT NULL");
    if !not_null {
        cursor.accept("NULL");
    }
    match constraint_error(cursor) {
        Some(error) => Err(error),
        None if is_end(cursor) => Ok(ColumnDefinition { name, data_type, data_type_location, not_null }),
        None => Err(cursor.expected("NOT NULL, ',' or ')'")),
    }
}

/// The error for a name such as `gameId` without quotes: SQL makes it `gameid`, a member that no event has, and the column would be NULL in all.
pub(super) fn capitals_error(cursor: &Cursor<'_>) -> Option<Diagnostic> {
    let is_mixed = |word: &&str| word.contains(char::is_uppercase) && word.contains(char::is_lowercase);
    let word = unquoted_word(cursor.peek()).filter(is_mixed)?;
    let message = format!("the column {word} is the member '{}': names without quotes are lower case", word.to_ascii_lowercase());
    Some(cursor.error(message).with_help(format!("write \"{word}\" for a member of that name, also in views")))
}

fn constraint_error(cursor: &Cursor<'_>) -> Option<Diagnostic> {
    let (word, help) = CONSTRAINTS.iter().find(|(word, _)| cursor.peeks(word))?;
    Some(not_yet(cursor.location(), &format!("{word} in a source"), help))
}
