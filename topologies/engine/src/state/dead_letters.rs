//! The two states that the driver keeps itself: dead letters, and errors of rows of streams.
//!
//! Owns how they are kept across a restart. What an epoch quarantined enters; changes of kept entries leave, and after a restart a seed
//! for the views.

use std::collections::{BTreeMap, BTreeSet};

use epochs::checkpoint::CheckpointHeader;
use epochs::checkpoint::error::CheckpointError;
use schemas::dead_letter::{DeadLetter, RowError};
use schemas::row::{Diff, Row};
use serde::{Deserialize, Serialize};
use sinks::dead_letters::{DEAD_LETTERS_KEPT_MAX, DeadLettersSeed, ROW_ERRORS_KEPT_MAX};

use super::restored::Restored;
use language::plan::kept::{Kept, KeptStates};

/// Kept beside the entries of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// dead letters so far
    pub dead_letters: u64,
    /// number of them that were sent again
    pub retried: u64,
    /// number of them that were discarded
    #[serde(default)]
    pub discarded: u64,
    /// rows of all indexes, by which a restart tells how far it is
    pub rows: u64,
    /// the identity of each view
    #[serde(default)]
    pub views: BTreeMap<String, String>,
    /// the identities of the sinks that were written to
    #[serde(default, rename = "outlets")]
    pub sink_tasks: BTreeSet<String>,
}

impl Meta {
    /// Reads what is kept beside the entries of a checkpoint.
    ///
    /// # Errors
    /// It is not what [`Meta::write`] wrote: without it, ids of dead letters would be given twice, and every view would count as new.
    pub fn read(header: &CheckpointHeader) -> Result<Self, CheckpointError> {
        serde_json::from_slice(&header.meta).map_err(|error| CheckpointError::Damaged {
            path: format!("manifest of epoch {}", header.epoch),
            block: None,
            detail: format!("what is kept beside the entries can't be read: {error}"),
        })
    }

    /// The bytes that are kept.
    pub fn write(&self) -> Vec<u8> {
        json(self)
    }
}

/// The JSON of something that is kept.
///
/// # Panics
/// It has a map whose keys are no texts: no stored type has one.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| panic!("stored data can't be written as JSON: {error}"))
}

/// A record of the topic of dead letters. Each kind has a member that no other has, by which it is told: it is written as it was before there
/// were others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LetterRecord {
    /// a letter was sent again and taken
    Retried {
        /// its id
        retried: u64,
    },
    /// a letter was discarded
    Discarded {
        /// its id
        discarded: u64,
    },
    /// an event was refused
    Refused(DeadLetter),
}

/// Reason why a letter leaves the list, with its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterMark {
    /// it was sent again and taken
    Retried(u64),
    /// it was discarded
    Discarded(u64),
}

/// Ids of letters that have left the list, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettledLetters {
    /// those that were sent again
    pub retried: Vec<u64>,
    /// those that were discarded
    pub discarded: Vec<u64>,
}

/// A change of a kept entry.
pub type EntryChange = (u32, Row, Option<Row>);

/// Dead letters and errors of rows of streams, as far as they are kept.
pub struct DeadLetterState {
    dead_letters: u32,
    row_errors: u32,
    count: u64,
    retried: u64,
    discarded: u64,
    /// the ids that are kept
    kept: BTreeSet<u64>,
    errors: BTreeMap<RowError, Diff>,
}

impl DeadLetterState {
    /// As a checkpoint holds them, and what the views are seeded with.
    pub fn restore(states: &KeptStates, meta: &Meta, restored: &Restored) -> (Self, DeadLettersSeed) {
        let number = |kept| states.number(kept).unwrap_or(u32::MAX);
        let (dead_letters, row_errors) = (number(Kept::DeadLetters), number(Kept::RowErrors));
        let entries = |number| restored.get(&number).into_iter().flatten();
        let letters: Vec<(u64, DeadLetter)> = entries(dead_letters)
            .filter_map(|(key, value)| Some((read_number(key)?, serde_json::from_slice(value.as_bytes()).ok()?)))
            .collect();
        let errors: BTreeMap<RowError, Diff> = entries(row_errors)
            .filter_map(|(key, value)| Some((serde_json::from_slice(key.as_bytes()).ok()?, read_number(value)? as Diff)))
            .collect();
        let seed = DeadLettersSeed {
            count: meta.dead_letters,
            retried: meta.retried,
            discarded: meta.discarded,
            row_errors: errors.iter().map(|(error, count)| (error.clone(), *count)).collect(),
            letters,
        };
        let kept = seed.letters.iter().map(|(id, _)| *id).collect();
        let Meta { dead_letters: count, retried, discarded, .. } = *meta;
        (Self { dead_letters, row_errors, count, retried, discarded, kept, errors }, seed)
    }

    /// Goes on under the numbers of another plan.
    pub fn renumber(&mut self, states: &KeptStates) {
        let number = |kept| states.number(kept).unwrap_or(u32::MAX);
        (self.dead_letters, self.row_errors) = (number(Kept::DeadLetters), number(Kept::RowErrors));
    }

    /// The errors of rows of streams.
    pub fn errors(&self) -> impl Iterator<Item = (RowError, Diff)> {
        self.errors.iter().map(|(error, count)| (error.clone(), *count))
    }

    /// Returns true if an error of a row of a stream is known.
    pub fn knows(&self, error: &RowError) -> bool {
        self.errors.contains_key(error)
    }

