//! The proleptic Gregorian calendar for every instant that 64 bits of microseconds can name.
//!
//! Microseconds since 1970 enter, year, month, day and time of day leave, and back. Years are astronomical: 0 is 1 BC.

use schemas::interval::DAY_MICROS;

use super::definition::Fault;

/// The first instant, 4714-11-24 BC, with which PostgreSQL's calendar begins.
pub const MICROS_MIN: i64 = -210_866_803_200_000_000;

/// A time on the clock and the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// 0 is 1 BC
    pub year: i64,
    /// from 1
    pub month: i64,
    /// from 1
    pub day: i64,
    /// microseconds since midnight
    pub micros: i64,
}

impl Moment {
    /// The moment of microseconds since 1970.
    pub fn of(micros: i64) -> Self {
        let (year, month, day) = civil(micros.div_euclid(DAY_MICROS));
        Self { year, month, day, micros: micros.rem_euclid(DAY_MICROS) }
    }

    /// Microseconds since 1970.
    pub fn micros_since_1970(&self) -> Result<i64, Fault> {
        let micros = i128::from(days(self.year, self.month, self.day)) * i128::from(DAY_MICROS) + i128::from(self.micros);
        in_range(micros)
    }

    /// 0 to 23
    pub fn hour(&self) -> i64 {
        self.micros / 3_600_000_000
    }

    /// 0 to 59
    pub fn minute(&self) -> i64 {
        self.micros / 60_000_000 % 60
    }

    /// 0 to 59
    pub fn second(&self) -> i64 {
        self.micros / 1_000_000 % 60
    }

    /// Days since 1970.
    pub fn days(&self) -> i64 {
        days(self.year, self.month, self.day)
    }

    /// The day of the year, from 1.
    pub fn day_of_year(&self) -> i64 {
        self.days() - days(self.year, 1, 1) + 1
    }

    /// The year and the week of ISO 8601.
    pub fn iso_week(&self) -> (i64, i64) {
        // The Thursday of a week lies in the year that the week belongs to.
        let thursday = self.days() - (iso_weekday(self.days()) - 1) + 3;
        let (year, _, _) = civil(thursday);
        (year, (thursday - days(year, 1, 1)) / 7 + 1)
    }
}

/// An instant, unless the calendar does not reach it.
pub fn in_range(micros: i128) -> Result<i64, Fault> {
    match i64::try_from(micros) {
        Ok(micros) if micros >= MICROS_MIN => Ok(micros),
        _ => Err(Fault::OutOfRange("timestamp")),
    }
}

/// Fails for an instant that the calendar does not reach.
pub fn check_time(micros: i64) -> Result<(), Fault> {
    in_range(micros.into()).map(drop)
}

/// Days since 1970 of a day of the calendar.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    // Counted in years that begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 719_469
}

/// Year, month and day of days since 1970.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year_of_era, month + 3) } else { (year_of_era + 1, month - 9) };
    (year + era * 400, month, day)
}

/// The weekday of days since 1970: 1 is Monday, 7 is Sunday.
pub fn iso_weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// Days of a month.
pub fn month_days(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days(next_year, next_month, 1) - days(year, month, 1)
}

/// The year as people count it: there is no year 0, and the year before 1 is -1.
pub fn counted_year(year: i64) -> i64 {
    if year > 0 { year } else { year - 1 }
}
