//! Errors of a topology as a person reads them: the place, the text underlined, the remedy.
//!
//! Owns the text of a file, a place in it and the message about it. The parser and the planner make diagnostics; the command
//! line prints them as text, tools read them as JSON.

use std::fmt::{self, Display, Formatter, Write};
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The most characters of a line that are printed; a longer one is cut around the place.
pub const SHOWN_CHARACTERS_MAX: usize = 160;

/// Printed form of a tab, so that carets stand below what they mean.
const TAB: &str = "    ";

/// Characters that stay visible before the place in a line that is cut.
const SHOWN_CHARACTERS_BEFORE: usize = 60;

/// A name is suggested when at most one in this many of its characters differs.
const SUGGESTION_CHARACTERS_PER_EDIT: usize = 3;

/// A file of statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// as it is printed: relative to where the user stands
    pub path: Arc<str>,
    /// the whole text
    pub text: Arc<str>,
}

/// A place in a file: some characters of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// path of the file
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// from 1
    pub line: usize,
    /// from 1, in characters
    pub column: usize,
    /// in characters, at least 1
    pub length: usize,
    /// the line, without its end
    #[serde(serialize_with = "as_text")]
    pub line_text: Arc<str>,
}

/// An error in a topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// the underlined place
    #[serde(flatten)]
    pub location: Location,
    /// the fault: lower case, without a full stop
    pub message: String,
    /// the remedy
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a remedy.
    pub fn new(location: Location, message: impl Into<String>) -> Self {
        Self { location, message: message.into(), help: None }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::error::Error for Diagnostic {}

impl Display for Diagnostic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let location = &self.location;
        let number = location.line.to_string();
        let margin = " ".repeat(number.len());
        let (line, carets) = underlined(location);
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{margin}--> {}:{}:{}", location.file, location.line, location.column)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{}", format!("{number} | {line}").trim_end())?;
        write!(f, "{margin} | {carets}")?;
        if let Some(help) = &self.help {
            write!(f, "\n{margin} = help: {help}")?;
        }
        Ok(())
    }
}

/// The line as it is printed, and the carets for the line below.
fn underlined(location: &Location) -> (String, String) {
    let before = location.column - 1;
    let characters = location.line_text.chars().count();
    let first = if characters > SHOWN_CHARACTERS_MAX { before.saturating_sub(SHOWN_CHARACTERS_BEFORE) } else { 0 };
    let mut line = String::new();
    let mut carets = String::new();
    if first > 0 {
        line.push_str("...");
        carets.push_str("   ");
    }
    for (index, character) in location.line_text.chars().enumerate().skip(first).take(SHOWN_CHARACTERS_MAX) {
        let shown = push_printable(&mut line, character);
        if index < before + location.length {
            let mark = if index < before { ' ' } else { '^' };
            carets.extend(std::iter::repeat_n(mark, shown));
        }
    }
    if characters > first + SHOWN_CHARACTERS_MAX {
        line.push_str("...");
    }
    if before >= characters {
        carets.push('^');
    }
    (line, carets)
}

/// Appends a character so that it can't move the cursor of a terminal; returns how many places it takes.
fn push_printable(line: &mut String, character: char) -> usize {
    match character {
        '\t' => {
            line.push_str(TAB);
            TAB.len()
        }
        character if character.is_control() => {
            line.push(char::REPLACEMENT_CHARACTER);
            1
        }
        character => {
            line.push(character);
            1
        }
    }
}

/// `did you mean 'x'?`, if a known name is close to an unknown one.
pub fn did_you_mean<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    suggestion(unknown, known).map(|name| format!("did you mean '{name}'?"))
}

/// The known name that is closest to an unknown one, if any is close.
///
/// Letter case does not count. Of two that are equally close the first wins. The unknown name itself is never suggested.
pub fn suggestion<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let written = unknown;
    let unknown = unknown.to_lowercase();
    let mut closest: Option<(usize, &str)> = None;
    for name in known.into_iter().filter(|name| *name != written) {
        let characters = name.chars().count();
        let allowed = characters.max(SUGGESTION_CHARACTERS_PER_EDIT) / SUGGESTION_CHARACTERS_PER_EDIT;
        if unknown.chars().count().abs_diff(characters) > allowed {
            continue;
        }
        // Insertions, deletions, replacements, and swaps of neighbours.
        let edits = strsim::osa_distance(&unknown, &name.to_lowercase());
        if edits <= allowed && closest.is_none_or(|(least, _)| edits < least) {
            closest = Some((edits, name));
        }
    }
    closest.map(|(_, name)| name.to_owned())
}

/// A list for a message: `a, b or c`.
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let mut text = String::new();
    for (index, name) in names.iter().enumerate() {
        let separator = match index {
            0 => "",
            index if index + 1 == names.len() => " or ",
            _ => ", ",
        };
        let _infallible = write!(text, "{separator}{name}");
    }
    text
}

fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

#[cfg(test)]
#[path = "diagnostic_tests.rs"]
mod tests;
