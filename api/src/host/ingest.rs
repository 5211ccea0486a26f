//! The part of the process that takes events.
//!
//! Owns the trait that the process implements. Raw lines leave, one outcome for each enters.

use std::collections::BTreeSet;
use std::time::Duration;

use schemas::dead_letter::{DeadLetter, Fault, LetterPlace};
use schemas::position::{LogPosition, Offset, Topic};

use crate::host::future::BoxFuture;

/// The destination of posted events.
pub trait Ingest: Send + Sync + 'static {
    /// Validates and appends lines, as far as `sender` may send them; called once per request, from many requests at a time. Returns one
    /// outcome per line in order, after everything accepted is synced to disk. Lines that are refused for now are the last ones. An error
    /// means that none of the lines may be relied on. May wait a little while much is under way.
    fn submit(&self, lines: Vec<Vec<u8>>, sender: EventSender) -> BoxFuture<'_, Result<Vec<LineOutcome>, IngestError>>;

    /// Keeps memory free for a body that may have so many bytes, until what it returns is dropped; refuses the body if the process has none.
    /// Called before the body is read. May not block.
    fn reserve_memory(&self, body_bytes: u64) -> Result<Box<dyn Send>, Refusal>;

    /// Takes the bytes of a dead letter, or the line that replaces them, as if they were sent now. What is taken, or was before, is off the
    /// list of dead letters soon after, durably; what is rejected stays on it, and so does one that is forbidden: as it is, a letter is held to
    /// the actor of its sender.
    fn retry(&self, id: u64, letter: DeadLetter, replacement: Option<Vec<u8>>)
    -> BoxFuture<'_, Result<LineOutcome, IngestError>>;

    /// Takes a dead letter off the list for good; soon after it returns, and durably. Its record stays in the log.
    fn discard(&self, id: u64, letter: LetterPlace) -> BoxFuture<'_, Result<(), IngestError>>;

    /// Returns true if events can be sent to a topic. Asked for each request: may not block.
    fn takes(&self, topic: &str) -> bool;

    /// Returns true if the events of a topic are JSON objects of which its source declares members, as a CloudEvent is one. May not block.
    fn takes_objects(&self, topic: &str) -> bool;

    /// The topics that events can be sent to, by name. May not block for long.
    fn topics(&self) -> Result<Vec<TopicInfo>, IngestError>;
}

/// Outcome of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineOutcome {
    /// appended here, and synced
    Accepted(LogPosition),
    /// an event with this id was appended before, there if it is still known
    Duplicate(Option<LogPosition>),
    /// not an event; it is among the dead letters
    Rejected(Fault),
    /// nothing but white space
    Empty,
    /// not for this sender to send: nothing is kept of it
    Forbidden(Forbidden),
    /// not looked at, because too much is under way already: it is no dead letter, and may be sent again as it is
    Refused(Refusal),
}

/// Sender of lines, as far as it matters which of them may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSender {
    /// the topics that it may send to; all without
    pub topics: Option<BTreeSet<String>>,
    /// the only actor whose events it may send, as text; any without
    pub actor: Option<String>,
}

impl EventSender {
    /// A sender that may send everything.
    pub fn trusted() -> Self {
        Self { topics: None, actor: None }
    }

    /// Refuses an event for a topic that is not the sender's.
    pub fn check_topic(&self, topic: &str) -> Result<(), Forbidden> {
        match &self.topics {
            Some(topics) if !topics.contains(topic) => Err(Forbidden::Topic { topic: topic.to_owned() }),
            _ => Ok(()),
        }
    }

    /// Refuses events that do not say whose they are to a sender that may only send its own.
    pub fn check_any_actor(&self, topic: &str) -> Result<(), Forbidden> {
        match &self.actor {
            Some(_) => Err(Forbidden::NoActor { topic: topic.to_owned() }),
            None => Ok(()),
        }
    }

    /// Refuses an event of an actor who is not the sender.
    pub fn check_actor(&self, actor: i64) -> Result<(), Forbidden> {
        match &self.actor {
            Some(own) if *own != actor.to_string() => Err(Forbidden::Actor { actor }),
            _ => Ok(()),
        }
    }
}

