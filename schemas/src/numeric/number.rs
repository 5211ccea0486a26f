//! The number itself, its texts, and calculating with the four operations and roots.
//!
//! Owns [`Numeric`]: a whole number of units of `10^-scale`, of any size. Numbers and texts enter, numbers and texts leave. The scale
//! of every result is the one that PostgreSQL chooses; what rows can hold of it is decided by the callers.

use std::cmp::Ordering;
use std::fmt;

use arrow_buffer::i256;
use num_bigint::{BigInt, Sign};

/// Digits behind the point of a NUMERIC whose column has no scale of its own.
pub const WIDE_SCALE: i8 = 48;
/// All digits of a NUMERIC whose column has no scale of its own.
pub const WIDE_DIGITS: u8 = 76;

/// Significant digits that a quotient has at least.
pub(super) const SIGNIFICANT_DIGITS_MIN: i64 = 16;
/// Digits behind the point that a result has at most.
pub(super) const SCALE_MAX: i64 = 1_000;
/// Decimal digits of one digit of PostgreSQL's own notation, which decides about the scale of quotients.
pub(super) const DIGITS: i64 = 4;
/// Digits of a text, and the size of an exponent, that are read.
const TEXT_DIGITS_MAX: usize = 2_000;

/// An exact decimal number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numeric {
    pub(super) units: BigInt,
    pub(super) scale: u32,
}

/// Reason why a text is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumericError {
    /// it is something else
    #[error("it is not a number")]
    Syntax,
    /// it has too many digits
    #[error("it has too many digits")]
    TooLong,
    /// it is not finite
    #[error("NUMERIC holds finite numbers only")]
    NotFinite,
}

impl Numeric {
    /// The number of so many units of `10^-scale`.
    pub fn new(units: impl Into<BigInt>, scale: u32) -> Self {
        Self { units: units.into(), scale }
    }

    /// A number whose scale may be negative.
    pub fn with_signed_scale(units: BigInt, scale: i8) -> Self {
        match u32::try_from(scale) {
            Ok(scale) => Self { units, scale },
            Err(_) => Self { units: units * power_of_ten(u32::from(scale.unsigned_abs())), scale: 0 },
        }
    }

    /// The number of units of `10^-48` in the form in which rows hold them.
    pub fn from_wide(units: i256) -> Self {
        Self { units: BigInt::from_signed_bytes_le(&units.to_le_bytes()), scale: WIDE_SCALE.unsigned_abs().into() }.trimmed()
    }

    /// The number in units of `10^-48` in the form in which rows hold them; `None` when it has more than 28 digits before the point or
    /// more than 48 behind it.
    pub fn to_wide(&self) -> Option<i256> {
        let units = self.units_exactly(WIDE_SCALE.unsigned_abs().into())?;
        if *units.magnitude() >= *power_of_ten(WIDE_DIGITS.into()).magnitude() {
            return None;
        }
        let bytes = units.to_signed_bytes_le();
        let fill = if units.sign() == Sign::Minus { u8::MAX } else { 0 };
        let mut wide = [fill; 32];
        wide.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        Some(i256::from_le_bytes(wide))
    }

    /// Digits behind the point, zeros included.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// The number in units of `10^-scale`; `None` when digits would be lost.
    pub fn units_exactly(&self, scale: u32) -> Option<BigInt> {
        if scale >= self.scale {
            return Some(&self.units * power_of_ten(scale - self.scale));
        }
        let divisor = power_of_ten(self.scale - scale);
        let quotient = &self.units / &divisor;
        (&quotient * divisor == self.units).then_some(quotient)
    }

    /// The number without zeros at the end of its fraction.
    pub fn trimmed(&self) -> Self {
        let ten = BigInt::from(10);
        let mut result = self.clone();
        while result.scale > 0 {
            let quotient = &result.units / &ten;
            if &quotient * &ten != result.units {
                break;
            }
            result = Self { units: quotient, scale: result.scale - 1 };
        }
        result
    }

