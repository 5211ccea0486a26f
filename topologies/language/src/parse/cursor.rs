//! Reads one statement word by word; expressions, queries and types are sqlparser's.
//!
//! Enters: the tokens of one statement, without white space. Leaves: names, lists, sub-trees, or a diagnostic at the token
//! that was not expected.

use std::sync::Arc;

use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::dialect::{Dialect as _, Precedence};
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::{self, Token, TokenWithSpan};
use schemas::server_url::masked;

use super::dialect::TopologyDialect;
use super::file_index::FileIndex;
use super::nesting::BRACKETS_DEPTH_MAX;
use super::statement::Name;
use crate::diagnostic::{Diagnostic, Location};

/// Most nested calls of sqlparser: each bracket of an expression takes up to three.
const PARSER_DEPTH_MAX: usize = 4 * BRACKETS_DEPTH_MAX;

/// Words that can't name anything unless quoted: an unquoted one means that the name is missing.
const RESERVED_WORDS: &[&str] = &[
    "all",
    "and",
    "as",
    "by",
    "case",
    "cast",
    "create",
    "distinct",
    "drop",
    "else",
    "end",
    "except",
    "for",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "intersect",
    "into",
    "is",
    "join",
    "like",
    "limit",
    "merge",
    "not",
    "null",
    "on",
    "or",
    "order",
    "primary",
    "select",
    "set",
    "then",
    "to",
    "union",
    "using",
    "values",
    "when",
    "where",
    "with",
];

/// Words that begin a statement: where one is not expected, a semicolon is probably missing before it.
const FIRST_WORDS: &[&str] = &["create", "drop", "grant", "merge"];

/// A reader of one statement.
pub(super) struct Cursor<'a> {
    parser: Parser<'static>,
    tokens: &'a [TokenWithSpan],
    file: &'a Arc<FileIndex>,
    end: Location,
}

impl<'a> Cursor<'a> {
    /// At the first of the tokens; what is missing after the last one is reported at `end`.
    pub(super) fn new(tokens: &'a [TokenWithSpan], file: &'a Arc<FileIndex>, end: Location) -> Self {
        let parser =
            Parser::new(&TopologyDialect).with_recursion_limit(PARSER_DEPTH_MAX).with_tokens_with_locations(tokens.to_vec());
        Self { parser, tokens, file, end }
    }

