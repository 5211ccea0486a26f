//! Numbers of JSON in their digits.
//!
//! A number as it was written enters; its digits leave without an exponent, with the zeros of its fraction, as PostgreSQL's NUMERIC has them.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::error::{JSONB_DIGITS_MAX, JsonbError};
use crate::numeric::Numeric;

/// The digits of a number in the grammar of JSON.
pub(super) fn digits(written: &str) -> Result<Cow<'_, str>, JsonbError> {
    let (negative, unsigned) = written.strip_prefix('-').map_or((false, written), |unsigned| (true, unsigned));
    if written.len() > JSONB_DIGITS_MAX {
        return Err(JsonbError::TooManyDigits);
    }
    let Some((mantissa, exponent)) = unsigned.split_once(['e', 'E']) else {
        // There is one zero.
        let is_zero = negative && unsigned.bytes().all(|byte| matches!(byte, b'0' | b'.'));
        return Ok(Cow::Borrowed(if is_zero { unsigned } else { written }));
    };
    let exponent: i64 = exponent.parse().map_err(|_| JsonbError::TooManyDigits)?;
    if exponent.unsigned_abs() > JSONB_DIGITS_MAX as u64 {
        return Err(JsonbError::TooManyDigits);
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let scale = fraction.len() as i64 - exponent;
    let mut all = format!("{whole}{fraction}");
    let behind = match usize::try_from(scale) {
        Ok(behind) => behind,
        Err(_) => {
            all.extend(std::iter::repeat_n('0', usize::try_from(-scale).map_err(|_| JsonbError::TooManyDigits)?));
            0
        }
    };
    let padded = format!("{all:0>width$}", width = behind + 1);
    let (before, behind) = padded.split_at(padded.len() - behind);
    let before = before.trim_start_matches('0');
    let before = if before.is_empty() { "0" } else { before };
    if before.len() + behind.len() > JSONB_DIGITS_MAX {
        return Err(JsonbError::TooManyDigits);
    }
    let point = if behind.is_empty() { "" } else { "." };
    let is_zero = before == "0" && behind.bytes().all(|byte| byte == b'0');
    let sign = if negative && !is_zero { "-" } else { "" };
    Ok(Cow::Owned(format!("{sign}{before}{point}{behind}")))
}

/// The digits of a finite floating-point number, the fewest that are read back as the same.
pub(super) fn float_digits(value: f64) -> Result<Cow<'static, str>, JsonbError> {
    digits(&format!("{value:e}")).map(|digits| Cow::Owned(digits.into_owned()))
}

/// The order of two numbers: 1.0 and 1.00 are equal.
pub(super) fn compare_digits(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    if let (Ok(left), Ok(right)) = (left.parse::<i64>(), right.parse::<i64>()) {
        return left.cmp(&right);
    }
    match (Numeric::parse(left), Numeric::parse(right)) {
        (Ok(left), Ok(right)) => left.compare(&right),
        _ => panic!("the numbers {left} and {right} of a JSONB can't be read"),
    }
}
