//! `to_char` of times and intervals, in PostgreSQL's patterns.
//!
//! Owns the patterns. A pattern is read into parts once per call; a part and a moment make text.

use std::fmt::Write as _;

use schemas::field::Value;
use schemas::interval::Interval;

use super::calendar::{Moment, days, iso_weekday};
use super::definition::{Answer, Check, Constants, Definition, Fault, Gives, Kind, Overload, integer_of_time, made, text};

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[Definition {
    name: "to_char",
    aliases: &[],
    overloads: &[
        Overload { takes: &[Kind::Timestamp, Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: time_to_char },
        Overload { takes: &[Kind::LocalTimestamp, Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: time_to_char },
        Overload { takes: &[Kind::Interval, Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: interval_to_char },
        Overload {
            takes: &[Kind::BigInt, Kind::Text],
            rest: None,
            gives: Gives::Kind(Kind::Text),
            call: super::number_format::to_char,
        },
        Overload {
            takes: &[Kind::Numeric, Kind::Text],
            rest: None,
            gives: Gives::Kind(Kind::Text),
            call: super::number_format::to_char,
        },
    ],
    strict: true,
    check: Some(Check::Typed(check)),
}];

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
/// Letters to which the names of months and weekdays are padded.
const NAME_WIDTH: usize = 9;

/// The words of a pattern, where one begins like another the longer first; all but names are known in lower case too.
const WORDS: &[&str] = &[
    "A.D.", "A.M.", "AD", "AM", "B.C.", "BC", "CC", "DAY", "DDD", "DD", "DY", "Day", "Dy", "D", "FF1", "FF2", "FF3", "FF4",
    "FF5", "FF6", "HH24", "HH12", "HH", "IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I", "J", "MI", "MM", "MONTH", "MON", "MS",
    "Month", "Mon", "OF", "P.M.", "PM", "Q", "RM", "SSSSS", "SSSS", "SS", "TZH", "TZM", "TZ", "US", "WW", "W", "Y,YYY", "YYYY",
    "YYY", "YY", "Y",
];

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TimePart {
    /// text that stays
    Literal(String),
    /// a word, as it was written
    Word {
        /// the word in capitals
        word: &'static str,
        /// as it was written
        written: String,
        /// FM: without padding
        bare: bool,
        /// TH or th behind it
        ordinal: Option<&'static str>,
    },
}

fn check(kinds: &[Kind], constants: Constants<'_, '_>) -> Result<(), Fault> {
    let Some(Value::Text(pattern)) = &constants[1] else { return Ok(()) };
    match kinds[0] {
        Kind::BigInt | Kind::Numeric => return super::number_format::check(pattern),
        Kind::Interval => {
            return interval_to_char(&[Value::Interval(Interval::default()), Value::Text(pattern.clone())]).map(|_| ());
        }
        _ => drop(parse(pattern)?),
    }
    if let Some(place) = pattern.find('%')
        && pattern[place + 1..].starts_with(|next: char| next.is_ascii_alphabetic())
    {
        return Err(Fault::invalid(format!(
            "'{pattern}' is not a pattern of PostgreSQL: write 'YYYY-MM-DD HH24:MI:SS' and the like"
        )));
    }
    Ok(())
}

/// Reads a pattern.
fn parse(pattern: &str) -> Result<Vec<TimePart>, Fault> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    let mut literal = String::new();
    while let Some(first) = rest.chars().next() {
        let (bare, after) = match ["FM", "fm", "TM", "tm"].iter().find_map(|prefix| Some((*prefix, rest.strip_prefix(prefix)?))) {
            Some(("TM" | "tm", _)) => return Err(Fault::invalid("names in other languages (TM) are not supported")),
            Some((_, after)) => (true, after),
            None => (false, rest),
        };
        if let Some((word, written)) = word(after) {
            if !literal.is_empty() {
                parts.push(TimePart::Literal(std::mem::take(&mut literal)));
            }
            rest = &after[written.len()..];
            let ordinal = ["TH", "th"].into_iter().find(|suffix| rest.starts_with(suffix));
            rest = &rest[ordinal.map_or(0, str::len)..];
            rest = rest.strip_prefix("SP").unwrap_or(rest);
            parts.push(TimePart::Word { word, written: written.to_owned(), bare, ordinal });
            continue;
        }
        if bare {
            rest = after;
            continue;
        }
        rest = match first {
            '"' => quoted(&rest[1..], &mut literal),
            '\\' if rest[1..].starts_with('"') => {
                literal.push('"');
                &rest[2..]
            }
            other => {
                literal.push(other);
                &rest[other.len_utf8()..]
            }
        };
    }
    if !literal.is_empty() {
        parts.push(TimePart::Literal(literal));
    }
    Ok(parts)
}

/// Takes the text up to the closing quote; returns what is behind it.
fn quoted<'p>(text: &'p str, literal: &mut String) -> &'p str {
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return &text[place + 1..],
            '\\' => literal.extend(characters.next().map(|(_, escaped)| escaped)),
            other => literal.push(other),
        }
    }
    ""
}

