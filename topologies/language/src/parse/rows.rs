//! `INSERT INTO`: rows that a table has before the first event.
//!
//! Enters: a cursor after `INSERT`. Leaves: the statement; every row has as many values as there are columns, if those are named.

use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::names::distinct;
use super::statement::{Name, StatementKind};
use crate::diagnostic::Diagnostic;

/// Remedy for rows that are not written out.
const WRITE_VALUES: &str = "write INSERT INTO table VALUES (...), (...); rows that follow events are a MERGE";

/// After `INSERT`.
pub(super) fn insert(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    cursor.expect("INTO")?;
    let table = cursor.name("the name of the table")?;
    let columns = match cursor.peek() {
        Token::LParen => distinct(cursor.bracketed_list(|cursor| cursor.name("the name of a column"))?, "column")?,
        _ => Vec::new(),
    };
    if cursor.peeks("SELECT") || cursor.peeks("WITH") || cursor.peek() == &Token::LParen {
        return Err(cursor.error("the rows of an INSERT are written out").with_help(WRITE_VALUES));
    }
    if cursor.peeks("DEFAULT VALUES") {
        return Err(cursor.error("a row of defaults alone has no key").with_help(WRITE_VALUES));
    }
    cursor.expect("VALUES")?;
    let rows = cursor.list(|cursor| row(cursor, &columns))?;
    if cursor.peeks("ON CONFLICT") {
        let help = "leave it out: the rows of a topology are all of them, each key once";
        return Err(cursor.error("an INSERT has no ON CONFLICT").with_help(help));
    }
    if cursor.peeks("RETURNING") {
        return Err(cursor.error("an INSERT returns nothing").with_help("read the table"));
    }
    Ok(StatementKind::InsertRows { table, columns, rows })
}

/// `(value, ...)`
fn row(cursor: &mut Cursor<'_>, columns: &[Name]) -> Result<Vec<ast::Expr>, Diagnostic> {
    let location = cursor.location();
    let values = cursor.bracketed_list(Cursor::expression)?;
    if !columns.is_empty() && columns.len() != values.len() {
        let message = format!("the number of values is {}, that of the columns {}", values.len(), columns.len());
        return Err(Diagnostic::new(cursor.location_since(&location), message).with_help("write one value for each column"));
    }
    Ok(values)
}
