//! Records that are quarantined because computing their epoch ended the process again and again.
//!
//! Owns the file `quarantine`. An end of the process enters: a panic before it ends, any other end (an abort, a stack overflow, a lack of
//! memory) at the next start, by the [`Marks`] that it left behind. After [`ENDS_MAX`] of them at the same epoch its records leave as dead
//! letters, at that start and at every later one, and all others go on. What was quarantined can be sent again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use epochs::binding::Binding;
use epochs::disk::{Disk, DiskAction, DiskCause, DiskError, replace};
use parking_lot::Mutex;
use schemas::dead_letter::{DEAD_LETTER_BYTES_MAX, DeadLetter, Fault, Reason};
use schemas::position::{Partition, Topic};
use serde::{Deserialize, Serialize};
use sources::record::StoredRecord;

use super::marks::Marks;
use crate::event_limits::{EPOCH_EVENTS, EventLimits};
use crate::storage::Storage;

/// Ends of the process at the same epoch after which its records are quarantined.
pub const ENDS_MAX: u32 = 3;
/// Most epochs whose records are quarantined because they ended the process: more are no accident of a few records. Records that are
/// quarantined for [`Cause::Budget`] do not count.
pub const EPOCHS_MAX: usize = 1_000;
/// Most epochs that are remembered as computed without limits. The oldest ones are forgotten first: no restart computes them again.
const EXEMPT_MAX: usize = 10_000;
const FILE: &str = "quarantine";
const FILE_TEMPORARY: &str = "quarantine.new";
const FORMAT: u64 = 1;

/// Said of an end that nobody was there to describe.
const UNEXPLAINED: &str = "it ended without a panic: an abort, a stack overflow, a lack of memory, or someone who killed it";

/// Quarantined records, and the ends of the process that may lead to more.
pub struct Quarantine {
    storage: Storage,
    marks: Marks,
    stored: Mutex<Stored>,
    /// the epoch that an end belongs to: the oldest that is not complete
    computing: AtomicU64,
    is_watching: AtomicBool,
    limits: EventLimits,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    format: u64,
    #[serde(rename = "panics")]
    ends: Option<Ends>,
    epochs: Vec<QuarantinedRecords>,
    /// epochs whose records were looked at one by one, and none of them makes too much; absent in files of earlier versions
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    exempt: BTreeSet<u64>,
}

/// Ends of the process at one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// the epoch
    pub epoch: u64,
    /// number of them, one after the other
    pub count: u32,
    /// text of the last one
    pub detail: String,
    /// the cause
    #[serde(default)]
    pub cause: Cause,
}

/// The reason why records are quarantined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// computing them ended the process
    #[default]
    Ends,
    /// joins and lists made too much of them
    Budget,
}

/// Records of one partition: topic, partition, first offset, offset after the last.
pub type QuarantinedRange = (String, u32, u64, u64);

/// Quarantined records of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct QuarantinedRecords {
    epoch: u64,
    detail: String,
    #[serde(default)]
    cause: Cause,
    ranges: Vec<QuarantinedRange>,
}

/// Records of an epoch that are quarantined for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedGroup {
    /// the reason, for the dead letters
    pub detail: String,
    /// the records
    pub ranges: Vec<QuarantinedRange>,
}

impl Stored {
    /// Epochs other than this one with records that are quarantined because they ended the process.
    fn epochs_that_ended(&self, except: u64) -> usize {
        let ended = self.epochs.iter().filter(|records| records.cause == Cause::Ends && records.epoch != except);
        ended.map(|records| records.epoch).collect::<BTreeSet<u64>>().len()
    }
}

