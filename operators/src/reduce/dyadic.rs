//! Exact numbers of binary digits, and the nearest double to a quotient of two or to the square root of one.
//!
//! Sums of doubles and of their products enter as [`Dyadic`]; differences and products of them are exact too, so that what is computed from
//! them is rounded once, at the end, and depends on no order.

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};

use super::float_sum::{Fixed, Overflow};

/// Bits of a double's significand.
const SIGNIFICAND_BITS: i64 = 53;
/// The power of two of the smallest positive double.
const EXPONENT_MIN: i64 = -1_074;
/// Bits that a quotient or a root is computed to before it is rounded: more than a double has and the one behind them.
const QUOTIENT_BITS: u64 = 66;
const WORD_BITS: i64 = 64;

/// A whole number of units of a power of two.
#[derive(Clone, Debug)]
pub(super) struct Dyadic {
    units: BigInt,
    exponent: i64,
}

impl Dyadic {
    /// A number that was added up in units of `2^exponent`.
    pub(super) fn of_fixed(sum: &Fixed, exponent: i64) -> Self {
        let (units, words) = sum.units();
        Self { units, exponent: exponent + WORD_BITS * words as i64 }
    }

    /// A whole number.
    pub(super) fn whole(number: i64) -> Self {
        Self { units: number.into(), exponent: 0 }
    }

    /// The product, with all its digits.
    pub(super) fn times(&self, other: &Self) -> Self {
        Self { units: &self.units * &other.units, exponent: self.exponent + other.exponent }
    }

    /// The difference, with all its digits.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        // Both exponents are within those of products of doubles.
        let raised = |number: &Self| &number.units << (number.exponent - exponent).unsigned_abs();
        Self { units: raised(self) - raised(other), exponent }
    }

    /// Its order relative to zero.
    pub(super) fn sign(&self) -> Ordering {
        match self.units.sign() {
            Sign::Minus => Ordering::Less,
            Sign::NoSign => Ordering::Equal,
            Sign::Plus => Ordering::Greater,
        }
    }
}

/// Returns the double that is nearest to a quotient; of two that are as near, the even one. The divisor is not zero.
///
/// # Errors
/// It is beyond the range of a double.
pub(super) fn quotient(dividend: &Dyadic, divisor: &Dyadic) -> Result<f64, Overflow> {
    let (units, exponent, has_rest) = divided(dividend, divisor, QUOTIENT_BITS, 1);
    let magnitude = nearest(&units, exponent, has_rest)?;
    Ok(if dividend.sign() == divisor.sign() { magnitude } else { -magnitude })
}

/// Returns the double that is nearest to the square root of a quotient, neither part of which is negative. The divisor is not zero.
///
/// # Errors
/// It is beyond the range of a double.
pub(super) fn root_of_quotient(dividend: &Dyadic, divisor: &Dyadic) -> Result<f64, Overflow> {
    let (square, exponent, has_rest) = divided(dividend, divisor, 2 * QUOTIENT_BITS, 2);
    let root = square.sqrt();
    let is_more = has_rest || &root * &root != square;
    nearest(&root, exponent / 2, is_more)
}

/// The absolute quotient to at least so many bits: whole units, the power of two that they are of, which is a multiple of `step`, and true if
/// there is a little more.
fn divided(dividend: &Dyadic, divisor: &Dyadic, bits: u64, step: i64) -> (BigUint, i64, bool) {
    let (above, below) = (dividend.units.magnitude(), divisor.units.magnitude());
    assert!(*below != BigUint::ZERO, "a statistic was divided by zero");
    let exponent = dividend.exponent - divisor.exponent;
    let wanted = (bits + below.bits()).saturating_sub(above.bits()) as i64;
    // One more bit where that makes the power a multiple of the step.
    let shift = wanted + (exponent - wanted).rem_euclid(step);
    let raised = above << shift.unsigned_abs();
    let units = &raised / below;
    let has_rest = &units * below != raised;
    (units, exponent - shift, has_rest)
}

