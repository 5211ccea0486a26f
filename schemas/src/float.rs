//! The one form of each floating-point number that rows hold, so that equal numbers are equal keys.

/// The one form of a number that has several: 0.0 for -0.0, and one NaN, which is greater than every number.
pub fn canonical(value: f64) -> f64 {
    if value.is_nan() { f64::NAN.copysign(1.0) } else { value + 0.0 }
}
