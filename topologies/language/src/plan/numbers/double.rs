//! Functions of DOUBLE PRECISION, with PostgreSQL's errors where there is no result.
//!
//! Owns the rules. They are computed by the `libm` crate and not by the platform's library, so that every machine gives the same bits.

use std::f64::consts::PI;

use super::rule::{Rule, double_only};
use super::value::{Number, NumberFault as Fault};

const RADIANS_PER_DEGREE: f64 = PI / 180.0;
const OUT_OF_RANGE: Fault = Fault::OutOfRange("DOUBLE PRECISION");
const BAD_INPUT: Fault = Fault::Undefined("input is out of range");

/// Declares a rule of one argument.
macro_rules! rule {
    ($name:literal, $function:expr) => {
        Rule {
            name: $name,
            arguments: (1, 1),
            result: double_only,
            compute: |numbers, _| {
                let function: fn(f64) -> Result<f64, Fault> = $function;
                function(numbers[0].float()).map(Number::Float)
            },
        }
    };
}

pub(super) const RULES: &[Rule] = &[
    rule!("acos", |x| within_one(x, libm::acos)),
    rule!("acosh", |x| if x < 1.0 { Err(BAD_INPUT) } else { Ok(libm::acosh(x)) }),
    rule!("asin", |x| within_one(x, libm::asin)),
    rule!("asinh", |x| Ok(libm::asinh(x))),
    rule!("atan", |x| Ok(libm::atan(x))),
    rule!("atanh", |x| if x.abs() > 1.0 { Err(BAD_INPUT) } else { Ok(libm::atanh(x)) }),
    rule!("cbrt", |x| Ok(libm::cbrt(x))),
    rule!("cos", |x| finite(x, libm::cos)),
    rule!("cosh", |x| Ok(libm::cosh(x))),
    rule!("cot", |x| finite(x, |x| 1.0 / libm::tan(x))),
    rule!("degrees", |x| in_range(x / RADIANS_PER_DEGREE, &[x])),
    rule!("radians", |x| in_range(x * RADIANS_PER_DEGREE, &[x])),
    rule!("sin", |x| finite(x, libm::sin)),
    rule!("sinh", |x| Ok(libm::sinh(x))),
    rule!("tan", |x| finite(x, libm::tan)),
    rule!("tanh", |x| Ok(libm::tanh(x))),
    Rule {
        name: "atan2",
        arguments: (2, 2),
        result: double_only,
        compute: |numbers, _| Ok(Number::Float(libm::atan2(numbers[0].float(), numbers[1].float()))),
    },
    Rule { name: "pi", arguments: (0, 0), result: double_only, compute: |_, _| Ok(Number::Float(PI)) },
];

/// The sum.
pub(super) fn add(left: f64, right: f64) -> Result<f64, Fault> {
    overflow(left + right, &[left, right])
}

/// The product.
pub(super) fn multiply(left: f64, right: f64) -> Result<f64, Fault> {
    let product = overflow(left * right, &[left, right])?;
    if product == 0.0 && left != 0.0 && right != 0.0 { Err(OUT_OF_RANGE) } else { Ok(product) }
}

/// The quotient of a divisor that is not zero.
pub(super) fn divide(left: f64, right: f64) -> Result<f64, Fault> {
    let quotient = overflow(left / right, &[left, right])?;
    if quotient == 0.0 && left != 0.0 && right.is_finite() { Err(OUT_OF_RANGE) } else { Ok(quotient) }
}

/// Refuses an infinite result of finite numbers.
fn overflow(result: f64, from: &[f64]) -> Result<f64, Fault> {
    if result.is_infinite() && from.iter().all(|number| number.is_finite()) { Err(OUT_OF_RANGE) } else { Ok(result) }
}

/// Refuses an infinite result of finite numbers, and zero where nothing was zero.
fn in_range(result: f64, from: &[f64]) -> Result<f64, Fault> {
    let result = overflow(result, from)?;
    if result == 0.0 && from.iter().all(|number| *number != 0.0) { Err(OUT_OF_RANGE) } else { Ok(result) }
}

fn finite(value: f64, function: fn(f64) -> f64) -> Result<f64, Fault> {
    if value.is_infinite() { Err(BAD_INPUT) } else { Ok(function(value)) }
}

fn within_one(value: f64, function: fn(f64) -> f64) -> Result<f64, Fault> {
    if value.abs() > 1.0 { Err(BAD_INPUT) } else { Ok(function(value)) }
}

fn logarithm(value: f64, function: fn(f64) -> f64) -> Result<f64, Fault> {
    if value == 0.0 {
        return Err(Fault::Undefined("cannot take logarithm of zero"));
    }
    if value < 0.0 { Err(Fault::Undefined("cannot take logarithm of a negative number")) } else { Ok(function(value)) }
}

/// The natural logarithm.
pub(super) fn ln(value: f64) -> Result<f64, Fault> {
    logarithm(value, libm::log)
}

/// The logarithm to base 10.
pub(super) fn log10(value: f64) -> Result<f64, Fault> {
    logarithm(value, libm::log10)
}

/// The exponential.
pub(super) fn exponential(value: f64) -> Result<f64, Fault> {
    let result = libm::exp(value);
    if value.is_finite() && (result.is_infinite() || result == 0.0) { Err(OUT_OF_RANGE) } else { Ok(result) }
}

/// One number raised to another.
pub(super) fn power(base: f64, exponent: f64) -> Result<f64, Fault> {
    if base == 0.0 && exponent < 0.0 {
        return Err(Fault::Undefined("zero raised to a negative power is undefined"));
    }
    if base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0 {
        return Err(Fault::Undefined("a negative number raised to a non-integer power yields a complex result"));
    }
    let result = libm::pow(base, exponent);
    let is_finite = base.is_finite() && exponent.is_finite();
    if is_finite && (result.is_infinite() || (result == 0.0 && base != 0.0)) { Err(OUT_OF_RANGE) } else { Ok(result) }
}
