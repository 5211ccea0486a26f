//! Refusals before anything runs, and their words: each statement of `refusals/cases.sql` on top of `refusals/given.sql`.
//!
//! `UPDATE_GOLDEN=1 cargo test --release --workspace --test topologies` writes `refusals/said.txt` again, to be read as a diff.

use language::diagnostic::SourceFile;
use language::load::{build, inline, inline_beside};

use crate::golden;

const GIVEN: &str = include_str!("refusals/given.sql");
const CASES: &str = include_str!("refusals/cases.sql");

/// A heading, or something wrong and what it is called.
enum Part<'t> {
    Heading(&'t str),
    Case(&'t str, &'t str),
}

fn parts() -> Vec<Part<'static>> {
    let part = |text: &'static str| {
        let text = text.trim_end();
        let name =
            text.lines().next().and_then(|line| line.strip_prefix("-- ")).unwrap_or_else(|| panic!("a case has no name: {text}"));
        match name.strip_prefix("# ") {
            Some(heading) => Part::Heading(heading),
            None => Part::Case(name, text[text.find('\n').map_or(text.len(), |end| end + 1)..].trim_end()),
        }
    };
    CASES.split("\n\n").map(part).collect()
}

/// The statements that are given, with the messages that they name.
fn given() -> Vec<SourceFile> {
    inline_beside("given.sql", GIVEN, &testkit::social::proto_files())
}

#[test]
fn what_is_given_is_valid() {
    assert!(build(&given()).is_ok());
}

#[test]
fn refusals_read_as_they_were_reviewed() {
    let mut said = String::new();
    let mut accepted = Vec::new();
    for part in parts() {
        let (name, statements) = match part {
            Part::Heading(heading) => {
                said.push_str(&format!("# {heading}\n\n"));
                continue;
            }
            Part::Case(name, statements) => (name, statements),
        };
        let mut files = given();
        files.push(inline("case.sql", statements));
        match build(&files) {
            Ok(_) => accepted.push(name),
            Err(diagnostics) => {
                let texts: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
                said.push_str(&format!("-- {name}\n{}\n\n", texts.join("\n")));
            }
        }
    }
    golden::check("refusals/said.txt", &said);
    assert!(accepted.is_empty(), "these were accepted: {accepted:?}");
}
