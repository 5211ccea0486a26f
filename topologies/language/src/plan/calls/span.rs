//! Intervals: their order, their products, and their justified forms.

use schemas::field::Value;
use schemas::interval::{DAY_MICROS, Interval, MONTH_DAYS};

use super::definition::{Answer, Definition, Fault, Gives, Kind, Overload};

const DAY_SECONDS: f64 = 86_400.0;
const MICROS: f64 = 1e6;

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "interval_length",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Interval], rest: None, gives: Gives::Kind(Kind::Numeric), call: length }],
        strict: true,
        check: None,
    },
    Definition {
        name: "interval_in_days",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Interval], rest: None, gives: Gives::Kind(Kind::Interval), call: in_days }],
        strict: true,
        check: None,
    },
    Definition {
        name: "justify_hours",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Interval], rest: None, gives: Gives::Kind(Kind::Interval), call: justify_hours }],
        strict: true,
        check: None,
    },
    Definition {
        name: "justify_days",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Interval], rest: None, gives: Gives::Kind(Kind::Interval), call: justify_days }],
        strict: true,
        check: None,
    },
    Definition {
        name: "justify_interval",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Interval],
            rest: None,
            gives: Gives::Kind(Kind::Interval),
            call: justify_interval,
        }],
        strict: true,
        check: None,
    },
    Definition {
        name: "interval_multiply",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Interval, Kind::Float],
            rest: None,
            gives: Gives::Kind(Kind::Interval),
            call: multiply,
        }],
        strict: true,
        check: None,
    },
    Definition {
        name: "interval_divide",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Interval, Kind::Float],
            rest: None,
            gives: Gives::Kind(Kind::Interval),
            call: divide,
        }],
        strict: true,
        check: None,
    },
    Definition {
        name: "interval_greatest",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Interval],
            rest: Some(Kind::Interval),
            gives: Gives::Kind(Kind::Interval),
            call: greatest,
        }],
        strict: false,
        check: None,
    },
    Definition {
        name: "interval_least",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Interval],
            rest: Some(Kind::Interval),
            gives: Gives::Kind(Kind::Interval),
            call: least,
        }],
        strict: false,
        check: None,
    },
];

fn interval(value: &Value<'_>) -> Interval {
    match value {
        Value::Interval(interval) => *interval,
        other => panic!("{other:?} is not the INTERVAL that the signature takes"),
    }
}

