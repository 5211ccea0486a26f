//! A sum that never overflows: 192 bits, enough for 2^63 times the greatest decimal.
//!
//! Products enter, an `i128` or a float leaves. Exact, so a retraction cancels its insertion to the bit.

use schemas::row::Row;

use crate::encoding::Reader;

const WORDS: usize = 3;

/// A sum in two's complement, least word first.
///
/// Range: -2^191 to 2^191 - 1, more than 2^63 rows of the greatest decimal add up to, so no sum that can occur wraps around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wide([u64; WORDS]);

impl Wide {
    /// Adds `value * times`.
    pub(super) fn add_product(&mut self, value: i128, times: i64) {
        let (magnitude, factor) = (value.unsigned_abs(), u128::from(times.unsigned_abs()));
        let low = u128::from(magnitude as u64) * factor;
        let high = (magnitude >> u64::BITS) * factor + (low >> u64::BITS);
        let product = Self([low as u64, high as u64, (high >> u64::BITS) as u64]);
        let is_negative = (value < 0) != (times < 0);
        self.add(if is_negative { product.negated() } else { product });
    }

    /// Adds another sum, modulo 2^192.
    fn add(&mut self, other: Self) {
        let mut carry = false;
        for (word, added) in self.0.iter_mut().zip(other.0) {
            let (sum, first) = word.overflowing_add(added);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *word = sum;
            carry = first || second;
        }
    }

    /// The sum with the other sign: the complement and one more.
    fn negated(self) -> Self {
        let mut result = Self(self.0.map(|word| !word));
        result.add(Self([1, 0, 0]));
        result
    }

    /// Appends the sum, which [`read`](Self::read) reads.
    pub(super) fn write(self, out: &mut Row) {
        self.0.iter().for_each(|word| out.extend(&word.to_le_bytes()));
    }

    /// Reads what [`write`](Self::write) wrote: 24 bytes.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut words = [0; WORDS];
        for word in &mut words {
            *word = u64::from_le_bytes(reader.array()?);
        }
        Some(Self(words))
    }

    /// Returns true if the sum is zero.
    pub(super) fn is_zero(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// The sum, when it fits.
    pub(super) fn to_i128(self) -> Option<i128> {
        let [low, middle, high] = self.0;
        let value = (u128::from(middle) << u64::BITS | u128::from(low)) as i128;
        let sign = if value < 0 { u64::MAX } else { 0 };
        (high == sign).then_some(value)
    }

    /// The nearest float, give or take one unit in the last place.
    pub(super) fn to_f64(self) -> f64 {
        const WORD: f64 = 18_446_744_073_709_551_616.0;
        if self.0[WORDS - 1] >> (u64::BITS - 1) == 1 {
            return -self.negated().to_f64();
        }
        let [low, middle, high] = self.0;
        (high as f64 * WORD) * WORD + (u128::from(middle) << u64::BITS | u128::from(low)) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_beyond_128_bits_come_back() {
        let mut sum = Wide::default();
        for value in [i128::MAX, i128::MIN, 1, -1, 10_i128.pow(38)] {
            sum.add_product(value, i64::MAX);
            sum.add_product(value, 3);
        }
        sum.add_product(-7, 6);
        for value in [i128::MAX, i128::MIN, 1, -1, 10_i128.pow(38)] {
            sum.add_product(value, -3);
            assert!(sum.to_f64().is_finite());
            sum.add_product(value, -i64::MAX);
        }
        assert_eq!((sum.to_i128(), sum.to_f64()), (Some(-42), -42.0));
        sum.add_product(21, 2);
        assert!(sum.is_zero());
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let mut sum = Wide::default();
        sum.add_product(i128::MAX, 1);
        assert_eq!(sum.to_i128(), Some(i128::MAX));
        sum.add_product(1, 1);
        assert_eq!(sum.to_i128(), None);
        assert_eq!(sum.to_f64(), 2_f64.powi(127));
        sum.add_product(i128::MIN, 2);
        assert_eq!(sum.to_i128(), Some(i128::MIN));
        sum.add_product(1, -1);
        assert_eq!(sum.to_i128(), None);
    }
}
