//! Logarithms, exponentials and powers of exact numbers.
//!
//! Owns their calculation as sums of series over whole numbers, with more digits than are kept. Numbers enter; the result leaves, rounded at
//! the digit at which PostgreSQL rounds it.

use num_bigint::{BigInt, Sign};

use super::number::{DIGITS, Numeric, SCALE_MAX, SIGNIFICANT_DIGITS_MIN, power_of_ten, rounded_quotient};

/// Digits that are calculated beyond those that are kept.
const GUARD_DIGITS: i64 = 30;
/// Decimal digits of the logarithm of one unit: log10(e).
const DIGITS_PER_UNIT: f64 = 0.434_294_481_903_252;
/// The natural logarithm of 10.
const LN_10: f64 = 2.302_585_092_994_046;
/// Exponents beyond which no exponential is kept: it would have more digits than any column.
const EXPONENT_MAX: f64 = 2_400.0;
/// Whole exponents up to this one multiply; greater ones go by the logarithm.
const MULTIPLIED_MAX: u64 = 256;

/// Reason why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumericDomainError {
    /// a logarithm of zero
    #[error("cannot take logarithm of zero")]
    LogarithmOfZero,
    /// a logarithm of a negative number
    #[error("cannot take logarithm of a negative number")]
    LogarithmOfNegative,
    /// a reciprocal of zero
    #[error("zero raised to a negative power is undefined")]
    ZeroToNegative,
    /// a root of a negative number
    #[error("a negative number raised to a non-integer power yields a complex result")]
    Complex,
    /// a result that no column holds
    #[error("the result has too many digits")]
    TooGreat,
}

impl Numeric {
    /// The natural logarithm.
    ///
    /// # Errors
    /// Of zero and of a negative number.
    pub fn ln(&self) -> Result<Self, NumericDomainError> {
        self.check_logarithm()?;
        let scale = kept((SIGNIFICANT_DIGITS_MIN - self.ln_weight()).max(self.scale.into()));
        Ok(round_units(&self.ln_units(i64::from(scale) + GUARD_DIGITS), i64::from(scale) + GUARD_DIGITS, scale))
    }

    /// The logarithm to base 10.
    ///
    /// # Errors
    /// Of zero and of a negative number.
    pub fn log10(&self) -> Result<Self, NumericDomainError> {
        self.check_logarithm()?;
        let ten = Self::new(10, 0);
        let weight = self.ln_weight() - ten.ln_weight();
        let scale = kept((SIGNIFICANT_DIGITS_MIN - weight).max(self.scale.into()));
        let digits = i64::from(scale) + GUARD_DIGITS;
        let units = self.ln_units(digits) * power_of_ten(scale);
        Ok(Self { units: rounded_quotient(&units, &ten.ln_units(digits)), scale })
    }

    /// The exponential.
    ///
    /// # Errors
    /// When it has too many digits.
    pub fn exp(&self) -> Result<Self, NumericDomainError> {
        let weight = self.to_f64() * DIGITS_PER_UNIT;
        let scale = kept((SIGNIFICANT_DIGITS_MIN - weight as i64).max(self.scale.into()));
        self.exp_rounded(scale)
    }

    /// The number raised to another.
    ///
    /// # Errors
    /// Where there is no result, and when it has too many digits.
    pub fn power(&self, exponent: &Self) -> Result<Self, NumericDomainError> {
        let whole = exponent.trimmed();
        let is_whole = whole.scale == 0;
        if is_whole && let Ok(times) = i32::try_from(&whole.units) {
            return self.power_whole(times);
        }
        if self.is_zero() {
            return if exponent.sign() < 0 { Err(NumericDomainError::ZeroToNegative) } else { Ok(Self::new(0, 16)) };
        }
        if self.sign() < 0 {
            if !is_whole {
                return Err(NumericDomainError::Complex);
            }
            let power = self.abs().power(exponent)?;
            return Ok(if whole.units.bit(0) { power.negated() } else { power });
        }
        let estimate = self.to_f64().ln() * exponent.to_f64();
        let weight = estimate * DIGITS_PER_UNIT;
        let scale = (SIGNIFICANT_DIGITS_MIN - weight as i64).max(self.scale.into()).max(exponent.scale.into());
        let scale = kept(scale);
        self.exponent_times_ln(exponent, scale, estimate)?.exp_rounded(scale)
    }

