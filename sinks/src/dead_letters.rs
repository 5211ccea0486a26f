//! Dead letters and row errors as readers see them.
//!
//! Owns the bounds of both. Events stay for good, in the order of the log, whose topic has their bytes; here are the newest. The driver says
//! which of them leave the list, so that this is the same however epochs are cut. Errors of rows are data and go away with their cause. Ids
//! of letters go on after a restart, from a [`DeadLettersSeed`].

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use schemas::dead_letter::{DeadLetter, RowError};
use schemas::row::Diff;

/// The most dead letters that are listed: the newest. The others are counted, and their bytes are in the log.
pub const DEAD_LETTERS_KEPT_MAX: usize = 10_000;

/// The most bytes of dead letters that are listed, by [`letter_bytes`]; reached before [`DEAD_LETTERS_KEPT_MAX`] when they are large.
pub const DEAD_LETTER_BYTES_KEPT_MAX: usize = 64 * 1024 * 1024;

/// Bytes that count for each letter beside its texts. Fixed, so that every build lets go of the same letters.
const LETTER_OVERHEAD_BYTES: usize = 256;

/// The most different row errors that are listed. The others are counted.
pub const ROW_ERRORS_KEPT_MAX: usize = 10_000;

/// The most bytes of row errors that are listed; reached before [`ROW_ERRORS_KEPT_MAX`] when the rows are large.
pub const ROW_ERROR_BYTES_KEPT_MAX: usize = 64 * 1024 * 1024;

/// Dead letters, and errors of rows that come from streams, that an earlier process recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLettersSeed {
    /// letters with their ids, which ascend: those that were listed
    pub letters: Vec<(u64, DeadLetter)>,
    /// number of dead letters; the next id is one more
    pub count: u64,
    /// number of those that were sent again
    pub retried: u64,
    /// number of those that were discarded
    pub discarded: u64,
    /// errors of rows and how often each is there; each once
    pub row_errors: Vec<(RowError, Diff)>,
}

impl DeadLettersSeed {
    /// The state that was saved, or what is wrong with it.
    pub(crate) fn restore(self) -> Result<(DeadLetters, RowErrors), &'static str> {
        let Self { letters, count, retried, discarded, row_errors } = self;
        let ids = || letters.iter().map(|(id, _)| *id);
        if !ids().is_sorted_by(|earlier, later| earlier < later) || ids().any(|id| !(1..=count).contains(&id)) {
            return Err("their ids do not ascend from 1 to how many there were");
        }
        if row_errors.iter().any(|(_, times)| *times < 1) {
            return Err("an error of a row is there less than once");
        }
        let gone = count - letters.len() as u64;
        let retried = retried.min(gone);
        let discarded = discarded.min(gone - retried);
        let mut dead_letters = DeadLetters { count, retried, discarded, ..DeadLetters::default() };
        letters.into_iter().for_each(|(id, letter)| dead_letters.keep(id, letter));
        dead_letters.let_go(0);
        let mut errors = RowErrors::default();
        errors.apply(row_errors);
        Ok((dead_letters, errors))
    }
}

/// The newest dead letters. Ids count from 1 in the order of arrival.
#[derive(Default)]
pub(crate) struct DeadLetters {
    /// with their ids, which ascend
    kept: VecDeque<(u64, DeadLetter)>,
    /// bytes of what is kept, by [`letter_bytes`]; at most [`DEAD_LETTER_BYTES_KEPT_MAX`] after each commit
    kept_bytes: usize,
    /// number of all that came, which is the last id given
    count: u64,
    /// number of those that were sent again
    retried: u64,
    /// number of those that were discarded
    discarded: u64,
}

impl DeadLetters {
    /// Appends dead letters. The caller takes off those that leave, and then lets go of the oldest ([`Self::let_go`]).
    pub fn extend(&mut self, letters: Vec<DeadLetter>) {
        for letter in letters {
            self.count += 1;
            self.keep(self.count, letter);
        }
    }

