//! `WITH (name = value, ...)`: options, none of them ever ignored.
//!
//! Enters: a cursor and the names that are known. Leaves: the values, each read as what it has to be; or an error at the option.

use datafusion_sql::sqlparser::ast::DollarQuotedString;
use datafusion_sql::sqlparser::tokenizer::Token;
use schemas::server_url::masked;

use super::cursor::Cursor;
use super::statement::Name;
use crate::diagnostic::{Diagnostic, Location, did_you_mean, one_of};

/// Units of a duration, by every name they are written with, in microseconds.
const UNITS: &[(&[&str], i64)] = &[
    (&["microseconds", "microsecond", "us"], 1),
    (&["milliseconds", "millisecond", "ms"], 1_000),
    (&["seconds", "second", "s"], 1_000_000),
    (&["minutes", "minute", "min", "m"], 60_000_000),
    (&["hours", "hour", "h"], 3_600_000_000),
    (&["days", "day", "d"], 86_400_000_000),
    (&["weeks", "week", "w"], 604_800_000_000),
];

const SECOND_MICROS: i64 = 1_000_000;

/// Help on writing durations, for messages.
const DURATION_HELP: &str = "write a whole number and a unit, such as '7 days', '36 hours' or '90 seconds'";

/// The options of one list.
pub(super) struct Options {
    /// For messages: `a source`.
    subject: &'static str,
    entries: Vec<OptionEntry>,
}

/// `name = value`
#[derive(Clone)]
pub(super) struct OptionEntry {
    name: Name,
    /// Without quotes and escapes.
    pub(super) text: String,
    /// place of the value
    pub(super) location: Location,
}

impl Options {
    /// No options.
    pub(super) fn none(subject: &'static str) -> Self {
        Self { subject, entries: Vec::new() }
    }

    /// Reads `(name = value, ...)`; refuses a name that is not known or comes twice.
    pub(super) fn read(cursor: &mut Cursor<'_>, subject: &'static str, known: &[&str]) -> Result<Self, Diagnostic> {
        let mut entries: Vec<OptionEntry> = Vec::new();
        cursor.bracketed_list(|cursor| {
            let entry = OptionEntry::read(cursor)?;
            entry.check(subject, known, &entries)?;
            entries.push(entry);
            Ok(())
        })?;
        Ok(Self { subject, entries })
    }

    /// The option of this name.
    pub(super) fn get(&self, name: &str) -> Option<&OptionEntry> {
        self.entries.iter().find(|entry| entry.name.text == name)
    }

    /// The option of this name, or an error at `location`, which says how to write it.
    pub(super) fn require(&self, name: &str, location: &Location, help: &str) -> Result<&OptionEntry, Diagnostic> {
        self.get(name).ok_or_else(|| self.missing(name, location, help))
    }

    /// The error that an option is missing.
    pub(super) fn missing(&self, name: &str, location: &Location, help: &str) -> Diagnostic {
        let message = format!("{} needs the option '{name}'", self.subject);
        Diagnostic::new(location.clone(), message).with_help(help)
    }
}

