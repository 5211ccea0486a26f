//! Nesting of a statement, found before it is parsed: deep trees would overflow the stack of whoever walks them.
//!
//! Enters: the tokens of a statement. Leaves: nothing, or the place where it gets too deep. The depth is estimated from
//! above without calling itself: brackets nest, and so do chains of operators, which lean to the left.

use datafusion_sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan};

/// Number of brackets that may be open at once.
pub const BRACKETS_DEPTH_MAX: usize = 32;

/// Greatest depth of the tree of an expression or of queries.
pub const TREE_DEPTH_MAX: usize = 256;

/// A part that is too deep, and its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TooDeep {
    /// more open brackets than the limit
    Brackets(Span),
    /// a longer chain of operators than the limit
    Operators(Span),
}

/// Text read since a bracket was opened.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Opened by `CASE`, closed by `END`.
    is_case: bool,
    /// depth of the bracket itself
    above: usize,
    /// Joins and set operations: each wraps all before it.
    queries: usize,
    /// `AND` and `OR` since the last comma or clause.
    connectives: usize,
    /// Other operators since the last connective.
    operators: usize,
    /// The deepest operand of the connectives.
    operand_deepest: usize,
    /// The deepest expression that has ended.
    deepest: usize,
}

impl Level {
    fn depth(&self) -> usize {
        self.queries + self.deepest.max(self.expression())
    }

    fn expression(&self) -> usize {
        self.connectives + self.operand_deepest.max(self.operators)
    }

    fn end_expression(&mut self) {
        self.deepest = self.deepest.max(self.expression());
        (self.connectives, self.operators, self.operand_deepest) = (0, 0, 0);
    }

    fn end_operand(&mut self) {
        self.operand_deepest = self.operand_deepest.max(self.operators);
        self.operators = 0;
        self.connectives += 1;
    }
}

/// Refuses what nests too deep.
pub(super) fn check_nesting(tokens: &[TokenWithSpan]) -> Result<(), TooDeep> {
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for TokenWithSpan { token, span } in tokens {
        match role(token) {
            Role::Operand => {}
            Role::Open { is_case } => {
                let above = level.above + level.operators + 1;
                outer.push(std::mem::replace(&mut level, Level { is_case, above, ..Level::default() }));
                if outer.len() > BRACKETS_DEPTH_MAX {
                    return Err(TooDeep::Brackets(*span));
                }
            }
            Role::Close { is_case } if is_case == level.is_case => {
                if let Some(mut enclosing) = outer.pop() {
                    enclosing.operators = enclosing.operators.max(level.depth()) + 1;
                    level = enclosing;
                }
            }
            Role::Close { .. } => {}
            Role::Operator => level.operators += 1,
            Role::Connective => level.end_operand(),
            Role::Query => level.queries += 1,
            Role::Clause => level.end_expression(),
        }
        if level.above + level.depth() > TREE_DEPTH_MAX {
            return Err(TooDeep::Operators(*span));
        }
    }
    Ok(())
}

enum Role {
    Operand,
    Open { is_case: bool },
    Close { is_case: bool },
    Operator,
    Connective,
    Query,
    Clause,
}

fn role(token: &Token) -> Role {
    match token {
        Token::LParen | Token::LBracket | Token::LBrace => Role::Open { is_case: false },
        Token::RParen | Token::RBracket | Token::RBrace => Role::Close { is_case: false },
        Token::Comma => Role::Clause,
        Token::Word(word) if word.quote_style.is_none() => role_of_word(&word.value.to_ascii_uppercase()),
        Token::Word(_) | Token::Number(..) | Token::Period | Token::Placeholder(_) => Role::Operand,
        Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_) | Token::DollarQuotedString(_) => Role::Operand,
        _ => Role::Operator,
    }
}

fn role_of_word(word: &str) -> Role {
    match word {
        "CASE" => Role::Open { is_case: true },
        "END" => Role::Close { is_case: true },
        "AND" | "OR" => Role::Connective,
        "JOIN" | "UNION" | "EXCEPT" | "INTERSECT" => Role::Query,
        "SELECT" | "WHERE" | "HAVING" | "WHEN" | "THEN" | "ELSE" | "ON" | "SET" => Role::Clause,
        "INTERVAL" | "PRIOR" | "IS" | "ISNULL" | "NOTNULL" | "NOT" | "BETWEEN" | "LIKE" | "ILIKE" | "SIMILAR" | "IN" | "AT"
        | "COLLATE" | "DIV" | "XOR" | "OVERLAPS" | "REGEXP" | "RLIKE" | "MEMBER" | "OPERATOR" => Role::Operator,
        _ => Role::Operand,
    }
}
