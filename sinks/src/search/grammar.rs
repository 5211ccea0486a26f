//! The query language of searches: words, "phrases", beginnings*, OR, -not and parentheses.
//!
//! A query enters, an [`Expression`] leaves, or the part that can't be read. Words side by side are all wanted. `column:` before a word,
//! a phrase or a parenthesis looks in that searched column only; before anything else a colon separates words. A minus before anything but a
//! blank excludes, whatever sign the word begins with: `-#tag`, `-@name`. Signs in full width are read as those of a keyboard.

use super::error::QueryError;
use super::limits::{NESTING_MAX, PARTS_MAX, QUERY_BYTES_MAX};

/// Characters of a part that a message shows.
const PART_SHOWN: usize = 40;
/// Distance of the signs in full width from those of ASCII.
const FULL_WIDTH: u32 = 0xfee0;
/// The word between alternatives.
const OR: &str = "OR";
/// The word that may stand between what is all wanted.
const AND: &str = "AND";

/// A query, before words are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// a word, in one searched column or in any
    Word(Option<usize>, String),
    /// words in a row
    Phrase(Option<usize>, String),
    /// the beginning of a word
    Prefix(Option<usize>, String),
    /// all of them
    All(Vec<Expression>),
    /// one of them
    Any(Vec<Expression>),
    /// not this
    Not(Box<Expression>),
}

/// Reads a query; `columns` are the names of the searched columns.
pub(super) fn parse(text: &str, columns: &[&str]) -> Result<Expression, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(QueryError::TooLong { bytes: text.len() });
    }
    let text = keyboard_signs(text);
    let mut parser = Parser { rest: &text, columns, parts: 0, depth: 0 };
    let expression = parser.alternatives(None)?;
    match parser.rest.chars().next() {
        None => Ok(expression),
        Some(_) => Err(parser.expected("a '(' before this")),
    }
}

/// The same text with the signs that an input method writes in full width, and a typographic minus, as a keyboard has them.
fn keyboard_signs(text: &str) -> String {
    let sign = |character: char| match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - FULL_WIDTH).unwrap_or(character),
        '\u{3000}' => ' ',
        '\u{2212}' => '-',
        other => other,
    };
    text.chars().map(sign).collect()
}

/// A query while it is read.
struct Parser<'a> {
    /// rest of the text, still to be read
    rest: &'a str,
    /// names of the searched columns
    columns: &'a [&'a str],
    /// words, phrases and prefixes so far; at most [`PARTS_MAX`]
    parts: usize,
    /// open parentheses; at most [`NESTING_MAX`], so that the stack does not grow with the query
    depth: usize,
}

impl<'a> Parser<'a> {
    /// Reads `a OR b`.
    fn alternatives(&mut self, column: Option<usize>) -> Result<Expression, QueryError> {
        let mut alternatives = vec![self.all(column)?];
        while self.accept(OR) {
            let part = self.rest;
            match self.all(column)? {
                Expression::All(parts) if parts.is_empty() => {
                    return Err(QueryError::Syntax { part: format!("{OR}{}", shown(part)), expected: "a word behind this" });
                }
                alternative => alternatives.push(alternative),
            }
        }
        if alternatives.len() == 1 { Ok(alternatives.remove(0)) } else { Ok(Expression::Any(alternatives)) }
    }

