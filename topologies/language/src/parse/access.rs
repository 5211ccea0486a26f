//! `CREATE POLICY`, `GRANT` and `DROP`.
//!
//! Enters: a cursor after the words that say which. Leaves: the statement.

use datafusion_sql::sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::statement::{DropKind, StatementKind};
use super::unsupported::{not_yet, unknown_kind};
use crate::diagnostic::Diagnostic;

/// Kinds that can be dropped, the longer of two that begin alike first.
const DROP_KINDS: &[(&str, DropKind)] = &[
    ("SOURCE", DropKind::Source),
    ("TABLE", DropKind::Table),
    ("VIEW", DropKind::View),
    ("MATERIALIZED VIEW", DropKind::MaterializedView),
    ("INDEX", DropKind::Index),
    ("POLICY", DropKind::Policy),
    ("SINK", DropKind::Sink),
];

/// After `CREATE POLICY`.
pub(super) fn policy(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    let name = cursor.name("the name of the policy")?;
    cursor.expect("ON")?;
    let view = cursor.name("the name of the view")?;
    if cursor.peeks("AS") {
        return Err(not_yet(cursor.location(), "AS in a policy", "leave it out: a row is served if one policy allows it"));
    }
    if cursor.peeks("FOR") && !cursor.accept("FOR SELECT") {
        return Err(cursor.error("a policy is for SELECT").with_help("write FOR SELECT: views are only read"));
    }
    if cursor.peeks("TO") && !cursor.accept("TO PUBLIC") {
        return Err(not_yet(cursor.location(), "a role in a policy", "compare a column with a claim of the caller: jwt('sub')"));
    }
    cursor.expect("USING")?;
    cursor.expect_token(&Token::LParen)?;
    let using = cursor.expression()?;
    cursor.expect_token(&Token::RParen)?;
    if cursor.peeks("WITH") {
        return Err(cursor.error("a policy has no WITH CHECK").with_help("leave it out: views are only read"));
    }
    Ok(StatementKind::CreatePolicy { name, view, using })
}

/// After `GRANT`.
pub(super) fn grant(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    if !cursor.accept("SELECT") || cursor.peek() == &Token::Comma {
        return Err(cursor.error("only SELECT can be granted").with_help("write GRANT SELECT ON view TO PUBLIC"));
    }
    if cursor.peek() == &Token::LParen {
        return Err(not_yet(cursor.location(), "a grant of some columns", "make a view of these columns, and grant that"));
    }
    cursor.expect("ON")?;
    if cursor.peeks("ALL") {
        return Err(not_yet(cursor.location(), "a grant of all views", "name them: GRANT SELECT ON a, b TO PUBLIC"));
    }
    cursor.accept("TABLE");
    let views = cursor.list(|cursor| cursor.name("the name of a view"))?;
    cursor.expect("TO")?;
    if !cursor.accept("PUBLIC") {
        let help = "write TO PUBLIC, or CREATE POLICY name ON view FOR SELECT USING (user_id = jwt('sub'))";
        return Err(not_yet(cursor.location(), "a grant to a role", help));
    }
    if cursor.peeks("WITH") {
        return Err(not_yet(cursor.location(), "WITH GRANT OPTION", "leave it out"));
    }
    Ok(StatementKind::Grant { views })
}

/// After `DROP`.
pub(super) fn drop(cursor: &mut Cursor<'_>) -> Result<StatementKind, Diagnostic> {
    let Some((words, kind)) = DROP_KINDS.iter().find(|(words, _)| cursor.peeks(words)) else {
        return Err(unknown_kind(cursor, "dropped", DROP_KINDS.iter().map(|(words, _)| *words)));
    };
    cursor.expect(words)?;
    let if_exists = cursor.accept("IF EXISTS");
    let name = cursor.name("the name of what is dropped")?;
    if cursor.peek() == &Token::Comma {
        return Err(not_yet(cursor.location(), "a list of names in DROP", "write one DROP for each"));
    }
    if *kind == DropKind::Policy && cursor.peeks("ON") {
        return Err(cursor.error("a policy is dropped by its name alone").with_help("leave out ON view"));
    }
    if cursor.peeks("CASCADE") {
        return Err(not_yet(cursor.location(), "CASCADE", "drop what depends on it first"));
    }
    cursor.accept("RESTRICT");
    Ok(StatementKind::Drop { kind: *kind, name, if_exists })
}
