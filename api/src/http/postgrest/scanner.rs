//! A text that is read from left to right, and the error that says where it is not as expected.

use schemas::field::FieldKind;
use schemas::serving::View;

use super::error::PostgrestError;
use crate::read::source::{PathStep, ValueSource};

/// Characters that end a name without quotes.
const NAME_ENDS: &[char] = &['.', ',', ':', '(', ')', '"', '!', '*'];

/// The rest of a text.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'t> {
    /// the part of a request that the text is, for errors
    part: &'static str,
    text: &'t str,
    at: usize,
}

/// A name with the steps into its value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamedPlace {
    /// the name of a column
    pub(crate) name: String,
    /// the way into its value
    pub(crate) steps: Vec<PathStep>,
    /// true if it ends in `->>`
    pub(crate) is_text: bool,
}

impl NamedPlace {
    /// The place in a view's column at a position; a JSONB is a place within itself.
    pub(crate) fn source(self, view: &View, column: usize) -> ValueSource {
        match (self.steps.is_empty(), self.is_text) {
            (true, _) if view.columns[column].kind == FieldKind::Json => ValueSource::Json { column, steps: Vec::new() },
            (true, _) => ValueSource::Column(column),
            (false, false) => ValueSource::Json { column, steps: self.steps },
            (false, true) => ValueSource::JsonText { column, steps: self.steps },
        }
    }
}

impl<'t> Scanner<'t> {
    /// The text of a part of a request.
    pub(crate) fn new(part: &'static str, text: &'t str) -> Self {
        Self { part, text, at: 0 }
    }

    /// Everything that was not read.
    pub(crate) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Returns true if everything was read.
    pub(crate) fn is_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Returns true if the rest begins so.
    pub(crate) fn is_at(&self, prefix: &str) -> bool {
        self.rest().starts_with(prefix)
    }

    /// Passes over a prefix; returns false if the rest does not begin so.
    pub(crate) fn take(&mut self, prefix: &str) -> bool {
        let is_at = self.is_at(prefix);
        if is_at {
            self.at += prefix.len();
        }
        is_at
    }

    /// Passes over a prefix that has to be there.
    pub(crate) fn expect(&mut self, prefix: &str) -> Result<(), PostgrestError> {
        if self.take(prefix) { Ok(()) } else { Err(self.error(&format!("'{prefix}'"))) }
    }

    /// Checks that nothing follows.
    pub(crate) fn expect_end(&self, expected: &str) -> Result<(), PostgrestError> {
        if self.is_end() { Ok(()) } else { Err(self.error(expected)) }
    }

    /// Takes everything up to one of these characters.
    pub(crate) fn until(&mut self, ends: &[char]) -> &'t str {
        let rest = self.rest();
        let taken = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// Takes everything that is left.
    pub(crate) fn take_rest(&mut self) -> &'t str {
        let rest = self.rest();
        self.at = self.text.len();
        rest
    }

    /// A text in double quotes, in which a backslash keeps the character after it; `None` if there is none here.
    pub(crate) fn quoted(&mut self) -> Result<Option<String>, PostgrestError> {
        if !self.take("\"") {
            return Ok(None);
        }
        let mut text = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += at + 1;
                    return Ok(Some(text));
                }
                '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                other => text.push(other),
            }
        }
        self.at = self.text.len();
        Err(self.error("'\"'"))
    }

    /// A name, in double quotes or up to a character that none has.
    pub(crate) fn name(&mut self) -> Result<String, PostgrestError> {
        if let Some(name) = self.quoted()? {
            return Ok(name);
        }
        let rest = self.rest();
        let end = rest.find(NAME_ENDS).unwrap_or(rest.len());
        let end = rest[..end].find("->").unwrap_or(end);
        let name = rest[..end].trim();
        if name.is_empty() {
            return Err(self.error("the name of a column"));
        }
        self.at += end;
        Ok(name.to_owned())
    }

    /// A name, and the steps `->a->0->>b` behind it.
    pub(crate) fn place(&mut self) -> Result<NamedPlace, PostgrestError> {
        let name = self.name()?;
        let (steps, is_text) = self.steps()?;
        Ok(NamedPlace { name, steps, is_text })
    }

    /// Steps `->a->0->>b`, and true if they end in text.
    pub(crate) fn steps(&mut self) -> Result<(Vec<PathStep>, bool), PostgrestError> {
        let mut steps = Vec::new();
        loop {
            let is_text = self.take("->>");
            if !is_text && !self.take("->") {
                return Ok((steps, false));
            }
            let is_quoted = self.is_at("\"");
            let name = self.name()?;
            let number = if is_quoted { None } else { name.parse().ok() };
            steps.push(number.map_or(PathStep::Member(name), PathStep::Element));
            if is_text {
                return Ok((steps, true));
            }
        }
    }

    /// The error that something else stands here.
    pub(crate) fn error(&self, expected: &str) -> PostgrestError {
        PostgrestError::Syntax {
            part: self.part,
            text: self.text.to_owned(),
            at: self.text[..self.at].chars().count() + 1,
            expected: expected.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_names_with_steps() {
        let place = |text| {
            let mut scanner = Scanner::new("select", text);
            let place = scanner.place().unwrap();
            (place.name, place.steps, place.is_text, scanner.rest())
        };
        let member = |name: &str| PathStep::Member(name.into());
        assert_eq!(place("a.b"), ("a".into(), vec![], false, ".b"));
        assert_eq!(place(" a b ,c"), ("a b".into(), vec![], false, ",c"));
        assert_eq!(place("\"a.\\\"b\"::int"), ("a.\"b".into(), vec![], false, "::int"));
        let steps = vec![member("b"), PathStep::Element(-1), member("0")];
        assert_eq!(place("a->b->-1->>\"0\",x"), ("a".into(), steps, true, ",x"));
        assert_eq!(place("a-b->c"), ("a-b".into(), vec![member("c")], false, ""));
    }

    #[test]
    fn errors_say_where_the_text_is_not_as_expected() {
        let mut scanner = Scanner::new("order", "ä,");
        assert_eq!(scanner.name().unwrap(), "ä");
        assert!(scanner.take(","));
        let error = scanner.name().unwrap_err().to_string();
        assert_eq!(error, "failed to parse order 'ä,' at character 3: expected the name of a column");
        for text in ["\"a", "a->", ""] {
            assert!(Scanner::new("order", text).place().is_err(), "{text}");
        }
    }
}