impl Quarantine {
    /// Opens what an earlier run has stored.
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
            Err(error) if error.cause == DiskCause::NotFound => {
                Stored { format: FORMAT, ends: None, epochs: Vec::new(), exempt: BTreeSet::new() }
            }
            Err(error) => return Err(error),
        };
        let is_watching = AtomicBool::new(stored.ends.is_some());
        let marks = Marks::new(Arc::clone(&storage));
        let (computing, stored, limits) = (AtomicU64::new(0), Mutex::new(stored), EventLimits::default());
        Ok(Self { storage, marks, stored, computing, is_watching, limits })
    }

    /// The same with other limits of what may be made of an event.
    pub fn with_limits(self, limits: EventLimits) -> Self {
        Self { limits, ..self }
    }

    /// Returns the limits for so many records of an epoch.
    pub fn limits(&self, epoch: u64, records: usize) -> Option<EventLimits> {
        let is_exempt = records == 0 || self.stored.lock().exempt.contains(&epoch);
        (!is_exempt).then(|| self.limits.times((records as u64).min(EPOCH_EVENTS)))
    }

    /// Has an epoch computed without limits, now and after every restart: its records make too much together and none of them by itself.
    /// Durable when this returns.
    ///
    /// # Errors
    /// The disk fails; the epoch keeps its limits then.
    pub fn exempt(&self, epoch: u64) -> Result<(), DiskError> {
        let mut stored = self.stored.lock();
        let mut next = stored.clone();
        next.exempt.insert(epoch);
        while next.exempt.len() > EXEMPT_MAX {
            next.exempt.pop_first();
        }
        self.store(&next)?;
        *stored = next;
        Ok(())
    }

    /// Counts an end of the process because an epoch made too much and the records to blame could not be found: the process ends next.
    /// Like any other end it leads to dead letters at the last of [`ENDS_MAX`], because the reason may pass.
    pub fn ends_over_budget(&self, epoch: u64, detail: &str) {
        match self.count(epoch, detail, Cause::Budget) {
            Ok(()) => self.marks.excuse(),
            Err(error) => eprintln!("it could not be noted that epoch {epoch} makes too much: {error}"),
        }
    }

    /// Counts the end of the run before, if that left the mark of an epoch that it was computing.
    pub fn count_last_end(&self) -> Result<(), DiskError> {
        if let Some(epoch) = self.marks.unfinished()? {
            self.count(epoch, UNEXPLAINED, Cause::Ends)?;
            self.is_watching.store(true, Ordering::Release);
        }
        self.marks.clear()
    }

    /// This epoch is the oldest that is not complete.
    pub fn computing(&self, epoch: u64) {
        self.computing.store(epoch, Ordering::Release);
    }

    /// The workers have records of this epoch: it is marked, for the case that the process ends without a word. One epoch is marked at a
    /// time, the oldest that has records.
    pub fn given(&self, epoch: u64) {
        self.marks.begin(epoch);
    }

    /// The workers are past this epoch.
    pub fn computed(&self, epoch: u64) {
        self.marks.end(epoch);
    }

    /// The process ends for a reason that no record has to do with.
    pub fn excuse(&self) {
        self.marks.excuse();
    }

    /// A worker panics, and the process ends next.
    pub fn panicked(&self, detail: &str) {
        let epoch = self.computing.load(Ordering::Acquire);
        match self.count(epoch, detail, Cause::Ends) {
            // It must not count twice.
            Ok(()) => self.marks.excuse(),
            Err(error) => eprintln!("it could not be noted that epoch {epoch} ended the process: {error}"),
        }
    }

    fn count(&self, epoch: u64, detail: &str, cause: Cause) -> Result<(), DiskError> {
        let mut stored = self.stored.lock();
        let before = stored.ends.take().filter(|ends| ends.epoch == epoch).map_or(0, |ends| ends.count);
        stored.ends = Some(Ends { epoch, count: before + 1, detail: detail.to_owned(), cause });
        self.store(&stored)
    }

    /// Returns true if an epoch is ahead, or under way, that has ended the process: then only one is computed at a time, so that
    /// the right one is blamed.
    pub fn is_watching(&self) -> bool {
        self.is_watching.load(Ordering::Acquire)
    }

    /// An epoch is complete: if it is the one that ended the process before, it does so no more.
    pub fn completed(&self, epoch: u64) {
        if !self.is_watching() {
            return;
        }
        let mut stored = self.stored.lock();
        if stored.ends.as_ref().is_some_and(|ends| ends.epoch <= epoch) {
            stored.ends = None;
            self.is_watching.store(false, Ordering::Release);
            if let Err(error) = self.store(&stored) {
                tracing::warn!(%error, "it could not be noted that an epoch no longer ends the process");
            }
        }
    }

    /// The epoch that has ended the process too often.
    pub fn due(&self) -> Option<Ends> {
        self.stored.lock().ends.clone().filter(|ends| ends.count >= ENDS_MAX)
    }

    /// Quarantines records of an epoch, durably and all at once, each group of them for its own reason. Returns false and changes nothing
    /// when there are none, or when the records of [`EPOCHS_MAX`] other epochs are quarantined because they ended the process and these did
    /// too.
    ///
    /// # Errors
    /// The disk fails; nothing is quarantined then.
    pub fn add(&self, epoch: u64, groups: Vec<QuarantinedGroup>, cause: Cause) -> Result<bool, DiskError> {
        let mut stored = self.stored.lock();
        let new = groups.into_iter().filter(|group| !group.ranges.is_empty());
        let new: Vec<QuarantinedRecords> =
            new.map(|QuarantinedGroup { detail, ranges }| QuarantinedRecords { epoch, detail, cause, ranges }).collect();
        if new.is_empty() || (cause == Cause::Ends && stored.epochs_that_ended(epoch) >= EPOCHS_MAX) {
            return Ok(false);
        }
        let mut next = stored.clone();
        next.epochs.extend(new);
        next.ends = None;
        self.store(&next)?;
        *stored = next;
        self.is_watching.store(false, Ordering::Release);
        Ok(true)
    }

    /// Takes those records out that are quarantined, as dead letters with the times when they were appended.
    pub fn take_out(
        &self,
        topic: &Topic,
        partition: Partition,
        records: Vec<StoredRecord>,
    ) -> (Vec<StoredRecord>, Vec<(i64, DeadLetter)>) {
        let stored = self.stored.lock();
        let is_here = |range: &&QuarantinedRange| range.0 == topic.as_str() && range.1 == partition.0;
        let ranges: Vec<(&QuarantinedRecords, u64, u64)> = stored
            .epochs
            .iter()
            .flat_map(|records| records.ranges.iter().filter(is_here).map(move |range| (records, range.2, range.3)))
            .collect();
        if ranges.is_empty() {
            return (records, Vec::new());
        }
        let (mut kept, mut letters) = (Vec::with_capacity(records.len()), Vec::new());
        for record in records {
            match ranges.iter().find(|(_, from, next)| (*from..*next).contains(&record.offset.0)) {
                None => kept.push(record),
                Some((quarantined, ..)) => letters.push((record.timestamp, letter(topic, &record, quarantined))),
            }
        }
        (kept, letters)
    }

    fn store(&self, stored: &Stored) -> Result<(), DiskError> {
        let bytes = serde_json::to_vec(stored).unwrap_or_else(|error| panic!("the quarantine has no form as JSON: {error}"));
        replace(&self.storage, "", FILE_TEMPORARY, FILE, &bytes)
    }
}

