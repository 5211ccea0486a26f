//! Records that are put aside because computing their epoch ended the process again and again.
//!
//! Owns the file `quarantine`. A panic of a worker enters before the process ends; after [`PANICS_MAX`] of them at the same epoch its records
//! leave as dead letters, at that start and at every later one, and all others go on. What was put aside can be sent again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use epochs::binding::Binding;
use epochs::disk::{Disk, DiskAction, DiskCause, DiskError};
use parking_lot::Mutex;
use schemas::dead_letter::{DEAD_LETTER_BYTES_MAX, DeadLetter, Fault, Reason};
use schemas::position::{Partition, Topic};
use serde::{Deserialize, Serialize};
use sources::log::StoredRecord;

use super::Storage;

/// Panics at the same epoch after which its records are put aside.
pub const PANICS_MAX: u32 = 3;
/// Epochs whose records may be put aside: more are no accident of a few records.
pub const EPOCHS_MAX: usize = 1_000;
const FILE: &str = "quarantine";
const FILE_ASIDE: &str = "quarantine.new";
const FORMAT: u64 = 1;

/// What is put aside, and the panics that may lead to more.
pub struct Quarantine {
    storage: Storage,
    stored: Mutex<Stored>,
    /// the epoch that a panic belongs to: the oldest that is not complete
    computing: AtomicU64,
    is_watching: AtomicBool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    format: u64,
    panics: Option<Panics>,
    epochs: Vec<Aside>,
}

/// Panics at one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panics {
    /// the epoch
    pub epoch: u64,
    /// how many, one after the other
    pub count: u32,
    /// what the last one said
    pub detail: String,
}

/// The records of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Aside {
    epoch: u64,
    detail: String,
    /// topic, partition, first offset, offset after the last
    ranges: Vec<(String, u32, u64, u64)>,
}

impl Quarantine {
    /// What an earlier run has stored.
    pub fn open(storage: Storage) -> Result<Self, DiskError> {
        let stored = match storage.length(FILE) {
            Ok(length) => {
                let bytes = storage.read(FILE, 0, usize::try_from(length).unwrap_or(usize::MAX))?;
                let damaged = |detail: String| DiskError {
                    action: DiskAction::Read,
                    path: FILE.to_owned(),
                    cause: DiskCause::Other,
                    detail: format!("it is damaged or of another version: {detail}; restore it from a backup"),
                };
                let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
                if stored.format != FORMAT {
                    return Err(damaged(format!("it has format {}, and {FORMAT} is known", stored.format)));
                }
                stored
            }
            Err(error) if error.cause == DiskCause::NotFound => Stored { format: FORMAT, panics: None, epochs: Vec::new() },
            Err(error) => return Err(error),
        };
        let is_watching = AtomicBool::new(stored.panics.is_some());
        Ok(Self { storage, stored: Mutex::new(stored), computing: AtomicU64::new(0), is_watching })
    }

    /// This epoch is the oldest that is not complete.
    pub fn computing(&self, epoch: u64) {
        self.computing.store(epoch, Ordering::Release);
    }

    /// A worker panics, and the process ends next.
    pub fn panicked(&self, detail: &str) {
        let mut stored = self.stored.lock();
        let epoch = self.computing.load(Ordering::Acquire);
        let before = stored.panics.take().filter(|panics| panics.epoch == epoch).map_or(0, |panics| panics.count);
        stored.panics = Some(Panics { epoch, count: before + 1, detail: detail.to_owned() });
        if let Err(error) = self.store(&stored) {
            eprintln!("it could not be noted that epoch {epoch} ended the process: {error}");
        }
    }

    /// Whether an epoch is ahead, or under way, that has ended the process: then only one is computed at a time, so that the right one
    /// is blamed.
    pub fn is_watching(&self) -> bool {
        self.is_watching.load(Ordering::Acquire)
    }

    /// An epoch is complete: if it is the one that ended the process before, it does so no more.
    pub fn completed(&self, epoch: u64) {
        if !self.is_watching() {
            return;
        }
        let mut stored = self.stored.lock();
        if stored.panics.as_ref().is_some_and(|panics| panics.epoch <= epoch) {
            stored.panics = None;
            self.is_watching.store(false, Ordering::Release);
            if let Err(error) = self.store(&stored) {
                tracing::warn!(%error, "it could not be noted that an epoch no longer ends the process");
            }
        }
    }

    /// The epoch that has ended the process too often.
    pub fn due(&self) -> Option<Panics> {
        self.stored.lock().panics.clone().filter(|panics| panics.count >= PANICS_MAX)
    }

    /// Puts the records of an epoch aside, durably; false when there are none, or when too much is aside already.
    pub fn put_aside(&self, binding: &Binding, detail: &str) -> Result<bool, DiskError> {
        let ranges = binding.ranges.iter().filter(|range| range.next > range.from);
        let ranges: Vec<_> = ranges.map(|range| (range.topic.clone(), range.partition, range.from, range.next)).collect();
        let mut stored = self.stored.lock();
        if ranges.is_empty() || stored.epochs.len() >= EPOCHS_MAX {
            return Ok(false);
        }
        stored.epochs.push(Aside { epoch: binding.epoch, detail: detail.to_owned(), ranges });
        stored.panics = None;
        self.store(&stored)?;
        self.is_watching.store(false, Ordering::Release);
        Ok(true)
    }

