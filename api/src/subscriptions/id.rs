//! Ids of events: where in a subscription its reader is, so that it may go on from there.
//!
//! Owns [`EventId`] and its text, `<timeline>:<epoch>:<place>:<seal>`, opaque to clients. The seal is a fingerprint of the query, its
//! index, its reader and the process: an id of another one is good for nothing, and gives nothing away.

use std::fmt;
use std::str::FromStr;

use schemas::position::{Epoch, Position};

const SNAPSHOT: &str = "s";
const COMPLETE: &str = "p";
const RADIX: u32 = 16;

/// The part of an epoch that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventPlace {
    /// some of the rows as they were at the epoch
    Snapshot,
    /// so many events of the epoch
    Within(usize),
    /// all of the epoch
    Complete,
}

/// The id of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    /// the epoch
    pub(crate) position: Position,
    /// the place within it
    pub(crate) place: EventPlace,
    /// seal of its query
    pub(crate) seal: u64,
}

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadEventId;

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.position)?;
        match self.place {
            EventPlace::Snapshot => f.write_str(SNAPSHOT)?,
            EventPlace::Within(events) => events.fmt(f)?,
            EventPlace::Complete => f.write_str(COMPLETE)?,
        }
        write!(f, ":{:x}", self.seal)
    }
}

impl FromStr for EventId {
    type Err = BadEventId;

    fn from_str(text: &str) -> Result<Self, BadEventId> {
        let mut parts = text.rsplitn(3, ':');
        let seal = parts.next().and_then(|text| u64::from_str_radix(text, RADIX).ok()).ok_or(BadEventId)?;
        let place = match parts.next() {
            Some(SNAPSHOT) => EventPlace::Snapshot,
            Some(COMPLETE) => EventPlace::Complete,
            Some(events) => EventPlace::Within(events.parse().map_err(|_| BadEventId)?),
            None => return Err(BadEventId),
        };
        let position = parts.next().and_then(|text| text.parse().ok()).ok_or(BadEventId)?;
        Ok(Self { position, place, seal })
    }
}

impl EventId {
    /// The epoch before that of the id, if there is one.
    pub(crate) fn previous_epoch(&self) -> Option<Epoch> {
        self.position.epoch.0.checked_sub(1).map(Epoch)
    }
}

#[cfg(test)]
mod tests {
    use schemas::position::Timeline;

    use super::*;

    #[test]
    fn ids_survive_their_text() {
        let position = Position { timeline: Timeline(0x2a), epoch: Epoch(17) };
        for place in [EventPlace::Snapshot, EventPlace::Within(0), EventPlace::Within(3), EventPlace::Complete] {
            let id = EventId { position, place, seal: 0xfeed };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(EventId { position, place: EventPlace::Within(3), seal: 0xfeed }.to_string(), "2a:17:3:feed");
        for text in [
            "",
            "2a:17",
            "2a:17:3",
            "2a:17:x:feed",
            "2a:x:3:feed",
            "x:17:3:feed",
            "2a:17:3:xyz",
            "2a:17:-1:feed",
            ":::",
            "2a:17:p:",
        ] {
            assert_eq!(text.parse::<EventId>(), Err(BadEventId), "{text}");
        }
    }
}
