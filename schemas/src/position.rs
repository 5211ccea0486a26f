//! Positions in a log (topic, partition, offset) and in time (timeline, epoch).
//!
//! Owns the newtypes and their text forms, which clients see as opaque tokens.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One tick of the engine. Epoch 0 holds what is there before any event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// The history that epochs are numbered in. Epochs of two timelines can't be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timeline(pub u64);

/// An epoch of a timeline, the position that every answer carries. Its text is `<timeline in hexadecimal>:<epoch>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// the history
    pub timeline: Timeline,
    /// the last epoch that is wholly visible
    pub epoch: Epoch,
}

/// The name of a topic, such as `social.post`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Topic(pub Arc<str>);

/// Most partitions of a topic.
pub const PARTITIONS_MAX: u32 = 1024;

/// Longest name of a topic, in bytes.
pub const TOPIC_NAME_LENGTH_MAX: usize = 200;

/// A partition of a topic, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition(pub u32);

/// The place of a record in its partition, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Offset(pub u64);

impl Offset {
    /// The position behind the record at this offset, from which reading gives the record that follows, wherever that is.
    pub fn behind(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The place of one record. Its text is `topic:partition:offset`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogPosition {
    /// the topic
    pub topic: Topic,
    /// the partition
    pub partition: Partition,
    /// the offset
    pub offset: Offset,
}

/// State that a reader may ask to be visible before it is answered: an epoch it has seen, or records it has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// the position of an earlier answer
    Epoch(Position),
    /// the positions of written records
    Records(Vec<LogPosition>),
}

/// A text that is no position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a position: expected the value of a Tidewater-Position header or of `position` in an ingest answer")]
pub struct BadPosition {
    /// the text
    pub text: String,
}

impl Topic {
    /// A topic name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if a topic may have this name: 1 to [`TOPIC_NAME_LENGTH_MAX`] of the characters a-z, 0-9, '.', '_' and '-'.
    pub fn is_name(name: &str) -> bool {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        (1..=TOPIC_NAME_LENGTH_MAX).contains(&name.len()) && name.bytes().all(allowed)
    }
}

impl From<String> for Topic {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> Self {
        topic.0.as_ref().to_owned()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:{}", self.timeline.0, self.epoch.0)
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.topic, self.partition, self.offset)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Epoch(position) => position.fmt(f),
            Token::Records(records) => {
                for (index, record) in records.iter().enumerate() {
                    write!(f, "{}{record}", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

impl FromStr for Position {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let bad = || BadPosition { text: text.to_owned() };
        let (timeline, epoch) = text.split_once(':').ok_or_else(bad)?;
        let timeline = u64::from_str_radix(timeline, 16).map_err(|_| bad())?;
        let epoch = epoch.parse().map_err(|_| bad())?;
        Ok(Self { timeline: Timeline(timeline), epoch: Epoch(epoch) })
    }
}

impl FromStr for LogPosition {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let bad = || BadPosition { text: text.to_owned() };
        let mut parts = text.rsplitn(3, ':');
        let offset = parts.next().and_then(|part| part.parse().ok()).ok_or_else(bad)?;
        let partition = parts.next().and_then(|part| part.parse().ok()).ok_or_else(bad)?;
        let topic = parts.next().filter(|name| !name.is_empty()).ok_or_else(bad)?;
        Ok(Self { topic: Topic::new(topic), partition: Partition(partition), offset: Offset(offset) })
    }
}

impl FromStr for Token {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        if let Ok(position) = text.parse() {
            return Ok(Token::Epoch(position));
        }
        let records: Result<Vec<LogPosition>, _> = text.split(',').map(str::parse).collect();
        records.map(Token::Records).map_err(|_| BadPosition { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_their_text_form() {
        for text in ["2a:17", "social.post:3:42", "social.post:3:42,social.user:0:7"] {
            assert_eq!(text.parse::<Token>().map(|token| token.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "12", "a:b", "social.post:1", ":1:2", "social.post:-1:2", "zz:1"] {
            assert!(text.parse::<Token>().is_err(), "{text} was read as a position");
        }
    }
}