    fn power_whole(&self, times: i32) -> Result<Self, NumericDomainError> {
        let scale = kept(SIGNIFICANT_DIGITS_MIN.max(self.scale.into()));
        let count = u64::from(times.unsigned_abs());
        if self.is_zero() {
            return match times {
                0 => Ok(Self::new(1, 0)),
                _ if times < 0 => Err(NumericDomainError::ZeroToNegative),
                _ => Ok(Self::new(0, scale)),
            };
        }
        if count <= MULTIPLIED_MAX {
            let power = Self { units: self.units.pow(count as u32), scale: self.scale * count as u32 };
            return Ok(if times < 0 { power.reciprocal(scale) } else { power.round(scale.into()) });
        }
        let estimate = self.abs().to_f64().ln() * f64::from(times);
        let exponent = self.abs().exponent_times_ln(&Self::new(times, 0), scale, estimate)?;
        let power = exponent.exp_rounded(scale)?;
        Ok(if self.sign() < 0 && times % 2 != 0 { power.negated() } else { power })
    }

    fn reciprocal(&self, scale: u32) -> Self {
        Self { units: rounded_quotient(&power_of_ten(scale + self.scale), &self.units), scale }
    }

    /// `exponent * ln(self)`, with enough digits for its exponential.
    fn exponent_times_ln(&self, exponent: &Self, scale: u32, estimate: f64) -> Result<Self, NumericDomainError> {
        if estimate.abs() > EXPONENT_MAX {
            return if estimate > 0.0 { Err(NumericDomainError::TooGreat) } else { Ok(Self::new(-(EXPONENT_MAX as i64), 0)) };
        }
        let before = exponent.abs().truncate(0).units.to_string().len() as i64;
        let weight = (estimate * DIGITS_PER_UNIT).abs() as i64;
        let digits = i64::from(scale) + weight + before + GUARD_DIGITS;
        let logarithm = Self { units: self.ln_units(digits), scale: kept_digits(digits) };
        Ok(logarithm.multiply(exponent))
    }

    /// The exponential, rounded to so many digits behind the point.
    fn exp_rounded(&self, scale: u32) -> Result<Self, NumericDomainError> {
        let estimate = self.to_f64();
        if estimate >= EXPONENT_MAX {
            return Err(NumericDomainError::TooGreat);
        }
        if estimate <= -EXPONENT_MAX {
            return Ok(Self::new(0, scale));
        }
        let weight = (estimate * DIGITS_PER_UNIT).abs() as i64 + 1;
        let digits = i64::from(scale) + 2 * weight + GUARD_DIGITS;
        let one = power_of_ten(kept_digits(digits));
        // The series is short for a small argument: halve it, and square the result as often.
        let halvings = 8 + (estimate.abs() as u64 + 1).ilog2();
        let argument = self.abs().units_rounded(digits) >> halvings;
        let (mut sum, mut term) = (one.clone(), one.clone());
        let mut place = 0;
        while term.sign() != Sign::NoSign {
            place += 1;
            term = term * &argument / &one / place;
            sum += &term;
        }
        for _ in 0..halvings {
            sum = &sum * &sum / &one;
        }
        if self.sign() < 0 {
            sum = &one * &one / sum;
        }
        Ok(round_units(&sum, digits, scale))
    }

    /// The natural logarithm in units of `10^-digits`.
    fn ln_units(&self, digits: i64) -> BigInt {
        let one = power_of_ten(kept_digits(digits));
        let value = self.units_rounded(digits + self.scale_of_small());
        let unit = power_of_ten(kept_digits(digits + self.scale_of_small()));
        // The number is y * 2^k with y between 1/2 and 2.
        let doublings = value.bits() as i64 - unit.bits() as i64;
        let divisor = if doublings >= 0 { unit << doublings } else { unit };
        let value = if doublings < 0 { value << -doublings } else { value };
        let y = value * &one / divisor;
        let two = BigInt::from(2);
        inverse_tanh(&(&y - &one), &(&y + &one), &one) * &two
            + inverse_tanh(&BigInt::from(1), &BigInt::from(3), &one) * &two * doublings
    }

    /// Digits behind the point before the first that is not zero, for numbers below 1.
    fn scale_of_small(&self) -> i64 {
        let digits = self.units.magnitude().to_string().len() as i64;
        (i64::from(self.scale) - digits).max(0)
    }

