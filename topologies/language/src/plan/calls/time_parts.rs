//! Fields of times: `extract`, `date_part`, `date_trunc` and `date_bin`.
//!
//! Owns the names of the fields. Everything is computed in whole microseconds, so that no time is too early or too late.

use datafusion_common::{Result, plan_err};
use schemas::field::Value;
use schemas::interval::{DAY_MICROS, Interval};

use super::calendar::{Moment, counted_year, in_range, iso_weekday};
use super::definition::{Answer, Check, Constants, Definition, Fault, Gives, Kind, Overload, integer_of_time, text};
use super::zone::Zone;

/// Seconds of a year in the epoch of an interval: 365.25 days.
const YEAR_SECONDS: i128 = 31_557_600;
const DAY_SECONDS: i128 = 86_400;
const MICROS: i128 = 1_000_000;

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "extract",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::Timestamp], rest: None, gives: Gives::NumericBy(scale), call: extract },
            Overload { takes: &[Kind::Text, Kind::LocalTimestamp], rest: None, gives: Gives::NumericBy(scale), call: extract },
            Overload { takes: &[Kind::Text, Kind::Date], rest: None, gives: Gives::NumericBy(date_scale), call: extract },
            Overload { takes: &[Kind::Text, Kind::Interval], rest: None, gives: Gives::NumericBy(scale), call: extract },
        ],
        strict: true,
        check: Some(Check::Values(check_field)),
    },
    Definition {
        name: "date_part",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::Timestamp], rest: None, gives: Gives::Kind(Kind::Float), call: date_part },
            Overload { takes: &[Kind::Text, Kind::LocalTimestamp], rest: None, gives: Gives::Kind(Kind::Float), call: date_part },
            Overload { takes: &[Kind::Text, Kind::Date], rest: None, gives: Gives::Kind(Kind::Float), call: date_part },
            Overload { takes: &[Kind::Text, Kind::Interval], rest: None, gives: Gives::Kind(Kind::Float), call: date_part },
        ],
        strict: true,
        check: Some(Check::Values(check_field)),
    },
    Definition {
        name: "date_trunc",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::Timestamp], rest: None, gives: Gives::Kind(Kind::Timestamp), call: date_trunc },
            Overload {
                takes: &[Kind::Text, Kind::Timestamp, Kind::Text],
                rest: None,
                gives: Gives::Kind(Kind::Timestamp),
                call: date_trunc_in_zone,
            },
            Overload {
                takes: &[Kind::Text, Kind::LocalTimestamp],
                rest: None,
                gives: Gives::Kind(Kind::LocalTimestamp),
                call: date_trunc,
            },
            Overload { takes: &[Kind::Text, Kind::Interval], rest: None, gives: Gives::Kind(Kind::Interval), call: date_trunc },
        ],
        strict: true,
        check: Some(Check::Values(check_unit)),
    },
    Definition {
        name: "date_bin",
        aliases: &[],
        overloads: &[
            Overload {
                takes: &[Kind::Interval, Kind::Timestamp],
                rest: None,
                gives: Gives::Kind(Kind::Timestamp),
                call: date_bin,
            },
            Overload {
                takes: &[Kind::Interval, Kind::Timestamp, Kind::Timestamp],
                rest: None,
                gives: Gives::Kind(Kind::Timestamp),
                call: date_bin,
            },
            Overload {
                takes: &[Kind::Interval, Kind::LocalTimestamp],
                rest: None,
                gives: Gives::Kind(Kind::LocalTimestamp),
                call: date_bin,
            },
            Overload {
                takes: &[Kind::Interval, Kind::LocalTimestamp, Kind::LocalTimestamp],
                rest: None,
                gives: Gives::Kind(Kind::LocalTimestamp),
                call: date_bin,
            },
        ],
        strict: true,
        check: Some(Check::Values(check_stride)),
    },
];

/// A part that can be taken out of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    Epoch,
    Weekday,
    IsoWeekday,
    DayOfYear,
    IsoYear,
    Julian,
    Zone,
    ZoneHour,
    ZoneMinute,
}

