//! `MERGE INTO`: how a table follows the events of a stream.
//!
//! Enters: a cursor after `MERGE`. Leaves: the statement; every clause does what its `WHEN` allows.

use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::tokenizer::Token;

use super::create::refused_query;
use super::cursor::Cursor;
use super::names::distinct;
use super::statement::{MergeAction, MergeClause, MergeSource, Name, StatementKind};
use super::unsupported::not_yet;
use crate::diagnostic::{Diagnostic, Location};

/// After `MERGE`.
pub(super) fn merge(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    cursor.expect("INTO")?;
    let table = cursor.name("the name of the table")?;
    let target_alias = alias(cursor)?;
    cursor.expect("USING")?;
    let source = input(cursor)?;
    let source_alias = alias(cursor)?;
    if matches!(source, MergeSource::Query(_)) && source_alias.is_none() {
        let help = "write USING (SELECT ...) AS e, and name its columns e.column";
        return Err(cursor.error("the query in USING needs a name").with_help(help));
    }
    cursor.expect("ON")?;
    let on = cursor.expression()?;
    let mut clauses = Vec::new();
    while cursor.peeks("WHEN") {
        clauses.push(clause(cursor)?);
    }
    if clauses.is_empty() {
        let error = cursor.expected("WHEN [NOT] MATCHED");
        return Err(if error.help.is_some() { error } else { error.with_help("say what each event does to the row") });
    }
    if cursor.peeks("RETURNING") || cursor.peeks("OUTPUT") {
        return Err(cursor.error("a continuous MERGE returns nothing").with_help("read the table through a view"));
    }
    Ok(StatementKind::Merge { table, target_alias, source, source_alias, on, clauses })
}

/// `source` or `(query)`
fn input(cursor: &mut Cursor<'_>) -> Result<MergeSource, Diagnostic> {
    if !cursor.accept_token(&Token::LParen) {
        return cursor.name("the name of the source").map(MergeSource::Relation);
    }
    let start = cursor.location();
    let query = cursor.query()?;
    if let Some((message, help)) = refused_query(&query) {
        return Err(Diagnostic::new(cursor.location_since(&start), message).with_help(help));
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(MergeSource::Query(query))
}

/// `[AS] name`, if there is one.
fn alias(cursor: &mut Cursor<'_>) -> Result<Option<Name>, Diagnostic> {
    if !cursor.accept("AS") && (cursor.peeks_reserved() || !matches!(cursor.peek(), Token::Word(_))) {
        return Ok(None);
    }
    cursor.name("an alias").map(Some)
}

fn clause(cursor: &mut Cursor<'_>) -> Result<MergeClause, Diagnostic> {
    let location = cursor.location();
    cursor.expect("WHEN")?;
    let matched = !cursor.accept("NOT");
    cursor.expect("MATCHED")?;
    if !matched && cursor.peeks("BY SOURCE") {
        let help = "an event can't mean rows that it does not name: write WHEN MATCHED with a condition on the event";
        return Err(not_yet(cursor.location(), "WHEN NOT MATCHED BY SOURCE", help));
    }
    if !matched {
        cursor.accept("BY TARGET");
    }
    let condition = if cursor.accept("AND") { Some(cursor.expression()?) } else { None };
    if cursor.peeks("OR") {
        return Err(cursor.error("a condition begins with AND").with_help("write WHEN MATCHED AND (a OR b) THEN ..."));
    }
    cursor.expect("THEN")?;
    let action = action(cursor, matched)?;
    Ok(MergeClause { location, matched, condition, action })
}

fn action(cursor: &mut Cursor<'_>, matched: bool) -> Result<MergeAction, Diagnostic> {
    let location = cursor.location();
    if cursor.accept("DO NOTHING") {
        return Ok(MergeAction::DoNothing);
    }
    if cursor.accept("RAISE") {
        if matches!(cursor.peek(), Token::EOF) || cursor.peeks("WHEN") {
            return Err(cursor.expected("the reason").with_help("write RAISE 'reason'"));
        }
        return Ok(MergeAction::Raise(cursor.expression()?));
    }
    if cursor.accept("INSERT") {
        refuse_unless(!matched, &location, "a row that exists can't be inserted", "write UPDATE SET ...")?;
        return insert(cursor);
    }
    let remedy = "write INSERT VALUES (...), or WHEN MATCHED";
    if cursor.accept("UPDATE") {
        refuse_unless(matched, &location, "a row that does not exist can't be updated", remedy)?;
        return update(cursor);
    }
    if cursor.accept("DELETE") {
        refuse_unless(matched, &location, "a row that does not exist can't be deleted", remedy)?;
        return Ok(MergeAction::Delete);
    }
    Err(cursor.expected(if matched { "UPDATE, DELETE, RAISE or DO NOTHING" } else { "INSERT, RAISE or DO NOTHING" }))
}

fn refuse_unless(allowed: bool, location: &Location, message: &str, help: &str) -> Result<(), Diagnostic> {
    if allowed { Ok(()) } else { Err(Diagnostic::new(location.clone(), message).with_help(help)) }
}

/// `[(columns)] VALUES (values)`
fn insert(cursor: &mut Cursor<'_>) -> Result<MergeAction, Diagnostic> {
    let columns = match cursor.peek() {
        Token::LParen => distinct(cursor.bracketed_list(column)?, "column")?,
        _ => Vec::new(),
    };
    if cursor.accept("DEFAULT VALUES") {
        let help = "a row has its key from the event: write INSERT (columns) VALUES (...)";
        return Err(cursor.error("an event makes no row of defaults alone").with_help(help));
    }
    cursor.expect("VALUES")?;
    let location = cursor.location();
    let values = cursor.bracketed_list(Cursor::expression)?;
    if cursor.peek() == &Token::Comma {
        return Err(cursor.error("an event makes one row").with_help("leave out the second list of values"));
    }
    if !columns.is_empty() && columns.len() != values.len() {
        let message = format!("the number of values is {}, that of the columns {}", values.len(), columns.len());
        return Err(Diagnostic::new(cursor.location_since(&location), message).with_help("write one value for each column"));
    }
    Ok(MergeAction::Insert { columns, values })
}

/// `SET column = value, ...`
fn update(cursor: &mut Cursor<'_>) -> Result<MergeAction, Diagnostic> {
    cursor.expect("SET")?;
    let assignments = cursor.list(assignment)?;
    distinct(assignments.iter().map(|(name, _)| name.clone()).collect(), "column")?;
    if cursor.peeks("WHERE") {
        let help = "write the condition before THEN: WHEN MATCHED AND condition THEN UPDATE SET ...";
        return Err(cursor.error("an UPDATE of a MERGE has no WHERE").with_help(help));
    }
    Ok(MergeAction::Update(assignments))
}

fn assignment(cursor: &mut Cursor<'_>) -> Result<(Name, ast::Expr), Diagnostic> {
    if cursor.peek() == &Token::LParen {
        return Err(cursor.error("columns are set one by one").with_help("write a = x, b = y"));
    }
    let name = column(cursor)?;
    cursor.expect_token(&Token::Eq)?;
    Ok((name, cursor.expression()?))
}

fn column(cursor: &mut Cursor<'_>) -> Result<Name, Diagnostic> {
    cursor.name("the name of a column")
}
