//! Rows in order, stored flat: what an operator keeps when it holds many short rows per key.
//!
//! Rows and counts enter, rows leave from either end or in order. A row costs its bytes and four more, and a change moves at most the
//! bytes of one block: a tree of rows would take three times the memory.

use schemas::row::{Diff, Row};

/// The most different rows in a block.
const BLOCK_ROWS_MAX: usize = 256;

/// A multiset of rows in order.
///
/// Invariants: the rows of a block grow strictly, the last row of a block is less than the first of the next, no block is empty, and every
/// count is positive. Searches halve the blocks and then the rows of one, which is right only as long as that holds. Places within a block
/// have 32 bits, so its rows together take less than 4 GiB.
#[derive(Default)]
pub(crate) struct SortedRows {
    /// in order, none of them empty
    blocks: Vec<Block>,
    total: Diff,
}

/// Some rows that follow one another.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    /// end of each row
    ends: Vec<u32>,
    /// multiplicity of each row; empty while all are there once
    counts: Vec<Diff>,
}

impl SortedRows {
    /// The number of rows, each counted as often as it is there.
    pub(crate) fn total(&self) -> Diff {
        self.total
    }

    /// Returns true if no row is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The first row.
    pub(crate) fn first(&self) -> Option<&[u8]> {
        self.blocks.first().map(|block| block.row(0))
    }

    /// The last row.
    pub(crate) fn last(&self) -> Option<&[u8]> {
        self.blocks.last().map(|block| block.row(block.len() - 1))
    }

    /// Adds a row so many times.
    ///
    /// `times` is positive. Costs a search and the move of at most one block's bytes.
    pub(crate) fn insert(&mut self, row: &[u8], times: Diff) {
        // A count that is not positive would be a row that is listed without being there.
        assert!(times > 0, "a row was inserted {times} times");
        self.total += times;
        if self.blocks.is_empty() {
            let mut block = Block::default();
            block.insert(0, row, times);
            return self.blocks.push(block);
        }
        let index = self.block_of(row);
        let block = &mut self.blocks[index];
        match block.search(row) {
            Ok(at) => block.set_count(at, block.count(at) + times),
            Err(at) => {
                block.insert(at, row, times);
                if block.len() > BLOCK_ROWS_MAX {
                    let behind = block.split();
                    self.blocks.insert(index + 1, behind);
                }
            }
        }
    }

    /// Takes a row out up to so many times; returns how often.
    ///
    /// `times` is not negative. A row that is not there is taken 0 times: who keeps debts has to note what is missing.
    pub(crate) fn take(&mut self, row: &[u8], times: Diff) -> Diff {
        assert!(times >= 0, "a row was taken {times} times");
        if self.blocks.is_empty() || times == 0 {
            return 0;
        }
        let index = self.block_of(row);
        match self.blocks[index].search(row) {
            Ok(at) => self.take_at(index, at, times),
            Err(_) => 0,
        }
    }

    /// Takes the first row out, up to so many times.
    pub(crate) fn take_first(&mut self, times: Diff) -> Option<(Row, Diff)> {
        let row = Row::from_bytes(self.blocks.first()?.row(0));
        Some((row, self.take_at(0, 0, times)))
    }

    /// Takes the last row out, up to so many times.
    pub(crate) fn take_last(&mut self, times: Diff) -> Option<(Row, Diff)> {
        let row = Row::from_bytes(self.last()?);
        let index = self.blocks.len() - 1;
        let at = self.blocks[index].len() - 1;
        Some((row, self.take_at(index, at, times)))
    }

    /// Returns the number of rows before this one, repeats counted.
    ///
    /// Costs one addition per block before the row and one per row of its block.
    pub(crate) fn count_before(&self, row: &[u8]) -> Diff {
        let index = self.block_of(row);
        let whole = self.blocks.iter().take(index).map(Block::total);
        let part = self.blocks.get(index).into_iter().flat_map(Block::iter);
        whole.chain(part.take_while(|(other, _)| *other < row).map(|(_, count)| count)).sum()
    }

    /// Returns the row at a place, counted from 0, repeats counted; `None` behind the last one.
    ///
    /// Costs one addition per block before the place, one per row of blocks where a row is there more than once.
    pub(crate) fn at(&self, place: Diff) -> Option<&[u8]> {
        let mut rest = place;
        for block in &self.blocks {
            let total = block.total();
            if rest < total {
                return block.at(rest);
            }
            rest -= total;
        }
        None
    }

