//! Ids of events: where in a subscription its reader is, so that it may go on from there.
//!
//! Owns [`EventId`] and its text, `<timeline>:<epoch>:<place>:<seal>`, opaque to clients. The seal is a keyed digest of the other parts and of
//! the query, its index, its reader and the process: an id that was not given out here, or to another one, is good for nothing, and no id
//! gives anything away.

use std::fmt;
use std::str::FromStr;

use schemas::position::{Epoch, Position};

use crate::read::cursor_key::CursorKey;

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
    /// keyed digest of it and its query
    seal: u64,
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
    /// The id of a place in the answer to a query with the fingerprint `query`.
    pub(crate) fn sealed(position: Position, place: EventPlace, query: u64, key: &CursorKey) -> Self {
        let (kind, events) = match place {
            EventPlace::Snapshot => (0, 0),
            EventPlace::Within(events) => (1, events as u64),
            EventPlace::Complete => (2, 0),
        };
        let numbers = [query, position.timeline.0, position.epoch.0, kind, events].map(u64::to_be_bytes);
        Self { position, place, seal: key.tag(&[numbers.as_flattened()]) }
    }

    /// Returns true if this is what was given out for a query with the fingerprint `query`.
    pub(crate) fn is_sealed(&self, query: u64, key: &CursorKey) -> bool {
        *self == Self::sealed(self.position, self.place, query, key)
    }

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
    fn an_id_is_good_for_what_it_was_given_out_for_and_cannot_be_changed() {
        let position = |timeline, epoch| Position { timeline: Timeline(timeline), epoch: Epoch(epoch) };
        let key = CursorKey::from_bytes([1; 32]);
        let id = EventId::sealed(position(1, 2), EventPlace::Within(3), 4, &key);
        assert!(id.is_sealed(4, &key));
        assert!(!id.is_sealed(5, &key) && !id.is_sealed(4, &CursorKey::from_bytes([2; 32])));
        for changed in [
            EventId { position: position(2, 2), ..id },
            EventId { position: position(1, 3), ..id },
            EventId { place: EventPlace::Within(2), ..id },
            EventId { place: EventPlace::Complete, ..id },
            EventId { place: EventPlace::Snapshot, ..id },
            EventId { seal: id.seal ^ 1, ..id },
        ] {
            assert!(!changed.is_sealed(4, &key), "{changed}");
        }
    }

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
