//! A run of consecutive rows, flat: the leaf of [`OrderedRows`](super::ordered_rows::OrderedRows).
//!
//! Owns the bytes of its rows one after another, where each ends, and how often each is there, which takes no memory while that
//! is once. Changes happen in place: a chunk is small enough that moving its tail costs less than finding it.

use std::ops::Bound;

use schemas::row::{Diff, Row};

/// A chunk with more rows is split.
pub(super) const CHUNK_ROWS_MAX: usize = 128;
/// A chunk with more bytes of rows is split, unless it is one row.
pub(super) const CHUNK_BYTES_MAX: usize = 8 * 1024;
/// Quarters of the limits that two neighbours may have together to be merged: less than one limit, or the next insertion would
/// split them.
const MERGED_QUARTERS_MAX: usize = 3;
/// Quarters of the limits that make a chunk small enough to look for a neighbour.
const SMALL_QUARTERS_MAX: usize = 1;
/// Memory grows by this part of itself: in small steps, since most chunks stay as they are for long.
const GROWTH_DIVISOR: usize = 8;
/// Least bytes by which a chunk grows, so that a row at a time does not copy it each time.
const GROWTH_BYTES_MIN: usize = 256;
/// Least rows by which the places of a chunk grow.
const GROWTH_ROWS_MIN: usize = 8;

/// Rows in ascending order, each once.
#[derive(Default)]
pub(super) struct Chunk {
    /// the rows, one behind the other, ascending; each occurs once
    bytes: Vec<u8>,
    /// end of each row in `bytes`; ascends
    ends: Vec<u32>,
    /// counts of the rows; empty while each is 1
    counts: Vec<Diff>,
}

impl Chunk {
    /// Distinct rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// A row.
    pub fn row(&self, at: usize) -> &[u8] {
        &self.bytes[self.start(at)..self.ends[at] as usize]
    }

    /// Returns the multiplicity of a row.
    pub fn count(&self, at: usize) -> Diff {
        self.counts.get(at).copied().unwrap_or(1)
    }

