//! Data that could not be processed: the bytes of an event that is not one, or a row that an expression failed on.
//!
//! Owns the reasons and the record that keeps them. Reasons are a contract: alerts and tests name them.

use serde::{Deserialize, Serialize};

/// The most bytes of a bad event that a dead letter keeps.
pub const DEAD_LETTER_BYTES_MAX: usize = 64 * 1024;

/// Reason why an event or a row was quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// the text is not JSON
    NotJson,
    /// JSON, but not an object
    NotAnObject,
    /// bytes that are not a protobuf message of the topic
    NotProtobuf,
    /// a required field is not there
    MissingField,
    /// a required field is null
    NullInRequired,
    /// a field has a value of another type
    WrongType,
    /// no such topic
    UnknownTopic,
    /// the event type belongs to another topic
    WrongTopic,
    /// no such event type
    UnknownEventType,
    /// a schema version that the envelope does not have
    UnknownSchemaVersion,
    /// longer than the limit for one event
    TooLarge,
    /// nested deeper than the limit
    TooDeep,
    /// bytes that are not UTF-8, or a lone surrogate
    InvalidUtf8,
    /// the character U+0000 in a text
    NulCharacter,
    /// a time that can't be read or does not exist
    BadTime,
    /// a time further ahead than the limit
    TimeInFuture,
    /// an id that is not digits, or beyond 63 bits
    BadId,
    /// the payload's owner is not the aggregate
    KeyMismatch,
    /// an expression failed: division by zero, overflow, a cast
    RowError,
    /// the process ended again and again when it computed the epoch of the event
    Quarantined,
    /// a view makes more rows or bytes of the event than one event may make
    OverBudget,
    /// a MERGE raised it: a table refuses the event
    Raised,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 22] = [
        Self::NotJson,
        Self::NotAnObject,
        Self::NotProtobuf,
        Self::MissingField,
        Self::NullInRequired,
        Self::WrongType,
        Self::UnknownTopic,
        Self::WrongTopic,
        Self::UnknownEventType,
        Self::UnknownSchemaVersion,
        Self::TooLarge,
        Self::TooDeep,
        Self::InvalidUtf8,
        Self::NulCharacter,
        Self::BadTime,
        Self::TimeInFuture,
        Self::BadId,
        Self::KeyMismatch,
        Self::RowError,
        Self::Quarantined,
        Self::OverBudget,
        Self::Raised,
    ];

    /// Returns the reason of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// The name the API prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::NotProtobuf => "not_protobuf",
            Self::MissingField => "missing_field",
            Self::NullInRequired => "null_in_required",
            Self::WrongType => "wrong_type",
            Self::UnknownTopic => "unknown_topic",
            Self::WrongTopic => "wrong_topic",
            Self::UnknownEventType => "unknown_event_type",
            Self::UnknownSchemaVersion => "unknown_schema_version",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::NulCharacter => "nul_character",
            Self::BadTime => "bad_time",
            Self::TimeInFuture => "time_in_future",
            Self::BadId => "bad_id",
            Self::KeyMismatch => "key_mismatch",
            Self::RowError => "row_error",
            Self::Quarantined => "quarantined",
            Self::OverBudget => "over_budget",
            Self::Raised => "raised",
        }
    }
}

/// A definite fault of an event: trying again would not help.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {detail}{}", reason.as_str(), field.as_ref().map_or_else(String::new, |field| format!(" (field '{field}')")))]
pub struct Fault {
    /// the kind of fault
    pub reason: Reason,
    /// the path of the field it lies in, such as `payload.text`
    pub field: Option<String>,
    /// the value found and the one expected, in words
    pub detail: String,
}

impl Fault {
    /// A fault of the whole event.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, field: None, detail: detail.into() }
    }

    /// A fault of one field.
    pub fn at(reason: Reason, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { reason, field: Some(field.into()), detail: detail.into() }
    }
}

/// An event that was quarantined, or that a table refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// the topic in whose log the bytes lie
    pub topic: String,
    /// the partition there
    pub partition: u32,
    /// the offset there
    pub offset: u64,
    /// the topic that the event named, where it could be read
    pub sent_to: Option<String>,
    /// the fault
    pub fault: Fault,
    /// the bytes, at most [`DEAD_LETTER_BYTES_MAX`]
    pub bytes: Vec<u8>,
    /// number of bytes found
    pub length: u64,
    /// append time of the record that it is or was made of, microseconds since 1970; the log's, so that it is the same however often the log is
    /// read. `None` for one that an earlier build has kept
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<i64>,
    /// the only actor whose events its sender may send, as text: sent again as it is, it may be of no other. `None` where senders are not tied
    /// to an actor
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_actor: Option<String>,
    /// the table whose MERGE raised it; the event stays one of its topic. `None` for every other reason
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
}

/// Place in the log of the bytes of a dead letter. It stays the same when the letters are counted again and have other ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LetterPlace {
    /// the topic
    pub topic: String,
    /// the partition
    pub partition: u32,
    /// the offset
    pub offset: u64,
}

impl DeadLetter {
    /// Returns the place of its bytes in the log.
    pub fn place(&self) -> LetterPlace {
        LetterPlace { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }
}

/// A row on which an expression failed, as data: it goes away when its cause does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowError {
    /// the view or table in which it failed
    pub relation: String,
    /// the expression, as SQL
    pub expression: String,
    /// the failure, in words
    pub detail: String,
    /// the row it failed on, as JSON
    pub row: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_once_and_found_by_the_name_that_is_stored() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{reason:?} is not listed, or out of order");
            assert_eq!(Reason::named(reason.as_str()), Some(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        assert_eq!(Reason::Raised as usize + 1, Reason::ALL.len());
        assert_eq!(Reason::named("NotJson"), None);
    }
}