    fn units_rounded(&self, digits: i64) -> BigInt {
        self.round(digits).units
    }

    fn check_logarithm(&self) -> Result<(), NumericDomainError> {
        match self.sign() {
            0 => Err(NumericDomainError::LogarithmOfZero),
            1 => Ok(()),
            _ => Err(NumericDomainError::LogarithmOfNegative),
        }
    }

    /// The place of the first digit of the logarithm, roughly, as PostgreSQL estimates it.
    fn ln_weight(&self) -> i64 {
        let near_one = self.compare(&Self::new(9, 1)).is_ge() && self.compare(&Self::new(11, 1)).is_le();
        if near_one {
            let rest = self.subtract(&Self::new(1, 0));
            let (weight, digit) = rest.leading_digit();
            return if rest.is_zero() { 0 } else { weight * DIGITS + (digit as f64).log10() as i64 };
        }
        let (weight, digit) = self.leading_digit();
        // The first eight digits of the number, of which the first four may be fewer.
        let text = self.units.magnitude().to_string();
        let first = digit.to_string().len();
        let next: String = text.chars().skip(first).chain("0000".chars()).take(4).collect();
        let has_more = text.len() > first && text.bytes().skip(first).any(|byte| byte != b'0');
        let (digits, places) = match (has_more, next.parse::<i64>()) {
            (true, Ok(next)) => (digit * 10_000 + next, weight * DIGITS - DIGITS),
            _ => (digit, weight * DIGITS),
        };
        let logarithm = (digits as f64).ln() + places as f64 * LN_10;
        logarithm.abs().log10() as i64
    }
}

/// The inverse hyperbolic tangent of a fraction, in the same units.
fn inverse_tanh(numerator: &BigInt, denominator: &BigInt, one: &BigInt) -> BigInt {
    let z = numerator * one / denominator;
    let square = &z * &z / one;
    let (mut sum, mut power) = (BigInt::ZERO, z);
    let mut place = 1;
    while power.sign() != Sign::NoSign {
        sum += &power / place;
        power = power * &square / one;
        place += 2;
    }
    sum
}

fn round_units(units: &BigInt, digits: i64, scale: u32) -> Numeric {
    Numeric { units: units.clone(), scale: kept_digits(digits) }.round(scale.into())
}

fn kept(scale: i64) -> u32 {
    kept_digits(scale.clamp(0, SCALE_MAX))
}

fn kept_digits(digits: i64) -> u32 {
    match u32::try_from(digits) {
        Ok(digits) => digits,
        Err(_) => panic!("a number of digits is neither negative nor that great: {digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Numeric {
        Numeric::parse(text).expect("a number")
    }

    #[test]
    fn results_have_the_digits_that_postgresql_gives_them() {
        let ln = |text: &str| number(text).ln().expect("positive").to_string();
        assert_eq!(ln("2.0"), "0.6931471805599453");
        assert_eq!(ln("123456.7"), "11.723645766285615");
        let exp = |text: &str| number(text).exp().expect("small").to_string();
        assert_eq!(exp("1.0"), "2.7182818284590452");
        assert_eq!(exp("20.5"), "799902177.47550541");
        assert_eq!(number("2.0").log10().expect("positive").to_string(), "0.3010299956639812");
        assert_eq!(number("1000").log10().expect("positive").trimmed().to_string(), "3");
        let power = |base: &str, exponent: &str| number(base).power(&number(exponent)).expect("defined").to_string();
        assert_eq!(power("2.0", "10"), "1024.0000000000000000");
        assert_eq!(power("2.0", "0.5"), "1.4142135623730950");
        assert_eq!(power("1.1", "100"), "13780.6123398222701841");
        assert_eq!(power("2", "-2"), "0.2500000000000000");
        assert_eq!(power("-1", "3000000001"), "-1.0000000000000000");
    }

    #[test]
    fn what_is_not_defined_is_an_error() {
        assert_eq!(number("0").ln(), Err(NumericDomainError::LogarithmOfZero));
        assert_eq!(number("-1").log10(), Err(NumericDomainError::LogarithmOfNegative));
        assert_eq!(number("0").power(&number("-1")), Err(NumericDomainError::ZeroToNegative));
        assert_eq!(number("-8").power(&number("0.5")), Err(NumericDomainError::Complex));
        assert_eq!(number("10").power(&number("99999")), Err(NumericDomainError::TooGreat));
    }
}
