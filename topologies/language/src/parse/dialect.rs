//! The SQL dialect: PostgreSQL's, as far as views need it.
//!
//! Owns the differences. sqlparser asks a dialect before it reads what only some databases have; what is not answered here
//! is refused by the parser.

use std::any::TypeId;

use datafusion_sql::sqlparser::ast::Expr;
use datafusion_sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan};

/// PostgreSQL without what makes sqlparser read a call twice (`f('a': b)`): nested calls would take time 2 to their depth;
/// and without `SELECT FROM t`, which is a mistake in a view.
#[derive(Debug)]
pub(super) struct TopologyDialect;

const BASE: PostgreSqlDialect = PostgreSqlDialect {};

impl Dialect for TopologyDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        BASE.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        BASE.is_delimited_identifier_start(character)
    }

    fn is_identifier_start(&self, character: char) -> bool {
        BASE.is_identifier_start(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        BASE.is_identifier_part(character)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        BASE.is_reserved_for_identifier(keyword)
    }

    fn is_custom_operator_part(&self, character: char) -> bool {
        BASE.is_custom_operator_part(character)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        BASE.get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        BASE.prec_value(precedence)
    }

    /// Reads `IS [NOT] DISTINCT FROM`. sqlparser would take everything that follows as its right side, an AND or OR too.
    fn parse_infix(&self, parser: &mut Parser<'_>, left: &Expr, _: u8) -> Option<Result<Expr, ParserError>> {
        let form: fn(Box<Expr>, Box<Expr>) -> Expr = match () {
            () if parser.parse_keywords(&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM]) => Expr::IsDistinctFrom,
            () if parser.parse_keywords(&[Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM]) => {
                Expr::IsNotDistinctFrom
            }
            () => return None,
        };
        let right = parser.parse_subexpr(self.prec_value(Precedence::Is));
        Some(right.map(|right| form(Box::new(left.clone()), Box::new(right))))
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_notnull_operator(&self) -> bool {
        true
    }

    fn supports_interval_options(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }
}

/// The tokens with `?`, `?|` and `?&` as operators. sqlparser reads them as such only where it reads shapes too, and then `line` and `path` are no
/// names of columns any more.
pub(super) fn with_json_operators(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let joined = match (out.last(), &token.token) {
            (Some(last), sign) if last.token == Token::Question && last.span.end == token.span.start => match sign {
                Token::Pipe => Some(Token::QuestionPipe),
                Token::Ampersand => Some(Token::QuestionAnd),
                _ => None,
            },
            _ => None,
        };
        match (joined, out.last_mut()) {
            (Some(operator), Some(last)) => {
                last.token = operator;
                last.span = Span::new(last.span.start, token.span.end);
            }
            _ if matches!(&token.token, Token::Placeholder(sign) if sign == "?") => {
                out.push(TokenWithSpan { token: Token::Question, span: token.span });
            }
            _ => out.push(token),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use datafusion_sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    #[test]
    fn question_marks_are_operators() {
        let read = |sql: &str| {
            let tokens = Tokenizer::new(&TopologyDialect, sql).tokenize_with_location().expect("tokens");
            with_json_operators(tokens).into_iter().map(|token| token.token).collect::<Vec<_>>()
        };
        assert_eq!(read("?"), [Token::Question]);
        assert_eq!(read("?|"), [Token::QuestionPipe]);
        assert_eq!(read("?&"), [Token::QuestionAnd]);
        // Signs side by side are one operator, as in PostgreSQL; it has none of this name.
        assert_eq!(read("?&?"), [Token::Question, Token::CustomBinaryOperator("&?".into())]);
        assert_eq!(read("?| line")[2], Token::make_word("line", None));
    }
}
