//! Errors of an event log, each with what was attempted and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use schemas::position::{Offset, PARTITIONS_MAX, Partition, TOPIC_NAME_LENGTH_MAX, Topic};

use crate::limits::{APPEND_BYTES_MAX, APPEND_RECORDS_MAX, RECORD_BYTES_MAX};

/// A failure of an event log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No connector has this name.
    #[error("cannot open a log with the connector '{name}': there is none of this name; check the source's connector")]
    UnknownConnector {
        /// the name
        name: String,
    },
    /// The directory is open elsewhere.
    #[error("cannot open the log in '{}': another process has it open; stop that process or name another directory", directory.display())]
    Locked {
        /// the directory
        directory: PathBuf,
    },
    /// The directory can't be read as a log.
    #[error("cannot open the log in '{}': {source}; check the disk, or restore the directory from a backup", directory.display())]
    Open {
        /// the directory
        directory: PathBuf,
        /// the cause
        source: io::Error,
    },
    /// The stored description of a topic is damaged.
    #[error("cannot open the log in '{}': the description of topic '{topic}' is damaged; restore the directory from a backup", directory.display())]
    CorruptTopic {
        /// the directory
        directory: PathBuf,
        /// the name under which the description is stored
        topic: Topic,
    },
    /// The journal, which holds what was appended last, is damaged before its end.
    #[error("cannot open the log in '{}': its file '{}' is damaged at byte {position}, and records that were acknowledged follow; \
             restore the directory from a backup", directory.display(), file.display())]
    CorruptJournal {
        /// the directory
        directory: PathBuf,
        /// the file
        file: PathBuf,
        /// the first byte that can't be read
        position: u64,
    },
    /// There is no such topic.
    #[error("topic '{topic}' does not exist; create it first, or check its spelling")]
    UnknownTopic {
        /// the topic
        topic: Topic,
    },
    /// There is no such partition.
    #[error("topic '{topic}' has no partition {partition}; it has partitions 0 to {}", partitions - 1)]
    UnknownPartition {
        /// the topic
        topic: Topic,
        /// the partition that was asked for
        partition: Partition,
        /// number found
        partitions: u32,
    },
    /// The name can't be a topic's.
    #[error(
        "cannot create topic '{topic}': a name has 1 to {TOPIC_NAME_LENGTH_MAX} of the characters a-z, 0-9, '.', '_' and '-'"
    )]
    BadTopicName {
        /// the name
        topic: Topic,
    },
    /// The number of partitions is outside the limits.
    #[error("cannot create topic '{topic}' with {partitions} partitions; choose 1 to {PARTITIONS_MAX}")]
    BadPartitionCount {
        /// the topic
        topic: Topic,
        /// the number that was asked for
        partitions: u32,
    },
    /// The topic exists with another number of partitions.
    #[error(
        "cannot create topic '{topic}' with {requested} partitions: it exists with {existing}, which stay as they are; \
         write partitions = {existing} in its source, or choose another topic"
    )]
    PartitionsDiffer {
        /// the topic
        topic: Topic,
        /// number that it has
        existing: u32,
        /// the number that was asked for
        requested: u32,
    },
    /// A record is larger than the log takes.
    #[error(
        "cannot append to topic '{topic}': record {index} of the append has {bytes} bytes, at most {RECORD_BYTES_MAX} are taken; make it smaller"
    )]
    RecordTooLarge {
        /// the topic
        topic: Topic,
        /// the record's place in the append, counted from 0
        index: usize,
        /// the bytes of its key and value
        bytes: usize,
    },
    /// An append has more records than the log takes at once.
    #[error("cannot append {records} records to topic '{topic}' at once; at most {APPEND_RECORDS_MAX} are taken: split them")]
    TooManyRecords {
        /// the topic
        topic: Topic,
        /// number that there were
        records: usize,
    },
    /// An append has more bytes than the log takes at once.
    #[error("cannot append {bytes} bytes to topic '{topic}' at once; at most {APPEND_BYTES_MAX} are taken: split them")]
    AppendTooLarge {
        /// the topic
        topic: Topic,
        /// the bytes of all keys and values
        bytes: usize,
    },
    /// The offset lies outside the partition.
    #[error(
        "cannot read topic '{topic}', partition {partition} from offset {offset}: it has offsets {earliest} up to but not including {next}; \
             was the log replaced or restored without the state that was derived from it?"
    )]
    OffsetOutOfRange {
        /// the topic
        topic: Topic,
        /// the partition
        partition: Partition,
        /// the offset that was asked for
        offset: Offset,
        /// the earliest offset
        earliest: Offset,
        /// the offset of the next record
        next: Offset,
    },
    /// Stored records are not what was written.
    #[error("cannot read topic '{topic}', partition {partition} at offset {offset}: {damage}; restore the log from a backup")]
    Corrupt {
        /// the topic
        topic: Topic,
        /// the partition
        partition: Partition,
        /// the first offset that can't be read
        offset: Offset,
        /// the damage
        damage: Damage,
    },
    /// An input or output failure.
    #[error("cannot {action} topic '{topic}': {source}; check the disk's space and health")]
    Io {
        /// the attempt
        action: Action,
        /// the topic
        topic: Topic,
        /// the cause
        source: io::Error,
    },
    /// The disk is too full to begin with this. Nothing was written; whatever was acknowledged stays readable.
    #[error("cannot {action} topic '{topic}': the disk of '{}' has {free} bytes left, {needed} are needed; nothing was kept of this, reading goes \
             on, and the log goes on by itself once there is space", directory.display())]
    NoSpace {
        /// the attempt
        action: Action,
        /// the topic
        topic: Topic,
        /// the log's directory
        directory: PathBuf,
        /// the bytes that are free
        free: u64,
        /// the bytes that have to be free
        needed: u64,
    },
    /// The log takes no more records, because an earlier write failed.
    #[error("cannot {action} topic '{topic}': an earlier write to '{}' failed; free the disk and start the process again", directory.display())]
    Stopped {
        /// the attempt
        action: Action,
        /// the topic
        topic: Topic,
        /// the log's directory
        directory: PathBuf,
    },
}

/// The attempt in which input or output failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// the creation of a topic
    Create,
    /// an append
    Append,
    /// a read
    Read,
    /// the removal of its first records
    Trim,
}

/// Difference between stored records and what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// the bytes don't have the checksum that was stored with them
    Checksum,
    /// the bytes are no batch of records of this version
    Format,
    /// the records are not there
    Missing,
    /// the store below finds its own blocks damaged
    Store,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Create => "create",
            Action::Append => "append to",
            Action::Read => "read",
            Action::Trim => "trim",
        })
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Damage::Checksum => "the stored records do not match their checksum",
            Damage::Format => "the stored bytes are not records of this version",
            Damage::Missing => "records are missing",
            Damage::Store => "the store finds its blocks damaged",
        })
    }
}
