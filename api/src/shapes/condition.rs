//! Conditions of a shape: `author_id = 7 AND "visibility" = $1`.
//!
//! The text of `where` and its parameters enter; names of columns and the texts that they have to equal leave. Other conditions are refused:
//! a shape is followed by an index, which finds equal values.

use std::collections::BTreeMap;

use super::error::ShapeError;
use super::limits::SHAPE_TERMS_MAX;
use super::names::quoted_text;

/// Reads the terms of a text, with `$1` and so on replaced by parameters.
pub(super) fn terms(text: &str, parameters: &BTreeMap<usize, String>) -> Result<Vec<(String, String)>, ShapeError> {
    let bad = |fault: String| ShapeError::BadCondition { fault };
    let mut words = Words(text);
    let (mut terms, mut open) = (Vec::new(), 0_usize);
    loop {
        while words.takes('(') {
            open += 1;
        }
        let column = words.name().ok_or_else(|| bad(format!("a column is expected before '{}'", words.0)))?;
        if !words.takes('=') {
            return Err(bad(format!("'=' is expected behind '{column}'")));
        }
        let value = words.value(parameters).map_err(bad)?;
        terms.push((column, value));
        while words.takes(')') {
            open = open.checked_sub(1).ok_or_else(|| bad("a bracket is closed that was not opened".into()))?;
        }
        if terms.len() > SHAPE_TERMS_MAX {
            return Err(bad(format!("there are more than {SHAPE_TERMS_MAX} terms")));
        }
        if words.is_at_end() {
            break;
        }
        if !words.takes_and() {
            return Err(bad(format!("AND is expected before '{}'", words.0)));
        }
    }
    if open > 0 { Err(bad("a bracket is not closed".into())) } else { Ok(terms) }
}

/// The part of a text that is not read yet.
struct Words<'t>(&'t str);

impl<'t> Words<'t> {
    fn is_at_end(&mut self) -> bool {
        self.0 = self.0.trim_ascii_start();
        self.0.is_empty()
    }

    /// Goes on behind a character, if it is next.
    fn takes(&mut self, character: char) -> bool {
        let rest = self.0.trim_ascii_start().strip_prefix(character);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Goes on behind AND, if it is next.
    fn takes_and(&mut self) -> bool {
        let word = Words(self.0).word();
        let is_and = word.eq_ignore_ascii_case("and");
        if is_and {
            self.word();
        }
        is_and
    }

    /// The letters, digits and underscores that are next.
    fn word(&mut self) -> &'t str {
        let text = self.0.trim_ascii_start();
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        word
    }

    fn name(&mut self) -> Option<String> {
        if let Some(quoted) = self.0.trim_ascii_start().strip_prefix('"') {
            let (name, rest) = quoted_text(quoted, '"')?;
            self.0 = rest;
            return Some(name);
        }
        let word = Words(self.0).word();
        let is_name = word.starts_with(|first: char| !first.is_ascii_digit());
        is_name.then(|| self.word().to_owned())
    }

    /// A text in quotes, a number, TRUE, FALSE, or a parameter.
    fn value(&mut self, parameters: &BTreeMap<usize, String>) -> Result<String, String> {
        let text = self.0.trim_ascii_start();
        if let Some(quoted) = text.strip_prefix('\'') {
            let (value, rest) = quoted_text(quoted, '\'').ok_or("a quote is not closed")?;
            self.0 = rest;
            return Ok(value);
        }
        if let Some(rest) = text.strip_prefix('$') {
            self.0 = rest;
            let number = self.word();
            let value = number.parse().ok().and_then(|number: usize| parameters.get(&number));
            return value.cloned().ok_or_else(|| format!("there is no params[{number}] for '${number}'"));
        }
        let end = text.find(|letter: char| !letter.is_alphanumeric() && !".+-".contains(letter)).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        let is_truth = ["true", "false"].iter().any(|truth| value.eq_ignore_ascii_case(truth));
        if !is_truth && !value.starts_with(|first: char| first.is_ascii_digit() || "-+.".contains(first)) {
            return Err(format!("a value is expected before '{text}': 'text', a number, TRUE, FALSE or $1"));
        }
        self.0 = rest;
        Ok(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, String> {
        let parameters = [(1, "one".to_owned()), (2, "it's".to_owned())].into();
        let terms = terms(text, &parameters).map_err(|error| error.to_string())?;
        Ok(terms.iter().map(|(column, value)| format!("{column}={value}")).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn equal_values_are_read_however_they_are_written() {
        for (text, expected) in [
            ("id = 7", "id=7"),
            ("id=-7 and name='it''s'", "id=-7|name=it's"),
            ("(\"a b\" = $1) AND (c = $2 AND (d = TRUE))", "a b=one|c=it's|d=TRUE"),
            ("android = 1.5 AND band = ''", "android=1.5|band="),
        ] {
            assert_eq!(of(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for (text, part) in [
            ("", "a column is expected"),
            ("id", "'=' is expected behind 'id'"),
            ("id > 7", "'=' is expected behind 'id'"),
            ("id = 7 OR id = 8", "AND is expected before 'OR id = 8'"),
            ("id = 7 AND", "a column is expected"),
            ("id = now()", "a value is expected before 'now()'"),
            ("id = $3", "there is no params[3]"),
            ("name = 'x", "a quote is not closed"),
            ("(id = 7", "a bracket is not closed"),
            ("id = 7)", "a bracket is closed"),
            ("7 = id", "a column is expected before '7 = id'"),
        ] {
            let refused = of(text).unwrap_err();
            assert!(refused.contains(part), "{text}: {refused}");
        }
        let many = vec!["a = 1"; SHAPE_TERMS_MAX + 1].join(" AND ");
        assert!(of(&many).unwrap_err().contains("more than 32 terms"));
    }
}