/// The double that is nearest to `units * 2^exponent`; of two that are as near, the even one. `has_rest` says that there is a little more, less
/// than a unit: then there are more units than a double has bits.
fn nearest(units: &BigUint, exponent: i64, has_rest: bool) -> Result<f64, Overflow> {
    if *units == BigUint::ZERO {
        return Ok(0.0);
    }
    // The power of two of the last bit that is kept. A double has none below its unit, however small it is.
    let last = (exponent + units.bits() as i64 - SIGNIFICAND_BITS).max(EXPONENT_MIN).max(exponent);
    let dropped = (last - exponent).unsigned_abs();
    let kept = units >> dropped;
    let is_half = dropped > 0 && units.bit(dropped - 1);
    let is_more = has_rest || dropped > 0 && units.trailing_zeros().is_some_and(|zeros| zeros < dropped - 1);
    let is_up = is_half && (is_more || kept.bit(0));
    let Ok(significand) = u64::try_from(kept + u32::from(is_up)) else { panic!("a significand has more than 64 bits") };
    // Exact: at most 53 bits, the last of which has a place in a double. Beyond the range it is infinite.
    let exponent = i32::try_from(last).map_err(|_| Overflow)?;
    let value = libm::ldexp(significand as f64, exponent);
    if value.is_finite() { Ok(value) } else { Err(Overflow) }
}

#[cfg(test)]
mod tests {
    use testkit::random::Random;

    use super::*;

    fn dyadic(value: f64) -> Dyadic {
        let mut sum = super::super::float_sum::FloatSum::default();
        sum.add(value, 1);
        Dyadic::of_fixed(sum.finite(), EXPONENT_MIN)
    }

    /// A finite double with any bits.
    fn any(random: &mut Random) -> f64 {
        let value = f64::from_bits(random.next());
        if value.is_finite() { value } else { 1.5 }
    }

    #[test]
    fn quotients_and_roots_are_those_of_the_processor() {
        let mut random = Random::new(3);
        for _ in 0..20_000 {
            let (a, b) = (any(&mut random), any(&mut random));
            if b != 0.0 {
                let expected = a / b;
                let found = quotient(&dyadic(a), &dyadic(b));
                assert_eq!(found, if expected.is_finite() { Ok(expected) } else { Err(Overflow) }, "{a:e} / {b:e}");
            }
            assert_eq!(root_of_quotient(&dyadic(a.abs()), &Dyadic::whole(1)), Ok(a.abs().sqrt()), "the root of {a:e}");
        }
    }

    #[test]
    fn small_numbers_and_halves_are_rounded_as_the_processor_rounds() {
        let least = f64::from_bits(1);
        for (a, b) in [(least, 2.0), (3.0 * least, 2.0), (least, 3.0), (5.0 * least, 2.0), (f64::MIN_POSITIVE, 3.0), (1.0, 1e300)]
        {
            assert_eq!(quotient(&dyadic(a), &dyadic(b)), Ok(a / b), "{a:e} / {b:e}");
            assert_eq!(quotient(&dyadic(-a), &dyadic(b)), Ok(-(a / b)), "-{a:e} / {b:e}");
        }
        assert_eq!(quotient(&dyadic(f64::MAX), &dyadic(0.5)), Err(Overflow));
        assert_eq!(root_of_quotient(&Dyadic::whole(2), &Dyadic::whole(1)), Ok(2.0_f64.sqrt()));
        assert_eq!(root_of_quotient(&Dyadic::whole(0), &Dyadic::whole(7)), Ok(0.0));
    }

    #[test]
    fn differences_and_products_lose_nothing() {
        let (great, small) = (dyadic(1e300), dyadic(1e-300));
        let difference = great.times(&great).minus(&small.times(&small));
        let rest = great.times(&great).minus(&difference);
        assert_eq!(quotient(&rest, &small), Ok(1e-300));
        assert_eq!((rest.sign(), difference.minus(&difference).sign()), (Ordering::Greater, Ordering::Equal));
    }
}