fn length(arguments: &[Value<'_>]) -> Answer {
    Ok(Value::Decimal(interval(&arguments[0]).length(), 0))
}

/// The same length in days and less, so that intervals that are equal are the same.
fn in_days(arguments: &[Value<'_>]) -> Answer {
    Interval::from_length(interval(&arguments[0]).length()).map(Value::Interval).ok_or(OUT_OF_RANGE)
}

const OUT_OF_RANGE: Fault = Fault::OutOfRange("interval");

fn days(count: i64) -> std::result::Result<i32, Fault> {
    i32::try_from(count).map_err(|_| OUT_OF_RANGE)
}

fn justify_hours(arguments: &[Value<'_>]) -> Answer {
    let span = interval(&arguments[0]);
    let mut day = i64::from(span.days) + span.micros / DAY_MICROS;
    let mut micros = span.micros % DAY_MICROS;
    one_sign(&mut day, &mut micros, DAY_MICROS);
    Ok(Value::Interval(Interval { days: days(day)?, micros, ..span }))
}

fn justify_days(arguments: &[Value<'_>]) -> Answer {
    let span = interval(&arguments[0]);
    let mut month = i64::from(span.months) + i64::from(span.days) / MONTH_DAYS;
    let mut day = i64::from(span.days) % MONTH_DAYS;
    one_sign(&mut month, &mut day, MONTH_DAYS);
    Ok(Value::Interval(Interval { months: days(month)?, days: days(day)?, ..span }))
}

/// Borrows one of the greater unit, where the two counts differ in sign.
fn one_sign(greater: &mut i64, smaller: &mut i64, size: i64) {
    if *greater > 0 && *smaller < 0 {
        *smaller += size;
        *greater -= 1;
    } else if *greater < 0 && *smaller > 0 {
        *smaller -= size;
        *greater += 1;
    }
}

fn justify_interval(arguments: &[Value<'_>]) -> Answer {
    let span = interval(&arguments[0]);
    let mut day = i64::from(span.days) + span.micros / DAY_MICROS;
    let mut micros = span.micros % DAY_MICROS;
    let mut month = i64::from(span.months) + day / MONTH_DAYS;
    day %= MONTH_DAYS;
    if month > 0 && (day < 0 || (day == 0 && micros < 0)) {
        day += MONTH_DAYS;
        month -= 1;
    } else if month < 0 && (day > 0 || (day == 0 && micros > 0)) {
        day -= MONTH_DAYS;
        month += 1;
    }
    one_sign(&mut day, &mut micros, DAY_MICROS);
    Ok(Value::Interval(Interval { months: days(month)?, days: days(day)?, micros }))
}

fn factor(value: &Value<'_>) -> f64 {
    match value {
        Value::Float(factor) => *factor,
        other => panic!("{other:?} is not the DOUBLE PRECISION that the signature takes"),
    }
}

fn multiply(arguments: &[Value<'_>]) -> Answer {
    let factor = factor(&arguments[1]);
    scaled(interval(&arguments[0]), |count| count * factor)
}

fn divide(arguments: &[Value<'_>]) -> Answer {
    let divisor = factor(&arguments[1]);
    if divisor == 0.0 {
        return Err(Fault::invalid("division by zero"));
    }
    scaled(interval(&arguments[0]), |count| count / divisor)
}

/// Scales each part; what is left of a month goes to the days, what is left of a day to the time, each rounded to a millionth, as
/// PostgreSQL does.
fn scaled(span: Interval, scale: impl Fn(f64) -> f64) -> Answer {
    let rounded = |value: f64| (value * MICROS).round_ties_even() / MICROS;
    let (months, whole_days) = (scale(span.months.into()), scale(span.days.into()));
    let mut day = whole(whole_days)?;
    let of_month = rounded((months - months.trunc()) * MONTH_DAYS as f64);
    let mut seconds = rounded((whole_days - whole_days.trunc() + of_month - of_month.trunc()) * DAY_SECONDS);
    if seconds.abs() >= DAY_SECONDS {
        let more = (seconds / DAY_SECONDS).trunc();
        day += more as i64;
        seconds -= more * DAY_SECONDS;
    }
    day += of_month.trunc() as i64;
    let micros = (scale(span.micros as f64) + seconds * MICROS).round_ties_even();
    if !micros.is_finite() || micros.abs() >= 9.2e18 {
        return Err(OUT_OF_RANGE);
    }
    Ok(Value::Interval(Interval { months: days(whole(months)?)?, days: days(day)?, micros: micros as i64 }))
}

/// The whole part of a count that fits in 32 bits.
fn whole(count: f64) -> std::result::Result<i64, Fault> {
    if count.is_finite() && count.abs() <= f64::from(i32::MAX) { Ok(count.trunc() as i64) } else { Err(OUT_OF_RANGE) }
}

fn greatest(arguments: &[Value<'_>]) -> Answer {
    Ok(given(arguments)
        .reduce(|best, other| if other.compare(&best).is_gt() { other } else { best })
        .map_or(Value::Null, Value::Interval))
}

fn least(arguments: &[Value<'_>]) -> Answer {
    Ok(given(arguments)
        .reduce(|best, other| if other.compare(&best).is_lt() { other } else { best })
        .map_or(Value::Null, Value::Interval))
}

/// The arguments that are not NULL.
fn given(arguments: &[Value<'_>]) -> impl Iterator<Item = Interval> {
    arguments.iter().filter(|argument| **argument != Value::Null).map(interval)
}