    /// The rows in order with their counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Diff)> {
        self.blocks.iter().flat_map(Block::iter)
    }

    /// Returns the multiplicity of a row.
    pub(crate) fn count(&self, row: &[u8]) -> Diff {
        let Some(block) = self.blocks.get(self.block_of(row)) else { return 0 };
        block.search(row).map_or(0, |at| block.count(at))
    }

    /// The rows from this one on, with their counts.
    pub(crate) fn from<'a>(&'a self, row: &'a [u8]) -> impl Iterator<Item = (&'a [u8], Diff)> {
        self.blocks[self.block_of(row)..].iter().flat_map(Block::iter).skip_while(move |(other, _)| *other < row)
    }

    /// The block in which a row is or would be.
    ///
    /// A row before all others belongs to the first block, one behind all others to the last.
    fn block_of(&self, row: &[u8]) -> usize {
        // Most keys have one block: don't even look into it.
        if self.blocks.len() <= 1 {
            return 0;
        }
        self.blocks.partition_point(|block| block.row(0) <= row).saturating_sub(1)
    }

    /// Takes the row at a place out, up to so many times, and drops a block that becomes empty.
    fn take_at(&mut self, index: usize, at: usize, times: Diff) -> Diff {
        let block = &mut self.blocks[index];
        let count = block.count(at);
        // The invariant of the counts: otherwise the total would rise by taking something away.
        assert!(count > 0, "a row is listed that is not there");
        let taken = times.min(count);
        self.total -= taken;
        if taken < count {
            block.set_count(at, count - taken);
        } else if block.len() > 1 {
            block.remove(at);
        } else {
            self.blocks.remove(index);
        }
        taken
    }
}

impl Block {
    /// Number of different rows.
    fn len(&self) -> usize {
        self.ends.len()
    }

    /// Place in the bytes where a row begins: where the one before it ends.
    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// The row at a place, which must be there.
    fn row(&self, at: usize) -> &[u8] {
        &self.bytes[self.start(at)..self.ends[at] as usize]
    }

    fn total(&self) -> Diff {
        if self.counts.is_empty() { self.len() as Diff } else { self.counts.iter().sum() }
    }

    /// Multiplicity of the row at a place.
    fn count(&self, at: usize) -> Diff {
        self.counts.get(at).copied().unwrap_or(1)
    }

    /// Returns the row at a place, repeats counted.
    fn at(&self, place: Diff) -> Option<&[u8]> {
        if self.counts.is_empty() {
            let at = usize::try_from(place).ok().filter(|at| *at < self.len())?;
            return Some(self.row(at));
        }
        let mut rest = place;
        for (row, count) in self.iter() {
            if rest < count {
                return Some(row);
            }
            rest -= count;
        }
        None
    }

    /// The rows in order with their counts.
    fn iter(&self) -> impl Iterator<Item = (&[u8], Diff)> {
        (0..self.len()).map(|at| (self.row(at), self.count(at)))
    }

    /// The place of a row, or the place where it would be inserted.
    fn search(&self, row: &[u8]) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.row(middle).cmp(row) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Counts are written out only from the first row on that is there more than once: most blocks never need them.
    fn set_count(&mut self, at: usize, count: Diff) {
        if self.counts.is_empty() && count != 1 {
            self.counts = vec![1; self.len()];
        }
        if let Some(slot) = self.counts.get_mut(at) {
            *slot = count;
        }
    }

    /// Inserts a row at the place that [`search`](Self::search) gave, so that the order stays.
    fn insert(&mut self, at: usize, row: &[u8], times: Diff) {
        let start = self.start(at);
        // Growing by a quarter: most blocks never fill, and there is one for each key.
        if self.bytes.capacity() - self.bytes.len() < row.len() {
            self.bytes.reserve_exact(row.len().max(self.bytes.len() / 4));
        }
        self.bytes.splice(start..start, row.iter().copied());
        if self.ends.capacity() == self.ends.len() {
            self.ends.reserve_exact(1 + self.ends.len() / 4);
        }
        self.ends.insert(at, start as u32);
        self.ends[at..].iter_mut().for_each(|end| *end += row.len() as u32);
        if !self.counts.is_empty() {
            self.counts.insert(at, times);
        } else {
            self.set_count(at, times);
        }
    }