    /// Returns the place of the row, or where it would be; rows before `from` are known to be less.
    pub fn find(&self, row: &[u8], from: usize) -> Result<usize, usize> {
        let (mut low, mut high) = (from, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.row(middle).cmp(row) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// The place of the first row within a lower bound.
    pub fn lower(&self, bound: Bound<&[u8]>) -> usize {
        match bound {
            Bound::Unbounded => 0,
            Bound::Included(row) => self.find(row, 0).unwrap_or_else(|at| at),
            Bound::Excluded(row) => self.find(row, 0).map_or_else(|at| at, |at| at + 1),
        }
    }

    /// The place after the last row within an upper bound.
    pub fn upper(&self, bound: Bound<&[u8]>) -> usize {
        match bound {
            Bound::Unbounded => self.len(),
            Bound::Included(row) => self.find(row, 0).map_or_else(|at| at, |at| at + 1),
            Bound::Excluded(row) => self.find(row, 0).unwrap_or_else(|at| at),
        }
    }

    /// Returns true if a row is after all rows of this chunk.
    pub fn ends_before(&self, row: &[u8]) -> bool {
        self.len().checked_sub(1).is_none_or(|last| self.row(last) < row)
    }

    /// Walks `rank` rows from the row at `from`, repeats counted, and returns the place of the one it ends on; `rank` is then how
    /// many of that row's repeats were walked. `None` when the chunk ends first; `rank` is then what is left to walk.
    pub fn walk(&self, from: usize, rank: &mut u64) -> Option<usize> {
        if self.counts.is_empty() {
            let there = (self.len() - from) as u64;
            if *rank <= there {
                let at = from + *rank as usize - 1;
                *rank = 1;
                return Some(at);
            }
            *rank -= there;
            return None;
        }
        for at in from..self.len() {
            let count = self.counts[at].unsigned_abs();
            if *rank <= count {
                return Some(at);
            }
            *rank -= count;
        }
        None
    }

    /// Applies leading changes and returns how many: all that are surely this chunk's, until it has to be split. The first is
    /// known to be; later ones are while they are not after the last row, or always when there is no chunk after this one.
    pub fn apply(&mut self, changes: &[(Row, Diff)], is_last: bool) -> usize {
        let mut from = 0;
        for (applied, (row, diff)) in changes.iter().enumerate() {
            let row = row.as_bytes();
            if applied > 0 && !is_last && self.ends_before(row) {
                return applied;
            }
            from = self.change(row, *diff, from);
            if self.is_overfull() {
                return applied + 1;
            }
        }
        changes.len()
    }

    /// Changes one row's count and returns the place up to which rows are now less than or equal to it.
    fn change(&mut self, row: &[u8], diff: Diff, from: usize) -> usize {
        match self.find(row, from) {
            Ok(at) => {
                let count = self.count(at) + diff;
                assert!(count >= 0, "a row's count became {count} although the commit was checked");
                if count == 0 {
                    self.remove(at);
                } else {
                    self.set_count(at, count);
                }
                at
            }
            Err(at) => {
                assert!(diff > 0, "a row that is not there was taken away although the commit was checked");
                self.insert(at, row, diff);
                at
            }
        }
    }

    /// Inserts a row at its place. The caller has found that the chunk does not hold it.
    fn insert(&mut self, at: usize, row: &[u8], count: Diff) {
        let (start, old) = (self.start(at), self.bytes.len());
        assert!(old + row.len() <= u32::MAX as usize, "a row of {} bytes is longer than an index can hold", row.len());
        reserve(&mut self.bytes, row.len(), GROWTH_BYTES_MIN);
        self.bytes.resize(old + row.len(), 0);
        self.bytes.copy_within(start..old, start + row.len());
        self.bytes[start..start + row.len()].copy_from_slice(row);
        reserve(&mut self.ends, 1, GROWTH_ROWS_MIN);
        self.ends.insert(at, start as u32);
        self.ends[at..].iter_mut().for_each(|end| *end += row.len() as u32);
        if !self.counts.is_empty() {
            reserve(&mut self.counts, 1, GROWTH_ROWS_MIN);
            self.counts.insert(at, count);
        } else if count != 1 {
            self.set_count(at, count);
        }
    }

    /// Takes out the row at a place; its bytes and its count go with it.
    fn remove(&mut self, at: usize) {
        let (start, end) = (self.start(at), self.ends[at] as usize);
        self.bytes.drain(start..end);
        self.ends.remove(at);
        self.ends[at..].iter_mut().for_each(|later| *later -= (end - start) as u32);
        if !self.counts.is_empty() {
            self.counts.remove(at);
        }
        if self.bytes.len() < self.bytes.capacity() / 2 {
            self.trim();
        }
    }

    /// Sets the count of the row at a place, which is positive.
    fn set_count(&mut self, at: usize, count: Diff) {
        if self.counts.is_empty() {
            if count == 1 {
                return;
            }
            self.counts = vec![1; self.len()];
        }
        self.counts[at] = count;
        if count == 1 && self.counts.iter().all(|&count| count == 1) {
            self.counts = Vec::new();
        }
    }

    /// Returns true if the chunk has to be split.
    pub fn is_overfull(&self) -> bool {
        self.len() > 1 && !self.fits(4)
    }

    /// Returns true if the chunk should look for a neighbour to be merged with.
    pub fn is_small(&self) -> bool {
        self.fits(SMALL_QUARTERS_MAX)
    }

    /// Returns true if the two would make a chunk that is not soon split again.
    pub fn can_append(&self, right: &Chunk) -> bool {
        within(self.len() + right.len(), self.bytes.len() + right.bytes.len(), MERGED_QUARTERS_MAX)
    }

    /// Returns true if it takes no more than so many quarters of the limits of a chunk.
    fn fits(&self, quarters: usize) -> bool {
        within(self.len(), self.bytes.len(), quarters)
    }

    /// Appends the rows of the chunk after this one.
    pub fn append(&mut self, right: &Chunk) {
        if !self.counts.is_empty() || !right.counts.is_empty() {
            let left_len = self.len();
            self.counts.resize(left_len, 1);
            self.counts.extend((0..right.len()).map(|at| right.count(at)));
        }
        let shift = self.bytes.len() as u32;
        reserve(&mut self.bytes, right.bytes.len(), GROWTH_BYTES_MIN);
        self.bytes.extend_from_slice(&right.bytes);
        reserve(&mut self.ends, right.len(), GROWTH_ROWS_MIN);
        self.ends.extend(right.ends.iter().map(|end| end + shift));
    }

    /// The place to split at: the last row, when rows arrive in ascending order at the end of an index, so that chunks are left
    /// full; else where about half of the bytes are.
    pub fn split_place(&self, is_last: bool) -> usize {
        let last = self.len() - 1;
        if is_last {
            return last;
        }
        let half = self.bytes.len() as u32 / 2;
        self.ends.partition_point(|&end| end <= half).clamp(1, last)
    }

    /// Moves the rows from `at` on into a chunk of their own.
    pub fn split_off(&mut self, at: usize) -> Chunk {
        let start = self.start(at);
        let right = Chunk {
            bytes: self.bytes[start..].to_vec(),
            ends: self.ends[at..].iter().map(|end| end - start as u32).collect(),
            counts: self.counts.get(at..).map(<[Diff]>::to_vec).unwrap_or_default(),
        };
        self.bytes.truncate(start);
        self.ends.truncate(at);
        self.counts.truncate(at);
        self.trim();
        right
    }

    /// Bytes of memory outside of this struct.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<u32>() + self.counts.capacity() * size_of::<Diff>()
    }

    /// Returns the beginning of the row at a place.
    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// Gives back memory that the next few changes won't need.
    fn trim(&mut self) {
        self.bytes.shrink_to(self.bytes.len() + self.bytes.len() / GROWTH_DIVISOR);
        self.ends.shrink_to(self.ends.len() + self.ends.len() / GROWTH_DIVISOR);
        self.counts.shrink_to(self.counts.len() + self.counts.len() / GROWTH_DIVISOR);
    }
}

/// Returns true if so many rows of so many bytes take no more than these quarters of the limits.
fn within(rows: usize, bytes: usize, quarters: usize) -> bool {
    rows * 4 <= CHUNK_ROWS_MAX * quarters && bytes * 4 <= CHUNK_BYTES_MAX * quarters
}

/// Makes room for more, in steps that grow with what is there: the memory that is not used stays a small part.
fn reserve<T>(vec: &mut Vec<T>, additional: usize, step_min: usize) {
    if vec.capacity() - vec.len() < additional {
        vec.reserve_exact(additional.max(vec.len() / GROWTH_DIVISOR).max(step_min));
    }
}
