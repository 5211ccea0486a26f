//! Marks of what is being computed: what a process that ends without a word leaves behind.
//!
//! Owns the file `computing`. The begin and the end of an epoch enter as lines that are appended and not synced: the end of a process keeps
//! what it has written, and a loss of power, which may lose them, is no fault of a record. Costs one write for an epoch with records.

use std::sync::atomic::{AtomicU64, Ordering};

use epochs::disk::{DiskCause, DiskError};

use crate::storage::Storage;

const FILE: &str = "computing";
/// Length after which the file begins again.
const BYTES_MAX: u64 = 16 * 1024;
/// Bytes at the end of the file that hold its last whole line.
const TAIL_BYTES: u64 = 64;
/// Stands for no epoch: theirs begin at 1.
const NONE: u64 = 0;

/// The epoch that is marked as being computed.
pub struct Marks {
    storage: Storage,
    marked: AtomicU64,
    length: AtomicU64,
}

impl Marks {
    /// Marks in this storage; what an earlier run left stays until it is cleared.
    pub fn new(storage: Storage) -> Self {
        Self { storage, marked: AtomicU64::new(NONE), length: AtomicU64::new(0) }
    }

    /// The epoch that the run before was computing when it ended.
    pub fn unfinished(&self) -> Result<Option<u64>, DiskError> {
        let length = match self.storage.length(FILE) {
            Err(error) if error.cause == DiskCause::NotFound => return Ok(None),
            length => length?,
        };
        let tail = self.storage.read(FILE, length.saturating_sub(TAIL_BYTES), TAIL_BYTES as usize)?;
        let text = String::from_utf8_lossy(&tail);
        // A line that is cut off was being written: what it would have said is not sure.
        let last =
            text.rsplit_once('\n').and_then(|(lines, _)| lines.rsplit('\n').next().and_then(|line| line.strip_prefix("begin ")));
        Ok(last.and_then(|epoch| epoch.parse().ok()))
    }

    /// Forgets everything.
    pub fn clear(&self) -> Result<(), DiskError> {
        self.length.store(0, Ordering::Release);
        match self.storage.remove(FILE) {
            Err(error) if error.cause == DiskCause::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// An epoch is about to be computed; nothing changes while another one is marked.
    pub fn begin(&self, epoch: u64) {
        if self.marked.compare_exchange(NONE, epoch, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.write(&format!("begin {epoch}\n"));
        }
    }

    /// An epoch is computed.
    pub fn end(&self, epoch: u64) {
        if epoch != NONE && self.marked.compare_exchange(epoch, NONE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.write(&format!("done {epoch}\n"));
        }
    }

    /// Whatever is marked is not to blame for what happens next.
    pub fn excuse(&self) {
        self.end(self.marked.load(Ordering::Acquire));
    }

    /// A mark that can't be written is missed only by a process that ends without a word.
    fn write(&self, line: &str) {
        let bytes = line.len() as u64;
        let begins_again = self.length.fetch_add(bytes, Ordering::AcqRel) + bytes > BYTES_MAX;
        let written = if begins_again { self.clear() } else { Ok(()) };
        if begins_again {
            self.length.store(bytes, Ordering::Release);
        }
        if let Err(error) = written.and_then(|()| self.storage.append(FILE, line.as_bytes())) {
            tracing::warn!(%error, "it could not be marked which epoch is computed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use epochs::disk::simulated::SimulatedDisk;

    use super::*;

    #[test]
    fn the_last_whole_line_says_what_was_being_computed() {
        let storage: Storage = Arc::new(SimulatedDisk::new(0));
        let marks = Marks::new(Arc::clone(&storage));
        assert_eq!(marks.unfinished(), Ok(None));
        marks.begin(7);
        assert_eq!(marks.unfinished(), Ok(Some(7)));
        marks.begin(8);
        assert_eq!(marks.unfinished(), Ok(Some(7)), "one at a time");
        marks.end(8);
        assert_eq!(marks.unfinished(), Ok(Some(7)));
        marks.end(7);
        assert_eq!(marks.unfinished(), Ok(None));
        marks.excuse();
        assert_eq!(storage.length(FILE), Ok(15), "there was nothing to excuse");
        marks.begin(8);
        storage.append(FILE, b"done").unwrap();
        assert_eq!(marks.unfinished(), Ok(Some(8)), "the line behind it is not whole");
        marks.clear().unwrap();
        assert_eq!(marks.unfinished(), Ok(None));
    }

    #[test]
    fn the_file_does_not_grow() {
        let storage: Storage = Arc::new(SimulatedDisk::new(0));
        let marks = Marks::new(Arc::clone(&storage));
        for epoch in 1..=10_000 {
            marks.begin(epoch);
            assert_eq!(marks.unfinished(), Ok(Some(epoch)));
            assert!(storage.length(FILE).unwrap() <= BYTES_MAX);
            marks.end(epoch);
        }
    }
}
