//! Names of the functions over groups of rows, which plans hold and operators compute.
//!
//! Owns [`AggregateKind`] and [`Beyond`]. Definitions alone: nothing is computed here.

use crate::field::FieldKind;

/// L, where a weight counts as itself: 2020-01-01T00:00:00Z.
pub const DECAY_LANDMARK_MICROS: i64 = 1_577_836_800_000_000;

/// The aggregate functions. NULL arguments are ignored where nothing else is said; without any other the result is NULL.
#[derive(Clone, Debug, PartialEq)]
pub enum AggregateKind {
    /// the number of rows, BIGINT
    CountAll,
    /// the number of rows whose argument is not NULL, BIGINT
    Count,
    /// the exact sum of integers or decimals; an error row when it does not fit
    Sum {
        /// the kind of the result
        output: FieldKind,
    },
    /// the exact sum of `Float64`, rounded once; an error row when it is beyond its range
    FloatSum,
    /// the exact sum of `Float64` divided by the count, rounded once
    FloatAverage,
    /// the sum divided by the count, of integers or decimals; a decimal result is rounded half away from zero
    Average {
        /// the kind of the result: `Float64`, or a decimal of at least the argument's scale
        output: FieldKind,
    },
    /// the least value
    Min,
    /// the greatest value
    Max,
    /// The number of different values, BIGINT. Several arguments are one row, which counts even when all of them are NULL.
    CountDistinct,
    /// a sum or an average, of the numbers or the `Float64` that it is of, each different value once
    OfDistinct(Box<AggregateKind>),
    /// a list, by the ordering fields and then by value; NULL items are kept, and without any row the result is NULL
    ArrayAgg {
        /// the kind of an item
        item: FieldKind,
        /// true if each ordering field is descending
        order: Vec<bool>,
        /// equal items once; the ordering fields may only be the item itself
        distinct: bool,
    },
    /// texts one after another, ordered as a list is
    StringAgg {
        /// text between two elements
        separator: String,
        /// true if each ordering field is descending
        order: Vec<bool>,
        /// equal texts once; the ordering fields may only be the text itself
        distinct: bool,
    },
    /// true if all are true
    BoolAnd,
    /// true if any is true
    BoolOr,
    /// Arguments: a weight (integer or decimal) and a time. The logarithm to base 2 of the sum of `weight * 2^((time - L) / half life)`,
    /// with L = [`DECAY_LANDMARK_MICROS`], as DOUBLE; NULL when the sum is not positive. Its order is that of the decayed sums at any
    /// moment: the sum decayed until `T` is `2^(value - (T - L) / half life)`.
    DecayedSum {
        /// the time in which a weight falls to its half, positive
        half_life_micros: i64,
    },
}

/// Side of the bound on which a position is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// position > bound
    Greater,
    /// position >= bound
    GreaterOrEqual,
    /// position < bound
    Less,
    /// position <= bound
    LessOrEqual,
}