    /// Returns true if it is zero.
    pub fn is_zero(&self) -> bool {
        self.units.sign() == Sign::NoSign
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i64 {
        match self.units.sign() {
            Sign::Minus => -1,
            Sign::NoSign => 0,
            Sign::Plus => 1,
        }
    }

    /// The order of the values: 1.0 and 1.00 are equal numbers.
    pub fn compare(&self, other: &Self) -> Ordering {
        let (left, right, _) = self.aligned(other);
        left.cmp(&right)
    }

    /// The opposite number.
    pub fn negated(&self) -> Self {
        Self { units: -&self.units, scale: self.scale }
    }

    /// The number without its sign.
    pub fn abs(&self) -> Self {
        if self.sign() < 0 { self.negated() } else { self.clone() }
    }

    /// The sum.
    pub fn add(&self, other: &Self) -> Self {
        let (left, right, scale) = self.aligned(other);
        Self { units: left + right, scale }
    }

    /// The difference.
    pub fn subtract(&self, other: &Self) -> Self {
        self.add(&other.negated())
    }

    /// The product, with all its digits.
    pub fn multiply(&self, other: &Self) -> Self {
        Self { units: &self.units * &other.units, scale: self.scale + other.scale }
    }

    /// The quotient with at least 16 significant digits, rounded half away from zero; `None` for a division by zero.
    pub fn divide(&self, other: &Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let scale = self.quotient_scale(other);
        let (left, right, _) = self.aligned(other);
        Some(Self { units: rounded_quotient(&(left * power_of_ten(scale)), &right), scale })
    }

    /// The quotient cut off to a whole number; `None` for a division by zero.
    pub fn divide_whole(&self, other: &Self) -> Option<Self> {
        let (left, right, _) = self.aligned(other);
        (!other.is_zero()).then(|| Self { units: left / right, scale: 0 })
    }

    /// The rest of a division, with the sign of the dividend; `None` for a division by zero.
    pub fn remainder(&self, other: &Self) -> Option<Self> {
        let (left, right, scale) = self.aligned(other);
        (!other.is_zero()).then(|| Self { units: left % right, scale })
    }

    /// The greatest common divisor, not negative.
    pub fn common_divisor(&self, other: &Self) -> Self {
        let (mut left, mut right, scale) = self.aligned(other);
        while right.sign() != Sign::NoSign {
            (left, right) = (right.clone(), left % right);
        }
        Self { units: left, scale }.abs()
    }

    /// The least common multiple, not negative.
    pub fn common_multiple(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        if self.is_zero() || other.is_zero() {
            return Self::new(0, scale);
        }
        let divisor = self.common_divisor(other);
        let (left, right, _) = self.aligned(other);
        Self { units: left / divisor.units * right, scale }.abs()
    }

    /// The number rounded half away from zero to so many digits behind the point, or before it when negative.
    pub fn round(&self, digits: i64) -> Self {
        self.cut(digits, rounded_quotient)
    }

    /// The number cut off to so many digits behind the point, or before it when negative.
    pub fn truncate(&self, digits: i64) -> Self {
        self.cut(digits, |units, divisor| units / divisor)
    }

    fn cut(&self, digits: i64, divide: impl Fn(&BigInt, &BigInt) -> BigInt) -> Self {
        // More digits than that are zeros, so many before the point are none.
        let digits = digits.clamp(-(SCALE_MAX * 2), SCALE_MAX * 2);
        let scale = u32::try_from(digits).unwrap_or(0);
        let lost = i64::from(self.scale) - digits;
        match u32::try_from(lost) {
            Ok(lost) => {
                let units = divide(&self.units, &power_of_ten(lost));
                let restored = u32::try_from(-digits).map_or(BigInt::from(1), power_of_ten);
                Self { units: units * restored, scale }
            }
            Err(_) => Self { units: &self.units * power_of_ten(u32::try_from(-lost).unwrap_or(0)), scale },
        }
    }

    /// The least whole number that is not less.
    pub fn ceiling(&self) -> Self {
        let cut = self.truncate(0);
        if cut.compare(self) == Ordering::Less { cut.add(&Self::new(1, 0)) } else { cut }
    }

    /// The greatest whole number that is not greater.
    pub fn floor(&self) -> Self {
        self.negated().ceiling().negated()
    }

    /// The square root with at least 16 significant digits; `None` of a negative number.
    pub fn square_root(&self) -> Option<Self> {
        if self.sign() < 0 {
            return None;
        }
        let (weight, _) = self.leading_digit();
        // As many digits before the point as the root has about: half of those of the number.
        let before = (weight + 1) * DIGITS / 2 - 1;
        let scale = (SIGNIFICANT_DIGITS_MIN - before).max(i64::from(self.scale)).clamp(0, SCALE_MAX);
        self.square_root_to(u32::try_from(scale).unwrap_or(0))
    }

    /// The square root with so many digits behind the point; `None` of a negative number.
    pub fn square_root_to(&self, scale: u32) -> Option<Self> {
        if self.sign() < 0 {
            return None;
        }
        // One more digit than is wanted, so that rounding looks at it.
        let units = &self.units * power_of_ten(2 * (scale + 1)) * power_of_ten(self.scale);
        let root = units.sqrt();
        let units = rounded_quotient(&root, &power_of_ten(self.scale + 1));
        Some(Self { units, scale })
    }

    /// The nearest whole number, halves away from zero; `None` when it needs more than 64 bits.
    pub fn to_i64(&self) -> Option<i64> {
        i64::try_from(self.round(0).units).ok()
    }

    /// The nearest floating-point number.
    pub fn to_f64(&self) -> f64 {
        match self.to_string().parse() {
            Ok(value) => value,
            Err(error) => panic!("the digits of a number are read back: {error}"),
        }
    }

    /// The 15 significant digits of a floating-point number.
    ///
    /// # Errors
    /// When it is not finite.
    pub fn from_f64(value: f64) -> Result<Self, NumericError> {
        if !value.is_finite() {
            return Err(NumericError::NotFinite);
        }
        Self::parse(&format!("{value:.14e}")).map(|number| number.trimmed())
    }

    /// Reads a number as PostgreSQL does: spaces around, a sign, digits, a point, an exponent.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, NumericError> {
        let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if ["nan", "inf", "infinity"].contains(&rest.to_ascii_lowercase().as_str()) {
            return Err(NumericError::NotFinite);
        }
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NumericError::Syntax);
        }
        if digits.len() > TEXT_DIGITS_MAX {
            return Err(NumericError::TooLong);
        }
        let units: BigInt = digits.parse().map_err(|_| NumericError::Syntax)?;
        let units = if negative { -units } else { units };
        let scale = i64::try_from(fraction.len()).map_err(|_| NumericError::TooLong)? - exponent;
        match u32::try_from(scale) {
            Ok(scale) => Ok(Self { units, scale }),
            Err(_) => {
                Ok(Self { units: units * power_of_ten(u32::try_from(-scale).map_err(|_| NumericError::TooLong)?), scale: 0 })
            }
        }
    }

    /// Digits behind the point of the quotient: as many as give 16 significant ones, and those of both numbers.
    fn quotient_scale(&self, other: &Self) -> u32 {
        let ((weight, digit), (other_weight, other_digit)) = (self.leading_digit(), other.leading_digit());
        let weight = weight - other_weight - i64::from(digit <= other_digit);
        let scale = (SIGNIFICANT_DIGITS_MIN - weight * DIGITS).max(i64::from(self.scale)).max(i64::from(other.scale));
        u32::try_from(scale.clamp(0, SCALE_MAX)).unwrap_or(0)
    }

    /// The place and the value of the first digit to base 10,000; (0, 0) for zero.
    pub(super) fn leading_digit(&self) -> (i64, i64) {
        if self.is_zero() {
            return (0, 0);
        }
        let text = self.units.magnitude().to_string();
        let length = text.len() as i64;
        let exponent = length - 1 - i64::from(self.scale);
        let weight = exponent.div_euclid(DIGITS);
        let taken = exponent.rem_euclid(DIGITS) + 1;
        let mut digit = 0;
        for place in 0..taken {
            let next =
                usize::try_from(place).ok().and_then(|place| text.as_bytes().get(place)).map_or(0, |byte| i64::from(byte - b'0'));
            digit = digit * 10 + next;
        }
        (weight, digit)
    }

    /// The units of both at the greater of their scales.
    fn aligned(&self, other: &Self) -> (BigInt, BigInt, u32) {
        let scale = self.scale.max(other.scale);
        let raised = |number: &Self| match scale - number.scale {
            0 => number.units.clone(),
            more => &number.units * power_of_ten(more),
        };
        (raised(self), raised(other), scale)
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.sign() < 0 { "-" } else { "" };
        let digits = self.units.magnitude().to_string();
        let scale = self.scale as usize;
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

pub(super) fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// The quotient as a whole number, halves away from zero.
pub(super) fn rounded_quotient(units: &BigInt, divisor: &BigInt) -> BigInt {
    let quotient = units / divisor;
    let rest = units - &quotient * divisor;
    if rest.magnitude() * 2_u32 < *divisor.magnitude() {
        return quotient;
    }
    if (units.sign() == Sign::Minus) == (divisor.sign() == Sign::Minus) { quotient + 1 } else { quotient - 1 }
}

fn exponent_of(text: &str) -> Result<i64, NumericError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumericError::Syntax);
    }
    let exponent: i64 = text.parse().map_err(|_| NumericError::TooLong)?;
    if exponent.abs() > SCALE_MAX { Err(NumericError::TooLong) } else { Ok(exponent) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Numeric {
        Numeric::parse(text).expect("a number")
    }

    #[test]
    fn quotients_and_roots_have_the_digits_that_postgresql_gives_them() {
        let quotient = |a: &str, b: &str| number(a).divide(&number(b)).expect("not by zero").to_string();
        assert_eq!(quotient("18000000000000000000", "2"), "9000000000000000000");
        assert_eq!(quotient("9", "2.0"), "4.5000000000000000");
        assert_eq!(quotient("1", "3.0"), "0.33333333333333333333");
        assert_eq!(quotient("1", "30000.0"), "0.000033333333333333333333");
        assert_eq!(quotient("-2", "3"), "-0.66666666666666666667");
        assert_eq!(number("1").divide(&number("0.00")), None);
        let root = |text: &str| number(text).square_root().expect("not negative").to_string();
        assert_eq!(root("2"), "1.414213562373095");
        assert_eq!(root("20000"), "141.4213562373095");
        assert_eq!(root("0.0002"), "0.01414213562373095");
        assert_eq!(root("123456789.12"), "11111.11106595556");
        assert_eq!(root("4.00"), "2.000000000000000");
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (text, digits, rounded) in [
            ("4.75", 0, "5"),
            ("-4.5", 0, "-5"),
            ("0.999", 0, "1"),
            ("2.25", 1, "2.3"),
            ("151", -2, "200"),
            ("149", -2, "100"),
            ("49", -2, "0"),
            ("1", 3, "1.000"),
        ] {
            assert_eq!(number(text).round(digits).to_string(), rounded, "{text}");
        }
        assert_eq!(number("-4.5").floor().to_string(), "-5");
        assert_eq!(number("-4.5").ceiling().to_string(), "-4");
        assert_eq!(number("4.99").truncate(0).to_string(), "4");
    }

    #[test]
    fn texts_are_read_as_postgresql_reads_them() {
        for (text, shown) in
            [(" 1.50 ", "1.50"), ("-.5", "-0.5"), ("5.", "5"), ("1e3", "1000"), ("1.5e-3", "0.0015"), ("+7", "7")]
        {
            assert_eq!(number(text).to_string(), shown);
        }
        for text in ["", ".", "1e", "e5", "1 2", "0x10", "--1", "1_000"] {
            assert_eq!(Numeric::parse(text), Err(NumericError::Syntax), "{text}");
        }
        assert_eq!(Numeric::parse("NaN"), Err(NumericError::NotFinite));
        assert_eq!(Numeric::parse("1e99999"), Err(NumericError::TooLong));
        assert_eq!(Numeric::from_f64(0.1 + 0.2).map(|number| number.to_string()), Ok("0.3".to_owned()));
        assert_eq!(number("9007199254740993.0").to_f64(), 9_007_199_254_740_992.0);
    }
}
