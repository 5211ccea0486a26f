//! Forgetting the first records of a partition, and giving their space back to the disk.
//!
//! First the new start is made durable and shown to readers; then the batches before it are removed. A crash in between leaves batches
//! that nobody reads, and the next trim removes them. A batch that holds the new start is kept whole.
//!
//! The database gives the space of removed batches back when it compacts, and by itself it compacts only as much as is appended. So once
//! enough was removed, the log has it compacted.

use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use schemas::position::{Offset, Partition};

use super::space::{self, LOG_FREE_BYTES_MIN, TRIM_FREE_BYTES_MIN};
use super::start::Start;
use super::store::Store;
use super::topics::TopicState;
use crate::checks;
use crate::error::{Action, LogError};

/// The most batches that are removed at once.
const REMOVED_AT_ONCE_MAX: usize = 4096;
/// Removed bytes below which compacting is not worth it.
const RECLAIM_BYTES_MIN: u64 = 64 << 20;
/// Compacting rewrites what is stored with few bytes, so it waits until this part of all bytes was removed.
const RECLAIM_PART: u64 = 4;
/// Longest wait for the removals to get from memory to disk. They are compacted the next time if it takes longer.
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(10);
/// Time between two looks at whether they are on the disk.
const FLUSH_POLL: Duration = Duration::from_millis(5);

/// The trims of a log, one at a time.
#[derive(Default)]
pub struct Trims {
    /// the bytes that were removed since the last compaction
    removed: Mutex<u64>,
}

impl Trims {
    /// Makes `before` the earliest offset of a partition, unless it is that or later already.
    ///
    /// # Errors
    /// An unknown partition, too little space, or a failed write; nothing is half trimmed after any of them.
    pub fn trim(&self, store: &Store, topic: &TopicState, partition: Partition, before: Offset) -> Result<(), LogError> {
        checks::check_partition(&topic.metadata, partition)?;
        let mut removed = self.removed.lock();
        let stored = topic.stored_start(partition);
        let before = before.min(topic.end(partition).next);
        if before > stored.earliest {
            hide(store, topic, partition, before)?;
        }
        let earliest = before.max(stored.earliest);
        if stored.kept < earliest {
            *removed += remove(store, topic, partition, stored.kept, earliest)?;
            topic.set_kept(partition, earliest);
        }
        if let Err(error) = reclaim(store, &mut removed) {
            tracing::warn!(directory = %store.directory.display(), %error, "the space of trimmed records could not be freed yet");
        }
        Ok(())
    }
}

/// Makes an offset the earliest, durably, without removing anything.
fn hide(store: &Store, topic: &TopicState, partition: Partition, before: Offset) -> Result<(), LogError> {
    let end = topic.end(partition);
    let place = topic.place(partition);
    let start = Start { earliest: before, next: end.next, newest: end.newest };
    let pair = (place.start_key().to_vec(), start.encode(place));
    commit(store, topic, vec![pair], Vec::new())?;
    topic.set_earliest(partition, before);
    Ok(())
}

/// Removes the batches that end from an offset on but before a later one. Returns how large they were.
fn remove(store: &Store, topic: &TopicState, partition: Partition, from: Offset, before: Offset) -> Result<u64, LogError> {
    let place = topic.place(partition);
    let failed = |error| store.failed(Action::Trim, &topic.metadata.topic, &error);
    let range = place.key(from)..=place.key(Offset(before.0 - 1));
    let sizes = store.snapshot(range.clone()).map(fjall::Guard::size);
    let mut entries = store.snapshot(range).map(fjall::Guard::key).zip(sizes).peekable();
    let mut removed = 0;
    while entries.peek().is_some() {
        let (mut keys, mut bytes) = (Vec::new(), 0_u64);
        for (key, size) in entries.by_ref().take(REMOVED_AT_ONCE_MAX) {
            keys.push(key.map_err(failed)?.to_vec());
            bytes += u64::from(size.map_err(failed)?);
        }
        commit(store, topic, Vec::new(), keys)?;
        topic.grow(-(bytes as i64));
        removed += bytes;
    }
    Ok(removed)
}

/// Writes and removes durably, if there is space for what that takes.
///
/// # Errors
/// Too little space, or a failed write.
fn commit(store: &Store, topic: &TopicState, pairs: Vec<(Vec<u8>, Vec<u8>)>, removed: Vec<Vec<u8>>) -> Result<(), LogError> {
    let topic = &topic.metadata.topic;
    store.check_space(Action::Trim, topic, TRIM_FREE_BYTES_MIN)?;
    store.commit(&store.batches, pairs, removed).map_err(|error| store.failed(Action::Trim, topic, &error))
}

/// Frees the space of removed batches, if it is worth it.
fn reclaim(store: &Store, removed: &mut u64) -> Result<(), fjall::Error> {
    if *removed < RECLAIM_BYTES_MIN.max(store.batches.disk_space() / RECLAIM_PART) {
        return Ok(());
    }
    // Compacting writes the tables again before it drops the old ones; the records themselves lie apart from them.
    let needed = space::used(&store.batches.path().join("tables")) + LOG_FREE_BYTES_MIN / 2;
    if space::shortage(&store.directory, needed)?.is_some() {
        tracing::warn!(directory = %store.directory.display(), needed, "too little space to free the space of trimmed records");
        return Ok(());
    }
    store.batches.rotate_memtable()?;
    let started = Instant::now();
    while store.batches.sealed_memtable_count() > 0 && started.elapsed() < FLUSH_WAIT_MAX {
        thread::sleep(FLUSH_POLL);
    }
    // The first finds out which files hold no record any more, the second drops them.
    store.batches.major_compact()?;
    store.batches.major_compact()?;
    *removed = 0;
    Ok(())
}