/// All records of an epoch that have an offset.
pub fn ranges_of(binding: &Binding) -> Vec<QuarantinedRange> {
    let ranges = binding.ranges.iter().filter(|range| range.next > range.from);
    ranges.map(|range| (range.topic.clone(), range.partition, range.from, range.next)).collect()
}

fn letter(topic: &Topic, record: &StoredRecord, quarantined: &QuarantinedRecords) -> DeadLetter {
    let QuarantinedRecords { epoch, detail, .. } = quarantined;
    let fault = match quarantined.cause {
        Cause::Ends => {
            Fault::new(Reason::Quarantined, format!("computing epoch {epoch} ended the process {ENDS_MAX} times: {detail}"))
        }
        Cause::Budget => Fault::new(Reason::OverBudget, detail.as_str()),
    };
    DeadLetter {
        topic: topic.as_str().to_owned(),
        partition: record.partition.0,
        offset: record.offset.0,
        sent_to: Some(topic.as_str().to_owned()),
        fault,
        bytes: record.value[..record.value.len().min(DEAD_LETTER_BYTES_MAX)].to_vec(),
        length: record.value.len() as u64,
        arrived: Some(record.timestamp),
        sender_actor: None,
        relation: None,
    }
}

#[cfg(test)]
mod tests {
    use epochs::binding::BoundRange;
    use epochs::disk::simulated::SimulatedDisk;
    use schemas::position::Offset;

    use super::*;

    fn record(offset: u64) -> StoredRecord {
        StoredRecord { partition: Partition(1), offset: Offset(offset), timestamp: 0, key: Vec::new(), value: vec![offset as u8] }
    }

    fn group(ranges: Vec<QuarantinedRange>) -> QuarantinedGroup {
        QuarantinedGroup { detail: "no".into(), ranges }
    }

    #[test]
    fn an_end_over_budget_counts_once_like_any_other_end() {
        let storage: Storage = Arc::new(SimulatedDisk::new(0));
        for count in 1..=ENDS_MAX {
            let quarantine = Quarantine::open(Arc::clone(&storage)).unwrap();
            quarantine.count_last_end().unwrap();
            quarantine.given(5);
            assert_eq!(quarantine.due(), None, "it is not yet the last of them");
            quarantine.ends_over_budget(5, "too much");
            assert_eq!(quarantine.due().is_some(), count == ENDS_MAX);
        }
        let due = Quarantine::open(storage).unwrap().due().unwrap();
        assert_eq!((due.epoch, due.count, due.cause), (5, ENDS_MAX, Cause::Budget));
    }