/// The word at the beginning of a text, in capitals and as it is written.
fn word(text: &str) -> Option<(&'static str, &str)> {
    let first = text.chars().next()?;
    WORDS.iter().find_map(|&word| {
        let lower = word.to_ascii_lowercase();
        let is_same = if first.is_ascii_lowercase() { text.starts_with(&lower) } else { text.starts_with(word) };
        is_same.then(|| (word, &text[..word.len()]))
    })
}

fn time_to_char(arguments: &[Value<'_>]) -> Answer {
    let moment = Moment::of(integer_of_time(&arguments[0]));
    let is_instant = matches!(arguments[0], Value::Timestamp(_));
    let mut out = String::new();
    for part in parse(text(&arguments[1]))? {
        match part {
            TimePart::Literal(literal) => out.push_str(&literal),
            TimePart::Word { word, written, bare, ordinal } => {
                let start = out.len();
                let is_number = match clock_number(word, &moment).or_else(|| calendar_number(word, &moment)) {
                    Some(number) => {
                        write_number(number, bare, &mut out);
                        true
                    }
                    None => {
                        out.push_str(&name(word, &written, bare, &moment, is_instant));
                        false
                    }
                };
                if let Some(suffix) = ordinal.filter(|_| is_number) {
                    let ending = ordinal_ending(&out[start..]);
                    out.push_str(&if suffix == "TH" { ending.to_uppercase() } else { ending.to_owned() });
                }
            }
        }
    }
    made(out)
}

/// A number and the width that it is padded to, its sign included.
#[derive(Clone, Copy)]
struct Padded(i64, usize);

impl Padded {
    /// A number with so many digits: its sign comes on top of them.
    fn signed(number: i64, digits: usize) -> Self {
        Self(number, if number < 0 { digits + 1 } else { digits })
    }
}

fn write_number(Padded(number, width): Padded, bare: bool, out: &mut String) {
    let width = if bare { 0 } else { width };
    let _infallible = write!(out, "{number:0width$}");
}

fn clock_number(word: &str, moment: &Moment) -> Option<Padded> {
    Some(match word {
        "HH24" => Padded(moment.hour(), 2),
        "HH12" | "HH" => Padded((moment.hour() + 11) % 12 + 1, 2),
        "MI" => Padded(moment.minute(), 2),
        "SS" => Padded(moment.second(), 2),
        "SSSS" | "SSSSS" => Padded(moment.micros / 1_000_000, 1),
        word => return fraction_number(word, moment.micros % 1_000_000),
    })
}

/// A number of some first digits of a fraction of a second.
fn fraction_number(word: &str, micros: i64) -> Option<Padded> {
    Some(match word {
        "MS" | "FF3" => Padded(micros / 1_000, 3),
        "US" | "FF6" => Padded(micros, 6),
        "FF1" => Padded(micros / 100_000, 1),
        "FF2" => Padded(micros / 10_000, 2),
        "FF4" => Padded(micros / 100, 4),
        "FF5" => Padded(micros / 10, 5),
        _ => return None,
    })
}

fn calendar_number(word: &str, moment: &Moment) -> Option<Padded> {
    let shown = |year: i64| if year > 0 { year } else { 1 - year };
    let (iso_year, iso_week) = moment.iso_week();
    let weekday = iso_weekday(moment.days());
    Some(match word {
        "YYYY" => Padded(shown(moment.year), 4),
        "YYY" => Padded(shown(moment.year) % 1_000, 3),
        "YY" => Padded(shown(moment.year) % 100, 2),
        "Y" => Padded(shown(moment.year) % 10, 1),
        "IYYY" => Padded(shown(iso_year), 4),
        "IYY" => Padded(shown(iso_year) % 1_000, 3),
        "IY" => Padded(shown(iso_year) % 100, 2),
        "I" => Padded(shown(iso_year) % 10, 1),
        "CC" if moment.year > 0 => Padded((moment.year - 1) / 100 + 1, 2),
        "CC" => Padded::signed(moment.year / 100 - 1, 2),
        "Q" => Padded((moment.month - 1) / 3 + 1, 1),
        "MM" => Padded(moment.month, 2),
        "WW" => Padded((moment.day_of_year() - 1) / 7 + 1, 2),
        "W" => Padded((moment.day - 1) / 7 + 1, 1),
        "IW" => Padded(iso_week, 2),
        "DDD" => Padded(moment.day_of_year(), 3),
        "IDDD" => Padded((iso_week - 1) * 7 + weekday, 3),
        "DD" => Padded(moment.day, 2),
        "D" => Padded(weekday % 7 + 1, 1),
        "ID" => Padded(weekday, 1),
        "J" => Padded(moment.days() - days(-4713, 11, 24), 1),
        _ => return None,
    })
}

/// A word that is not a number.
fn name(word: &str, written: &str, bare: bool, moment: &Moment, is_instant: bool) -> String {
    let padded = |name: &str, width: usize| if bare { name.to_owned() } else { format!("{name:<width$}") };
    let weekday = WEEKDAYS[(iso_weekday(moment.days()) - 1) as usize];
    let month = MONTHS[(moment.month - 1) as usize];
    let meridiem = if moment.hour() >= 12 { "PM" } else { "AM" };
    let era = if moment.year > 0 { "AD" } else { "BC" };
    let dotted = |name: &str| format!("{}.{}.", &name[..1], &name[1..]);
    let text = match word {
        "MONTH" | "Month" => padded(month, NAME_WIDTH),
        "MON" | "Mon" => month[..3].to_owned(),
        "DAY" | "Day" => padded(weekday, NAME_WIDTH),
        "DY" | "Dy" => weekday[..3].to_owned(),
        "AM" | "PM" => meridiem.to_owned(),
        "A.M." | "P.M." => dotted(meridiem),
        "AD" | "BC" => era.to_owned(),
        "A.D." | "B.C." => dotted(era),
        "RM" => padded(ROMAN[(moment.month - 1) as usize], 4),
        "Y,YYY" => {
            let year = if moment.year > 0 { moment.year } else { 1 - moment.year };
            format!("{},{:03}", year / 1_000, year % 1_000)
        }
        "TZ" if is_instant => "UTC".to_owned(),
        "TZH" | "OF" => "+00".to_owned(),
        "TZM" => "00".to_owned(),
        _ => String::new(),
    };
    match written {
        written if written.starts_with(|first: char| first.is_ascii_lowercase()) => text.to_lowercase(),
        written if written.chars().nth(1).is_some_and(|second| second.is_ascii_lowercase()) => text,
        _ => text.to_uppercase(),
    }
}

/// `st`, `nd`, `rd` or `th` for a number in digits.
pub fn ordinal_ending(digits: &str) -> &'static str {
    let (tens, ones) = (digits.as_bytes().iter().rev().nth(1), digits.as_bytes().last());
    match (tens, ones) {
        (Some(b'1'), _) => "th",
        (_, Some(b'1')) => "st",
        (_, Some(b'2')) => "nd",
        (_, Some(b'3')) => "rd",
        _ => "th",
    }
}

