//! Durations.

use super::*;

#[test]
fn durations_of_every_unit() {
    for (text, micros) in [
        ("7 days", 604_800_000_000),
        ("1 week", 604_800_000_000),
        ("7d", 604_800_000_000),
        ("36 hours", 129_600_000_000),
        ("1 day 12 Hours", 129_600_000_000),
        (" 90s ", 90_000_000),
        ("1min", 60_000_000),
        ("2 ms 1 us", 2_001),
        ("0 days", 0),
    ] {
        assert_eq!(duration_micros(text), Ok(micros), "{text}");
    }
}

#[test]
fn what_is_no_duration_says_what_to_do() {
    for (text, help) in [
        ("", DURATION_HELP),
        ("  ", DURATION_HELP),
        ("7", DURATION_HELP),
        ("days", DURATION_HELP),
        ("-1 days", DURATION_HELP),
        ("1.5 days", DURATION_HELP),
        ("7 days,", DURATION_HELP),
        ("7 dayz", "did you mean 'days'?"),
        ("1 fortnight", "the units are microseconds, milliseconds, seconds, minutes, hours, days and weeks"),
        ("1 month", "months and years differ in length: write days"),
        ("9223372036854775807 weeks", "this is longer than 292,000 years"),
        ("106751991 days 106751991 days", "this is longer than 292,000 years"),
        ("99999999999999999999 days", DURATION_HELP),
    ] {
        assert_eq!(duration_micros(text), Err(NotADuration::new(help)), "{text}");
    }
}
