//! Lengths of time as PostgreSQL has them: months, days and microseconds, each with a sign of its own.
//!
//! Owns [`Interval`]: its order, its text form and its bytes in a row. Two intervals are equal when they are equally long, with 30
//! days in a month and 24 hours in a day; a row keeps the three parts as well, so that a month stays a month.

use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};

/// Microseconds of a day.
pub const DAY_MICROS: i64 = 86_400_000_000;
/// Days of a month, where a month is compared with days.
pub const MONTH_DAYS: i64 = 30;
/// Bytes of an interval in a row, without the byte that says that it is there.
pub const INTERVAL_BYTES: usize = 24;

/// A length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Interval {
    /// months; twelve are a year
    pub months: i32,
    /// days of 24 hours
    pub days: i32,
    /// the rest, in microseconds
    pub micros: i64,
}

impl Interval {
    /// The length in microseconds, with 30 days in a month and 24 hours in a day: the measure by which intervals compare.
    pub fn length(&self) -> i128 {
        let days = i128::from(self.months) * i128::from(MONTH_DAYS) + i128::from(self.days);
        days * i128::from(DAY_MICROS) + i128::from(self.micros)
    }

    /// The interval of this many microseconds in days and less, both of one sign; `None` when it has too many days.
    pub fn from_length(length: i128) -> Option<Self> {
        let day = i128::from(DAY_MICROS);
        Some(Self { months: 0, days: i32::try_from(length / day).ok()?, micros: i64::try_from(length % day).ok()? })
    }

    /// The order of two lengths, which may be equal for intervals with different parts.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.length().cmp(&other.length())
    }

    /// Bytes whose order is the order of lengths: the length, then months and days, which tell equal lengths apart.
    pub fn to_bytes(self) -> [u8; INTERVAL_BYTES] {
        let mut bytes = [0; INTERVAL_BYTES];
        bytes[..16].copy_from_slice(&self.length().to_be_bytes());
        bytes[16..20].copy_from_slice(&self.months.to_be_bytes());
        bytes[20..].copy_from_slice(&self.days.to_be_bytes());
        for sign in [0, 16, 20] {
            bytes[sign] ^= 0x80;
        }
        bytes
    }

    /// The interval of [`to_bytes`](Self::to_bytes); `None` for bytes that no interval has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut plain: [u8; INTERVAL_BYTES] = bytes.try_into().ok()?;
        for sign in [0, 16, 20] {
            plain[sign] ^= 0x80;
        }
        let length = i128::from_be_bytes(plain[..16].try_into().ok()?);
        let months = i32::from_be_bytes(plain[16..20].try_into().ok()?);
        let days = i32::from_be_bytes(plain[20..].try_into().ok()?);
        let micros = i64::try_from(length - Self { months, days, micros: 0 }.length()).ok()?;
        Some(Self { months, days, micros })
    }

    /// Reads what [`Display`] writes; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut interval = Self::default();
        let mut words = text.split(' ').filter(|word| !word.is_empty()).peekable();
        words.peek()?;
        while let Some(word) = words.next() {
            if word.contains(':') {
                interval.micros = interval.micros.checked_add(clock(word)?)?;
                continue;
            }
            let count: i32 = word.parse().ok()?;
            match words.next()? {
                "year" | "years" => interval.months = interval.months.checked_add(count.checked_mul(12)?)?,
                "mon" | "mons" | "month" | "months" => interval.months = interval.months.checked_add(count)?,
                "day" | "days" => interval.days = interval.days.checked_add(count)?,
                _ => return None,
            }
        }
        Some(interval)
    }

    /// Reads a duration of ISO 8601 with designators, such as `P1Y2M3DT4H5M6.78S`, in which each number may have a sign; `None` for anything
    /// else.
    pub fn parse_iso(text: &str) -> Option<Self> {
        let parts = text.strip_prefix('P')?;
        let (date, time) = match parts.split_once('T') {
            Some((_, "")) => return None,
            Some(both) => both,
            None => (parts, ""),
        };
        let (date, time) = (iso_parts(date)?, iso_parts(time)?);
        if date.is_empty() && time.is_empty() {
            return None;
        }
        let mut interval = Self::default();
        for (number, designator) in date {
            let count: i32 = number.parse().ok()?;
            match designator {
                b'Y' => interval.months = interval.months.checked_add(count.checked_mul(12)?)?,
                b'M' => interval.months = interval.months.checked_add(count)?,
                b'W' => interval.days = interval.days.checked_add(count.checked_mul(7)?)?,
                b'D' => interval.days = interval.days.checked_add(count)?,
                _ => return None,
            }
        }
        for (number, designator) in time {
            let micros = match designator {
                b'H' => number.parse::<i64>().ok()?.checked_mul(3_600_000_000)?,
                b'M' => number.parse::<i64>().ok()?.checked_mul(60_000_000)?,
                b'S' => seconds_micros(number)?,
                _ => return None,
            };
            interval.micros = interval.micros.checked_add(micros)?;
        }
        Some(interval)
    }
}

/// The numbers of a part of a duration, each with the letter behind it.
fn iso_parts(mut text: &str) -> Option<Vec<(&str, u8)>> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        let end = text.bytes().position(|byte| byte.is_ascii_alphabetic())?;
        parts.push((&text[..end], text.as_bytes()[end]));
        text = &text[end + 1..];
    }
    Some(parts)
}