    /// Keeps one under its id, which is above all others.
    fn keep(&mut self, id: u64, letter: DeadLetter) {
        self.kept_bytes += letter_bytes(&letter);
        self.kept.push_back((id, letter));
    }

    /// Takes letters that were sent again off the list and counts them; each is named once, by whoever knows what was listed.
    pub fn retry(&mut self, ids: &[u64]) {
        ids.iter().for_each(|id| self.take_off(*id));
        self.retried += ids.len() as u64;
    }

    /// Takes letters that were discarded off the list and counts them, likewise.
    pub fn discard(&mut self, ids: &[u64]) {
        ids.iter().for_each(|id| self.take_off(*id));
        self.discarded += ids.len() as u64;
    }

    fn take_off(&mut self, id: u64) {
        if let Ok(at) = self.kept.binary_search_by_key(&id, |(id, _)| *id)
            && let Some((_, letter)) = self.kept.remove(at)
        {
            self.kept_bytes -= letter_bytes(&letter);
        }
    }

    /// Lets go of letters with ids up to `up_to`, and of the oldest until both limits hold.
    pub fn let_go(&mut self, up_to: u64) {
        while self.is_beyond_limits() || self.kept.front().is_some_and(|(id, _)| *id <= up_to) {
            let Some((_, oldest)) = self.kept.pop_front() else { break };
            self.kept_bytes -= letter_bytes(&oldest);
        }
    }

    fn is_beyond_limits(&self) -> bool {
        self.kept.len() > DEAD_LETTERS_KEPT_MAX || self.kept_bytes > DEAD_LETTER_BYTES_KEPT_MAX
    }

    /// Returns the listed dead letters with ids above `after` that are wanted, oldest first.
    pub fn list(&self, after: Option<u64>, limit: usize, wanted: impl Fn(&DeadLetter) -> bool) -> Vec<(u64, DeadLetter)> {
        let seen = self.kept.partition_point(|(id, _)| *id <= after.unwrap_or(0));
        self.kept.range(seen..).filter(|(_, letter)| wanted(letter)).take(limit).cloned().collect()
    }

    /// Returns their number.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the number of those that were sent again.
    pub fn retried(&self) -> u64 {
        self.retried
    }

    /// Returns the number of those that were discarded.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }
}

/// Returns about how many bytes of memory a letter takes; the same for the same letter, so that what was added can be taken off.
pub fn letter_bytes(letter: &DeadLetter) -> usize {
    let optional = [&letter.fault.field, &letter.sent_to, &letter.sender_actor, &letter.relation].into_iter().flatten();
    let texts = letter.topic.len() + letter.fault.detail.len() + optional.map(String::len).sum::<usize>();
    LETTER_OVERHEAD_BYTES + texts + letter.bytes.len()
}

/// The errors of rows that are there now: a multiset that keeps what fits and counts the rest.
///
/// What is kept of an error is never more than there is of it, and `kept + unkept` is exact: an error that came while there was
/// no room is in `unkept` only; one that comes again later may be in both, and retractions then take from what is kept first.
///
/// Each error that is kept has an id, by which pages of them go on. Ids count from 1 in the order in which errors came to be kept by this process.
#[derive(Default)]
pub(crate) struct RowErrors {
    /// the errors that are listed; every count is positive
    kept: BTreeMap<Arc<RowError>, KeptError>,
    /// the same errors by their ids
    by_id: BTreeMap<u64, Arc<RowError>>,
    /// the last id that was given
    last_id: u64,
    /// bytes of what is kept; at most [`ROW_ERROR_BYTES_KEPT_MAX`]
    kept_bytes: usize,
    /// sum of the counts that are kept
    kept_count: Diff,
    /// number of errors that are counted only; never negative after a checked commit
    unkept_count: Diff,
}

/// An error that is listed.
struct KeptError {
    id: u64,
    /// number of times that it is there
    count: Diff,
}

impl RowErrors {
    /// Forgets all errors; ids go on.
    pub fn clear(&mut self) {
        *self = Self { last_id: self.last_id, ..Self::default() };
    }

