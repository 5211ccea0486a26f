//! The types of numbers, and which type a result has.
//!
//! Owns [`NumberKind`]. Arrow's types enter, the kind of a result leaves. NUMERIC has two forms: up to 38 digits with a scale that the
//! plan knows, and without one 28 digits before the point and 48 behind it.

use arrow_schema::DataType;
use schemas::numeric::{WIDE_DIGITS, WIDE_SCALE};

/// Digits of a NUMERIC whose scale is known.
pub const EXACT_DIGITS_MAX: u8 = 38;
/// The greatest scale for which a result with too many digits keeps its known scale: 28 digits remain before the point.
const CAPPED_SCALE_MAX: u8 = 10;

/// A type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberKind {
    /// `SMALLINT`
    Int16,
    /// `INTEGER`
    Int32,
    /// `BIGINT`
    Int64,
    /// `NUMERIC(digits, scale)`
    Exact {
        /// all digits, at most 38
        digits: u8,
        /// digits behind the point
        scale: u8,
    },
    /// `NUMERIC` whose scale is not known before the value is
    Wide,
    /// `DOUBLE PRECISION`
    Float,
}

impl NumberKind {
    /// The kind of an Arrow type; `None` when it is not a number that rows hold.
    pub fn of(kind: &DataType) -> Option<Self> {
        Some(match kind {
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 | DataType::UInt64 => Self::Int64,
            DataType::Float64 => Self::Float,
            DataType::Decimal128(digits, scale) => Self::Exact { digits: *digits, scale: u8::try_from(*scale).ok()? },
            DataType::Decimal256(WIDE_DIGITS, WIDE_SCALE) => Self::Wide,
            _ => return None,
        })
    }

    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Exact { digits, scale } => DataType::Decimal128(digits, scale as i8),
            Self::Wide => wide_type(),
            Self::Float => DataType::Float64,
        }
    }

    /// The name of the type in SQL.
    pub fn sql_name(self) -> &'static str {
        match self {
            Self::Int16 => "SMALLINT",
            Self::Int32 => "INTEGER",
            Self::Int64 => "BIGINT",
            Self::Exact { .. } | Self::Wide => "NUMERIC",
            Self::Float => "DOUBLE PRECISION",
        }
    }

    /// Returns true if it is SMALLINT, INTEGER or BIGINT.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Int16 | Self::Int32 | Self::Int64)
    }

    /// Digits before the point and behind it; `None` of what has no such limit.
    fn digits(self) -> Option<(u8, u8)> {
        match self {
            Self::Int16 => Some((5, 0)),
            Self::Int32 => Some((10, 0)),
            Self::Int64 => Some((19, 0)),
            Self::Exact { digits, scale } => Some((digits.saturating_sub(scale), scale)),
            Self::Wide | Self::Float => None,
        }
    }

    /// NUMERIC with so many digits before the point and behind it, as far as there is such a type.
    pub fn exact(before: u8, scale: u8) -> Self {
        let digits = before.saturating_add(scale).max(1);
        if digits <= EXACT_DIGITS_MAX {
            Self::Exact { digits, scale }
        } else if scale <= CAPPED_SCALE_MAX {
            Self::Exact { digits: EXACT_DIGITS_MAX, scale }
        } else {
            Self::Wide
        }
    }

    /// The kind that holds every value of both, as PostgreSQL chooses it for a comparison or a choice.
    pub fn common(self, other: Self) -> Self {
        match (self, other) {
            (Self::Float, _) | (_, Self::Float) => Self::Float,
            (left, right) if left.is_whole() && right.is_whole() => {
                if left.digits() >= right.digits() {
                    left
                } else {
                    right
                }
            }
            (left, right) => match (left.digits(), right.digits()) {
                (Some((before, scale)), Some((other_before, other_scale))) => {
                    // Nothing may be lost: a type that would be capped is not wide enough.
                    let (before, scale) = (before.max(other_before), scale.max(other_scale));
                    if before.saturating_add(scale) <= EXACT_DIGITS_MAX { Self::exact(before, scale) } else { Self::Wide }
                }
                _ => Self::Wide,
            },
        }
    }

    /// The kind of a sum or a difference.
    pub fn sum(self, other: Self) -> Self {
        self.calculated(other, |(before, scale), (other_before, other_scale)| {
            (before.max(other_before).saturating_add(1), scale.max(other_scale))
        })
    }

    /// The kind of a product.
    pub fn product(self, other: Self) -> Self {
        self.calculated(other, |(before, scale), (other_before, other_scale)| {
            (before.saturating_add(other_before), scale.saturating_add(other_scale))
        })
    }

    /// The kind of the rest of a division, and of a divisor of both.
    pub fn rest(self, other: Self) -> Self {
        self.calculated(other, |(before, scale), (other_before, other_scale)| (before.max(other_before), scale.max(other_scale)))
    }

    /// The kind of a quotient.
    pub fn quotient(self, other: Self) -> Self {
        match self.rest(other) {
            Self::Exact { .. } => Self::Wide,
            other => other,
        }
    }

    /// The kind of a quotient that is cut off to a whole number.
    pub fn whole_quotient(self, other: Self) -> Self {
        self.calculated(other, |(before, _), (_, other_scale)| (before.saturating_add(other_scale), 0))
    }

    /// The kind of a NUMERIC with other digits behind the point.
    pub fn with_scale(self, scale: u8) -> Self {
        match self.digits() {
            Some((before, _)) => Self::exact(before.saturating_add(1), scale),
            // A scale was asked for, so the answer is shown with it.
            None if scale <= CAPPED_SCALE_MAX => Self::Exact { digits: EXACT_DIGITS_MAX, scale },
            None => Self::Wide,
        }
    }

    fn calculated(self, other: Self, digits: impl Fn((u8, u8), (u8, u8)) -> (u8, u8)) -> Self {
        match (self, other) {
            (Self::Float, _) | (_, Self::Float) => Self::Float,
            (left, right) if left.is_whole() && right.is_whole() => left.common(right),
            (left, right) => match (left.digits(), right.digits()) {
                (Some(left), Some(right)) => {
                    let (before, scale) = digits(left, right);
                    Self::exact(before, scale)
                }
                _ => Self::Wide,
            },
        }
    }
}

/// The Arrow type of a NUMERIC without a scale of its own.
pub fn wide_type() -> DataType {
    DataType::Decimal256(WIDE_DIGITS, WIDE_SCALE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_room_for_every_digit_or_say_that_the_scale_is_open() {
        let price = NumberKind::Exact { digits: 10, scale: 2 };
        let factor = NumberKind::Exact { digits: 2, scale: 1 };
        assert_eq!(price.product(factor), NumberKind::Exact { digits: 12, scale: 3 });
        assert_eq!(price.sum(factor), NumberKind::Exact { digits: 11, scale: 2 });
        assert_eq!(price.quotient(factor), NumberKind::Wide);
        assert_eq!(NumberKind::Int64.common(factor), NumberKind::Exact { digits: 20, scale: 1 });
        assert_eq!(NumberKind::Int32.quotient(NumberKind::Int16), NumberKind::Int32);
        let total = NumberKind::Exact { digits: 38, scale: 0 };
        assert_eq!(total.product(factor), NumberKind::Exact { digits: 38, scale: 1 });
        assert_eq!(total.common(price), NumberKind::Wide);
        assert_eq!(NumberKind::of(&NumberKind::Wide.data_type()), Some(NumberKind::Wide));
    }
}
