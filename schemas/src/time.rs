//! Instants as microseconds since 1970 in UTC: reading and writing RFC 3339.
//!
//! Owns the text form of a time. Strict on entry: a day that does not exist is an error, never moved.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

/// Appends `2024-01-07T23:59:59.000000Z`. Outside of the years -262143 to 262142 the number of microseconds is written.
pub fn write_timestamp(micros: i64, out: &mut String) {
    match DateTime::<Utc>::from_timestamp_micros(micros) {
        Some(time) => out.push_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true)),
        None => out.push_str(&micros.to_string()),
    }
}

/// The text form of an instant.
pub fn timestamp_text(micros: i64) -> String {
    let mut out = String::with_capacity(27);
    write_timestamp(micros, &mut out);
    out
}

/// Reads RFC 3339, or a date or a local time in UTC as PostgreSQL accepts them; `None` when it is no such time.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc().timestamp_micros());
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

/// The first instant that RFC 3339 can write: 0000-01-01T00:00:00Z.
pub(crate) const RFC3339_MICROS_MIN: i64 = -62_167_219_200_000_000;

/// The last instant that RFC 3339 can write with microseconds: 9999-12-31T23:59:59.999999Z.
pub(crate) const RFC3339_MICROS_MAX: i64 = 253_402_300_799_999_999;

/// A time in microseconds since 1970; 0 for one before: a machine without a battery starts there, and counts on until it learns the time.
pub fn unix_micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Reads RFC 3339 and nothing else: date, `T`, time, a fraction of one to nine digits or none, and `Z` or an offset.
/// `None` when it is no such time, for a day that does not exist, and for a leap second. Digits beyond microseconds are dropped.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.as_bytes().split_at_checked(10)?;
    let (clock, rest) = rest.split_at_checked(9)?;
    let (&[.., b'-', m1, m2, b'-', d1, d2], &[b'T' | b't', h1, h2, b':', n1, n2, b':', s1, s2]) = (date, clock) else {
        return None;
    };
    let days = days_since_1970(number(&date[..4])?, number(&[m1, m2])?, number(&[d1, d2])?)?;
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (micros, zone) = fraction(rest)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - zone_seconds(zone)?;
    let time = seconds * 1_000_000 + micros;
    (RFC3339_MICROS_MIN..=RFC3339_MICROS_MAX).contains(&time).then_some(time)
}

/// Days since 1970 of a date, `2024-01-31`; `None` when it is no such date and for a day that does not exist.
pub(crate) fn date_days(text: &str) -> Option<i32> {
    let &[ref year @ .., b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return None };
    if year.len() != 4 {
        return None;
    }
    i32::try_from(days_since_1970(number(year)?, number(&[m1, m2])?, number(&[d1, d2])?)?).ok()
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

/// Microseconds of an optional fraction, and what follows it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let length = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    let kept = length.min(6);
    let micros = number(&digits[..kept])? * 10_i64.pow(6 - kept as u32);
    (1..=9).contains(&length).then(|| (micros, &digits[length..]))
}

fn zone_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, h1, h2, m1, m2) = match *zone {
        [b'Z' | b'z'] => return Some(0),
        [b'+', h1, h2, b':', m1, m2] => (1, h1, h2, m1, m2),
        [b'-', h1, h2, b':', m1, m2] => (-1, h1, h2, m1, m2),
        _ => return None,
    };
    let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` when there is no such day.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=month_length).contains(&day) {
        return None;
    }
    // Counted in years that begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_calendar_is_where_chrono_puts_it() {
        let mut day = NaiveDate::from_ymd_opt(0, 1, 1);
        while let Some(date) = day.filter(|date| date.format("%Y").to_string().len() == 4) {
            let expected = date.and_hms_micro_opt(12, 34, 56, 7_000).map(|time| time.and_utc().timestamp_micros());
            assert_eq!(parse_rfc3339(&format!("{date}T12:34:56.007Z")), expected, "{date}");
            day = date.succ_opt();
        }
    }

    #[test]
    fn fractions_and_offsets_are_read() {
        let noon = 1_704_110_400_000_000;
        for (text, expected) in [
            ("2024-01-01T12:00:00Z", noon),
            ("2024-01-01t12:00:00z", noon),
            ("2024-01-01T12:00:00.000001Z", noon + 1),
            ("2024-01-01T12:00:00.1Z", noon + 100_000),
            ("2024-01-01T12:00:00.123456789Z", noon + 123_456),
            ("2024-01-01T14:30:00+02:30", noon),
            ("2024-01-01T11:59:00-00:01", noon),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("0000-01-01T00:00:00Z", RFC3339_MICROS_MIN),
            ("9999-12-31T23:59:59.999999Z", RFC3339_MICROS_MAX),
        ] {
            assert_eq!(parse_rfc3339(text), Some(expected), "{text}");
        }
        assert_eq!(timestamp_text(RFC3339_MICROS_MIN), "0000-01-01T00:00:00.000000Z");
        assert_eq!(timestamp_text(RFC3339_MICROS_MAX), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2024-01-01",
            "2024-01-01T12:00:00",
            "2024-01-01 12:00:00Z",
            "2024-02-30T12:00:00Z",
            "2023-02-29T12:00:00Z",
            "1900-02-29T12:00:00Z",
            "2024-13-01T12:00:00Z",
            "2024-00-01T12:00:00Z",
            "2024-01-00T12:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T12:60:00Z",
            "2024-01-01T12:00:60Z",
            "2024-01-01T12:00:00.Z",
            "2024-01-01T12:00:00.1234567890Z",
            "2024-01-01T12:00:00+0200",
            "2024-01-01T12:00:00+24:00",
            "2024-01-01T12:00:00Z ",
            "+024-01-01T12:00:00Z",
            "0000-01-01T00:00:00+00:01",
            "2024-01-01T12:00:0é",
            "2024-01-0éT12:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
