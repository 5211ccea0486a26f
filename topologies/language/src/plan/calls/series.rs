//! `generate_series`: the numbers or times between two.

use schemas::field::Value;
use schemas::interval::{DAY_MICROS, Interval};

use super::calendar::{civil, days, in_range, month_days};
use super::definition::{Answer, Definition, Fault, Gives, Kind, Overload, integer, integer_of_time};

const fn way(takes: &'static [Kind], gives: Kind, call: fn(&[Value<'_>]) -> Answer) -> Overload {
    Overload { takes, rest: None, gives: Gives::Kind(gives), call }
}

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[Definition {
    name: "generate_series",
    aliases: &[],
    overloads: &[
        way(&[Kind::BigInt, Kind::BigInt], Kind::BigInts, numbers),
        way(&[Kind::BigInt, Kind::BigInt, Kind::BigInt], Kind::BigInts, numbers),
        way(&[Kind::Timestamp, Kind::Timestamp, Kind::Interval], Kind::Timestamps, instants),
        way(&[Kind::LocalTimestamp, Kind::LocalTimestamp, Kind::Interval], Kind::LocalTimestamps, local_times),
    ],
    strict: true,
    check: None,
}];

fn no_step() -> Fault {
    Fault::invalid("step size cannot equal zero")
}

fn numbers(arguments: &[Value<'_>]) -> Answer {
    let (first, last) = (integer(&arguments[0]), integer(&arguments[1]));
    let step = arguments.get(2).map_or(1, integer);
    if step == 0 {
        return Err(no_step());
    }
    let next = |number: &i64| number.checked_add(step);
    let is_within = |number: &i64| if step > 0 { *number <= last } else { *number >= last };
    let numbers = std::iter::successors(Some(first), next).take_while(is_within);
    Ok(Value::List(numbers.map(Value::Int).collect()))
}

fn instants(arguments: &[Value<'_>]) -> Answer {
    times(arguments, Value::Timestamp)
}

fn local_times(arguments: &[Value<'_>]) -> Answer {
    times(arguments, Value::LocalTimestamp)
}

/// The times, each counted from the one before it, as PostgreSQL does: a month behind the 31st may be the 28th, and then stays there.
fn times(arguments: &[Value<'_>], time: fn(i64) -> Value<'static>) -> Answer {
    let (first, last) = (integer_of_time(&arguments[0]), integer_of_time(&arguments[1]));
    let Value::Interval(step) = &arguments[2] else { return Err(Fault::invalid("the step is not an interval")) };
    let direction = step.length().signum();
    if direction == 0 {
        return Err(no_step());
    }
    let mut times = Vec::new();
    let mut next = first;
    while next == last || (next < last) == (direction > 0) {
        times.push(time(next));
        next = later(next, step)?;
    }
    Ok(Value::List(times))
}

/// The time that lies an interval behind another: first its months, then its days, then its hours.
fn later(micros: i64, step: &Interval) -> Result<i64, Fault> {
    let (day, of_day) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
    let (year, month, of_month) = civil(day);
    let months = year * 12 + month - 1 + i64::from(step.months);
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let day = days(year, month, of_month.min(month_days(year, month))) + i64::from(step.days);
    in_range(i128::from(day) * i128::from(DAY_MICROS) + i128::from(of_day) + i128::from(step.micros))
}
