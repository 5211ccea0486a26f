//! A multiset of byte rows in order: what one index keeps.
//!
//! Owns a B+-tree of two levels of nodes: the inner ones are a `BTreeMap` of separators, the leaves are flat [`Chunk`]s. Sorted
//! changes enter, ordered rows with their counts leave, from either end. A row of 36 bytes takes less than 64 bytes in all.
//!
//! The key of a chunk is a separator, not a row: it is greater than every row of the chunk before and not greater than any row
//! of its own. The first chunk's separator is empty and stays for ever, so every row has a chunk it belongs to.

use std::collections::{BTreeMap, btree_map};
use std::ops::{Bound, Range};

use schemas::row::{Diff, ROW_INLINE_BYTES, Row};

use super::chunk::Chunk;

/// Bytes of a tree entry; nodes of the standard map are about two thirds full after random insertions.
const ENTRY_BYTES: usize = (size_of::<Row>() + size_of::<Chunk>()) * 3 / 2;

/// Rows in byte order, and how often each is there.
pub(super) struct OrderedRows {
    /// the chunks by their first rows. None is empty, and their rows do not overlap
    chunks: BTreeMap<Row, Chunk>,
    /// number of rows, repeats counted
    rows: i64,
    /// bytes outside of the tree's nodes
    heap_bytes: usize,
}

impl OrderedRows {
    /// No rows.
    pub fn new() -> Self {
        Self { chunks: BTreeMap::from([(Row::empty(), Chunk::default())]), rows: 0, heap_bytes: 0 }
    }

    /// Rows, repeats counted.
    pub fn rows(&self) -> u64 {
        self.rows.unsigned_abs()
    }

    /// Bytes of memory, without what the allocator adds.
    pub fn memory_bytes(&self) -> u64 {
        (size_of::<Self>() + self.chunks.len() * ENTRY_BYTES + self.heap_bytes) as u64
    }

    /// Adds to the counts of rows. `changes` ascend strictly, and no count becomes negative ([`Self::first_negative`]).
    pub fn apply(&mut self, changes: &[(Row, Diff)]) {
        let mut rest = changes;
        while let Some((row, _)) = rest.first() {
            let applied = self.apply_to_chunk(row.as_bytes(), rest);
            rest = &rest[applied..];
        }
        self.rows += changes.iter().map(|(_, diff)| diff).sum::<Diff>();
    }

    /// Applies leading changes to the chunk of `row`, which is the first of them, and returns how many.
    fn apply_to_chunk(&mut self, row: &[u8], changes: &[(Row, Diff)]) -> usize {
        let is_last = self.chunks.last_key_value().is_none_or(|(key, _)| key.as_bytes() <= row);
        let Some((key, chunk)) = self.chunks.range_mut::<[u8], _>((Bound::Unbounded, Bound::Included(row))).next_back() else {
            panic!("an index lost its first chunk");
        };
        let (heap_before, rows_before) = (chunk.heap_bytes(), chunk.len());
        let applied = chunk.apply(changes, is_last);
        let mut split = None;
        if chunk.is_overfull() {
            // Only where the new row is the greatest of all is it likely that the next ones are greater still.
            let appended = is_last && chunk.row(chunk.len() - 1) == changes[applied - 1].0.as_bytes();
            split = Some(split_chunk(chunk, appended));
        }
        let merge = (chunk.len() < rows_before && chunk.is_small()).then(|| key.clone());
        self.heap_bytes = self.heap_bytes + chunk.heap_bytes() - heap_before;
        if let Some((key, right)) = split {
            self.heap_bytes += key_heap_bytes(&key) + right.heap_bytes();
            self.chunks.insert(key, right);
        } else if let Some(key) = merge {
            self.merge(&key);
        }
        applied
    }

