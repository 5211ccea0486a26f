//! Texts of JSON: quoted, with PostgreSQL's blanks, and times in them.

use std::cmp::Ordering;
use std::fmt::Write as _;

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike, Utc};

const DAY_MICROS: i64 = 86_400_000_000;

/// The order of the names of members: shorter ones first, then by bytes.
pub(super) fn compare_names(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Appends a text in quotes, with the escapes that PostgreSQL writes.
pub(super) fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x8 => out.push_str("\\b"),
            0xC => out.push_str("\\f"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            other => drop(write!(out, "\\u{other:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// The text that PostgreSQL prints of a canonical one: a blank stands behind every comma and every colon.
pub fn shown(canonical: &str) -> String {
    let mut out = String::with_capacity(canonical.len() + canonical.len() / 8);
    let (mut inside, mut escaped) = (false, false);
    for character in canonical.chars() {
        out.push(character);
        if !inside && matches!(character, ',' | ':') {
            out.push(' ');
        }
        inside ^= character == '"' && !escaped;
        escaped = inside && character == '\\' && !escaped;
    }
    out
}

/// A day as ISO 8601 writes it, with `BC` behind a year before the first.
pub(super) fn day(days: i32) -> String {
    match DateTime::<Utc>::from_timestamp_micros(i64::from(days).saturating_mul(DAY_MICROS)) {
        Some(time) => {
            let time = time.naive_utc();
            format!("{}{}", date_text(&time), era(&time))
        }
        None => days.to_string(),
    }
}

/// A time on a clock as ISO 8601 writes it, without zeros at the end of its fraction, and the zone behind it.
pub(super) fn clock(micros: i64, zone: &str) -> String {
    let Some(time) = DateTime::<Utc>::from_timestamp_micros(micros) else { return micros.to_string() };
    let time = time.naive_utc();
    let mut text = format!("{}T{:02}:{:02}:{:02}", date_text(&time), time.hour(), time.minute(), time.second());
    let fraction = time.nanosecond() / 1_000;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        let _infallible = write!(text, ".{}", digits.trim_end_matches('0'));
    }
    text.push_str(zone);
    text.push_str(era(&time));
    text
}

fn date_text(time: &NaiveDateTime) -> String {
    let year = if time.year() > 0 { time.year() } else { 1 - time.year() };
    format!("{year:04}-{:02}-{:02}", time.month(), time.day())
}

fn era(time: &NaiveDateTime) -> &'static str {
    if time.year() > 0 { "" } else { " BC" }
}
