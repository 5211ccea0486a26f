//! The sum of weights that lose half their value with every half life, kept so that its order never changes with time.
//!
//! Weights with their times enter, the logarithm of their sum leaves. Each weight counts `weight * 2^((time - L) / half life)`: newer
//! ones count more, instead of older ones less, so nothing needs to be touched while time passes. The terms are kept by whole
//! half lives as fixed-point integers: a retraction cancels its insertion to the bit, and no exponent ever overflows. Keeps one
//! number per half life in which there was a weight.

use std::collections::BTreeMap;

use schemas::aggregate::DECAY_LANDMARK_MICROS;
use schemas::row::Row;

use super::wide::Wide;
use crate::encoding::{Reader, write_signed, write_unsigned};

/// Binary digits kept after the point: a weight of one is exact to 2^-41.
const FRACTION_BITS: i32 = 40;

/// Terms so many half lives older than the newest vanish in a float.
const EXPONENTS_SEEN: i64 = 1_100;

/// Sums of terms, by the number of whole half lives since the landmark.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct DecayedSum(BTreeMap<i64, Wide>);

impl DecayedSum {
    /// Adds a weight `diff` times. Weights beyond 2^86 count as that.
    pub(super) fn add(&mut self, weight: i128, time: i64, half_life: i64, diff: i64) {
        let since = time.saturating_sub(DECAY_LANDMARK_MICROS);
        let exponent = since.div_euclid(half_life);
        let fraction = since.rem_euclid(half_life) as f64 / half_life as f64;
        // libm's functions are the same bits on every machine; the standard library's are not.
        let mantissa = libm::round(libm::ldexp(weight as f64 * libm::exp2(fraction), FRACTION_BITS)) as i128;
        let sum = self.0.entry(exponent).or_default();
        sum.add_product(mantissa, diff);
        if sum.is_zero() {
            self.0.remove(&exponent);
        }
    }

    /// The logarithm to base 2 of the sum, in units of `10^-scale`; `None` when it is not positive.
    pub(super) fn logarithm(&self, scale: i8) -> Option<f64> {
        let (newest, _) = self.0.last_key_value()?;
        let mut sum = 0.0;
        for (exponent, mantissa) in self.0.iter().rev() {
            let age = newest.saturating_sub(*exponent);
            if age > EXPONENTS_SEEN {
                break;
            }
            sum += libm::ldexp(mantissa.to_f64(), -(age as i32));
        }
        (sum > 0.0).then(|| *newest as f64 + (libm::log2(sum) - f64::from(FRACTION_BITS) - f64::from(scale) * libm::log2(10.0)))
    }

    /// Appends the sums, which [`read`](Self::read) reads.
    pub(super) fn write(&self, out: &mut Row) {
        write_unsigned(self.0.len() as u64, out);
        for (exponent, sum) in &self.0 {
            write_signed(*exponent, out);
            sum.write(out);
        }
    }

    /// Reads what [`write`](Self::write) wrote; `None` when it ends early.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.unsigned()?;
        (0..count).map(|_| Some((reader.signed()?, Wide::read(reader)?))).collect::<Option<_>>().map(Self)
    }

    /// Returns true if every weight has cancelled.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;
    const LANDMARK: i64 = DECAY_LANDMARK_MICROS;

    #[test]
    fn reproduces_the_decayed_sum_at_any_moment() {
        for (half_life, start) in
            [(6 * HOUR, LANDMARK + 5 * 365 * 24 * HOUR), (HOUR / 60, LANDMARK - 40 * HOUR), (24 * HOUR, LANDMARK)]
        {
            let term = |i: i64| (i128::from(i % 7 + 1), start + i * i * 1_234_567 % (3 * half_life));
            let terms: Vec<(i128, i64)> = (0..500).map(term).collect();
            let mut sum = DecayedSum::default();
            terms.iter().for_each(|(weight, time)| sum.add(*weight, *time, half_life, 1));
            for moment in [start + 3 * half_life, start + 10 * half_life] {
                let age = |time: i64| (moment - time) as f64 / half_life as f64;
                let naive: f64 = terms.iter().map(|(weight, time)| *weight as f64 * (-age(*time)).exp2()).sum();
                let value = sum.logarithm(0).unwrap();
                let decayed = (value - (moment - LANDMARK) as f64 / half_life as f64).exp2();
                assert!((decayed / naive - 1.0).abs() < 1e-9, "half life {half_life}: {decayed} instead of {naive}");
            }
        }
    }

    #[test]
    fn a_retraction_leaves_no_trace() {
        let mut sum = DecayedSum::default();
        sum.add(3, LANDMARK + 7, HOUR, 1);
        let before = (sum.clone(), sum.logarithm(0));
        for time in [i64::MIN, -1, LANDMARK + 8, LANDMARK + 999 * HOUR + 1, i64::MAX] {
            sum.add(i128::from(i64::MAX), time, HOUR, 5);
            sum.add(i128::MIN, time, HOUR, 1);
        }
        for time in [i64::MAX, i64::MIN, LANDMARK + 999 * HOUR + 1, -1, LANDMARK + 8] {
            sum.add(i128::MIN, time, HOUR, -1);
            sum.add(i128::from(i64::MAX), time, HOUR, -5);
        }
        assert_eq!(before, (sum.clone(), sum.logarithm(0)));
    }

    #[test]
    fn no_positive_sum_has_no_logarithm() {
        let mut sum = DecayedSum::default();
        assert_eq!(sum.logarithm(0), None);
        sum.add(-5, LANDMARK, HOUR, 1);
        assert_eq!(sum.logarithm(0), None);
        sum.add(6, LANDMARK, HOUR, 1);
        assert_eq!(sum.logarithm(0), Some(0.0));
    }

    #[test]
    fn a_decimal_weight_counts_in_its_scale() {
        let mut units = DecayedSum::default();
        units.add(150, LANDMARK, HOUR, 1);
        assert!((units.logarithm(2).unwrap() - 1.5_f64.log2()).abs() < 1e-12);
    }
}