impl OptionEntry {
    /// A value that follows a word of the statement instead of standing in a list.
    pub(super) fn unnamed(word: &str, text: String, location: Location) -> Self {
        Self { name: Name { text: word.to_owned(), location: location.clone() }, text, location }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
        let mut name = cursor.plain_word("the name of an option")?;
        while cursor.accept_token(&Token::Period) {
            let part = cursor.plain_word("the rest of the option's name")?;
            name.text = format!("{}.{}", name.text, part.text);
        }
        cursor.expect_token(&Token::Eq)?;
        let location = cursor.location();
        let text = match cursor.peek() {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) | Token::UnicodeStringLiteral(text) => {
                text.clone()
            }
            Token::DollarQuotedString(DollarQuotedString { value, .. }) => value.clone(),
            Token::Number(text, _) => text.clone(),
            _ => {
                let error = cursor.expected(&format!("a value for the option '{}'", name.text));
                return Err(error.with_help("a value is a number or a text in single quotes"));
            }
        };
        cursor.advance();
        Ok(Self { name, text, location })
    }

    fn check(&self, subject: &str, known: &[&str], before: &[OptionEntry]) -> Result<(), Diagnostic> {
        let name = &self.name;
        if !known.contains(&name.text.as_str()) {
            let help = did_you_mean(&name.text, known.iter().copied())
                .unwrap_or_else(|| format!("the options of {subject} are {}", known.join(", ")));
            let message = format!("{subject} has no option '{}'", name.text);
            return Err(Diagnostic::new(name.location.clone(), message).with_help(help));
        }
        match before.iter().find(|entry| entry.name.text == name.text) {
            Some(first) => {
                let message = format!("the option '{}' is given twice", name.text);
                let help = format!("it is already '{}' in line {}", masked(&first.text), first.name.location.line);
                Err(Diagnostic::new(name.location.clone(), message).with_help(help))
            }
            None => Ok(()),
        }
    }

    /// The error that the value is not right. A message that quotes the value shows no password in it.
    pub(super) fn error(&self, message: impl AsRef<str>) -> Diagnostic {
        Diagnostic::new(self.location.clone(), masked(message.as_ref()))
    }

    /// A text with something in it.
    pub(super) fn text(&self) -> Result<String, Diagnostic> {
        if self.text.trim().is_empty() {
            return Err(self.error(format!("the option '{}' is empty", self.name.text)));
        }
        Ok(self.text.clone())
    }

    /// A whole number from 1 to `max`.
    pub(super) fn count(&self, max: usize) -> Result<usize, Diagnostic> {
        let number = self.text.parse().ok().filter(|number| (1..=max).contains(number));
        number.ok_or_else(|| {
            self.error(format!("the option '{}' is a whole number from 1 to {max}, not '{}'", self.name.text, self.text))
        })
    }

    /// A length of time in microseconds, more than none.
    pub(super) fn duration(&self) -> Result<i64, Diagnostic> {
        let what = format!("the option '{}'", self.name.text);
        match duration_micros(&self.text) {
            Ok(0) => Err(self.error(format!("{what} is longer than no time, not '{}'", self.text)).with_help(DURATION_HELP)),
            Ok(micros) => Ok(micros),
            Err(NotADuration { remedy }) => {
                Err(self.error(format!("{what} is a duration, not '{}'", self.text)).with_help(remedy))
            }
        }
    }

    /// A length of time in whole seconds, from one to `max`.
    pub(super) fn seconds(&self, max: u32) -> Result<u32, Diagnostic> {
        let micros = self.duration()?;
        let whole = (micros % SECOND_MICROS == 0).then_some(micros / SECOND_MICROS);
        let seconds = whole.and_then(|seconds| u32::try_from(seconds).ok()).filter(|seconds| *seconds <= max);
        seconds.ok_or_else(|| {
            self.error(format!("the option '{}' is a number of whole seconds up to {max}, not '{}'", self.name.text, self.text))
        })
    }
}

/// A text that is not a duration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NotADuration {
    remedy: String,
}

impl NotADuration {
    fn new(remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into() }
    }
}

/// Reads `1 day 12 hours`; fails with what to do.
fn duration_micros(text: &str) -> Result<i64, NotADuration> {
    let mut rest = text.trim();
    let mut micros: i64 = 0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        let after = after.trim_start();
        let (unit, after) = after.split_at(after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len()));
        let number: i64 = number.parse().map_err(|_| NotADuration::new(DURATION_HELP))?;
        let part = number.checked_mul(unit_micros(unit)?);
        micros = part
            .and_then(|part| micros.checked_add(part))
            .ok_or_else(|| NotADuration::new("this is longer than 292,000 years"))?;
        rest = after.trim_start();
    }
    if text.trim().is_empty() { Err(NotADuration::new(DURATION_HELP)) } else { Ok(micros) }
}

fn unit_micros(unit: &str) -> Result<i64, NotADuration> {
    let lower = unit.to_lowercase();
    if let Some((_, micros)) = UNITS.iter().find(|(names, _)| names.contains(&lower.as_str())) {
        return Ok(*micros);
    }
    if matches!(lower.as_str(), "month" | "months" | "year" | "years") {
        return Err(NotADuration::new("months and years differ in length: write days"));
    }
    let plurals = UNITS.iter().map(|(names, _)| names[0]);
    let known = || format!("the units are {}", one_of(plurals.clone()).replace(" or ", " and "));
    match unit {
        "" => Err(NotADuration::new(DURATION_HELP)),
        _ => Err(NotADuration::new(did_you_mean(unit, plurals.clone()).unwrap_or_else(known))),
    }
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