    /// Takes letters off that were sent again or discarded; returns those that were there. The first mark of a letter counts, in the order of
    /// the log: so the counts are the same however the epochs are cut.
    pub fn settle(&mut self, marks: Vec<LetterMark>, changes: &mut Vec<EntryChange>) -> SettledLetters {
        let mut settled = SettledLetters::default();
        for mark in marks {
            let (LetterMark::Retried(id) | LetterMark::Discarded(id)) = mark;
            // Two operators may have done the same with it, or one this and the other that.
            if !self.kept.remove(&id) {
                continue;
            }
            match mark {
                LetterMark::Retried(id) => settled.retried.push(id),
                LetterMark::Discarded(id) => settled.discarded.push(id),
            }
            changes.push((self.dead_letters, write_number(id), None));
        }
        self.retried += settled.retried.len() as u64;
        self.discarded += settled.discarded.len() as u64;
        settled
    }

    /// Takes what an epoch quarantined, in the order in which readers get it.
    pub fn epoch(&mut self, letters: &[DeadLetter], errors: &[(RowError, Diff)], changes: &mut Vec<EntryChange>) {
        for letter in letters {
            self.count += 1;
            self.kept.insert(self.count);
            changes.push((self.dead_letters, write_number(self.count), Some(Row::from_bytes(&json(letter)))));
        }
        while self.kept.len() > DEAD_LETTERS_KEPT_MAX
            && let Some(oldest) = self.kept.pop_first()
        {
            changes.push((self.dead_letters, write_number(oldest), None));
        }
        for (error, diff) in errors {
            self.error(error, *diff, changes);
        }
    }

    fn error(&mut self, error: &RowError, diff: Diff, changes: &mut Vec<EntryChange>) {
        if self.errors.len() >= ROW_ERRORS_KEPT_MAX && !self.errors.contains_key(error) {
            return;
        }
        let count = self.errors.entry(error.clone()).or_default();
        *count += diff;
        let key = Row::from_bytes(&json(error));
        let value = (*count != 0).then(|| write_number(*count as u64));
        if *count == 0 {
            self.errors.remove(error);
        }
        changes.push((self.row_errors, key, value));
    }

    /// Returns the data kept beside the entries.
    pub fn meta(&self, rows: u64, views: BTreeMap<String, String>, sink_tasks: BTreeSet<String>) -> Meta {
        let Self { count: dead_letters, retried, discarded, .. } = *self;
        Meta { dead_letters, retried, discarded, rows, views, sink_tasks }
    }
}

/// Letters in the order of appending, which is the same however their epochs are cut; workers finish in any order.
pub fn letters_in_order(mut letters: Vec<(i64, DeadLetter)>) -> Vec<DeadLetter> {
    letters.sort_by(|(a_at, a), (b_at, b)| (a_at, &a.topic, a.partition, a.offset).cmp(&(b_at, &b.topic, b.partition, b.offset)));
    letters.into_iter().map(|(_, letter)| letter).collect()
}

fn write_number(number: u64) -> Row {
    Row::from_bytes(&number.to_be_bytes())
}

fn read_number(row: &Row) -> Option<u64> {
    row.as_bytes().first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use schemas::dead_letter::{Fault, Reason};

    use super::*;

    fn letter(offset: u64) -> DeadLetter {
        let fault = Fault::new(Reason::NotJson, "no JSON");
        let (topic, bytes) = ("t".to_owned(), b"x".to_vec());
        DeadLetter { topic, partition: 0, offset, sent_to: None, fault, bytes, length: 1, arrived: None }
    }

    #[test]
    fn a_letter_that_was_sent_again_or_discarded_leaves_once() {
        let (mut letters, _) = DeadLetterState::restore(&KeptStates::default(), &Meta::default(), &Restored::new());
        let mut changes = Vec::new();
        letters.epoch(&[letter(1), letter(2), letter(3)], &[], &mut changes);
        use LetterMark::{Discarded, Retried};
        let marks = vec![Discarded(3), Retried(2), Discarded(2), Retried(2), Discarded(9), Retried(3)];
        let left = SettledLetters { retried: vec![2], discarded: vec![3] };
        assert_eq!(letters.settle(marks, &mut changes), left, "the first mark of each counts");
        assert_eq!(letters.settle(vec![Retried(2), Discarded(3)], &mut changes), SettledLetters::default(), "they are gone");
        assert_eq!((changes.len(), letters.count, letters.retried, letters.discarded), (5, 3, 1, 1));
        let meta = letters.meta(0, BTreeMap::new(), BTreeSet::new()).write();
        let meta: Meta = serde_json::from_slice(&meta).unwrap();
        assert_eq!((meta.dead_letters, meta.retried, meta.discarded), (3, 1, 1));
    }

    #[test]
    fn records_are_letters_or_say_which_was_sent_again() {
        let records =
            [LetterRecord::Retried { retried: 7 }, LetterRecord::Discarded { discarded: 7 }, LetterRecord::Refused(letter(1))];
        for record in records {
            let json = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<LetterRecord>(&json).unwrap(), record, "{json}");
        }
        assert_eq!(serde_json::to_string(&LetterRecord::Retried { retried: 7 }).unwrap(), "{\"retried\":7}");
        assert_eq!(serde_json::to_string(&LetterRecord::Discarded { discarded: 7 }).unwrap(), "{\"discarded\":7}");
        assert!(!serde_json::to_string(&letter(1)).unwrap().contains("arrived"), "ingest writes what it wrote before");
    }
}
