//! Log of derived topics, as far as a sink needs it.
//!
//! Owns the trait [`TopicLog`]: the process implements it with its event log, tests with [`MemoryTopicLog`](super::MemoryTopicLog). A topic has
//! one partition, so that its records have one order. Any thread may call it.

use schemas::position::{Offset, Topic};

/// A record to be appended. The log adds the time of the append, which says nothing about the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// its key
    pub key: Vec<u8>,
    /// its value
    pub value: Vec<u8>,
}

/// Append-only topics of one partition each.
///
/// Offsets grow from record to record, by one or by more: a log may skip some, also behind the last record. So every position comes from
/// the log, and nobody calculates one from another.
pub trait TopicLog: Send + Sync {
    /// Creates the topic, unless it is there.
    fn create(&self, topic: &Topic) -> Result<(), TopicLogError>;

    /// Returns the end of the topic: the position behind every record.
    fn end(&self, topic: &Topic) -> Result<Offset, TopicLogError>;

    /// Returns the value of the last record before a position; `None` when the log has no record there.
    fn last(&self, topic: &Topic, before: Offset) -> Result<Option<Vec<u8>>, TopicLogError>;

    /// Appends all records or none, and returns the end of the topic behind them when they are durable. After
    /// [`TopicLogError::Ambiguous`] they may be there or not, or others behind them.
    fn append(&self, topic: &Topic, records: Vec<TopicRecord>) -> Result<Offset, TopicLogError>;
}

/// Reason why a log did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicLogError {
    /// the topic is there with other partitions than one
    #[error("the topic is there already, with {existing} partitions")]
    Partitions {
        /// number of its partitions
        existing: u32,
    },
    /// a record is larger than the log takes; trying again would not help
    #[error("{0}")]
    TooLarge(String),
    /// the records may be there or not
    #[error("{0}")]
    Ambiguous(String),
    /// nothing was done; it may work later
    #[error("{0}")]
    Unavailable(String),
}