/// Reason why a sender may not send an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// its token is for other topics
    #[error("the token does not grant sending to topic '{topic}'")]
    Topic {
        /// the topic
        topic: String,
    },
    /// a dead letter is sent again as it is, and the token that it was sent with was another actor's
    #[error(
        "its sender was tied to actor '{sender}', and the event is of actor {actor}: send the line in its place if it is right"
    )]
    LetterActor {
        /// the actor that the event names
        actor: i64,
        /// the actor whom the sender's token named
        sender: String,
    },
    /// its token is another actor's
    #[error("the token is not that of actor {actor}, and a sender may only say what it did itself")]
    Actor {
        /// the actor that the event names
        actor: i64,
    },
    /// events of the topic name no actor, and its token is an actor's
    #[error("events of topic '{topic}' name no actor, and a sender may only say what it did itself")]
    NoActor {
        /// the topic
        topic: String,
    },
    /// a dead letter is sent again as it is, events of its topic name no actor, and the token that it was sent with was an actor's
    #[error(
        "its sender was tied to actor '{sender}', and events of topic '{topic}' name no actor: send the line in its place if it is right"
    )]
    LetterNoActor {
        /// the topic
        topic: String,
        /// the actor whom the sender's token named
        sender: String,
    },
}

impl Forbidden {
    /// Stable name, for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Topic { .. } => "topic_not_granted",
            Self::Actor { .. } | Self::LetterActor { .. } => "other_actor",
            Self::NoActor { .. } | Self::LetterNoActor { .. } => "no_actor",
        }
    }

    /// The part of the line that is to blame.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Topic { .. } | Self::NoActor { .. } | Self::LetterNoActor { .. } => "topic",
            Self::Actor { .. } | Self::LetterActor { .. } => "event.actor_id",
        }
    }
}

/// Reason why a line is not taken for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// the views lack too many records of the log
    #[error("the views are {behind} records behind the log, and {limit} are allowed (--ingest-lag-records): {}", again(*retry_after))]
    LagRecords {
        /// records that no view shows yet, with those that are being appended
        behind: u64,
        /// records that there may be
        limit: u64,
        /// time after which it is worth trying again
        retry_after: Duration,
    },
    /// the views lack too many bytes of the log
    #[error("the views are {behind} bytes behind the log, and {limit} are allowed (--ingest-lag-bytes): {}", again(*retry_after))]
    LagBytes {
        /// bytes that no view shows yet, with those that are being appended
        behind: u64,
        /// bytes that there may be
        limit: u64,
        /// time after which it is worth trying again
        retry_after: Duration,
    },
    /// the oldest record that the views lack is too old
    #[error(
        "the views are {:.1} s behind the log, and {:.1} s are allowed (--ingest-lag-time): {}",
        behind.as_secs_f64(), limit.as_secs_f64(), again(*retry_after)
    )]
    LagTime {
        /// age of the oldest record that no view shows yet
        behind: Duration,
        /// age that it may have
        limit: Duration,
        /// time after which it is worth trying again
        retry_after: Duration,
    },
    /// the process has no memory for what events lead to
    #[error(
        "{used} of {limit} bytes of memory are used: no events are taken until it is less; try again, or give the process more"
    )]
    Memory {
        /// bytes that are used
        used: u64,
        /// bytes that may be
        limit: u64,
        /// time after which it is worth trying again
        retry_after: Duration,
    },
}

impl Refusal {
    /// Stable name, for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::LagRecords { .. } => "lag_records",
            Self::LagBytes { .. } => "lag_bytes",
            Self::LagTime { .. } => "lag_time",
            Self::Memory { .. } => "memory_full",
        }
    }

    /// Returns the time after which it is worth trying again.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::LagRecords { retry_after, .. }
            | Self::LagBytes { retry_after, .. }
            | Self::LagTime { retry_after, .. }
            | Self::Memory { retry_after, .. } => *retry_after,
        }
    }
}

/// Returns the advice for the sender of a refused line.
fn again(after: Duration) -> String {
    format!("send the event again in {} s", after.as_secs().max(1))
}

/// Reason why no line could be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// the log could not be read or written
    #[error("the event log could not be used: {detail}")]
    Storage {
        /// the failure, in words
        detail: String,
    },
    /// no space is left for the log
    #[error("the event log's disk is full: free space on it, then send the events again")]
    StorageFull,
}

/// A topic of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// its name
    pub name: Topic,
    /// the protobuf message of its events, if they have one
    pub message: Option<String>,
    /// per partition the earliest offset that is kept, and the next that will be written
    pub partitions: Vec<(Offset, Offset)>,
}
