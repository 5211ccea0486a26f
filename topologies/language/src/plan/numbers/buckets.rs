//! `width_bucket(value, low, high, count)`: the number of the bucket of a histogram that a value falls into.
//!
//! Owns the function for NUMERIC and for DOUBLE PRECISION. Numbers enter; 0 below the range, 1 to `count` inside, `count + 1` above leave.

use schemas::numeric::Numeric;

use super::kind::NumberKind;
use super::value::{Number, NumberFault as Fault};

const NO_BUCKETS: Fault = Fault::Undefined("count must be greater than zero");
const NO_RANGE: Fault = Fault::Undefined("lower bound cannot equal upper bound");

pub(super) fn width_bucket(numbers: &[Number], _: NumberKind) -> Result<Number, Fault> {
    let count = numbers[3].whole(NumberKind::Int32)?;
    if count <= 0 {
        return Err(NO_BUCKETS);
    }
    let is_float = numbers[..3].iter().any(|number| matches!(number, Number::Float(_)));
    let bucket = if is_float {
        of_floats(numbers[0].float(), numbers[1].float(), numbers[2].float(), count)?
    } else {
        of_exact(&numbers[0].exact()?, &numbers[1].exact()?, &numbers[2].exact()?, count)?
    };
    Ok(Number::Whole(bucket))
}

fn of_floats(value: f64, low: f64, high: f64, count: i64) -> Result<i64, Fault> {
    if value.is_nan() || low.is_nan() || high.is_nan() {
        return Err(Fault::Undefined("operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(Fault::Undefined("lower and upper bounds must be finite"));
    }
    if low == high {
        return Err(NO_RANGE);
    }
    // A range that falls is the mirror image of one that rises.
    let (value, low, high) = if low < high { (value, low, high) } else { (-value, -low, -high) };
    if value < low {
        return Ok(0);
    }
    if value >= high {
        return Ok(count + 1);
    }
    let share = if (high - low).is_finite() {
        (value - low) / (high - low)
    } else {
        (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
    };
    // The share may be rounded to one, although the value is below the bound.
    Ok(((count as f64 * share) as i64).min(count - 1) + 1)
}

fn of_exact(value: &Numeric, low: &Numeric, high: &Numeric, count: i64) -> Result<i64, Fault> {
    if low.compare(high).is_eq() {
        return Err(NO_RANGE);
    }
    let (value, low, high) = if low.compare(high).is_lt() {
        (value.clone(), low.clone(), high.clone())
    } else {
        (value.negated(), low.negated(), high.negated())
    };
    if value.compare(&low).is_lt() {
        return Ok(0);
    }
    if value.compare(&high).is_ge() {
        return Ok(count + 1);
    }
    let share = value.subtract(&low).multiply(&Numeric::new(count, 0));
    let bucket = share.divide_whole(&high.subtract(&low)).and_then(|bucket| bucket.to_i64());
    bucket.map(|bucket| bucket + 1).ok_or(Fault::OutOfRange("INTEGER"))
}
