//! The form of a rule for numbers: its name, the kind of its result, and its calculation.

use super::kind::NumberKind;
use super::value::{Number, NumberFault};

/// Calculation of one operator or function.
pub(super) struct Rule {
    /// the name in SQL
    pub(super) name: &'static str,
    /// the kind of the result; the error says what to write instead
    pub(super) result: fn(&[NumberKind]) -> Result<NumberKind, &'static str>,
    /// least and greatest number of arguments
    pub(super) arguments: (usize, usize),
    /// the result of one row, of which no argument is NULL
    pub(super) compute: fn(&[Number], NumberKind) -> Result<Number, NumberFault>,
}

/// Returns the kind of a result that is calculated with DOUBLE PRECISION only, which every number becomes.
pub(super) fn double_only(_: &[NumberKind]) -> Result<NumberKind, &'static str> {
    Ok(NumberKind::Float)
}