/// Microseconds of `[-]S[.ffffff]`.
fn seconds_micros(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(seconds) || !is_number(fraction) || fraction.len() > 6 {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(sign * seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)?)
}

/// Microseconds of `[-]HH:MM[:SS[.ffffff]]`.
fn clock(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = digits.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || ![hours, minutes, seconds, fraction].into_iter().all(is_number) || fraction.len() > 6 {
        return None;
    }
    let (minutes, seconds): (i64, i64) = (minutes.parse().ok()?, seconds.parse().ok()?);
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    let hours = hours.parse::<i64>().ok()?.checked_mul(3_600_000_000)?;
    let total = hours.checked_add(minutes * 60_000_000 + seconds * 1_000_000 + micros)?;
    (minutes < 60 && seconds < 60).then_some(sign * total)
}

impl Display for Interval {
    /// The text form of PostgreSQL's default style: `1 year 2 mons 3 days 04:05:06.7`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let parts = [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")];
        let (mut is_first, mut was_negative) = (true, false);
        for (count, unit) in parts.into_iter().filter(|(count, _)| *count != 0) {
            let space = if is_first { "" } else { " " };
            let plus = if was_negative && count > 0 { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            write!(f, "{space}{plus}{count} {unit}{plural}")?;
            (is_first, was_negative) = (false, count < 0);
        }
        if !is_first && self.micros == 0 {
            return Ok(());
        }
        let space = if is_first { "" } else { " " };
        let sign = match (self.micros < 0, was_negative) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        let micros = self.micros.unsigned_abs();
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        write!(f, "{space}{sign}{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)?;
        match fraction {
            0 => Ok(()),
            fraction => write!(f, ".{}", format!("{fraction:06}").trim_end_matches('0')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(months: i32, days: i32, micros: i64) -> Interval {
        Interval { months, days, micros }
    }

    #[test]
    fn the_text_is_postgresqls_and_is_read_back() {
        for (value, text) in [
            (interval(0, 0, 0), "00:00:00"),
            (interval(0, 0, 112_345_679), "00:01:52.345679"),
            (interval(14, 3, 14_706_700_000), "1 year 2 mons 3 days 04:05:06.7"),
            (interval(0, 4, 0), "4 days"),
            (interval(0, 1, 0), "1 day"),
            (interval(1, -1, 0), "1 mon -1 days"),
            (interval(-1, 1, 0), "-1 mons +1 day"),
            (interval(-1, 0, 3_600_000_000), "-1 mons +01:00:00"),
            (interval(0, 0, -500_000), "-00:00:00.5"),
            (interval(-14, 0, 0), "-1 years -2 mons"),
            (interval(0, 0, i64::MIN + 1), "-2562047788:00:54.775807"),
        ] {
            assert_eq!(value.to_string(), text);
            assert_eq!(Interval::parse(text), Some(value), "{text}");
        }
        for text in ["", "1", "day", "1 week", "1:2:3:4", "00:60:00", "00:00:00.1234567", "x:00"] {
            assert_eq!(Interval::parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_of_iso_8601_are_read() {
        for (text, value) in [
            ("P1Y2M3DT4H5M6.78S", interval(14, 3, 14_706_780_000)),
            ("P0Y0M0DT0H0M0S", interval(0, 0, 0)),
            ("P-1Y+2M-3DT-4H-0.5S", interval(-10, -3, -14_400_500_000)),
            ("P2W", interval(0, 14, 0)),
            ("PT36H", interval(0, 0, 129_600_000_000)),
            ("PT0.000001S", interval(0, 0, 1)),
        ] {
            assert_eq!(Interval::parse_iso(text), Some(value), "{text}");
        }
        for text in [
            "", "P", "PT", "P1", "P1DT", "1D", "P1H", "PT1D", "P1.5D", "PT1.5H", "PT1.0000001S", "PT.5S", "PT1.S", "P--1D", "P1\u{e4}D",
            "p1d", "P178956971Y", "PT9223372036854775807H", "PT9223372036854775807S", "PT-S",
        ] {
            assert_eq!(Interval::parse_iso(text), None, "{text}");
        }
    }

    #[test]
    fn bytes_have_the_order_of_lengths_and_give_the_parts_back() {
        let values = [
            interval(i32::MIN, i32::MIN, i64::MIN),
            interval(-1, 0, 0),
            interval(0, -30, 1),
            interval(0, 0, -1),
            interval(0, 0, 0),
            interval(0, 1, -1),
            interval(0, 0, DAY_MICROS),
            interval(0, 1, 0),
            interval(0, 29, DAY_MICROS),
            interval(1, 0, 0),
            interval(i32::MAX, i32::MAX, i64::MAX),
        ];
        for left in values {
            assert_eq!(Interval::from_bytes(&left.to_bytes()), Some(left));
            for right in values {
                let bytes = left.to_bytes().cmp(&right.to_bytes());
                match left.compare(&right) {
                    Ordering::Equal => assert_eq!(bytes == Ordering::Equal, left == right),
                    order => assert_eq!(bytes, order, "{left} and {right}"),
                }
            }
        }
    }
}
