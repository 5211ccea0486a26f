//! Statements that the language does not have: refused by name, with what to write instead.
//!
//! Owns the words of later versions and those of other databases. Enters: a statement. Leaves: errors.

use datafusion_sql::sqlparser::tokenizer::TokenWithSpan;

use super::cursor::{Cursor, unquoted_word};
use super::file_index::FileIndex;
use crate::diagnostic::{Diagnostic, Location, did_you_mean, one_of};

/// Words for frames without some of their rows.
const EXCLUDE_HELP: &str = "leave it out, and take off what the row itself adds, such as sum(x) OVER (...) - x";

/// Features that are announced, recognised by their words anywhere in a statement.
pub(super) const LATER: &[(&str, &str, &str)] = &[
    (
        "WATERMARK FOR",
        "WATERMARK FOR",
        "leave it out: results change when late events arrive; a source has the option event_time = 'column'",
    ),
    ("EMIT ON WINDOW", "EMIT ON WINDOW CLOSE", "leave it out: results change when late events arrive"),
    // It stands behind the last bound of a frame.
    ("ROW EXCLUDE", "EXCLUDE in a frame", EXCLUDE_HELP),
    ("PRECEDING EXCLUDE", "EXCLUDE in a frame", EXCLUDE_HELP),
    ("FOLLOWING EXCLUDE", "EXCLUDE in a frame", EXCLUDE_HELP),
    ("EMIT CHANGES", "EMIT CHANGES", "leave it out: views always change with their events"),
];

/// Statements of other SQL systems, and their equivalents here.
pub(super) const OTHER_STATEMENTS: &[(&str, &str)] = &[
    ("SELECT", "write CREATE VIEW name AS SELECT ..., and read it over HTTP"),
    ("WITH", "write CREATE VIEW name AS WITH ... SELECT ..., and read it over HTTP"),
    ("VALUES", "write CREATE VIEW name AS VALUES ..., and read it over HTTP"),
    ("UPDATE", "rows follow events: write MERGE INTO table USING source ... WHEN MATCHED THEN UPDATE SET ..."),
    ("DELETE", "rows follow events: write MERGE INTO table USING source ... WHEN MATCHED THEN DELETE"),
    ("TRUNCATE", "rows follow events: write MERGE INTO table USING source ... WHEN MATCHED THEN DELETE"),
    ("COPY", "rows come from events: send them with `tidewater ingest FILE`"),
    ("ALTER", "change the CREATE statement"),
    ("REVOKE", "what is not granted is not served: take the GRANT away"),
    ("EXPLAIN", "run `tidewater explain DIR VIEW`"),
    ("BEGIN", "all statements of a folder are deployed at once: leave it out"),
    ("COMMIT", "all statements of a folder are deployed at once: leave it out"),
    ("SET", "settings are options of `tidewater run`"),
    ("SHOW", "ask GET /v1/views"),
    ("COMMENT", "write a comment in the file: -- ..."),
];

/// First words of statements.
pub(super) const STATEMENTS: &[&str] = &["CREATE", "MERGE", "INSERT", "GRANT", "DROP"];

/// The error that something is not there yet, or not at all.
pub(super) fn not_yet(location: Location, what: &str, help: &str) -> Diagnostic {
    Diagnostic::new(location, format!("{what} is not supported yet")).with_help(help)
}

/// Refuses a statement that uses what is announced.
pub(super) fn refuse_later(tokens: &[TokenWithSpan], file: &FileIndex) -> Result<(), Diagnostic> {
    for (index, first) in tokens.iter().enumerate() {
        if let Some((_, feature, help)) = LATER.iter().find(|(words, ..)| begins_with(&tokens[index..], words)) {
            return Err(not_yet(file.locate(first.span), feature, help));
        }
    }
    Ok(())
}

fn begins_with(tokens: &[TokenWithSpan], words: &str) -> bool {
    let mut found = tokens.iter().map(|token| unquoted_word(&token.token));
    words.split(' ').all(|word| found.next().flatten().is_some_and(|found| found.eq_ignore_ascii_case(word)))
}

/// The error for a statement that begins as none of the language does.
pub(super) fn unknown_statement(cursor: &Cursor<'_>) -> Diagnostic {
    let choices = one_of(STATEMENTS.iter().copied());
    let Some(word) = cursor.peek_word() else { return cursor.expected(&choices) };
    let upper = word.to_uppercase();
    if let Some((_, help)) = OTHER_STATEMENTS.iter().find(|(other, _)| *other == upper) {
        return cursor.error(format!("{upper} is not a statement of a topology")).with_help(*help);
    }
    let error = cursor.expected(&choices);
    let known = STATEMENTS.iter().chain(OTHER_STATEMENTS.iter().map(|(word, _)| word)).copied();
    match did_you_mean(&upper, known) {
        Some(help) => error.with_help(help),
        None => error,
    }
}

/// The error for a kind of thing that can't be `created` or `dropped`.
pub(super) fn unknown_kind<'a>(cursor: &Cursor<'_>, done: &str, kinds: impl Iterator<Item = &'a str> + Clone) -> Diagnostic {
    let Some(word) = cursor.peek_word() else { return cursor.expected(&one_of(kinds)) };
    let upper = word.to_uppercase();
    let location = cursor.location();
    match upper.as_str() {
        "UNIQUE" => not_yet(location, "a UNIQUE index", "only the primary key of a table is unique"),
        "OR" | "TEMPORARY" | "TEMP" | "RECURSIVE" | "UNLOGGED" => {
            let help = if upper == "OR" { "a deploy replaces what has changed: leave out OR REPLACE" } else { "leave it out" };
            not_yet(location, if upper == "OR" { "OR REPLACE" } else { &upper }, help)
        }
        _ => {
            let help = did_you_mean(&upper, kinds.clone()).unwrap_or_else(|| format!("{} can be", one_of(kinds)));
            Diagnostic::new(location, format!("{upper} can't be {done}")).with_help(help)
        }
    }
}