fn interval_to_char(arguments: &[Value<'_>]) -> Answer {
    let Value::Interval(interval) = &arguments[0] else { return Err(Fault::invalid("the first argument is not an INTERVAL")) };
    let mut out = String::new();
    for part in parse(text(&arguments[1]))? {
        match part {
            TimePart::Literal(literal) => out.push_str(&literal),
            TimePart::Word { word, bare, ordinal: None, .. } => write_number(interval_number(word, interval)?, bare, &mut out),
            TimePart::Word { word, .. } => return Err(Fault::invalid(format!("'{word}TH' has no meaning for an INTERVAL"))),
        }
    }
    made(out)
}

fn interval_number(word: &str, interval: &Interval) -> Result<Padded, Fault> {
    let hours = interval.micros / 3_600_000_000;
    Ok(match word {
        "YYYY" => Padded::signed((interval.months / 12).into(), 4),
        "MM" => Padded::signed((interval.months % 12).into(), 2),
        // PostgreSQL counts the sign of days and of fractions among the places, and that of nothing else.
        "DD" => Padded(interval.days.into(), 2),
        "HH24" => Padded::signed(hours, 2),
        "HH12" | "HH" => Padded::signed(if hours % 12 == 0 { 12 } else { hours % 12 }, 2),
        "MI" => Padded::signed(interval.micros / 60_000_000 % 60, 2),
        "SS" => Padded::signed(interval.micros / 1_000_000 % 60, 2),
        "SSSS" | "SSSSS" => Padded(interval.micros / 1_000_000, 1),
        word => match fraction_number(word, interval.micros % 1_000_000) {
            Some(number) => number,
            None => return Err(Fault::invalid(format!("'{word}' has no meaning for an INTERVAL"))),
        },
    })
}
