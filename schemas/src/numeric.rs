//! Exact decimal numbers, calculated as PostgreSQL calculates its NUMERIC.
//!
//! Owns [`Numeric`]: the number with its operations, and the series for its logarithms and powers. Numbers and texts enter and leave.

pub use number::{Numeric, NumericError, WIDE_DIGITS, WIDE_SCALE};
pub use series::NumericDomainError;

mod number;
mod series;