    /// Removes the row at a place, with its count.
    fn remove(&mut self, at: usize) {
        let (start, end) = (self.start(at), self.ends[at] as usize);
        self.bytes.drain(start..end);
        self.ends.remove(at);
        self.ends[at..].iter_mut().for_each(|other| *other -= (end - start) as u32);
        if !self.counts.is_empty() {
            self.counts.remove(at);
        }
    }

    /// Takes the second half off. Both halves keep their order, so the block goes right behind this one.
    fn split(&mut self) -> Self {
        let at = self.len() / 2;
        let start = self.start(at);
        let bytes = self.bytes.split_off(start);
        let mut ends = self.ends.split_off(at);
        ends.iter_mut().for_each(|end| *end -= start as u32);
        let counts = if self.counts.is_empty() { Vec::new() } else { self.counts.split_off(at) };
        Self { bytes, ends, counts }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn behaves_as_a_tree_of_rows() {
        let mut tree: BTreeMap<Row, Diff> = BTreeMap::new();
        let mut rows = SortedRows::default();
        let mut random = testkit::random::Random::new(1);
        for step in 0..30_000 {
            let (pick, times) = (random.next() >> 33, random.below(3_i64) + 1);
            let row = Row::from_bytes(&format!("{:0width$}", pick % 3_000, width = 1 + (pick % 7) as usize).into_bytes());
            match pick % 11 {
                0 => assert_eq!(rows.take_first(times), take(&mut tree, |tree| tree.first_key_value(), times)),
                1 => assert_eq!(rows.take_last(times), take(&mut tree, |tree| tree.last_key_value(), times)),
                2..5 => {
                    let expected = take(&mut tree, |tree| tree.get_key_value(&row), times).map_or(0, |(_, taken)| taken);
                    assert_eq!(rows.take(row.as_bytes(), times), expected);
                }
                _ => {
                    rows.insert(row.as_bytes(), times);
                    *tree.entry(row.clone()).or_default() += times;
                }
            }
            assert_eq!(rows.count(row.as_bytes()), tree.get(&row).copied().unwrap_or_default());
            assert_eq!((rows.last(), rows.total()), (tree.last_key_value().map(|(row, _)| row.as_bytes()), tree.values().sum()));
            let first = tree.first_key_value().map(|(row, _)| row.as_bytes());
            assert_eq!((rows.first(), rows.is_empty()), (first, tree.is_empty()));
            if step % 100 == 0 {
                let all: Vec<&[u8]> =
                    tree.iter().flat_map(|(row, count)| std::iter::repeat_n(row.as_bytes(), *count as usize)).collect();
                for place in [0, 1, all.len() / 3, all.len() / 2, all.len().saturating_sub(1), all.len()] {
                    assert_eq!(rows.at(place as Diff), all.get(place).copied(), "place {place} of {}", all.len());
                }
                assert!(rows.iter().eq(tree.iter().map(|(row, count)| (row.as_bytes(), *count))));
                let (before, from): (Vec<_>, Vec<_>) = tree.iter().partition(|(other, _)| **other < row);
                assert_eq!(rows.count_before(row.as_bytes()), before.iter().map(|(_, count)| **count).sum::<i64>());
                let expected: Vec<_> = from.into_iter().map(|(row, count)| (row.as_bytes(), *count)).collect();
                assert_eq!(rows.from(row.as_bytes()).collect::<Vec<_>>(), expected);
            }
        }
        assert!(rows.blocks.len() > 3, "the test is to reach several blocks");
    }

    fn take<'a>(
        tree: &'a mut BTreeMap<Row, Diff>,
        pick: impl FnOnce(&BTreeMap<Row, Diff>) -> Option<(&Row, &Diff)>,
        times: Diff,
    ) -> Option<(Row, Diff)> {
        let (row, count) = pick(tree).map(|(row, count)| (row.clone(), *count))?;
        let taken = times.min(count);
        if taken == count {
            tree.remove(&row);
        } else {
            tree.insert(row.clone(), count - taken);
        }
        Some((row, taken))
    }
}