/// The spellings that PostgreSQL takes for each field.
const FIELDS: &[(Field, &[&str])] = &[
    (Field::Microseconds, &["microseconds", "microsecond", "microsecon", "us", "usec", "usecs", "useconds", "usecond"]),
    (Field::Milliseconds, &["milliseconds", "millisecond", "millisecon", "ms", "msec", "msecs", "msecond", "mseconds"]),
    (Field::Second, &["second", "seconds", "s", "sec", "secs"]),
    (Field::Minute, &["minute", "minutes", "m", "min", "mins"]),
    (Field::Hour, &["hour", "hours", "h", "hr", "hrs"]),
    (Field::Day, &["day", "days", "d"]),
    (Field::Week, &["week", "weeks", "w"]),
    (Field::Month, &["month", "months", "mon", "mons"]),
    (Field::Quarter, &["quarter", "qtr"]),
    (Field::Year, &["year", "years", "y", "yr", "yrs"]),
    (Field::Decade, &["decade", "decades", "dec", "decs"]),
    (Field::Century, &["century", "centuries", "c", "cent"]),
    (Field::Millennium, &["millennium", "millennia", "mil", "mils"]),
    (Field::Epoch, &["epoch"]),
    (Field::Weekday, &["dow"]),
    (Field::IsoWeekday, &["isodow"]),
    (Field::DayOfYear, &["doy"]),
    (Field::IsoYear, &["isoyear"]),
    (Field::Julian, &["julian", "j", "jd"]),
    (Field::Zone, &["timezone"]),
    (Field::ZoneHour, &["timezone_hour"]),
    (Field::ZoneMinute, &["timezone_minute"]),
];

impl Field {
    fn parse(name: &str) -> std::result::Result<Self, Fault> {
        let lower = name.to_ascii_lowercase();
        let found = FIELDS.iter().find(|(_, spellings)| spellings.contains(&lower.as_str()));
        found.map(|(field, _)| *field).ok_or_else(|| {
            let names: Vec<&str> = FIELDS.iter().map(|(_, spellings)| spellings[0]).collect();
            Fault::invalid(format!("'{name}' is not a field of a time: there are {}", names.join(", ")))
        })
    }

    /// Digits after the point of the number that `extract` gives.
    fn scale(self) -> i8 {
        match self {
            Self::Second | Self::Epoch => 6,
            Self::Milliseconds => 3,
            _ => 0,
        }
    }
}

fn field_of(constants: Constants<'_, '_>) -> Result<Field> {
    match constants.first() {
        Some(Some(Value::Text(name))) => Field::parse(name).or_else(|fault| plan_err!("extract: {fault}")),
        _ => plan_err!("the field of extract must be a constant: date_part takes any"),
    }
}

fn scale(constants: Constants<'_, '_>) -> Result<i8> {
    field_of(constants).map(Field::scale)
}

/// A DATE has no parts of a second.
fn date_scale(constants: Constants<'_, '_>) -> Result<i8> {
    field_of(constants).map(|_| 0)
}

fn check_field(constants: Constants<'_, '_>) -> std::result::Result<(), Fault> {
    match &constants[0] {
        Some(Value::Text(name)) => Field::parse(name).map(|_| ()),
        _ => Ok(()),
    }
}

