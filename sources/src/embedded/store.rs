//! The fjall database below the embedded log: opening, keyspaces, and what its errors mean.
//!
//! Two keyspaces: `topics` (name to description) and `batches` (see [`super::batch`] and [`super::start`]). Everything that is written
//! is synced before it is acknowledged.

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode, Readable};
use parking_lot::Mutex;
use schemas::position::{Offset, Topic};

use super::batch::{BatchKey, BatchPlace};
use super::journal;
use super::space::{self, LOG_FREE_BYTES_MIN, Shortage, WRITES_PER_BYTE};
use crate::error::{Action, Damage, LogError};
use crate::record::TopicMetadata;

/// Memory for blocks that were read from disk.
const CACHE_BYTES: u64 = 32 << 20;
/// Memory for batches that are in the journal only.
const MEMTABLE_BYTES: u64 = 32 << 20;
/// Disk for the journal, which a restart reads back.
const JOURNAL_BYTES_MAX: u64 = 128 << 20;
/// The part of a file of records that has to be trimmed before the rest of it is moved. Records that are appended together are mostly
/// trimmed together, so most files end without that.
const STALE_PART_MIN: f32 = 0.5;
/// Threads that move batches from the journal to their place.
const BACKGROUND_THREADS: usize = 2;
/// Files that stay open to be read, of however many there are: a part of the descriptors that connections leave.
const CACHED_FILES_MAX: usize = 256;

/// The open database.
pub struct Store {
    /// the directory it is in
    pub directory: PathBuf,
    database: Database,
    /// held from writing to the end of the sync: whatever is in the journal before the last write is synced
    committing: Mutex<()>,
    /// topic descriptions by name
    pub topics: Keyspace,
    /// batches by partition and last offset
    pub batches: Keyspace,
}

impl Store {
    /// Opens the database of a directory, or creates it. Holds the directory's lock until it is dropped.
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        journal::check(directory)?;
        open(directory).map_err(|error| open_error(directory, &error))
    }

    /// The batches that are there now, even while they are removed.
    pub fn snapshot(&self, keys: RangeInclusive<BatchKey>) -> fjall::Iter {
        self.database.snapshot().range(&self.batches, keys)
    }

    /// Returns true if the disk lacks space for so many bytes: for those, for what has yet to move from memory to its place, and
    /// for a reserve.
    pub fn shortage(&self, bytes: u64) -> io::Result<Option<Shortage>> {
        space::shortage(&self.directory, self.reserve() + bytes * WRITES_PER_BYTE)
    }

    /// The bytes that have to be free before anything is appended.
    pub fn reserve(&self) -> u64 {
        LOG_FREE_BYTES_MIN + self.database.write_buffer_size()
    }

    /// Refuses an action that needs so much free space.
    pub fn check_space(&self, action: Action, topic: &Topic, needed: u64) -> Result<(), LogError> {
        match space::shortage(&self.directory, needed) {
            Ok(None) => Ok(()),
            Ok(Some(shortage)) => Err(self.no_space(action, topic, shortage)),
            Err(source) => Err(LogError::Io { action, topic: topic.clone(), source }),
        }
    }

    /// The error of an action that was not begun for lack of space.
    pub fn no_space(&self, action: Action, topic: &Topic, Shortage { free, needed }: Shortage) -> LogError {
        LogError::NoSpace { action, topic: topic.clone(), directory: self.directory.clone(), free, needed }
    }

    /// Writes pairs and removes keys, all or none, and returns when that is durable. After an error the database takes no more.
    ///
    /// A failed sync ends the process: what the kernel dropped can't be synced by trying again, and a reader may not see it.
    pub fn commit(&self, keyspace: &Keyspace, pairs: Vec<(Vec<u8>, Vec<u8>)>, removed: Vec<Vec<u8>>) -> Result<(), fjall::Error> {
        let _committing = self.committing.lock();
        // `Buffer` hands the journal to the kernel, where writing fails for want of space; the sync after it is apart from that.
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        for (key, value) in pairs {
            batch.insert(keyspace, key, value);
        }
        for key in removed {
            batch.remove(keyspace, key);
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

/// Opens the database and its keyspaces, or creates them.
fn open(directory: &Path) -> Result<Store, fjall::Error> {
    let database = Database::builder(directory)
        .cache_size(CACHE_BYTES)
        .max_journaling_size(JOURNAL_BYTES_MAX)
        .worker_threads(BACKGROUND_THREADS)
        .max_cached_files(Some(CACHED_FILES_MAX))
        .open()?;
    let topics = database.keyspace("topics", KeyspaceCreateOptions::default)?;
    // Large values apart from the keys: a batch is written to its place once and not again by every compaction.
    let separate = || {
        KeyspaceCreateOptions::default()
            .max_memtable_size(MEMTABLE_BYTES)
            .with_kv_separation(Some(KvSeparationOptions::default().staleness_threshold(STALE_PART_MIN)))
    };
    let batches = database.keyspace("batches", separate)?;
    Ok(Store { directory: directory.to_owned(), database, committing: Mutex::default(), topics, batches })
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

/// Ends the process: what a failed sync was to write may be gone from the kernel's memory too, so trying again could report success over lost
/// records.
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