    /// The file that is read.
    pub(super) fn file(&self) -> &'a Arc<FileIndex> {
        self.file
    }

    /// The next token.
    pub(super) fn peek(&self) -> &Token {
        &self.parser.peek_token_ref().token
    }

    /// The next word if it is one and not quoted.
    pub(super) fn peek_word(&self) -> Option<&str> {
        self.word(0)
    }

    /// The word after `ahead` other tokens if it is one and not quoted.
    fn word(&self, ahead: usize) -> Option<&str> {
        unquoted_word(&self.parser.peek_nth_token_ref(ahead).token)
    }

    /// Returns true if these words come next.
    pub(super) fn peeks(&self, words: &str) -> bool {
        let mut expected = words.split(' ').enumerate();
        expected.all(|(ahead, word)| self.word(ahead).is_some_and(|found| found.eq_ignore_ascii_case(word)))
    }

    /// Goes past these words if they come next.
    pub(super) fn accept(&mut self, words: &str) -> bool {
        let found = self.peeks(words);
        if found {
            words.split(' ').for_each(|_| self.parser.advance_token());
        }
        found
    }

    /// Goes past these words.
    pub(super) fn expect(&mut self, words: &str) -> Result<(), Diagnostic> {
        if self.accept(words) { Ok(()) } else { Err(self.expected(words)) }
    }

    /// Goes past a token if it comes next.
    pub(super) fn accept_token(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.parser.advance_token();
        }
        found
    }

    /// Goes past a token.
    pub(super) fn expect_token(&mut self, token: &Token) -> Result<(), Diagnostic> {
        if self.accept_token(token) { Ok(()) } else { Err(self.expected(&format!("'{token}'"))) }
    }

    /// Goes past any token.
    pub(super) fn advance(&mut self) {
        self.parser.advance_token();
    }

    /// The end of the statement.
    pub(super) fn expect_end(&self) -> Result<(), Diagnostic> {
        if self.peek() == &Token::EOF { Ok(()) } else { Err(self.expected("';'")) }
    }

    /// Returns true if the next word can't be a name.
    pub(super) fn peeks_reserved(&self) -> bool {
        self.peek_word().is_some_and(|word| RESERVED_WORDS.contains(&word.to_ascii_lowercase().as_str()))
    }

    /// A word that names nothing of the user's, in lower case, and its place.
    pub(super) fn plain_word(&mut self, what: &str) -> Result<Name, Diagnostic> {
        let Some(word) = self.peek_word() else { return Err(self.expected(what)) };
        let name = Name { text: word.to_ascii_lowercase(), location: self.location() };
        self.advance();
        Ok(name)
    }

    /// A name of one part; `what` says of what, for the message.
    pub(super) fn name(&mut self, what: &str) -> Result<Name, Diagnostic> {
        let name = self.name_part(what)?;
        if self.peek() == &Token::Period {
            let error = self.error(format!("{what} has one part"));
            return Err(error.with_help("leave out what stands before the dot"));
        }
        Ok(name)
    }

    /// The name of a column, which of a field of an object is the path to it.
    pub(super) fn path(&mut self) -> Result<Name, Diagnostic> {
        let start = self.location();
        let mut path = self.name_part("the name of a column")?;
        while self.accept_token(&Token::Period) {
            let field = self.name_part("the name of a field")?;
            path = Name { text: format!("{}.{}", path.text, field.text), location: self.location_since(&start) };
        }
        Ok(path)
    }

    fn name_part(&mut self, what: &str) -> Result<Name, Diagnostic> {
        let location = self.location();
        let text = match self.peek() {
            Token::Word(word) if word.quote_style.is_some() && word.value.is_empty() => {
                return Err(self.error("a name can't be empty"));
            }
            Token::Word(word) if word.quote_style.is_some() => word.value.clone(),
            Token::Word(word) => word.value.to_ascii_lowercase(),
            _ => return Err(self.expected(what)),
        };
        if self.peeks_reserved() {
            let help = format!("'{text}' has a meaning of its own; as a name it needs quotes: \"{text}\"");
            let error = self.expected(what);
            return Err(if error.help.is_some() { error } else { error.with_help(help) });
        }
        self.advance();
        Ok(Name { text, location })
    }

    /// `item, item, ...`
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, Diagnostic>) -> Result<Vec<T>, Diagnostic> {
        let mut items = vec![item(self)?];
        while self.accept_token(&Token::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `(item, item, ...)`
    pub(super) fn bracketed_list<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T, Diagnostic>,
    ) -> Result<Vec<T>, Diagnostic> {
        self.expect_token(&Token::LParen)?;
        let items = self.list(item)?;
        if !self.accept_token(&Token::RParen) {
            return Err(self.expected("',' or ')'"));
        }
        Ok(items)
    }

    /// An expression.
    pub(super) fn expression(&mut self) -> Result<ast::Expr, Diagnostic> {
        self.parser.parse_expr().map_err(|error| self.diagnose(error))
    }

    /// The value of a DEFAULT: it ends where NOT NULL begins.
    pub(super) fn default_value(&mut self) -> Result<ast::Expr, Diagnostic> {
        let precedence = TopologyDialect.prec_value(Precedence::Is);
        self.parser.parse_subexpr(precedence).map_err(|error| self.diagnose(error))
    }

    /// A query.
    pub(super) fn query(&mut self) -> Result<Box<ast::Query>, Diagnostic> {
        self.parser.parse_query().map_err(|error| self.diagnose(error))
    }

    /// A data type.
    pub(super) fn data_type(&mut self) -> Result<ast::DataType, Diagnostic> {
        self.parser.parse_data_type().map_err(|error| self.diagnose(error))
    }

    /// Returns the place of the next token.
    pub(super) fn location(&self) -> Location {
        self.location_of(self.parser.peek_token_ref())
    }

    /// From a place to the last token read, as far as they are on one line.
    pub(super) fn location_since(&self, start: &Location) -> Location {
        let last = self.location_of(self.parser.get_current_token());
        let length = if last.line == start.line {
            (last.column + last.length).saturating_sub(start.column)
        } else {
            (start.line_text.chars().count() + 1).saturating_sub(start.column)
        };
        Location { length: length.max(1), ..start.clone() }
    }

    /// An error at the next token.
    pub(super) fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.location(), message)
    }

    /// The error that the next token is not `what`.
    pub(super) fn expected(&self, what: &str) -> Diagnostic {
        self.expected_at(what, self.index())
    }

    /// The error that a token is not `what`; past the last token it is the end that is not.
    fn expected_at(&self, what: &str, index: usize) -> Diagnostic {
        let location = self.location_at(index);
        let found = match self.tokens.get(index) {
            Some(token) => format!("'{}'", self.file.text_of(token.span)),
            None => "the end of the statement".into(),
        };
        let error = Diagnostic::new(location, format!("expected {what}, found {found}"));
        // The word before counts too: it may have been taken for an alias.
        let candidates = self.tokens.get(index.saturating_sub(1).max(1)..self.tokens.len().min(index + 1));
        let first_word = candidates.unwrap_or_default().iter().find_map(|token| {
            let word = unquoted_word(&token.token)?;
            FIRST_WORDS.contains(&word.to_ascii_lowercase().as_str()).then_some(word)
        });
        match first_word {
            Some(word) => error.with_help(format!("is a ';' missing before '{word}'?")),
            None => error,
        }
    }

    /// Returns the number of the next token.
    fn index(&self) -> usize {
        match self.parser.peek_token_ref() {
            token if token.token == Token::EOF => self.tokens.len(),
            token => self.tokens.partition_point(|before| before.span.start < token.span.start),
        }
    }

    fn location_at(&self, index: usize) -> Location {
        self.tokens.get(index).map_or_else(|| self.end.clone(), |token| self.file.locate(token.span))
    }

    fn location_of(&self, token: &TokenWithSpan) -> Location {
        if token.token == Token::EOF { self.end.clone() } else { self.file.locate(token.span) }
    }

    /// Words an error of sqlparser as ours; it writes the place at the end of the text.
    fn diagnose(&self, error: ParserError) -> Diagnostic {
        let (ParserError::ParserError(text) | ParserError::TokenizerError(text)) = error else {
            return self.error(format!("this is nested deeper than {PARSER_DEPTH_MAX} levels"));
        };
        let (message, index) = match text.rsplit_once(" at Line: ") {
            Some((message, place)) => (message, self.index_at(place)),
            None if text.ends_with("found: EOF") => (text.as_str(), self.tokens.len()),
            None => (text.as_str(), self.index()),
        };
        let expectation = message.strip_prefix("Expected").and_then(|message| message.split_once(", found: "));
        let Some((expected, found)) = expectation else {
            return Diagnostic::new(self.location_at(index), masked(&lower_first(message)));
        };
        let expected = expected.trim_matches([':', ' ']);
        let is_sign = !expected.contains(char::is_alphanumeric);
        let expected = if is_sign { format!("'{expected}'") } else { lower_first(expected) };
        self.expected_at(&expected, self.index_of(found, index))
    }

    /// The token at `line, Column: column`.
    fn index_at(&self, place: &str) -> usize {
        let start = place
            .split_once(", Column: ")
            .and_then(|(line, column)| Some(tokenizer::Location::new(line.parse().ok()?, column.parse().ok()?)));
        start.map_or(self.tokens.len(), |start| self.tokens.partition_point(|token| token.span.start < start))
    }

    /// Some errors name a token and give the place of the one after it.
    fn index_of(&self, found: &str, index: usize) -> usize {
        let is_found =
            |index: usize| self.tokens.get(index).is_some_and(|token| token.token.to_string().eq_ignore_ascii_case(found));
        if !is_found(index) && index > 0 && is_found(index - 1) { index - 1 } else { index }
    }
}

/// The text of a word that is not quoted.
pub(super) fn unquoted_word(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
        _ => None,
    }
}

/// Our messages begin in lower case; what begins with a word of SQL in capitals stays.
pub(super) fn lower_first(message: &str) -> String {
    let mut characters = message.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            format!("{}{}", first.to_lowercase(), characters.as_str())
        }
        _ => message.to_owned(),
    }
}
