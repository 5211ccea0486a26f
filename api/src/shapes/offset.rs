//! Offsets: places in the rows and in the log of a shape.
//!
//! Owns [`ShapeOffset`] and its text, `<epoch>_<number>`, which ascends along the log. Messages of an epoch have the numbers 0, 1, 2 and so
//! on. Rows of a snapshot lie behind all messages of their epoch: they are read in parts, which have numbers of their own, and behind the
//! last part the log goes on with the next epoch.

use std::fmt;
use std::str::FromStr;

use schemas::position::Epoch;

/// Number of the first part of a snapshot, which no message has.
const FIRST_PART: u64 = 1_000_000;
/// Number of the place behind the last part of a snapshot.
const BEHIND_PARTS: u64 = 2_147_483_647;
const SEPARATOR: char = '_';

/// A place behind a message, or between two parts of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShapeOffset {
    epoch: Epoch,
    number: u64,
}

/// The place that a request reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShapePlace {
    /// the first row
    Beginning,
    /// the end of the log, without the rows that are there
    End,
    /// behind an offset
    Behind(ShapeOffset),
}

/// A text that is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadShapePlace;

impl ShapeOffset {
    /// The place behind a message of an epoch, counted from 0.
    pub(crate) fn message(epoch: Epoch, number: usize) -> Self {
        debug_assert!((number as u64) < FIRST_PART, "epoch {epoch} has {number} messages");
        Self { epoch, number: number as u64 }
    }

    /// The place before a part of the rows of an epoch, counted from 0.
    pub(crate) fn before_part(epoch: Epoch, part: usize) -> Self {
        Self { epoch, number: FIRST_PART + part as u64 }
    }

    /// The place behind all rows of an epoch.
    pub(crate) fn behind_rows(epoch: Epoch) -> Self {
        Self { epoch, number: BEHIND_PARTS }
    }

    /// The epoch.
    pub(crate) fn epoch(self) -> Epoch {
        self.epoch
    }

    /// The part of a snapshot that begins here; `None` for a place in the log.
    pub(crate) fn part(self) -> Option<usize> {
        let is_part = (FIRST_PART..BEHIND_PARTS).contains(&self.number);
        is_part.then(|| self.number - FIRST_PART).and_then(|part| usize::try_from(part).ok())
    }
}

impl fmt::Display for ShapeOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{SEPARATOR}{}", self.epoch, self.number)
    }
}

impl FromStr for ShapePlace {
    type Err = BadShapePlace;

    fn from_str(text: &str) -> Result<Self, BadShapePlace> {
        match text {
            "-1" => return Ok(Self::Beginning),
            "now" => return Ok(Self::End),
            _ => {}
        }
        let (epoch, number) = text.split_once(SEPARATOR).ok_or(BadShapePlace)?;
        // Another spelling of the same number would be another address.
        let plain = |text: &str| text.parse().ok().filter(|number: &u64| number.to_string() == text).ok_or(BadShapePlace);
        Ok(Self::Behind(ShapeOffset { epoch: Epoch(plain(epoch)?), number: plain(number)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_survive_their_text_and_ascend_along_the_log() {
        let places = [
            ShapeOffset::message(Epoch(7), 0),
            ShapeOffset::message(Epoch(7), 11),
            ShapeOffset::before_part(Epoch(7), 1),
            ShapeOffset::before_part(Epoch(7), 2),
            ShapeOffset::behind_rows(Epoch(7)),
            ShapeOffset::message(Epoch(8), 0),
        ];
        assert!(places.is_sorted());
        for place in places {
            assert_eq!(place.to_string().parse(), Ok(ShapePlace::Behind(place)));
        }
        assert_eq!(places.map(ShapeOffset::part), [None, None, Some(1), Some(2), None, None]);
        assert_eq!(places[1].to_string(), "7_11");
    }

    #[test]
    fn other_texts_are_no_place() {
        assert_eq!("-1".parse(), Ok(ShapePlace::Beginning));
        assert_eq!("now".parse(), Ok(ShapePlace::End));
        for text in ["", "-2", "7", "7_", "_7", "7_-1", "07_1", "7_01", "+7_1", "7_1_1", "0_inf", "99999999999999999999_0"] {
            assert_eq!(text.parse::<ShapePlace>(), Err(BadShapePlace), "{text}");
        }
    }
}
