//! Names of the functions over groups of rows, which plans hold and operators compute.
//!
//! Owns [`AggregateKind`] with the kinds of statistics, percentiles and operations on bits that there are, and [`Beyond`]. Definitions alone: nothing
//! is computed here.

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
    /// a variance or a standard deviation of integers or decimals, as NUMERIC
    Deviation(Deviation),
    /// the same of `Float64`, from exact sums and rounded once
    FloatDeviation(Deviation),
    /// Arguments: `Float64` y and x. A statistic of the pairs, from exact sums and rounded once; a pair with a NULL does not count.
    Regression(Regression),
    /// values at places in the order of all values
    Percentile(Percentile),
    /// the most frequent value; of several, the one that comes first
    Mode {
        /// the greatest value comes first
        is_descending: bool,
    },
    /// Arguments: a value, then the ordering fields. The value of the row that comes first; of rows with equal ordering fields, the least value.
    /// NULL is a value.
    First {
        /// true if each ordering field is descending
        order: Vec<bool>,
        /// a row whose first ordering field is NULL does not count
        needs_key: bool,
    },
    /// the bits of integers, combined
    Bits(BitOperation),
    /// a JSONB array, ordered as a list is; NULL items are kept as `null`
    JsonArray {
        /// true if each ordering field is descending
        order: Vec<bool>,
        /// equal items once; the ordering fields may only be the item itself
        distinct: bool,
    },
    /// Arguments: a TEXT and a value. A JSONB object with a member for each; of several with one name the last counts, in the order of the ordering
    /// fields and then of the values. An error row when a name is NULL.
    JsonObject {
        /// true if each ordering field is descending
        order: Vec<bool>,
    },
}

/// Measure of how far values are from their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// true if the squares are divided by one less than the count, which leaves a single value without a result; otherwise by the count
    pub is_sample: bool,
    /// true for the standard deviation, the square root of the variance
    pub is_root: bool,
}

/// Statistic of pairs (y, x). The sums of squares and products are those of the distances from the means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regression {
    /// the number of pairs, BIGINT
    Count,
    /// the mean of x
    AverageX,
    /// the mean of y
    AverageY,
    /// the sum of squares of x
    SquaresX,
    /// the sum of squares of y
    SquaresY,
    /// the sum of products
    Products,
    /// the sum of products divided by the count
    CovariancePopulation,
    /// the sum of products divided by one less than the count
    CovarianceSample,
    /// the coefficient of correlation; NULL when all x or all y are equal
    Correlation,
    /// the slope of the line with the least squares; NULL when all x are equal
    Slope,
    /// the y at which that line has x = 0
    Intercept,
    /// the square of the coefficient of correlation; 1 when all y are equal, NULL when all x are
    Determination,
}

impl Regression {
    /// Every statistic.
    pub const ALL: [Self; 12] = [
        Self::Count,
        Self::AverageX,
        Self::AverageY,
        Self::SquaresX,
        Self::SquaresY,
        Self::Products,
        Self::CovariancePopulation,
        Self::CovarianceSample,
        Self::Correlation,
        Self::Slope,
        Self::Intercept,
        Self::Determination,
    ];
}

/// Places in the order of all values.
#[derive(Clone, Debug, PartialEq)]
pub struct Percentile {
    /// true for a DOUBLE between the two nearest values where no value is at the place; otherwise it is the first value at it or behind it
    pub is_continuous: bool,
    /// parts of the values that lie before the places
    pub fractions: Fractions,
    /// true if the greatest value comes first
    pub is_descending: bool,
}

/// Parts of a whole, each from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Fractions {
    /// one, for one result
    One(f64),
    /// several, for a list of results in the same order
    List(Vec<f64>),
}

/// Combination of the bits of all values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOperation {
    /// those that all values have
    And,
    /// those that any value has
    Or,
    /// those that an odd number of values have
    Xor,
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
