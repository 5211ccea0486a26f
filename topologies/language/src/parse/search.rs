//! `CREATE INDEX ... USING FULLTEXT (columns) INCLUDE (columns) WITH (...)`.
//!
//! Enters: a cursor behind `USING FULLTEXT`. Leaves: the statement, or the first thing in it that is not so.

use schemas::serving::Language;

use super::cursor::Cursor;
use super::names::distinct;
use super::options::{OptionEntry, Options};
use super::statement::{Name, SearchOptions, StatementKind};
use crate::diagnostic::{Diagnostic, did_you_mean, one_of};

/// The most letters that a prefix can be made to need.
pub const PREFIX_LETTERS_MAX: usize = 16;
/// Letters that a prefix needs unless an option says otherwise.
pub const PREFIX_LETTERS_DEFAULT: usize = 2;

const OPTIONS: &[&str] = &["tokenizer", "stemmer", "prefix", "suggest", "popularity"];
/// The tokenizer that leaves words as they are written.
const SIMPLE: &str = "simple";
/// The stemmer that takes nothing off.
const NONE: &str = "none";

/// Behind `USING FULLTEXT`.
pub(super) fn index(cursor: &mut Cursor<'_>, name: Option<Name>, view: Name) -> Result<StatementKind, Diagnostic> {
    let searched = names(cursor)?;
    let included = if cursor.accept("INCLUDE") { names(cursor)? } else { Vec::new() };
    let options = match cursor.accept("WITH") {
        true => Options::read(cursor, "a full-text index", OPTIONS)?,
        false => Options::none("a full-text index"),
    };
    let options = SearchOptions {
        stemmer: stemmer(&options)?,
        prefix_letters: options.get("prefix").map_or(Ok(PREFIX_LETTERS_DEFAULT), |option| option.count(PREFIX_LETTERS_MAX))?,
        suggested: options.get("suggest").map(column).transpose()?,
        popularity: options.get("popularity").map(column).transpose()?,
    };
    Ok(StatementKind::CreateSearchIndex { name, view, searched, included, options })
}

fn names(cursor: &mut Cursor<'_>) -> Result<Vec<Name>, Diagnostic> {
    distinct(cursor.bracketed_list(|cursor| cursor.name("the name of a column"))?, "column")
}

fn column(option: &OptionEntry) -> Result<Name, Diagnostic> {
    Ok(Name { text: option.text()?, location: option.location.clone() })
}

/// The stemmer that is named, or the one of the tokenizer.
fn stemmer(options: &Options) -> Result<Option<Language>, Diagnostic> {
    let codes = Language::ALL.iter().map(|(_, code, _)| *code);
    let of_tokenizer = options.get("tokenizer").map(|option| choice(option, "tokenizer", SIMPLE, codes, Language::of_code));
    let names = Language::ALL.iter().map(|(.., name)| *name);
    let of_stemmer = options.get("stemmer").map(|option| choice(option, "stemmer", NONE, names, Language::of_name));
    let of_tokenizer = of_tokenizer.transpose()?.flatten();
    Ok(of_stemmer.transpose()?.unwrap_or(of_tokenizer))
}

fn choice<'n>(
    option: &OptionEntry,
    what: &str,
    without: &'n str,
    known: impl Iterator<Item = &'n str> + Clone,
    find: fn(&str) -> Option<Language>,
) -> Result<Option<Language>, Diagnostic> {
    let text = option.text()?.to_lowercase();
    if text == without {
        return Ok(None);
    }
    find(&text).map(Some).ok_or_else(|| {
        let known = std::iter::once(without).chain(known);
        let help = did_you_mean(&text, known.clone()).unwrap_or_else(|| format!("choose {}", one_of(known)));
        option.error(format!("there is no {what} '{text}'")).with_help(help)
    })
}
