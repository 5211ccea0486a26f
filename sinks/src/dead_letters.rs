//! What could not be processed, as readers see it: events put aside, and rows on which an expression fails.
//!
//! Owns the bounds of both. Events stay for good, in the order of the log, whose topic has their bytes; here are the newest. Errors
//! of rows are data and go away with their cause.

use std::collections::{BTreeMap, VecDeque};

use schemas::dead_letter::{DeadLetter, RowError};
use schemas::row::Diff;

/// The most dead letters that are listed: the newest. The others are counted, and their bytes are in the log.
pub const DEAD_LETTERS_KEPT_MAX: usize = 10_000;

/// The most bytes of dead letters that are listed; reached before [`DEAD_LETTERS_KEPT_MAX`] when they are large.
pub const DEAD_LETTER_BYTES_KEPT_MAX: usize = 64 * 1024 * 1024;

/// The most different row errors that are listed. The others are counted.
pub const ROW_ERRORS_KEPT_MAX: usize = 10_000;

/// The most bytes of row errors that are listed; reached before [`ROW_ERRORS_KEPT_MAX`] when the rows are large.
pub const ROW_ERROR_BYTES_KEPT_MAX: usize = 64 * 1024 * 1024;

/// The newest dead letters. Ids count from 1 in the order of arrival.
#[derive(Default)]
pub(crate) struct DeadLetters {
    kept: VecDeque<DeadLetter>,
    kept_bytes: usize,
    count: u64,
}

impl DeadLetters {
    /// Appends dead letters and lets go of the oldest beyond the limits.
    pub fn extend(&mut self, letters: Vec<DeadLetter>) {
        for letter in letters {
            self.count += 1;
            self.kept_bytes += letter_bytes(&letter);
            self.kept.push_back(letter);
            while self.kept.len() > DEAD_LETTERS_KEPT_MAX || self.kept_bytes > DEAD_LETTER_BYTES_KEPT_MAX {
                let Some(oldest) = self.kept.pop_front() else { break };
                self.kept_bytes -= letter_bytes(&oldest);
            }
        }
    }

    /// Dead letters with ids above `after`, oldest first.
    pub fn list(&self, after: Option<u64>, limit: usize) -> Vec<(u64, DeadLetter)> {
        let before_first = self.count - self.kept.len() as u64;
        let seen = after.unwrap_or(0).saturating_sub(before_first).min(self.kept.len() as u64);
        let ids = before_first + seen + 1..;
        ids.zip(self.kept.range(seen as usize..).cloned()).take(limit).collect()
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }
}

fn letter_bytes(letter: &DeadLetter) -> usize {
    let fault = letter.fault.detail.len() + letter.fault.field.as_ref().map_or(0, String::len);
    size_of::<DeadLetter>() + letter.topic.len() + letter.sent_to.as_ref().map_or(0, String::len) + fault + letter.bytes.len()
}

/// The errors of rows that are there now: a multiset that keeps what fits and counts the rest.
///
/// What is kept of an error is never more than there is of it, and `kept + unkept` is exact: an error that came while there was
/// no room is in `unkept` only; one that comes again later may be in both, and retractions then take from what is kept first.
#[derive(Default)]
pub(crate) struct RowErrors {
    kept: BTreeMap<RowError, Diff>,
    kept_bytes: usize,
    kept_count: Diff,
    unkept_count: Diff,
}

impl RowErrors {
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

    fn retract(&mut self, error: &RowError, times: Diff) {
        let Some(count) = self.kept.get_mut(error) else {
            self.unkept_count -= times;
            return;
        };
        let taken = times.min(*count);
        *count -= taken;
        self.kept_count -= taken;
        self.unkept_count -= times - taken;
        if *count == 0 {
            self.kept.remove(error);
            self.kept_bytes -= error_bytes(error);
        }
    }

    fn add(&mut self, error: RowError, times: Diff) {
        if let Some(count) = self.kept.get_mut(&error) {
            *count += times;
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
        self.kept.insert(error, times);
    }

    /// The first change that takes back more than there is. Exact while everything is kept; beyond that a retraction of something
    /// that never was is only found when it takes back more than all that is not kept.
    pub fn first_negative<'c>(&self, changes: &'c [(RowError, Diff)]) -> Option<&'c RowError> {
        let mut unkept = self.unkept_count;
        for (error, diff) in changes.iter().filter(|(_, diff)| *diff < 0) {
            unkept += (diff + self.kept.get(error).unwrap_or(&0)).min(0);
            if unkept < 0 {
                return Some(error);
            }
        }
        None
    }

    /// Errors and their counts, in their own order.
    pub fn list(&self, limit: usize) -> Vec<(RowError, Diff)> {
        self.kept.iter().take(limit).map(|(error, count)| (error.clone(), *count)).collect()
    }

    /// How many there are, repeats counted.
    pub fn count(&self) -> u64 {
        (self.kept_count + self.unkept_count).unsigned_abs()
    }
}

fn error_bytes(error: &RowError) -> usize {
    size_of::<RowError>() + error.relation.len() + error.expression.len() + error.detail.len() + error.row.len()
}

#[cfg(test)]
mod tests;
