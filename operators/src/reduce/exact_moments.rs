//! Exact sums of integers or decimals and of their squares: variances and standard deviations are read from them, as PostgreSQL calculates them.
//!
//! Units of the argument's scale enter with how often they come or go; a NUMERIC leaves.

use num_bigint::BigInt;
use schemas::aggregate::Deviation;
use schemas::numeric::{Numeric, WIDE_SCALE};
use schemas::row::{Diff, Row};

use crate::encoding::{Reader, write_bytes, write_signed};

/// Sums in units of the argument's scale, and of its square.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExactMoments {
    count: Diff,
    sum: BigInt,
    squares: BigInt,
}

impl ExactMoments {
    /// Takes a value in `times` times.
    pub(super) fn add(&mut self, units: &BigInt, times: Diff) {
        self.count = self.count.wrapping_add(times);
        self.sum += units * times;
        self.squares += units * units * times;
    }

    /// Returns the variance or the standard deviation of values with such a scale; `None` of too few values. Digits that NUMERIC does not keep
    /// behind the point are rounded.
    pub(super) fn deviation(&self, wanted: Deviation, scale: i8, is_trimmed: bool) -> Option<Numeric> {
        if self.count < 1 + Diff::from(wanted.is_sample) {
            return None;
        }
        let number = |units: &BigInt, scale: i8| Numeric::with_signed_scale(units.clone(), scale);
        let (count, sum) = (Numeric::new(self.count, 0), number(&self.sum, scale));
        let distances = count.multiply(&number(&self.squares, 2 * scale)).subtract(&sum.multiply(&sum));
        if distances.sign() <= 0 {
            return Some(Numeric::new(0, 0));
        }
        // A column without a scale of its own has the digits that its numbers have.
        let distances = if is_trimmed { distances.trimmed() } else { distances };
        let divisor = count.multiply(&Numeric::new(self.count - Diff::from(wanted.is_sample), 0));
        let variance = distances.divide(&divisor)?;
        let result = if wanted.is_root { variance.square_root_to(variance.scale())? } else { variance };
        Some(if result.scale() > u32::from(WIDE_SCALE.unsigned_abs()) { result.round(WIDE_SCALE.into()) } else { result })
    }

    /// Returns true if everything that was taken in has cancelled.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Appends the sums, which [`read`](Self::read) reads.
    pub(super) fn write(&self, out: &mut Row) {
        write_signed(self.count, out);
        write_bytes(&self.sum.to_signed_bytes_le(), out);
        write_bytes(&self.squares.to_signed_bytes_le(), out);
    }

    /// Reads what [`write`](Self::write) wrote; `None` when it ends early.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.signed()?;
        let mut number = || reader.bytes().map(BigInt::from_signed_bytes_le);
        Some(Self { count, sum: number()?, squares: number()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_postgresql() {
        let mut moments = ExactMoments::default();
        [1, 2, 4].into_iter().for_each(|value| moments.add(&BigInt::from(value), 1));
        let text = |is_sample, is_root| {
            let number = moments.deviation(Deviation { is_sample, is_root }, 0, false);
            number.expect("three values have a deviation").to_string()
        };
        assert_eq!(text(true, false), "2.3333333333333333");
        assert_eq!(text(false, false), "1.5555555555555556");
        assert_eq!(text(true, true), "1.5275252316519467");
        assert_eq!(text(false, true), "1.2472191289246471");
    }

    #[test]
    fn one_value_has_no_sample_deviation_and_equal_values_have_none() {
        let mut moments = ExactMoments::default();
        moments.add(&BigInt::from(-250), 1);
        let of = |moments: &ExactMoments, is_sample| moments.deviation(Deviation { is_sample, is_root: true }, 2, false);
        assert_eq!((of(&moments, true), of(&moments, false)), (None, Some(Numeric::new(0, 0))));
        moments.add(&BigInt::from(-250), 6);
        assert_eq!(of(&moments, true), Some(Numeric::new(0, 0)));
        moments.add(&BigInt::from(-250), -7);
        assert!(moments.is_empty() && of(&moments, false).is_none());
    }
}