    /// Reads parts that all have to be there.
    fn all(&mut self, column: Option<usize>) -> Result<Expression, QueryError> {
        let begin = self.rest;
        let mut parts = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.is_empty() || self.rest.starts_with(')') || self.begins_with(OR) {
                break;
            }
            if !self.accept(AND) {
                parts.push(self.part(column)?);
            }
        }
        // Where a parenthesis is not closed, that is what has to be said.
        let is_alternative = self.begins_with(OR) || self.depth > 0 && !self.rest.is_empty();
        if parts.is_empty() && is_alternative {
            return Err(self.expected("a word before this"));
        }
        if !parts.is_empty() && parts.iter().all(|part| matches!(part, Expression::Not(_))) {
            return Err(QueryError::OnlyNegative { part: shown(begin.trim()) });
        }
        if parts.len() == 1 { Ok(parts.remove(0)) } else { Ok(Expression::All(parts)) }
    }

    /// Reads a part, with `-` or NOT before it.
    fn part(&mut self, column: Option<usize>) -> Result<Expression, QueryError> {
        if self.negates() {
            let column = self.column().or(column);
            return Ok(Expression::Not(Box::new(self.atom(column)?)));
        }
        let column = self.column().or(column);
        match self.negates() {
            true => Ok(Expression::Not(Box::new(self.atom(column)?))),
            false => self.atom(column),
        }
    }

    /// Takes a minus that something follows; one before a blank or at the end is a word without letters.
    fn negates(&mut self) -> bool {
        let rest = self.rest.strip_prefix('-').filter(|rest| rest.starts_with(|c: char| !c.is_whitespace() && c != ')'));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads a group, or a word, phrase or prefix with a column before it.
    fn atom(&mut self, column: Option<usize>) -> Result<Expression, QueryError> {
        match self.rest.chars().next() {
            Some('(') => self.group(column),
            Some('"') => self.phrase(column),
            _ => self.word(column),
        }
    }

    /// The searched column that is named here, if one is.
    fn column(&mut self) -> Option<usize> {
        let (name, rest) = self.rest.split_once(':')?;
        let column = self.columns.iter().position(|known| *known == name)?;
        if rest.is_empty() || rest.starts_with(char::is_whitespace) {
            return None;
        }
        self.rest = rest;
        Some(column)
    }

    /// Reads what is within parentheses.
    fn group(&mut self, column: Option<usize>) -> Result<Expression, QueryError> {
        if self.depth == NESTING_MAX {
            return Err(QueryError::TooDeep { part: shown(self.rest) });
        }
        let begin = self.rest;
        self.rest = &self.rest[1..];
        self.depth += 1;
        let inner = self.alternatives(column)?;
        self.depth -= 1;
        match self.rest.strip_prefix(')') {
            Some(rest) => self.rest = rest,
            None => return Err(QueryError::Syntax { part: shown(begin), expected: "a ')' that closes it" }),
        }
        Ok(inner)
    }

    /// Reads up to the closing quote. One that is never closed is an error.
    fn phrase(&mut self, column: Option<usize>) -> Result<Expression, QueryError> {
        let inside = &self.rest[1..];
        let Some(end) = inside.find('"') else { return Err(self.expected("a second '\"' that ends the phrase")) };
        self.rest = &inside[end + 1..];
        self.count()?;
        Ok(Expression::Phrase(column, inside[..end].to_owned()))
    }

    /// Reads a word, or a prefix that ends with `*`.
    fn word(&mut self, column: Option<usize>) -> Result<Expression, QueryError> {
        let end = self.rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.count()?;
        match word.strip_suffix('*') {
            Some(prefix) => Ok(Expression::Prefix(column, prefix.to_owned())),
            None => Ok(Expression::Word(column, word.to_owned())),
        }
    }

    /// Counts a part; refuses one too many.
    fn count(&mut self) -> Result<(), QueryError> {
        self.parts += 1;
        if self.parts > PARTS_MAX { Err(QueryError::TooManyParts) } else { Ok(()) }
    }

    /// Returns true if a whole word comes next.
    fn begins_with(&self, word: &str) -> bool {
        let after = self.rest.strip_prefix(word);
        after.is_some_and(|after| {
            after.is_empty() || after.starts_with(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
        })
    }

    /// Passes a word over, if it comes next.
    fn accept(&mut self, word: &str) -> bool {
        let accepted = self.begins_with(word);
        if accepted {
            self.rest = &self.rest[word.len()..];
        }
        accepted
    }

    /// Makes the error that something else was expected here.
    fn expected(&self, expected: &'static str) -> QueryError {
        QueryError::Syntax { part: shown(self.rest), expected }
    }
}

/// The beginning of a part, for messages.
pub(super) fn shown(part: &str) -> String {
    part.chars().take(PART_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse(text, &["title", "text"]) {
            Ok(expression) => format!("{expression:?}").replace("Some", "").replace("None, ", ""),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn queries_are_read_as_people_mean_them() {
        for (text, expected) in [
            ("", "All([])"),
            ("  a ", r#"Word("a")"#),
            ("a b", r#"All([Word("a"), Word("b")])"#),
            ("a AND b", r#"All([Word("a"), Word("b")])"#),
            ("a b OR c", r#"Any([All([Word("a"), Word("b")]), Word("c")])"#),
            ("a (b OR \"c d\") -e", r#"All([Word("a"), Any([Word("b"), Phrase("c d")]), Not(Word("e"))])"#),
            ("wor* -(a b)", r#"All([Prefix("wor"), Not(All([Word("a"), Word("b")]))])"#),
            ("title:a text:(b c*)", r#"All([Word((0), "a"), All([Word((1), "b"), Prefix((1), "c")])])"#),
            ("http://x.org well-known ORDER", r#"All([Word("http://x.org"), Word("well-known"), Word("ORDER")])"#),
            ("a - b", r#"All([Word("a"), Word("-"), Word("b")])"#),
            ("a -#b", r##"All([Word("a"), Not(Word("#b"))])"##),
            ("-@b a -.c", r#"All([Not(Word("@b")), Word("a"), Not(Word(".c"))])"#),
            (
                "a -$b -+c -\u{1f600}d --e -_f",
                "All([Word(\"a\"), Not(Word(\"$b\")), Not(Word(\"+c\")), Not(Word(\"\u{1f600}d\")), Not(Word(\"-e\")), Not(Word(\"_f\"))])",
            ),
            ("a -#b* (c -)", r##"All([Word("a"), Not(Prefix("#b")), All([Word("c"), Word("-")])])"##),
            (
                "a text:-#b -text:@c title:-\"d e\"",
                r##"All([Word("a"), Not(Word((1), "#b")), Not(Word((1), "@c")), Not(Phrase((0), "d e"))])"##,
            ),
            ("\u{ff41}\u{3000}\u{ff0d}\u{ff03}b \u{2212}c", r##"All([Word("a"), Not(Word("#b")), Not(Word("c"))])"##),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_can_t_be_read_is_named() {
        for (text, expected) in [
            ("(a", "the query can't be read at '(a': expected a ')' that closes it"),
            ("a (", "the query can't be read at '(': expected a ')' that closes it"),
            ("a ) b", "the query can't be read at ') b': expected a '(' before this"),
            ("a \"b", "the query can't be read at '\"b': expected a second '\"' that ends the phrase"),
            ("OR a", "the query can't be read at 'OR a': expected a word before this"),
            ("a OR ", "the query can't be read at 'OR ': expected a word behind this"),
            ("()", "the query can't be read at ')': expected a word before this"),
            ("a OR -b", "'-b' only says what is not wanted: add a word that is"),
            ("-b -c", "'-b -c' only says what is not wanted: add a word that is"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        assert!(matches!(parse(&"(".repeat(NESTING_MAX + 1), &[]), Err(QueryError::TooDeep { .. })));
        assert!(matches!(parse(&"a OR ".repeat(PARTS_MAX + 1), &[]), Err(QueryError::TooManyParts)));
        assert!(matches!(parse(&"a".repeat(QUERY_BYTES_MAX + 1), &[]), Err(QueryError::TooLong { .. })));
    }

    #[test]
    fn whatever_is_typed_is_read_or_refused() {
        let alphabet = ["a", " ", "(", ")", "\"", "*", "-", "OR", "AND", ":", "title", "ü", "\u{0}", "#", "\u{ff0d}", "\u{3000}"];
        let mut random = testkit::random::Random::new(7);
        for _ in 0..20_000 {
            let text: String = (0..random.below(12)).map(|_| alphabet[random.below(alphabet.len())]).collect();
            let _ = parse(&text, &["title"]);
        }
    }
}
