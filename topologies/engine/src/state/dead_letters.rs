//! The two states that the driver keeps itself: dead letters, and errors of rows of streams.
//!
//! Owns how they are kept across a restart, and which of them are listed and counted. What an epoch quarantined enters, with the marks of
//! letters that leave the list; changes of kept entries leave, and after a restart a seed for the views.

use std::collections::{BTreeMap, BTreeSet};

use epochs::checkpoint::CheckpointHeader;
use epochs::checkpoint::error::CheckpointError;
use schemas::dead_letter::{DeadLetter, Fault, LetterPlace, Reason, RowError};
use schemas::row::{Diff, Row};
use serde::{Deserialize, Serialize};
use sinks::dead_letters::{
    DEAD_LETTER_BYTES_KEPT_MAX, DEAD_LETTERS_KEPT_MAX, DeadLettersSeed, ROW_ERRORS_KEPT_MAX, letter_bytes,
};

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
        /// its id then
        retried: u64,
        /// the place of its bytes; `None` in a record of an earlier build
        #[serde(default, skip_serializing_if = "Option::is_none")]
        letter: Option<LetterPlace>,
    },
    /// a letter was discarded
    Discarded {
        /// its id then
        discarded: u64,
        /// the place of its bytes; `None` in a record of an earlier build
        #[serde(default, skip_serializing_if = "Option::is_none")]
        letter: Option<LetterPlace>,
    },
    /// an event was refused
    Refused(DeadLetter),
}

/// The letter that a mark names. Its place decides where it is known: a history that is computed another time, such as after records were
/// quarantined, may count the same letters otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedLetter {
    /// its id when it was marked
    pub id: u64,
    /// the place of its bytes
    pub place: Option<LetterPlace>,
}

/// Reason why a letter leaves the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterMark {
    /// it was sent again and taken
    Retried(MarkedLetter),
    /// it was discarded
    Discarded(MarkedLetter),
}

/// A change of the list of letters by one record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterStep {
    /// a letter comes
    Came(DeadLetter),
    /// a letter leaves, if it is listed
    Marked(LetterMark),
}

/// Changes of the list of letters in one epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochLetters {
    /// letters that came, in the order of their ids
    pub came: Vec<DeadLetter>,
    /// ids of those that were sent again, each once
    pub retried: Vec<u64>,
    /// ids of those that were discarded, each once
    pub discarded: Vec<u64>,
    /// all letters up to this id are too old to be listed; 0 if none has become so in this epoch
    pub let_go: u64,
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
    kept: KeptLetters,
    errors: BTreeMap<RowError, Diff>,
}

/// The letters that are listed, by their ids and by the places of their bytes.
struct KeptLetters {
    /// the most letters
    letters_max: usize,
    /// the most bytes
    bytes_max: usize,
    by_id: BTreeMap<u64, ListedLetter>,
    /// the letters that a MERGE raised: what is raised once more, because its table is computed once more, is no other letter
    raised: BTreeSet<RaisedLetter>,
    /// the newest letter of each place
    by_place: BTreeMap<LetterPlace, u64>,
    /// sum of the bytes by [`letter_bytes`]
    bytes: usize,
}

/// A listed letter.
struct ListedLetter {
    place: LetterPlace,
    /// its size, as [`letter_bytes`] counts it
    bytes: usize,
    raised: Option<RaisedLetter>,
}

/// Identity of a letter that a MERGE raised: the event, the table, and the reason.
type RaisedLetter = (LetterPlace, Option<String>, String);

fn raised(letter: &DeadLetter) -> Option<RaisedLetter> {
    let is_raised = letter.fault.reason == Reason::Raised;
    is_raised.then(|| (letter.place(), letter.relation.clone(), letter.fault.detail.clone()))
}

impl KeptLetters {
    fn new(letters_max: usize, bytes_max: usize) -> Self {
        let (by_id, raised, by_place) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { letters_max, bytes_max, by_id, raised, by_place, bytes: 0 }
    }

    fn insert(&mut self, id: u64, letter: &DeadLetter) {
        let (place, bytes) = (letter.place(), letter_bytes(letter));
        self.bytes += bytes;
        self.by_place.insert(place.clone(), id);
        let raised = raised(letter);
        self.raised.extend(raised.clone());
        self.by_id.insert(id, ListedLetter { place, bytes, raised });
    }

    /// Returns true if a letter is listed that is raised once more.
    fn has_raised(&self, letter: &DeadLetter) -> bool {
        raised(letter).is_some_and(|raised| self.raised.contains(&raised))
    }

    /// Takes the letter of an id off; false if there is none.
    fn remove(&mut self, id: u64) -> bool {
        let Some(ListedLetter { place, bytes, raised }) = self.by_id.remove(&id) else { return false };
        self.bytes -= bytes;
        raised.map(|raised| self.raised.remove(&raised));
        if self.by_place.get(&place) == Some(&id) {
            self.by_place.remove(&place);
        }
        true
    }

