//! Reasons why an expression over a row has no value: operators, literals and casts, with the words and the codes of PostgreSQL.

use crate::read::limits::SELECTED_TIMES_MAX;

/// Beginnings of the names of types of times, whose literals have an error of their own.
const TIMES: [&str; 3] = ["timestamp", "date", "interval"];

/// Reason why a filter, a cast or an order can't be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum ExpressionError {
    #[error("operator does not exist: {kind} {operator}")]
    UndefinedOperator { kind: String, operator: &'static str },
    #[error("invalid input syntax for type {kind}: \"{text}\"")]
    BadSyntax { kind: String, text: String },
    #[error("value \"{text}\" is out of range for type {kind}")]
    OutOfRange { kind: String, text: String },
    #[error("malformed array literal: \"{text}\"")]
    BadArray { text: String },
    #[error("argument of IS {asked} must be type boolean, not type {kind}")]
    NotBoolean { kind: String, asked: &'static str },
    #[error("invalid regular expression: {detail}")]
    BadPattern { detail: String },
    #[error("cannot cast type {from} to {to}")]
    CannotCast { from: String, to: String },
    #[error("cannot cast jsonb {from} to type {to}")]
    CannotCastJson { from: &'static str, to: String },
    #[error("type \"{name}\" does not exist")]
    UnknownType { name: String },
    #[error("column \"{name}\" is selected more than once: give one of them another name, as in other:{name}")]
    SelectedTwice { name: String },
    #[error("column \"{name}\" is selected more than {SELECTED_TIMES_MAX} times")]
    SelectedTooOften { name: String },
}

impl ExpressionError {
    /// The code of PostgreSQL for it (its manual, appendix A).
    pub(crate) fn sql_state(&self) -> &'static str {
        match self {
            Self::UndefinedOperator { .. } => "42883",
            Self::BadSyntax { kind, .. } if TIMES.iter().any(|time| kind.starts_with(time)) => "22007",
            Self::BadSyntax { .. } | Self::BadArray { .. } => "22P02",
            Self::OutOfRange { .. } => "22003",
            Self::NotBoolean { .. } => "42804",
            Self::BadPattern { .. } => "2201B",
            Self::CannotCast { .. } => "42846",
            Self::CannotCastJson { .. } => "22023",
            Self::UnknownType { .. } => "42704",
            Self::SelectedTwice { .. } => "42701",
            Self::SelectedTooOften { .. } => "54011",
        }
    }
}
