//! Functions of values of any type: the number of NULLs, the places of lists, finite times, and what a UUID says of itself.

use schemas::field::Value;

use super::definition::{Answer, Definition, Fault, Gives, Kind, Overload, text};
use crate::plan::lists::NUMBERS;

const fn way(takes: &'static [Kind], rest: Option<Kind>, gives: Gives, call: fn(&[Value<'_>]) -> Answer) -> Overload {
    Overload { takes, rest, gives, call }
}

const INTEGER: Gives = Gives::Kind(Kind::Integer);
const TRUTH: Gives = Gives::Kind(Kind::Boolean);

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "num_nulls",
        aliases: &[],
        overloads: &[way(&[Kind::Any], Some(Kind::Any), INTEGER, nulls)],
        strict: false,
        check: None,
    },
    Definition {
        name: "num_nonnulls",
        aliases: &[],
        overloads: &[way(&[Kind::Any], Some(Kind::Any), INTEGER, known)],
        strict: false,
        check: None,
    },
    // The numbers of the rows that UNNEST makes of these lists.
    Definition {
        name: NUMBERS,
        aliases: &[],
        overloads: &[way(&[Kind::Any], Some(Kind::Any), Gives::Kind(Kind::BigInts), places)],
        strict: false,
        check: None,
    },
    Definition {
        name: "isfinite",
        aliases: &[],
        overloads: &[
            way(&[Kind::Date], None, TRUTH, finite),
            way(&[Kind::LocalTimestamp], None, TRUTH, finite),
            way(&[Kind::Timestamp], None, TRUTH, finite),
            way(&[Kind::Interval], None, TRUTH, finite),
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "uuid_extract_version",
        aliases: &[],
        overloads: &[way(&[Kind::Text], None, Gives::Maybe(Kind::Integer), uuid_version)],
        strict: true,
        check: None,
    },
    Definition {
        name: "uuid_extract_timestamp",
        aliases: &[],
        overloads: &[way(&[Kind::Text], None, Gives::Maybe(Kind::Timestamp), uuid_time)],
        strict: true,
        check: None,
    },
];

fn counted(values: impl Iterator) -> Answer {
    i64::try_from(values.count()).map(Value::Int).map_err(|_| Fault::OutOfRange("integer"))
}

fn nulls(arguments: &[Value<'_>]) -> Answer {
    counted(arguments.iter().filter(|value| **value == Value::Null))
}

fn known(arguments: &[Value<'_>]) -> Answer {
    counted(arguments.iter().filter(|value| **value != Value::Null))
}

fn places(arguments: &[Value<'_>]) -> Answer {
    let length = |value: &Value<'_>| if let Value::List(items) = value { items.len() } else { 0 };
    let longest = arguments.iter().map(length).max().unwrap_or(0);
    let last = i64::try_from(longest).map_err(|_| Fault::OutOfRange("bigint"))?;
    Ok(Value::List((1..=last).map(Value::Int).collect()))
}

/// There is no infinite time here.
fn finite(_: &[Value<'_>]) -> Answer {
    Ok(Value::Boolean(true))
}

/// Microseconds from the beginning of UUIDs' own calendar, 1582-10-15, to 1970.
const UUID_EPOCH_MICROS: i64 = 12_219_292_800_000_000;
const VERSION_OF_TIME: i64 = 1;
const VERSION_OF_UNIX_TIME: i64 = 7;

/// The bits of a UUID in any of the forms that PostgreSQL reads.
fn uuid_bits(text: &str) -> Result<u128, Fault> {
    let refused = || Fault::invalid(format!("'{text}' is not a UUID"));
    let inside = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let digits: String = inside.chars().filter(|character| *character != '-').collect();
    // A hyphen may stand behind every four digits.
    let groups_of_four = inside.split('-').all(|group| !group.is_empty() && group.len().is_multiple_of(4));
    if digits.len() != 32 || !groups_of_four || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(refused());
    }
    u128::from_str_radix(&digits, 16).map_err(|_| refused())
}

/// The version of a UUID of RFC 9562; `None` for any other.
fn version(bits: u128) -> Option<i64> {
    let is_of_the_standard = (bits >> 62) & 0b11 == 0b10;
    is_of_the_standard.then_some(((bits >> 76) & 0xF) as i64)
}

fn uuid_version(arguments: &[Value<'_>]) -> Answer {
    Ok(version(uuid_bits(text(&arguments[0]))?).map_or(Value::Null, Value::Int))
}

/// The time that a UUID of version 1 or 7 has in it.
fn uuid_time(arguments: &[Value<'_>]) -> Answer {
    let bits = uuid_bits(text(&arguments[0]))?;
    Ok(match version(bits) {
        Some(VERSION_OF_TIME) => {
            let (low, middle, high) = ((bits >> 96) as u64, (bits >> 80) as u64 & 0xFFFF, (bits >> 64) as u64 & 0x0FFF);
            let ticks = (high << 48) | (middle << 32) | low;
            let micros = i64::try_from(ticks / 10).map_err(|_| Fault::OutOfRange("timestamp"))?;
            Value::Timestamp(micros - UUID_EPOCH_MICROS)
        }
        Some(VERSION_OF_UNIX_TIME) => {
            let millis = i64::try_from(bits >> 80).map_err(|_| Fault::OutOfRange("timestamp"))?;
            Value::Timestamp(super::calendar::in_range(i128::from(millis) * 1_000)?)
        }
        _ => Value::Null,
    })
}
