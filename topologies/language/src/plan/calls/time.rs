//! Distances between times, times made of parts, and `AT TIME ZONE`.

use schemas::field::Value;
use schemas::interval::{DAY_MICROS, Interval};

use super::calendar::{Moment, in_range, month_days};
use super::definition::{Answer, Check, Constants, Definition, Fault, Gives, Kind, Overload, integer, integer_of_time, text};
use super::zone::Zone;

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "time_difference",
        aliases: &[],
        overloads: &[
            Overload {
                takes: &[Kind::Timestamp, Kind::Timestamp],
                rest: None,
                gives: Gives::Kind(Kind::Interval),
                call: difference,
            },
            Overload {
                takes: &[Kind::LocalTimestamp, Kind::LocalTimestamp],
                rest: None,
                gives: Gives::Kind(Kind::Interval),
                call: difference,
            },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "date_difference",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Date, Kind::Date],
            rest: None,
            gives: Gives::Kind(Kind::Integer),
            call: days_between,
        }],
        strict: true,
        check: None,
    },
    Definition {
        name: "age",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Timestamp, Kind::Timestamp], rest: None, gives: Gives::Kind(Kind::Interval), call: age },
            Overload {
                takes: &[Kind::LocalTimestamp, Kind::LocalTimestamp],
                rest: None,
                gives: Gives::Kind(Kind::Interval),
                call: age,
            },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "timezone",
        aliases: &[],
        overloads: &[
            Overload {
                takes: &[Kind::Text, Kind::Timestamp],
                rest: None,
                gives: Gives::Kind(Kind::LocalTimestamp),
                call: local_time,
            },
            Overload {
                takes: &[Kind::Text, Kind::LocalTimestamp],
                rest: None,
                gives: Gives::Kind(Kind::Timestamp),
                call: instant,
            },
        ],
        strict: true,
        check: Some(Check::Values(check_zone)),
    },
    Definition {
        name: "make_date",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::BigInt, Kind::BigInt, Kind::BigInt],
            rest: None,
            gives: Gives::Kind(Kind::Date),
            call: make_date,
        }],
        strict: true,
        check: None,
    },
    Definition {
        name: "make_timestamp",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::BigInt, Kind::BigInt, Kind::BigInt, Kind::BigInt, Kind::BigInt, Kind::Float],
            rest: None,
            gives: Gives::Kind(Kind::LocalTimestamp),
            call: make_timestamp,
        }],
        strict: true,
        check: None,
    },
    Definition {
        name: "to_timestamp",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Float], rest: None, gives: Gives::Kind(Kind::Timestamp), call: to_timestamp }],
        strict: true,
        check: None,
    },
];

