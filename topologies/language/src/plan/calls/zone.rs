//! Time zones: the clock of a place, and the instant that it shows.
//!
//! Owns which names are zones. An instant enters and a local time leaves, or the other way round, as PostgreSQL's `AT TIME ZONE`.

use arrow_array::timezone::Tz;
use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone};
use schemas::interval::DAY_MICROS;

use super::calendar::{Moment, days, in_range};
use super::definition::Fault;

/// Names that are an abbreviation with a fixed offset for PostgreSQL and a zone with summer time for others.
const AMBIGUOUS: [&str; 7] = ["CET", "EET", "EST", "HST", "MET", "MST", "WET"];

/// The last year for which every change of clocks is listed.
const LISTED_YEAR_MAX: i64 = 2036;

/// A zone of the IANA database.
pub struct Zone(Tz);

impl Zone {
    /// The zone of a name.
    pub fn parse(name: &str) -> Result<Self, Fault> {
        let unknown = |help: &str| Fault::invalid(format!("'{name}' is not a time zone: write {help}"));
        if AMBIGUOUS.contains(&name.to_ascii_uppercase().as_str()) {
            return Err(unknown("the name of a place such as 'Europe/Berlin'"));
        }
        // Offsets have the opposite sign in PostgreSQL's zones and in those of ISO 8601.
        if name.starts_with(['+', '-']) || !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Err(unknown("a name such as 'Asia/Tokyo' or 'UTC' instead of an offset"));
        }
        let spellings = [name.to_owned(), name.to_ascii_uppercase(), capitals(name)];
        match spellings.iter().find_map(|name| name.parse::<Tz>().ok()) {
            Some(zone) => Ok(Self(zone)),
            None => Err(unknown("a name of the IANA database such as 'Asia/Tokyo' or 'UTC'")),
        }
    }

    /// The time that the clock of the zone shows at an instant.
    pub fn local_time(&self, instant: i64) -> Result<i64, Fault> {
        in_range(i128::from(instant) + i128::from(self.offset_at(instant)?))
    }

    /// The instant at which the clock of the zone shows a time. Of two the later; a time that is skipped is counted on the clock from
    /// before the change.
    pub fn instant(&self, local: i64) -> Result<i64, Fault> {
        let Some(shown) = naive(within_the_tables(local)) else { return Err(Fault::OutOfRange("timestamp")) };
        let offset = match self.0.offset_from_local_datetime(&shown) {
            MappedLocalTime::Single(offset) => micros_of(&offset),
            MappedLocalTime::Ambiguous(_, later) => micros_of(&later),
            MappedLocalTime::None => self.offset_at(local - DAY_MICROS)?,
        };
        in_range(i128::from(local) - i128::from(offset))
    }

    fn offset_at(&self, instant: i64) -> Result<i64, Fault> {
        let Some(utc) = naive(within_the_tables(instant)) else { return Err(Fault::OutOfRange("timestamp")) };
        Ok(micros_of(&self.0.offset_from_utc_datetime(&utc)))
    }
}

/// The same day and time of a year for which the changes of clocks are listed: later years follow the rules of the last ones, which go by
/// weekdays. The year is chosen by the weekday of its beginning, from March on by that of the first of March.
fn within_the_tables(micros: i64) -> i64 {
    let moment = Moment::of(micros);
    if moment.year <= LISTED_YEAR_MAX {
        return micros;
    }
    let month = if moment.month < 3 { 1 } else { 3 };
    let weekday = |year: i64| days(year, month, 1).rem_euclid(7);
    // Among thirteen years every weekday is found.
    let year = (LISTED_YEAR_MAX - 12..=LISTED_YEAR_MAX).rev().find(|year| weekday(*year) == weekday(moment.year));
    let year = year.unwrap_or(LISTED_YEAR_MAX);
    micros - (days(moment.year, month, 1) - days(year, month, 1)) * DAY_MICROS
}

/// The name with a capital at the beginning of each of its parts, as most zones are spelled.
fn capitals(name: &str) -> String {
    let mut inside = false;
    let mut capital = |letter: char| {
        let written = if inside { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() };
        inside = letter.is_ascii_alphabetic();
        written
    };
    name.chars().map(&mut capital).collect()
}

fn naive(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc())
}

fn micros_of(offset: &impl Offset) -> i64 {
    i64::from(offset.fix().local_minus_utc()) * 1_000_000
}
