//! Patterns of LIKE and regular expressions, compiled within limits.
//!
//! A pattern is matched in time that grows at most with the text times the size of the compiled pattern, so its weight grows with that size. The
//! syntax of regular expressions is that of the crate `regex`, which has most of PostgreSQL's, but no references back and no looking around.

use regex::{Error, Regex, RegexBuilder};

use crate::read::expression_error::ExpressionError;
use crate::read::limits::{PATTERN_BYTES_MAX, PATTERN_CACHE_BYTES_MAX};

/// The size that every compiled pattern counts as at least.
const PATTERN_BYTES_MIN: usize = 4 * 1024;
/// Bytes of a compiled pattern for which the bytes of a row count once.
const BYTES_PER_WEIGHT: usize = 1024;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct TextPattern {
    regex: Regex,
    /// a size in bytes that it does not exceed
    bytes: usize,
}

impl TextPattern {
    /// Returns true if a text matches.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// A size in bytes that it does not exceed.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Times that the bytes of a row count for it.
    pub(crate) fn weight(&self) -> usize {
        self.bytes / BYTES_PER_WEIGHT
    }
}

/// The pattern of LIKE, in which `*` is the same as `%`.
pub(crate) fn like(pattern: &str, ignores_case: bool) -> Result<TextPattern, ExpressionError> {
    let mut expression = String::from("\\A");
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' | '*' => expression.push_str(".*"),
            '_' => expression.push('.'),
            '\\' => {
                let escaped = characters.next().ok_or_else(|| ExpressionError::BadPattern {
                    detail: "LIKE pattern must not end with escape character".to_owned(),
                })?;
                expression.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
            }
            other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push_str("\\z");
    compile(&expression, ignores_case)
}

/// A regular expression, which matches anywhere in a text; a point matches the end of a line too.
pub(crate) fn regular(pattern: &str, ignores_case: bool) -> Result<TextPattern, ExpressionError> {
    compile(pattern, ignores_case)
}

/// Compiles within the least power of two bytes that is enough, which together takes at most twice the time of the last attempt.
fn compile(expression: &str, ignores_case: bool) -> Result<TextPattern, ExpressionError> {
    let mut builder = RegexBuilder::new(expression);
    builder.dot_matches_new_line(true).case_insensitive(ignores_case).dfa_size_limit(PATTERN_CACHE_BYTES_MAX);
    let mut bytes = PATTERN_BYTES_MIN;
    loop {
        match builder.size_limit(bytes).build() {
            Ok(regex) => return Ok(TextPattern { regex, bytes }),
            Err(Error::CompiledTooBig(_)) if bytes < PATTERN_BYTES_MAX => bytes *= 2,
            Err(error) => return Err(ExpressionError::BadPattern { detail: error.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_like_match_whole_texts() {
        for (pattern, text, expected) in [
            ("a*", "abc", true),
            ("a%c", "a\nc", true),
            ("_b_", "abc", true),
            ("b", "abc", false),
            ("A*", "abc", false),
            ("a.c", "abc", false),
            ("50\\%", "50%", true),
            ("50\\%", "500", false),
            ("\\*", "x", false),
            ("", "", true),
            ("ä_", "äß", true),
        ] {
            assert_eq!(like(pattern, false).unwrap().is_match(text), expected, "{text} like {pattern}");
        }
        assert!(like("A*", true).unwrap().is_match("abc"));
        assert!(like("a\\", false).is_err());
    }

    #[test]
    fn regular_expressions_match_anywhere_and_are_limited() {
        assert!(regular("^a.c$", false).unwrap().is_match("a\nc"));
        assert!(regular("B", true).unwrap().is_match("abc"));
        let weight = |pattern| regular(pattern, false).unwrap().weight();
        assert!(weight("a") < weight("(abc|def|ghi){30}"), "a larger pattern is no more work");
        for refused in ["(", "(a)\\1", "(?=a)", "(a{1000}){1000}"] {
            assert_eq!(regular(refused, false).unwrap_err().sql_state(), "2201B", "{refused}");
        }
    }
}