    /// Takes the oldest letter off while there are more than the list may have; returns its id.
    fn let_go(&mut self) -> Option<u64> {
        if self.by_id.len() <= self.letters_max && self.bytes <= self.bytes_max {
            return None;
        }
        let (&oldest, _) = self.by_id.first_key_value()?;
        self.remove(oldest).then_some(oldest)
    }

    /// Returns the id of a marked letter that is listed. Without a place the id has to do.
    fn find(&self, marked: &MarkedLetter) -> Option<u64> {
        let known = self.by_id.get(&marked.id).map(|listed| &listed.place);
        match &marked.place {
            Some(place) if known != Some(place) => self.by_place.get(place).copied(),
            _ => known.map(|_| marked.id),
        }
    }
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
        let mut kept = KeptLetters::new(DEAD_LETTERS_KEPT_MAX, DEAD_LETTER_BYTES_KEPT_MAX);
        seed.letters.iter().for_each(|(id, letter)| kept.insert(*id, letter));
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

    /// Takes the steps of an epoch one by one, in the order of the log: a letter comes, the oldest leave while there are too many, and a mark
    /// takes off what is listed at that place. So the list and the counts are the same however the epochs are cut. The first mark of a letter
    /// counts.
    pub fn epoch(&mut self, steps: Vec<LetterStep>, changes: &mut Vec<EntryChange>) -> EpochLetters {
        let mut epoch = EpochLetters::default();
        for step in steps {
            match step {
                LetterStep::Came(letter) if self.kept.has_raised(&letter) => {}
                LetterStep::Came(letter) => {
                    self.come(&letter, &mut epoch, changes);
                    epoch.came.push(letter);
                }
                LetterStep::Marked(mark) => self.settle(&mark, &mut epoch, changes),
            }
        }
        epoch
    }

    fn come(&mut self, letter: &DeadLetter, epoch: &mut EpochLetters, changes: &mut Vec<EntryChange>) {
        self.count += 1;
        self.kept.insert(self.count, letter);
        changes.push((self.dead_letters, write_number(self.count), Some(Row::from_bytes(&json(letter)))));
        while let Some(oldest) = self.kept.let_go() {
            epoch.let_go = oldest;
            changes.push((self.dead_letters, write_number(oldest), None));
        }
    }

    /// Takes off a letter that was sent again or discarded. Two operators may have done the same with it, or one this and the other that.
    fn settle(&mut self, mark: &LetterMark, epoch: &mut EpochLetters, changes: &mut Vec<EntryChange>) {
        let (LetterMark::Retried(marked) | LetterMark::Discarded(marked)) = mark;
        let Some(id) = self.kept.find(marked).filter(|id| self.kept.remove(*id)) else { return };
        changes.push((self.dead_letters, write_number(id), None));
        match mark {
            LetterMark::Retried(_) => {
                self.retried += 1;
                epoch.retried.push(id);
            }
            LetterMark::Discarded(_) => {
                self.discarded += 1;
                epoch.discarded.push(id);
            }
        }
    }

    /// Takes the errors of rows of streams that came or went.
    pub fn add_errors(&mut self, errors: &[(RowError, Diff)], changes: &mut Vec<EntryChange>) {
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
pub fn letters_in_order(letters: Vec<(i64, DeadLetter)>) -> Vec<DeadLetter> {
    in_order(letters).map(|(_, letter)| letter).collect()
}

/// Steps of an epoch in the order of appending. Append times differ; where they do not, a letter comes before a mark that may be its own.
pub fn steps_in_order(letters: Vec<(i64, DeadLetter)>, marks: Vec<(i64, LetterMark)>) -> Vec<LetterStep> {
    let mut steps: Vec<(i64, LetterStep)> = in_order(letters).map(|(at, letter)| (at, LetterStep::Came(letter))).collect();
    steps.extend(marks.into_iter().map(|(at, mark)| (at, LetterStep::Marked(mark))));
    // Stable: what was in order stays so.
    steps.sort_by_key(|(at, _)| *at);
    steps.into_iter().map(|(_, step)| step).collect()
}

fn in_order(mut letters: Vec<(i64, DeadLetter)>) -> impl Iterator<Item = (i64, DeadLetter)> {
    // Several tables may refuse one event.
    fn place(at: i64, letter: &DeadLetter) -> (i64, &str, u32, u64, Option<&str>, &Fault) {
        (at, &letter.topic, letter.partition, letter.offset, letter.relation.as_deref(), &letter.fault)
    }
    letters.sort_by(|(a_at, a), (b_at, b)| place(*a_at, a).cmp(&place(*b_at, b)));
    letters.into_iter()
}

fn write_number(number: u64) -> Row {
    Row::from_bytes(&number.to_be_bytes())
}

fn read_number(row: &Row) -> Option<u64> {
    row.as_bytes().first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests;
