//! The identity of an event: [`EventId`], a UUID. Text enters and leaves; 16 bytes are kept.

use std::fmt;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// The identity of an event, a UUID: what is sent twice is taken once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    /// Reads the canonical text form of a UUID, in either case of letters.
    pub fn parse(text: &[u8]) -> Option<Self> {
        // Of the forms that a UUID has only this one has so many characters.
        let uuid = if text.len() == Hyphenated::LENGTH { Uuid::try_parse_ascii(text).ok() } else { None };
        uuid.map(|uuid| Self(uuid.into_bytes()))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}
