//! Several runs read as one: ascending by state and key, the newest entry of each key.
//!
//! Runs enter; entries leave, from [`Scan`] those of one state without the deleted ones. A block of each run is in memory, never a run.

use std::cmp::Ordering;
use std::sync::Arc;

use super::error::CheckpointError;
use super::header::StateId;
use super::run::{Run, RunCursor};
use crate::disk::Disk;

/// An entry: the state, the key, and the value unless the key was deleted.
pub(super) type Entry<'e> = (StateId, &'e [u8], Option<&'e [u8]>);

/// A key and its value.
pub type KeyValue<'e> = (&'e [u8], &'e [u8]);

/// A merge of runs.
pub(super) struct Merge<D: Disk> {
    /// newest first
    cursors: Vec<RunCursor<D>>,
    /// a binary heap of numbers of cursors that stand on an entry: the least entry and, among equal ones, the newest is on top
    heap: Vec<usize>,
    /// false until the cursors stand on their first entries
    has_begun: bool,
}

impl<D: Disk> Merge<D> {
    /// A merge of runs, given oldest first, of one state or of all.
    pub(super) fn new(disk: &Arc<D>, runs: &[Arc<Run>], state: Option<StateId>) -> Self {
        let cursors = runs.iter().rev().map(|run| RunCursor::new(Arc::clone(disk), Arc::clone(run), state)).collect();
        Self { cursors, heap: Vec::new(), has_begun: false }
    }

    /// The next entry. After an error there is none.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry<'_>>, CheckpointError> {
        let moved = if self.has_begun { self.advance() } else { self.begin() };
        if let Err(error) = moved {
            self.heap.clear();
            return Err(error);
        }
        Ok(self.current())
    }

    /// The entry that was given out last.
    fn current(&self) -> Option<Entry<'_>> {
        let cursor = &self.cursors[*self.heap.first()?];
        let (state, key) = cursor.place();
        Some((state, key, cursor.value()))
    }

    /// Moves every cursor to its first entry and builds the heap.
    fn begin(&mut self) -> Result<(), CheckpointError> {
        self.has_begun = true;
        for (number, cursor) in self.cursors.iter_mut().enumerate() {
            if cursor.advance()? {
                self.heap.push(number);
            }
        }
        for place in (0..self.heap.len()).rev() {
            self.sift_down(place);
        }
        Ok(())
    }

    /// Leaves the entry on top and the older ones of its key. Older ones come up below the top, because nothing is less.
    fn advance(&mut self) -> Result<(), CheckpointError> {
        for child in [1, 2] {
            while child < self.heap.len() && self.has_key_of_top(child) {
                self.advance_at(child)?;
            }
        }
        if !self.heap.is_empty() {
            self.advance_at(0)?;
        }
        Ok(())
    }

    /// Returns true if the entry at a place has the key of the one on top: it is older and hidden by that.
    fn has_key_of_top(&self, place: usize) -> bool {
        self.cursors[self.heap[place]].place() == self.cursors[self.heap[0]].place()
    }

    /// Moves the cursor at a place and restores the heap.
    fn advance_at(&mut self, place: usize) -> Result<(), CheckpointError> {
        if !self.cursors[self.heap[place]].advance()? {
            self.heap.swap_remove(place);
        }
        self.sift_down(place);
        Ok(())
    }

    /// Moves what is at a place down until nothing below it is less.
    fn sift_down(&mut self, mut place: usize) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.heap.len() && self.compare(child, least) == Ordering::Less {
                    least = child;
                }
            }
            if least == place {
                return;
            }
            self.heap.swap(place, least);
            place = least;
        }
    }

    /// Orders two entries by state and key, then the newer first.
    fn compare(&self, left: usize, right: usize) -> Ordering {
        let (left, right) = (self.heap[left], self.heap[right]);
        self.cursors[left].place().cmp(&self.cursors[right].place()).then(left.cmp(&right))
    }
}

/// The entries of one state in a checkpoint, ascending by key. It ends after an error.
///
/// It needs no borrow of the checkpoints and may be sent to another thread; the files that it reads are kept until it is dropped.
pub struct Scan<D: Disk> {
    /// the merge of its runs
    merge: Merge<D>,
}

impl<D: Disk> Scan<D> {
    /// Makes a scan of a merge, which hides deleted keys.
    pub(super) fn new(merge: Merge<D>) -> Self {
        Self { merge }
    }

    /// The next key and its value, without a copy.
    pub fn next_entry(&mut self) -> Result<Option<KeyValue<'_>>, CheckpointError> {
        while let Some((_, _, value)) = self.merge.next_entry()? {
            if value.is_some() {
                break;
            }
        }
        Ok(self.merge.current().and_then(|(_, key, value)| Some((key, value?))))
    }
}

impl<D: Disk> Iterator for Scan<D> {
    type Item = Result<(Box<[u8]>, Box<[u8]>), CheckpointError>;

    fn next(&mut self) -> Option<Self::Item> {
        let owned = |(key, value): KeyValue<'_>| (key.into(), value.into());
        self.next_entry().map(|entry| entry.map(owned)).transpose()
    }
}