/// Days and a time of day of one sign.
fn difference(arguments: &[Value<'_>]) -> Answer {
    let (later, earlier) = (integer_of_time(&arguments[0]), integer_of_time(&arguments[1]));
    let length = i128::from(later) - i128::from(earlier);
    Interval::from_length(length).map(Value::Interval).ok_or(Fault::OutOfRange("interval"))
}

/// Days from the second date to the first.
fn days_between(arguments: &[Value<'_>]) -> Answer {
    match (&arguments[0], &arguments[1]) {
        (Value::Date(later), Value::Date(earlier)) => Ok(Value::Int(i64::from(*later) - i64::from(*earlier))),
        other => panic!("{other:?} are not the DATEs that the signature takes"),
    }
}

/// Years, months and days as people count them: a month is as long as the one that it lies in.
fn age(arguments: &[Value<'_>]) -> Answer {
    let (left, right) = (integer_of_time(&arguments[0]), integer_of_time(&arguments[1]));
    let is_negative = left < right;
    let (later, earlier) =
        if is_negative { (Moment::of(right), Moment::of(left)) } else { (Moment::of(left), Moment::of(right)) };
    let mut micros = later.micros - earlier.micros;
    let mut days = later.day - earlier.day;
    let mut months = (later.year - earlier.year) * 12 + later.month - earlier.month;
    if micros < 0 {
        micros += DAY_MICROS;
        days -= 1;
    }
    if days < 0 {
        // The days of the month that the count begins in: of the earlier time, or of the later one for a negative age.
        days += month_days(earlier.year, earlier.month);
        months -= 1;
    }
    let sign = if is_negative { -1 } else { 1 };
    let small = |count: i64| i32::try_from(sign * count).map_err(|_| Fault::OutOfRange("interval"));
    Ok(Value::Interval(Interval { months: small(months)?, days: small(days)?, micros: sign * micros }))
}

fn check_zone(constants: Constants<'_, '_>) -> Result<(), Fault> {
    match &constants[0] {
        Some(Value::Text(name)) => Zone::parse(name).map(|_| ()),
        _ => Ok(()),
    }
}

fn local_time(arguments: &[Value<'_>]) -> Answer {
    let zone = Zone::parse(text(&arguments[0]))?;
    Ok(Value::LocalTimestamp(zone.local_time(integer_of_time(&arguments[1]))?))
}

fn instant(arguments: &[Value<'_>]) -> Answer {
    let zone = Zone::parse(text(&arguments[0]))?;
    Ok(Value::Timestamp(zone.instant(integer_of_time(&arguments[1]))?))
}

/// Days since 1970; a negative year is one before Christ.
fn day(year: i64, month: i64, day: i64) -> Result<i64, Fault> {
    let invalid = || Fault::invalid(format!("there is no day {year}-{month:02}-{day:02}"));
    let astronomical = match year {
        0 => return Err(invalid()),
        year if year < 0 => year + 1,
        year => year,
    };
    if !(-4_713..=294_276).contains(&astronomical) {
        return Err(Fault::OutOfRange("date"));
    }
    if !(1..=12).contains(&month) || !(1..=month_days(astronomical, month)).contains(&day) {
        return Err(invalid());
    }
    Ok(super::calendar::days(astronomical, month, day))
}

fn make_date(arguments: &[Value<'_>]) -> Answer {
    let days = day(integer(&arguments[0]), integer(&arguments[1]), integer(&arguments[2]))?;
    i32::try_from(days).map(Value::Date).map_err(|_| Fault::OutOfRange("date"))
}

fn make_timestamp(arguments: &[Value<'_>]) -> Answer {
    let days = day(integer(&arguments[0]), integer(&arguments[1]), integer(&arguments[2]))?;
    let (hour, minute) = (integer(&arguments[3]), integer(&arguments[4]));
    let Value::Float(seconds) = arguments[5] else { return Err(Fault::invalid("the seconds are not a number")) };
    let invalid = || Fault::invalid(format!("there is no time {hour}:{minute:02}:{seconds}"));
    // Seconds are rounded before they are checked: what is next to zero or to sixty is it. NaN is in no range.
    let of_seconds = (seconds * 1e6).round_ties_even();
    if !(0..=24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..=60e6).contains(&of_seconds) {
        return Err(invalid());
    }
    let micros = (hour * 3_600 + minute * 60) * 1_000_000 + of_seconds as i64;
    if micros > DAY_MICROS {
        return Err(invalid());
    }
    in_range(i128::from(days) * i128::from(DAY_MICROS) + i128::from(micros)).map(Value::LocalTimestamp)
}

fn to_timestamp(arguments: &[Value<'_>]) -> Answer {
    let Value::Float(seconds) = arguments[0] else { return Err(Fault::invalid("the seconds are not a number")) };
    // PostgreSQL counts from 2000 while it rounds, and so do we.
    const SECONDS_TO_2000: f64 = 946_684_800.0;
    let micros = ((seconds - SECONDS_TO_2000) * 1e6).round_ties_even();
    if !micros.is_finite() || micros.abs() >= 9.3e18 {
        return Err(Fault::OutOfRange("timestamp"));
    }
    in_range(micros as i128 + SECONDS_TO_2000 as i128 * 1_000_000).map(Value::Timestamp)
}