    /// Takes those records out that are aside, as dead letters with the times when they were appended.
    pub fn take_out(
        &self,
        topic: &Topic,
        partition: Partition,
        records: Vec<StoredRecord>,
    ) -> (Vec<StoredRecord>, Vec<(i64, DeadLetter)>) {
        let stored = self.stored.lock();
        let is_here = |range: &&(String, u32, u64, u64)| range.0 == topic.as_str() && range.1 == partition.0;
        let ranges: Vec<(&Aside, u64, u64)> = stored
            .epochs
            .iter()
            .flat_map(|aside| aside.ranges.iter().filter(is_here).map(move |range| (aside, range.2, range.3)))
            .collect();
        if ranges.is_empty() {
            return (records, Vec::new());
        }
        let (mut kept, mut letters) = (Vec::with_capacity(records.len()), Vec::new());
        for record in records {
            match ranges.iter().find(|(_, from, next)| (*from..*next).contains(&record.offset.0)) {
                None => kept.push(record),
                Some((aside, ..)) => letters.push((record.timestamp, letter(topic, &record, aside))),
            }
        }
        (kept, letters)
    }

    fn store(&self, stored: &Stored) -> Result<(), DiskError> {
        match self.storage.remove(FILE_ASIDE) {
            Err(error) if error.cause != DiskCause::NotFound => return Err(error),
            _ => {}
        }
        self.storage.append(FILE_ASIDE, &serde_json::to_vec(stored).unwrap_or_default())?;
        self.storage.sync(FILE_ASIDE)?;
        self.storage.rename(FILE_ASIDE, FILE)?;
        self.storage.sync_directory("")
    }
}

fn letter(topic: &Topic, record: &StoredRecord, aside: &Aside) -> DeadLetter {
    let detail = format!("computing epoch {} ended the process {PANICS_MAX} times: {}", aside.epoch, aside.detail);
    DeadLetter {
        topic: topic.as_str().to_owned(),
        partition: record.partition.0,
        offset: record.offset.0,
        sent_to: Some(topic.as_str().to_owned()),
        fault: Fault::new(Reason::Quarantined, detail),
        bytes: record.value[..record.value.len().min(DEAD_LETTER_BYTES_MAX)].to_vec(),
        length: record.value.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use epochs::binding::BoundRange;
    use epochs::disk::simulated::SimulatedDisk;
    use schemas::position::Offset;

    use super::*;

    fn record(offset: u64) -> StoredRecord {
        StoredRecord { partition: Partition(1), offset: Offset(offset), timestamp: 0, key: Vec::new(), value: vec![offset as u8] }
    }

    #[test]
    fn what_ends_the_process_three_times_in_a_row_is_put_aside_for_good() {
        let storage: Storage = Arc::new(SimulatedDisk::new(0));
        let open = || Quarantine::open(Arc::clone(&storage)).unwrap();
        for epoch in [7, 8, 8] {
            let quarantine = open();
            quarantine.computing(epoch);
            quarantine.panicked("no");
            assert_eq!(open().due(), None, "another epoch, or not often enough");
        }
        assert!(open().is_watching());
        let quarantine = open();
        quarantine.computing(8);
        quarantine.panicked("no");
        let quarantine = open();
        assert_eq!(quarantine.due().map(|panics| (panics.epoch, panics.count)), Some((8, 3)));
        let empty = Binding { epoch: 8, ..Binding::default() };
        assert!(!quarantine.put_aside(&empty, "no").unwrap(), "there is nothing to put aside");
        let range = BoundRange { topic: "t".into(), partition: 1, from: 4, next: 6, ..BoundRange::default() };
        assert!(quarantine.put_aside(&Binding { ranges: vec![range], ..empty }, "no").unwrap());
        for quarantine in [quarantine, open()] {
            assert!(quarantine.due().is_none() && !quarantine.is_watching());
            let (kept, letters) = quarantine.take_out(&Topic::new("t"), Partition(1), (3..8).map(record).collect());
            assert_eq!(kept.iter().map(|record| record.offset.0).collect::<Vec<_>>(), [3, 6, 7]);
            assert_eq!(letters.iter().map(|(_, letter)| letter.offset).collect::<Vec<_>>(), [4, 5]);
            assert_eq!(quarantine.take_out(&Topic::new("t"), Partition(0), vec![record(4)]).1.len(), 0, "of another partition");
        }
    }

    #[test]
    fn an_epoch_that_is_complete_is_forgiven() {
        let storage: Storage = Arc::new(SimulatedDisk::new(0));
        let quarantine = Quarantine::open(Arc::clone(&storage)).unwrap();
        quarantine.computing(3);
        quarantine.panicked("once");
        let quarantine = Quarantine::open(Arc::clone(&storage)).unwrap();
        quarantine.completed(2);
        assert!(quarantine.is_watching());
        quarantine.completed(3);
        assert!(!quarantine.is_watching() && !Quarantine::open(storage).unwrap().is_watching());
    }
}