fn extract(arguments: &[Value<'_>]) -> Answer {
    let field = Field::parse(text(&arguments[0]))?;
    let (units, scale) = part(field, &arguments[1])?;
    Ok(Value::Decimal(units, scale))
}

fn date_part(arguments: &[Value<'_>]) -> Answer {
    let field = Field::parse(text(&arguments[0]))?;
    let (units, scale) = part(field, &arguments[1])?;
    Ok(Value::Float(units as f64 / 10_f64.powi(scale.into())))
}

/// A field in units of `10^-scale`.
fn part(field: Field, source: &Value<'_>) -> std::result::Result<(i128, i8), Fault> {
    match source {
        Value::Interval(interval) => interval_part(field, interval),
        Value::Date(day) => date_field(field, i64::from(*day)),
        Value::Timestamp(_) if matches!(field, Field::Zone | Field::ZoneHour | Field::ZoneMinute) => Ok((0, 0)),
        time => moment_part(field, integer_of_time(time)),
    }
}

fn unsupported<T>(field: Field, kind: &str) -> std::result::Result<T, Fault> {
    let name = FIELDS.iter().find(|(other, _)| *other == field).map_or("this field", |(_, spellings)| spellings[0]);
    Err(Fault::invalid(format!("{kind} has no field '{name}'")))
}

fn date_field(field: Field, day: i64) -> std::result::Result<(i128, i8), Fault> {
    use Field::{Epoch, Hour, Julian, Microseconds, Milliseconds, Minute, Second, Zone, ZoneHour, ZoneMinute};
    match field {
        Microseconds | Milliseconds | Second | Minute | Hour | Zone | ZoneHour | ZoneMinute => unsupported(field, "a DATE"),
        Julian => Ok((i128::from(day) + 2_440_588, 0)),
        Epoch => Ok((i128::from(day) * DAY_SECONDS, 0)),
        // No time of day is asked for, so any time on that day has the field.
        field => Ok((calendar_field(field, &day_moment(day)), 0)),
    }
}

fn day_moment(day: i64) -> Moment {
    let (year, month, day) = super::calendar::civil(day);
    Moment { year, month, day, micros: 0 }
}

fn moment_part(field: Field, micros: i64) -> std::result::Result<(i128, i8), Fault> {
    let moment = Moment::of(micros);
    let of_minute = i128::from(moment.micros % 60_000_000);
    Ok(match field {
        Field::Microseconds => (of_minute, 0),
        Field::Milliseconds => (of_minute, 3),
        Field::Second => (of_minute, 6),
        Field::Minute => (moment.minute().into(), 0),
        Field::Hour => (moment.hour().into(), 0),
        Field::Epoch => (micros.into(), 6),
        Field::Julian => return unsupported(field, "a time of day"),
        Field::Zone | Field::ZoneHour | Field::ZoneMinute => return unsupported(field, "a TIMESTAMP without a zone"),
        field => (calendar_field(field, &moment), 0),
    })
}

/// A field that the day alone decides.
fn calendar_field(field: Field, moment: &Moment) -> i128 {
    let year = moment.year;
    i128::from(match field {
        Field::Day => moment.day,
        Field::Month => moment.month,
        Field::Quarter => (moment.month - 1) / 3 + 1,
        Field::Week => moment.iso_week().1,
        Field::IsoYear => counted_year(moment.iso_week().0),
        Field::Weekday => iso_weekday(moment.days()) % 7,
        Field::IsoWeekday => iso_weekday(moment.days()),
        Field::DayOfYear => moment.day_of_year(),
        Field::Decade => year.div_euclid(10),
        Field::Century => counted(year, 100),
        Field::Millennium => counted(year, 1_000),
        _ => counted_year(year),
    })
}

/// The number of a century or a millennium: the first begins with the year 1, the one before it is -1.
fn counted(year: i64, length: i64) -> i64 {
    if year > 0 { (year + length - 1) / length } else { -((length - year) / length) }
}

fn interval_part(field: Field, interval: &Interval) -> std::result::Result<(i128, i8), Fault> {
    let (years, months) = (interval.months / 12, interval.months % 12);
    let of_minute = i128::from(interval.micros % 60_000_000);
    Ok(match field {
        Field::Microseconds => (of_minute, 0),
        Field::Milliseconds => (of_minute, 3),
        Field::Second => (of_minute, 6),
        Field::Minute => ((interval.micros / 60_000_000 % 60).into(), 0),
        Field::Hour => ((interval.micros / 3_600_000_000).into(), 0),
        Field::Day => (interval.days.into(), 0),
        Field::Month => (months.into(), 0),
        Field::Quarter => ((months / 3 + 1).into(), 0),
        Field::Year => (years.into(), 0),
        Field::Decade => ((years / 10).into(), 0),
        Field::Century => ((years / 100).into(), 0),
        Field::Millennium => ((years / 1_000).into(), 0),
        Field::Epoch => {
            let days = i128::from(months) * 30 + i128::from(interval.days);
            let seconds = i128::from(years) * YEAR_SECONDS + days * DAY_SECONDS;
            (seconds * MICROS + i128::from(interval.micros), 6)
        }
        field => return unsupported(field, "an INTERVAL"),
    })
}

fn check_unit(constants: Constants<'_, '_>) -> std::result::Result<(), Fault> {
    if let Some(Value::Text(name)) = &constants[0] {
        unit(name)?;
    }
    if let Some(Some(Value::Text(zone))) = constants.get(2) {
        Zone::parse(zone)?;
    }
    Ok(())
}

/// A field that times can be cut off below.
fn unit(name: &str) -> std::result::Result<Field, Fault> {
    use Field::{Epoch, IsoWeekday, IsoYear, Julian, Weekday, Zone, ZoneHour, ZoneMinute};
    match Field::parse(name)? {
        Epoch | IsoWeekday | IsoYear | Julian | Weekday | Zone | ZoneHour | ZoneMinute | Field::DayOfYear => {
            Err(Fault::invalid(format!("a time can't be cut off at '{name}'")))
        }
        field => Ok(field),
    }
}

fn date_trunc(arguments: &[Value<'_>]) -> Answer {
    let unit = unit(text(&arguments[0]))?;
    Ok(match &arguments[1] {
        Value::Interval(interval) => Value::Interval(trunc_interval(unit, interval)?),
        Value::LocalTimestamp(micros) => Value::LocalTimestamp(trunc(unit, *micros)?),
        time => Value::Timestamp(trunc(unit, integer_of_time(time))?),
    })
}

fn date_trunc_in_zone(arguments: &[Value<'_>]) -> Answer {
    let unit = unit(text(&arguments[0]))?;
    let zone = Zone::parse(text(&arguments[2]))?;
    let local = zone.local_time(integer_of_time(&arguments[1]))?;
    Ok(Value::Timestamp(zone.instant(trunc(unit, local)?)?))
}

fn trunc(unit: Field, micros: i64) -> std::result::Result<i64, Fault> {
    let moment = Moment::of(micros);
    let start = |year: i64, month: i64| Moment { year, month, day: 1, micros: 0 }.micros_since_1970();
    let cut = |size: i64| Moment { micros: moment.micros - moment.micros % size, ..moment }.micros_since_1970();
    match unit {
        Field::Microseconds => Ok(micros),
        Field::Milliseconds => cut(1_000),
        Field::Second => cut(1_000_000),
        Field::Minute => cut(60_000_000),
        Field::Hour => cut(3_600_000_000),
        Field::Day => cut(DAY_MICROS),
        Field::Week => {
            let monday = moment.days() - (iso_weekday(moment.days()) - 1);
            in_range(i128::from(monday) * i128::from(DAY_MICROS))
        }
        Field::Month => start(moment.year, moment.month),
        Field::Quarter => start(moment.year, (moment.month - 1) / 3 * 3 + 1),
        Field::Decade => start(moment.year.div_euclid(10) * 10, 1),
        Field::Century => start((moment.year - 1).div_euclid(100) * 100 + 1, 1),
        Field::Millennium => start((moment.year - 1).div_euclid(1_000) * 1_000 + 1, 1),
        _ => start(moment.year, 1),
    }
}

fn trunc_interval(unit: Field, interval: &Interval) -> std::result::Result<Interval, Fault> {
    let months = |size: i32| Interval { months: interval.months / size * size, days: 0, micros: 0 };
    let micros = |size: i64| Interval { micros: interval.micros / size * size, ..*interval };
    Ok(match unit {
        Field::Microseconds => *interval,
        Field::Milliseconds => micros(1_000),
        Field::Second => micros(1_000_000),
        Field::Minute => micros(60_000_000),
        Field::Hour => micros(3_600_000_000),
        Field::Day => Interval { micros: 0, ..*interval },
        Field::Month => months(1),
        Field::Quarter => months(3),
        Field::Year => months(12),
        Field::Decade => months(120),
        Field::Century => months(1_200),
        Field::Millennium => months(12_000),
        field => return unsupported(field, "an INTERVAL that is cut off"),
    })
}

/// The length of a window in microseconds.
pub fn stride(interval: &Interval) -> std::result::Result<i64, Fault> {
    if interval.months != 0 {
        return Err(Fault::invalid("its size must have a fixed length: write days instead of months"));
    }
    match i64::try_from(interval.length()) {
        Ok(micros) if micros > 0 => Ok(micros),
        Ok(_) => Err(Fault::invalid(format!("its size must be longer than nothing, not {interval}"))),
        Err(_) => Err(Fault::OutOfRange("interval")),
    }
}

fn check_stride(constants: Constants<'_, '_>) -> std::result::Result<(), Fault> {
    match &constants[0] {
        Some(Value::Interval(interval)) => stride(interval).map(|_| ()),
        _ => Ok(()),
    }
}

fn date_bin(arguments: &[Value<'_>]) -> Answer {
    let Value::Interval(interval) = &arguments[0] else { return Err(Fault::invalid("the size is not an INTERVAL")) };
    let stride = i128::from(stride(interval)?);
    let time = i128::from(integer_of_time(&arguments[1]));
    let origin = arguments.get(2).map_or(0, |origin| integer_of_time(origin).into());
    let start = in_range(origin + (time - origin).div_euclid(stride) * stride)?;
    Ok(match &arguments[1] {
        Value::LocalTimestamp(_) => Value::LocalTimestamp(start),
        _ => Value::Timestamp(start),
    })
}
