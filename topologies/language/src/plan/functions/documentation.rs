//! The page of functions, made from the table.
//!
//! Owns the text of `docs/FUNCTIONS.md`. The table enters, Markdown leaves.

use std::fmt::Write as _;

use super::aggregates::AGGREGATES;
use super::table::{Argument, Entry, FAMILIES, Nulls, PostgresReference, SqlType, Syntax};
use super::windows::WINDOW_FUNCTIONS;
use crate::plan::lists::DOCUMENTED;

const HEAD: &str = "# Functions and operators

This page is made from the table that the planner reads: `UPDATE_GOLDEN=1 cargo test --release --workspace --test topologies functions` writes it. What is not here is
refused by `tidewater validate`. The tests compare every function and operator with a real PostgreSQL, over ordinary and extreme arguments. What
PostgreSQL does not have is marked with \u{2020}.

- Without another word the answer is NULL when an argument is NULL, and depends on the arguments alone.
- Where PostgreSQL reports an error, the row is left out of the view and stands in `errors` with the expression; so does a result that does not fit.
- Rows keep no sign of zero: `cot` and `atan2` of -0.0 answer as of 0.0. A quotient that is divided again may differ from the 16th digit on.
- NUMERIC without p and s keeps no zeros at the end of a fraction, which PostgreSQL counts among the digits: `exp(-2.5) ^ 3` has one digit less.
- NUMERIC(p, s) has at most 38 digits; without p and s it has 28 before the point and 48 behind it. There is no NaN and no infinity of NUMERIC.
- The hours, minutes and seconds of an INTERVAL are at most 292 years; its months and days are counted apart.
- Time zones have names of the IANA database such as 'Europe/Berlin'; abbreviations such as CET, and offsets, are refused.
- JSONB has at most 1 MiB and 100 levels, and its numbers at most 1,000 digits. It has no order: <, ORDER BY, min and max refuse it.
- Regular expressions with look-ahead, look-behind or back references are refused.
- Names of types: SMALLINT, INTEGER and BIGINT are whole numbers of 16, 32 and 64 bits; TIMESTAMPTZ has microseconds and is shown in UTC.
";

const ROWS_HEAD: &str = "
## Rows

A function of rows stands in FROM, where it may read what stands before it (`FROM orders o, jsonb_array_elements(o.lines) AS line`), or beside other
columns in SELECT. In FROM it may have WITH ORDINALITY, which numbers the rows from 1 in a column `ordinality`.

| | types | rows |
| --- | --- | --- |
";

const AGGREGATES_HEAD: &str = "
## Aggregates

NULL arguments are left out, unless it says something else; without any other the result is NULL. Each takes a FILTER. Results are exact when rows
change or go, and do not depend on the order of events or the number of workers. DISTINCT is for count, sum, avg, min, max, bool_and, bool_or, every,
any_value, the bits, variances, standard deviations, lists, texts and JSON arrays; lists and texts with DISTINCT are ordered by their values. With
ORDER BY inside, NULLs are last, or first with DESC. A list, text or JSON has at most 65,536 elements and 1 MiB.

| | types | result |
| --- | --- | --- |
";

/// The whole page.
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    for family in FAMILIES {
        let _infallible = write!(out, "\n## {}\n\n| | types | result |\n| --- | --- | --- |\n", family.title);
        for entry in family.entries {
            row(entry, entry.reference == PostgresReference::Nothing, &mut out);
        }
    }
    out.push_str(ROWS_HEAD);
    for (call, types, about) in DOCUMENTED {
        let _infallible = writeln!(out, "| `{call}` | {types} | {about} |");
    }
    out.push_str(AGGREGATES_HEAD);
    for entry in AGGREGATES {
        row(entry, entry.reference != PostgresReference::Same, &mut out);
    }
    window_functions(&mut out);
    out
}

fn window_functions(out: &mut String) {
    out.push_str(
        "\n## Window functions\n\nWith OVER. Every aggregate without DISTINCT is one too. Rows of equal order are peers; where their own order matters, \
         they are told apart by all columns that the query reads.\n\n| | result |\n| --- | --- |\n",
    );
    for entry in WINDOW_FUNCTIONS {
        let _infallible = writeln!(out, "| `{}({})` | {} |", entry.name, entry.arguments, entry.about);
    }
}

fn row(entry: &Entry, is_marked: bool, out: &mut String) {
    let mark = if is_marked { " \u{2020}" } else { "" };
    let mut names = vec![shown(entry, entry.name)];
    names.extend(entry.aliases.iter().map(|alias| format!("`{alias}`")));
    let types: Vec<String> = entry.forms.iter().map(|form| signature(entry, form.arguments, form.result)).collect();
    let nulls = match entry.nulls {
        Nulls::Strict => String::new(),
        Nulls::Described(rule) => format!(". NULL: {rule}"),
    };
    let _infallible = writeln!(
        out,
        "| {}{mark} | {} | {}{nulls} |",
        escape(&names.join(", ")),
        escape(&types.join("<br>")),
        escape(entry.about)
    );
}

fn shown(entry: &Entry, name: &str) -> String {
    match entry.syntax {
        Syntax::Call => format!("`{name}`"),
        Syntax::Template(_) => {
            let letters: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
            let text = entry.write(&letters);
            format!("`{}`", text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(&text))
        }
    }
}

fn signature(entry: &Entry, arguments: &[Argument], result: SqlType) -> String {
    let mut types: Vec<String> = arguments.iter().map(|argument| argument_text(*argument)).collect();
    if entry.is_variadic {
        types.push("...".to_owned());
    }
    if types.is_empty() { result.name().to_owned() } else { format!("{} \u{2192} {}", types.join(", "), result.name()) }
}

fn argument_text(argument: Argument) -> String {
    match argument {
        Argument::Of(kind) => kind.name().to_owned(),
        Argument::Small => SqlType::Integer.name().to_owned(),
        Argument::OneOf(choices) if choices.iter().all(|choice| !choice.starts_with('\'')) => "a constant".to_owned(),
        Argument::OneOf(_) => "TEXT".to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}