    /// Makes a small chunk one with a neighbour, where that leaves room, and drops an empty one.
    fn merge(&mut self, key: &Row) {
        let Some(small) = self.chunks.get(key) else { return };
        let after = self.chunks.range::<[u8], _>((Bound::Excluded(key.as_bytes()), Bound::Unbounded)).next();
        let before = self.chunks.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(key.as_bytes()))).next_back();
        let into_before = |before: &Chunk| before.can_append(small) || small.len() == 0;
        let (left, right) = match (before, after) {
            (_, Some((after, chunk))) if small.can_append(chunk) => (key.clone(), after.clone()),
            (Some((before, chunk)), _) if into_before(chunk) => (before.clone(), key.clone()),
            _ => return,
        };
        let Some(removed) = self.chunks.remove(&right) else { return };
        let Some(kept) = self.chunks.get_mut(&left) else { return };
        self.heap_bytes -= key_heap_bytes(&right) + removed.heap_bytes() + kept.heap_bytes();
        kept.append(&removed);
        self.heap_bytes += kept.heap_bytes();
    }

    /// Returns the multiplicity of a row.
    pub fn count(&self, row: &[u8]) -> Diff {
        let chunk = self.chunks_within(row, Bound::Unbounded).next();
        chunk.and_then(|(_, chunk)| chunk.find(row, 0).ok().map(|at| chunk.count(at))).unwrap_or(0)
    }

    /// The first row whose count would be negative after the changes, and that count.
    pub fn first_negative<'c>(&self, changes: &'c [(Row, Diff)]) -> Option<(&'c Row, Diff)> {
        let mut chunk: Option<&Chunk> = None;
        for (row, diff) in changes.iter().filter(|(_, diff)| *diff < 0) {
            let bytes = row.as_bytes();
            let here = chunk
                .filter(|chunk| !chunk.ends_before(bytes))
                .or_else(|| self.chunks_within(bytes, Bound::Unbounded).next().map(|(_, chunk)| chunk));
            let there = here.and_then(|chunk| chunk.find(bytes, 0).ok().map(|at| chunk.count(at))).unwrap_or(0);
            if there + diff < 0 {
                return Some((row, there + diff));
            }
            chunk = here;
        }
        None
    }

    /// The rows between two bounds.
    pub fn scan(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Rows<'_> {
        if is_empty(lower, upper) {
            return Rows::default();
        }
        let last = edge(upper).map_or(Bound::Unbounded, Bound::Included);
        let mut middle = self.chunks_within(edge(lower).unwrap_or(&[]), last);
        let (Some(front), back) = (middle.next(), middle.next_back()) else { return Rows::default() };
        let front_end = if back.is_some() { front.1.len() } else { front.1.upper(upper) };
        Rows {
            front: ChunkRows { chunk: Some(front.1), places: front.1.lower(lower)..front_end },
            middle,
            back: ChunkRows { chunk: back.map(|(_, chunk)| chunk), places: 0..back.map_or(0, |(_, chunk)| chunk.upper(upper)) },
        }
    }

    /// The row that a walk over `rank` rows ends on, repeats counted, starting with the first row not less than `from`; and how
    /// many of its repeats the walk counts. `None` when there are fewer rows. Costs one step per chunk.
    pub fn nth(&self, from: &[u8], mut rank: u64) -> Option<(&[u8], u64)> {
        let mut start = None;
        for (_, chunk) in self.chunks_within(from, Bound::Unbounded) {
            let place = start.replace(0).unwrap_or_else(|| chunk.lower(Bound::Included(from)));
            if let Some(at) = chunk.walk(place, &mut rank) {
                return Some((chunk.row(at), rank));
            }
        }
        None
    }

    /// The chunk that a row belongs to and those after it, up to a separator.
    fn chunks_within(&self, row: &[u8], last: Bound<&[u8]>) -> btree_map::Range<'_, Row, Chunk> {
        let up_to = (Bound::Unbounded, Bound::Included(row));
        let first = self.chunks.range::<[u8], _>(up_to).next_back().map_or(&[][..], |(key, _)| key.as_bytes());
        self.chunks.range::<[u8], _>((Bound::Included(first), last))
    }
}

/// Splits a chunk in two and returns the right one under its separator: the shortest bytes that tell the two apart.
fn split_chunk(chunk: &mut Chunk, appended: bool) -> (Row, Chunk) {
    let right = chunk.split_off(chunk.split_place(appended));
    let (before, first) = (chunk.row(chunk.len() - 1), right.row(0));
    let common = before.iter().zip(first).take_while(|(left, right)| left == right).count();
    (Row::from_bytes(&first[..=common]), right)
}

/// Bytes that a separator takes outside of its tree node.
fn key_heap_bytes(key: &Row) -> usize {
    if key.len() > ROW_INLINE_BYTES { key.len() } else { 0 }
}

/// Returns the bytes of a bound, if it has any.
fn edge(bound: Bound<&[u8]>) -> Option<&[u8]> {
    match bound {
        Bound::Included(bytes) | Bound::Excluded(bytes) => Some(bytes),
        Bound::Unbounded => None,
    }
}

/// Returns true if no row can lie between two bounds; the map would panic for some of these.
fn is_empty(lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> bool {
    match (edge(lower), edge(upper)) {
        (Some(from), Some(to)) if from == to => !matches!((lower, upper), (Bound::Included(_), Bound::Included(_))),
        (Some(from), Some(to)) => from > to,
        _ => false,
    }
}

/// Rows of a range, from either end.
#[derive(Default)]
pub(super) struct Rows<'a> {
    /// rest of the range's first chunk
    front: ChunkRows<'a>,
    /// chunks that lie in the range as a whole
    middle: btree_map::Range<'a, Row, Chunk>,
    /// rest of the range's last chunk
    back: ChunkRows<'a>,
}

/// Rows of one chunk that are still to come.
#[derive(Default)]
struct ChunkRows<'a> {
    /// `None` when there is nothing left
    chunk: Option<&'a Chunk>,
    /// places of the rows that are left
    places: Range<usize>,
}

impl<'a> ChunkRows<'a> {
    /// All rows of a chunk.
    fn all(chunk: &'a Chunk) -> Self {
        Self { chunk: Some(chunk), places: 0..chunk.len() }
    }

    fn next(&mut self) -> Option<(&'a [u8], Diff)> {
        let chunk = self.chunk?;
        self.places.next().map(|at| (chunk.row(at), chunk.count(at)))
    }

    fn next_back(&mut self) -> Option<(&'a [u8], Diff)> {
        let chunk = self.chunk?;
        self.places.next_back().map(|at| (chunk.row(at), chunk.count(at)))
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = (&'a [u8], Diff);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.front.next() {
                return Some(row);
            }
            match self.middle.next() {
                Some((_, chunk)) => self.front = ChunkRows::all(chunk),
                None => return self.back.next(),
            }
        }
    }
}

impl DoubleEndedIterator for Rows<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.back.next_back() {
                return Some(row);
            }
            match self.middle.next_back() {
                Some((_, chunk)) => self.back = ChunkRows::all(chunk),
                None => return self.front.next_back(),
            }
        }
    }
}

#[cfg(test)]
mod tests;
