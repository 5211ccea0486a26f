//! The fjall database below the embedded log: opening, keyspaces, and what its errors mean.
//!
//! Two keyspaces: `topics` (name to description) and `batches` (see [`super::batch`]). Everything that is written is synced before
//! it is acknowledged.

use std::io;
use std::path::{Path, PathBuf};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};
use schemas::position::{Offset, Topic};

use super::batch::BatchPlace;
use crate::error::{Action, Damage, LogError};
use crate::log::TopicMetadata;

/// Memory for blocks that were read from disk.
const CACHE_BYTES: u64 = 32 << 20;
/// Memory for batches that are in the journal only.
const MEMTABLE_BYTES: u64 = 32 << 20;
/// Disk for the journal, which a restart reads back.
const JOURNAL_BYTES_MAX: u64 = 128 << 20;
/// Threads that move batches from the journal to their place.
const BACKGROUND_THREADS: usize = 2;

/// The open database.
pub struct Store {
    /// the directory it is in
    pub directory: PathBuf,
    database: Database,
    /// topic descriptions by name
    pub topics: Keyspace,
    /// batches by partition and last offset
    pub batches: Keyspace,
}

impl Store {
    /// Opens the database of a directory, or creates it. Holds the directory's lock until it is dropped.
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        open(directory).map_err(|error| open_error(directory, &error))
    }

    /// Writes pairs all or none, and returns when they are durable. After an error the database takes no more.
    ///
    /// A failed sync ends the process: what the kernel dropped can't be synced by trying again, and a reader may not see it.
    pub fn commit(&self, keyspace: &Keyspace, pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), fjall::Error> {
        // `Buffer` hands the journal to the kernel, where writing fails for want of space; the sync after it is apart from that.
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        for (key, value) in pairs {
            batch.insert(keyspace, key, value);
        }
        batch.commit()?;
        match self.database.persist(PersistMode::SyncData) {
            // A background thread failed meanwhile: nothing is known to be lost, but nothing more is taken.
            Err(error @ fjall::Error::Poisoned) => Err(error),
            Err(error) => end_process(&self.directory, &error),
            Ok(()) => Ok(()),
        }
    }

    /// The error of an action on a topic that the database could not carry out.
    pub fn failed(&self, action: Action, topic: &Topic, error: &fjall::Error) -> LogError {
        match error {
            fjall::Error::Poisoned => LogError::Stopped { action, topic: topic.clone(), directory: self.directory.clone() },
            error => LogError::Io { action, topic: topic.clone(), source: io_error(error) },
        }
    }

    /// The error of a read at an offset.
    pub fn failed_read(&self, metadata: &TopicMetadata, place: BatchPlace, offset: Offset, error: &fjall::Error) -> LogError {
        match error {
            fjall::Error::Storage(fjall::LsmError::Io(_)) | fjall::Error::Io(_) => {
                self.failed(Action::Read, &metadata.topic, error)
            }
            _ => corrupt(metadata, place, offset, Damage::Store),
        }
    }
}

/// The error of damaged records at an offset.
pub fn corrupt(metadata: &TopicMetadata, place: BatchPlace, offset: Offset, damage: Damage) -> LogError {
    LogError::Corrupt { topic: metadata.topic.clone(), partition: place.partition, offset, damage }
}

/// The error of a directory that could not be opened.
pub fn open_error(directory: &Path, error: &fjall::Error) -> LogError {
    let directory = directory.to_owned();
    match error {
        fjall::Error::Locked => LogError::Locked { directory },
        error => LogError::Open { directory, source: io_error(error) },
    }
}

fn open(directory: &Path) -> Result<Store, fjall::Error> {
    let database = Database::builder(directory)
        .cache_size(CACHE_BYTES)
        .max_journaling_size(JOURNAL_BYTES_MAX)
        .worker_threads(BACKGROUND_THREADS)
        .open()?;
    let topics = database.keyspace("topics", KeyspaceCreateOptions::default)?;
    // Large values apart from the keys: a batch is written to its place once and not again by every compaction.
    let separate = || {
        KeyspaceCreateOptions::default()
            .max_memtable_size(MEMTABLE_BYTES)
            .with_kv_separation(Some(KvSeparationOptions::default()))
    };
    let batches = database.keyspace("batches", separate)?;
    Ok(Store { directory: directory.to_owned(), database, topics, batches })
}

/// The cause of a database error, which several callers may have to be told.
fn io_error(error: &fjall::Error) -> io::Error {
    match error {
        fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)) => match source.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(source.kind(), source.to_string()),
        },
        error => io::Error::other(error.to_string()),
    }
}

fn end_process(directory: &Path, error: &fjall::Error) -> ! {
    let error = io_error(error);
    eprintln!(
        "cannot make records durable in the log '{}': {error}; the process ends, since the disk may have dropped what it was given: \
         check the disk, then start the process again",
        directory.display()
    );
    std::process::abort()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Does what a failed sync does: for a child of this test binary.
    pub fn fail_to_sync(directory: &Path) {
        end_process(directory, &fjall::Error::Io(io::Error::other("the disk is gone")));
    }
}
