//! A look at the database's journal before the database opens it: bytes enter, and the place of damage leaves.
//!
//! The database takes the first thing in its journal that it can't make out for the torn end of an interrupted write, and cuts the
//! journal off there: also in the middle, where acknowledged records follow. So the log looks first, and refuses.
//!
//! The journal is a sequence of batches, then zeros. Numbers are little endian:
//!
//! ```text
//! batch: 1 u8 | items u32 | sequence number u64 | item or clearing, items times | 3 u8 | XXH3 of those u64 | trailer
//! item: 2 u8 | kind u8 | compression u8 | keyspace u64 | bytes of key u16 | of value u32 | of stored value u32 | key | stored value
//! clearing: 4 u8 | keyspace u64
//! ```
//!
//! Everything but the last batch was synced before the next was begun (see [`super::store::Store::commit`]). So a damaged batch that
//! another one follows is damage for certain. A last batch that has its trailer was written to the end: it may have been acknowledged,
//! so it counts as damage too. Only what ends without a trailer, as a write that was cut off does, is left to be discarded.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::LogError;

/// Mark at the beginning of a batch.
const START: u8 = 1;
/// Mark of a key with its value.
const ITEM: u8 = 2;
/// Mark before the hash of a batch.
const END: u8 = 3;
/// Mark of a keyspace that was cleared.
const CLEAR: u8 = 4;
/// Bytes of a batch before its items.
const START_BYTES: usize = 1 + 4 + 8;
/// Bytes of an item before its key.
const ITEM_HEADER_BYTES: usize = 1 + 1 + 1 + 8 + 2 + 4 + 4;
/// Bytes of a clearing.
const CLEAR_BYTES: usize = 1 + 8;
/// The last bytes of a batch that was written to its end.
const TRAILER: &[u8] = b"FJL\x03";
/// Bytes of a batch behind its items.
const END_BYTES: usize = 1 + 8 + TRAILER.len();
/// A stretch of what lies behind the last batch.
const ZEROS: [u8; 4096] = [0; 4096];
/// Extension of the database's journal files, after a number that grows.
const EXTENSION: &str = "jnl";
/// The file that an open database holds locked.
const LOCK_FILE: &str = "lock";
/// Most attempts to take the lock, since a log that was just closed holds it a moment longer.
const LOCK_ATTEMPTS: u32 = 3;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Refuses a directory whose journal is damaged, and one that is open elsewhere, whose journal can't be judged.
pub fn check(directory: &Path) -> Result<(), LogError> {
    let failed = |source| LogError::Open { directory: directory.to_owned(), source };
    let lock = match File::open(directory.join(LOCK_FILE)) {
        // Nothing there yet; or what is there is for the database to refuse.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        lock => lock.map_err(failed)?,
    };
    // Held until this returns: a journal that is being written can't be judged.
    acquire(&lock, directory)?;
    let files = files(directory).map_err(failed)?;
    let mut sequence = None;
    for (index, file) in files.iter().enumerate() {
        let bytes = std::fs::read(file).map_err(failed)?;
        let is_last = index + 1 == files.len();
        if let Some(position) = damage(&bytes, is_last, &mut sequence) {
            let (directory, file) = (directory.to_owned(), file.clone());
            return Err(LogError::CorruptJournal { directory, file, position: position as u64 });
        }
    }
    Ok(())
}

fn acquire(lock: &File, directory: &Path) -> Result<(), LogError> {
    let directory = || directory.to_owned();
    for _ in 0..LOCK_ATTEMPTS {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(LogError::Open { directory: directory(), source }),
        }
    }
    Err(LogError::Locked { directory: directory() })
}

/// The journal files of a directory, oldest first.
fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|extension| extension == EXTENSION)) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Finds damaged bytes of a journal file. The last file may end with a batch that was cut off; the others were synced whole.
/// The sequence numbers, which the checksums don't cover, have to grow from batch to batch.
fn damage(bytes: &[u8], is_last: bool, sequence: &mut Option<u64>) -> Option<usize> {
    let mut position = 0;
    while let Some(batch) = JournalBatch::parse(&bytes[position..]).filter(|batch| batch.is_whole) {
        if *sequence >= Some(batch.sequence) {
            return Some(position);
        }
        *sequence = Some(batch.sequence);
        position += batch.length;
    }
    let written = written(bytes);
    if position >= written {
        return None;
    }
    let rest = &bytes[position..written];
    (!is_last || was_ended(rest)).then_some(position)
}

/// The bytes before the zeros at the end. Whole blocks of them first, since most of a journal is mostly reserved space.
fn written(bytes: &[u8]) -> usize {
    let zeros = bytes.rchunks(ZEROS.len()).take_while(|block| **block == ZEROS).count() * ZEROS.len();
    let rest = &bytes[..bytes.len() - zeros];
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Returns true if what can't be made out was written to its end: as far as its counts say, or to a trailer that nothing or
/// another batch follows.
fn was_ended(rest: &[u8]) -> bool {
    let mut trailers = rest.windows(TRAILER.len()).enumerate().filter(|(_, window)| *window == TRAILER);
    JournalBatch::parse(rest).is_some()
        || trailers.any(|(start, _)| {
            let after = &rest[start + TRAILER.len()..];
            after.is_empty() || JournalBatch::parse(after).is_some_and(|batch| batch.is_whole)
        })
}

/// A batch whose counts lead to its end.
struct JournalBatch {
    sequence: u64,
    length: usize,
    is_whole: bool,
}

impl JournalBatch {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (start, mut rest) = bytes.split_at_checked(START_BYTES)?;
        if start[0] != START {
            return None;
        }
        let items = u32::from_le_bytes(*start[1..].first_chunk()?);
        let sequence = u64::from_le_bytes(*start[5..].first_chunk()?);
        for _ in 0..items {
            rest = rest.get(item_length(rest)?..)?;
        }
        let content = &bytes[START_BYTES..bytes.len() - rest.len()];
        let end = rest.get(..END_BYTES)?;
        let checksum = u64::from_le_bytes(*end[1..].first_chunk()?);
        let is_whole = end[0] == END && end.ends_with(TRAILER) && checksum == xxh3_64(content);
        Some(Self { sequence, length: START_BYTES + content.len() + END_BYTES, is_whole })
    }
}

fn item_length(bytes: &[u8]) -> Option<usize> {
    match *bytes.first()? {
        CLEAR => Some(CLEAR_BYTES),
        ITEM => {
            let header = bytes.get(..ITEM_HEADER_BYTES)?;
            let key = u16::from_le_bytes(*header[11..].first_chunk()?);
            let stored = u32::from_le_bytes(*header[17..].first_chunk()?);
            Some(ITEM_HEADER_BYTES + usize::from(key) + stored as usize)
        }
        _ => None,
    }
}