    #[test]
    fn epochs_without_limits_are_remembered_by_later_runs() {
        let storage: Storage = Arc::new(SimulatedDisk::new(0));
        let quarantine = Quarantine::open(Arc::clone(&storage)).unwrap();
        quarantine.exempt(3).unwrap();
        quarantine.exempt(9).unwrap();
        for quarantine in [quarantine, Quarantine::open(storage).unwrap()] {
            let has_limits = |epoch| quarantine.limits(epoch, 1).is_some();
            assert_eq!((has_limits(3), has_limits(4), has_limits(9)), (false, true, false));
        }
    }

    #[test]
    fn a_file_of_an_earlier_version_has_no_epochs_without_limits() {
        let storage: Storage = Arc::new(SimulatedDisk::new(0));
        storage.append(FILE, br#"{"format":1,"panics":null,"epochs":[]}"#).unwrap();
        assert!(Quarantine::open(storage).unwrap().limits(3, 1).is_some());
    }

    #[test]
    fn records_that_make_too_much_do_not_count_as_epochs_that_ended_the_process() {
        let storage: Storage = Arc::new(SimulatedDisk::new(0));
        let quarantine = Quarantine::open(storage).unwrap();
        let range = |from| vec![("t".to_owned(), 1, from, from + 1)];
        let many = (0..2 * EPOCHS_MAX as u64).map(|from| group(range(from))).collect();
        assert!(quarantine.add(1, many, Cause::Budget).unwrap());
        {
            let mut stored = quarantine.stored.lock();
            let ended = |epoch| QuarantinedRecords { epoch, detail: String::new(), cause: Cause::Ends, ranges: range(epoch) };
            stored.epochs.extend((10..10 + EPOCHS_MAX as u64 - 1).map(ended));
        }
        assert!(quarantine.add(2, vec![group(range(1)), group(range(5))], Cause::Ends).unwrap());
        assert!(!quarantine.add(3, vec![group(range(2))], Cause::Ends).unwrap(), "these are too many");
        assert!(quarantine.add(2, vec![group(range(6))], Cause::Ends).unwrap(), "it is one of them");
        assert!(quarantine.add(3, vec![group(range(2))], Cause::Budget).unwrap());
    }

    #[test]
    fn what_ends_the_process_three_times_in_a_row_is_quarantined_for_good() {
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
        assert_eq!(quarantine.due().map(|ends| (ends.epoch, ends.count)), Some((8, 3)));
        let range = |from, next| BoundRange { topic: "t".into(), partition: 1, from, next, ..BoundRange::default() };
        let add = |from, next| {
            let binding = Binding { epoch: 8, ranges: vec![range(from, next)], ..Binding::default() };
            quarantine.add(8, vec![group(ranges_of(&binding))], Cause::Ends).unwrap()
        };
        assert!(!add(4, 4), "there is nothing to quarantine");
        assert!(add(4, 6));
        for quarantine in [quarantine, open()] {
            assert!(quarantine.due().is_none() && !quarantine.is_watching());
            let (kept, letters) = quarantine.take_out(&Topic::new("t"), Partition(1), (3..8).map(record).collect());
            assert_eq!(kept.iter().map(|record| record.offset.0).collect::<Vec<_>>(), [3, 6, 7]);
            assert_eq!(letters.iter().map(|(_, letter)| letter.offset).collect::<Vec<_>>(), [4, 5]);
            assert_eq!(quarantine.take_out(&Topic::new("t"), Partition(0), vec![record(4)]).1.len(), 0, "of another partition");
        }
    }

    #[test]
    fn ends_without_a_panic_count_once_each_and_only_at_epochs_with_records() {
        let storage: Storage = Arc::new(SimulatedDisk::new(0));
        let start = || {
            let quarantine = Quarantine::open(Arc::clone(&storage)).unwrap();
            quarantine.count_last_end().unwrap();
            quarantine
        };
        start().computing(5);
        assert!(!start().is_watching(), "there are no records to blame");
        let quarantine = start();
        quarantine.given(5);
        quarantine.given(6);
        assert!(start().is_watching(), "it is the first end at epoch 5");
        assert!(start().due().is_none(), "a start in between ended without computing anything");
        start().given(5);
        let quarantine = start();
        quarantine.computing(5);
        quarantine.given(5);
        quarantine.panicked("a panic counts once, though its mark is there as well");
        assert_eq!(start().due().map(|ends| (ends.epoch, ends.count)), Some((5, 3)));
        let quarantine = start();
        quarantine.given(6);
        quarantine.computed(6);
        assert_eq!(start().due().map(|ends| ends.epoch), Some(5), "an end after all workers were done says nothing");
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