    /// Adds to the counts of errors. Each error occurs once in `changes`, and none becomes negative ([`Self::first_negative`]).
    pub fn apply(&mut self, changes: Vec<(RowError, Diff)>) {
        // Retractions first: they make room.
        let (retractions, additions): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(_, diff)| *diff < 0);
        for (error, diff) in retractions {
            self.retract(&error, -diff);
        }
        for (error, diff) in additions {
            self.add(error, diff);
        }
    }

    /// Takes back an error so often: first from what is kept of it, the rest from what is only counted.
    fn retract(&mut self, error: &RowError, times: Diff) {
        let Some(KeptError { id, count }) = self.kept.get_mut(error) else {
            self.unkept_count -= times;
            return;
        };
        let taken = times.min(*count);
        *count -= taken;
        self.kept_count -= taken;
        self.unkept_count -= times - taken;
        if *count == 0 {
            self.by_id.remove(&*id);
            self.kept.remove(error);
            self.kept_bytes -= error_bytes(error);
        }
    }

    /// Adds an error so often. One that does not fit the limits is counted and not kept.
    fn add(&mut self, error: RowError, times: Diff) {
        if let Some(kept) = self.kept.get_mut(&error) {
            kept.count += times;
            self.kept_count += times;
            return;
        }
        let bytes = error_bytes(&error);
        if self.kept.len() == ROW_ERRORS_KEPT_MAX || self.kept_bytes + bytes > ROW_ERROR_BYTES_KEPT_MAX {
            self.unkept_count += times;
            return;
        }
        self.kept_bytes += bytes;
        self.kept_count += times;
        self.last_id += 1;
        let (id, error) = (self.last_id, Arc::new(error));
        self.by_id.insert(id, Arc::clone(&error));
        self.kept.insert(error, KeptError { id, count: times });
    }

    /// The first change that takes back more than there is. Exact while everything is kept; beyond that a retraction of something
    /// that never was is only found when it takes back more than all that is not kept.
    pub fn first_negative<'c>(&self, changes: &'c [(RowError, Diff)]) -> Option<&'c RowError> {
        let mut unkept = self.unkept_count;
        for (error, diff) in changes.iter().filter(|(_, diff)| *diff < 0) {
            // What is not kept is taken back from what is only counted.
            let beyond = match self.kept.get(error) {
                Some(kept) => (diff + kept.count).min(0),
                None => *diff,
            };
            unkept += beyond;
            if unkept < 0 {
                return Some(error);
            }
        }
        None
    }

    /// Errors and their counts, in their own order.
    pub fn list(&self, limit: usize) -> Vec<(RowError, Diff)> {
        self.kept.iter().take(limit).map(|(error, kept)| (RowError::clone(error), kept.count)).collect()
    }

    /// Errors with ids above `after` and their counts, by their ids: as many as are asked for, or the first ones that have together so many
    /// bytes, but at least one.
    pub fn page(&self, after: u64, limit: usize, bytes_max: usize) -> Vec<(u64, RowError, Diff)> {
        let mut page = Vec::new();
        let mut bytes = 0;
        for (id, error) in self.by_id.range((Bound::Excluded(after), Bound::Unbounded)).take(limit) {
            bytes += error_bytes(error);
            if bytes > bytes_max && !page.is_empty() {
                break;
            }
            let Some(KeptError { count, .. }) = self.kept.get(error) else {
                panic!("error {id} of a row is listed by its id and not kept: {error:?}")
            };
            page.push((*id, RowError::clone(error), *count));
        }
        page
    }

    /// Returns their number, repeats counted.
    pub fn count(&self) -> u64 {
        (self.kept_count + self.unkept_count).unsigned_abs()
    }
}

/// Returns about how many bytes of memory an error takes.
fn error_bytes(error: &RowError) -> usize {
    size_of::<RowError>() + error.relation.len() + error.expression.len() + error.detail.len() + error.row.len()
}

#[cfg(test)]
mod tests;
