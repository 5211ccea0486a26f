//! Instants as microseconds since 1970 in UTC: reading and writing RFC 3339.
//!
//! Owns the text form of a time. Strict on entry: a day that does not exist is an error, never moved.

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
