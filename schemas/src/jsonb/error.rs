//! Limits of JSONB, and the reasons why a text is none.

/// Digits of one number.
pub const JSONB_DIGITS_MAX: usize = 1_000;

/// Levels of arrays and objects within one another.
pub const JSONB_DEPTH_MAX: usize = 100;

/// Bytes of the canonical text of one value.
pub const JSONB_BYTES_MAX: usize = 1024 * 1024;

/// Reason why a text is not a JSONB, or a value does not become one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonbError {
    /// it is not JSON, with the place where it ends to be
    #[error("it is not JSON: {0}")]
    Syntax(String),
    /// a text or a name has a character that PostgreSQL's texts can't hold
    #[error("it holds the character U+0000")]
    NulCharacter,
    /// arrays and objects lie too deep in one another
    #[error("it is nested deeper than {JSONB_DEPTH_MAX} levels")]
    TooDeep,
    /// a number cannot be written down
    #[error("a number in it has more than {} digits", JSONB_DIGITS_MAX)]
    TooManyDigits,
    /// the canonical text is too long
    #[error("it has more than {JSONB_BYTES_MAX} bytes")]
    TooLarge,
    /// a place that a value does not have
    #[error("{0}")]
    NoSuchPlace(String),
}
