//! Ranges of the rows of an index, by their bytes.
//!
//! Owns [`Range`], [`Scan`] and the arithmetic of bounds. Bytes are compared in stored form, so the order is that of the index.

use std::ops::Bound;

use schemas::row::Row;
use schemas::serving::IndexLayout;

use super::ordered_rows::Rows;

/// A range of rows of an index, by their bytes in stored form, and the end to read it from.
#[derive(Clone, Copy, Debug)]
pub struct Range<'b> {
    /// lower end, in the order of the index
    pub lower: Bound<&'b [u8]>,
    /// upper end
    pub upper: Bound<&'b [u8]>,
    /// from the upper bound down
    pub reverse: bool,
}

impl Range<'_> {
    /// Every row, in the order of the index.
    pub const ALL: Self = Self { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse: false };
}

/// The least bytes that are greater than all bytes with this prefix; `None` when there are none, so the range has no upper bound.
pub fn prefix_end(prefix: &[u8]) -> Option<Row> {
    let last = prefix.iter().rposition(|&byte| byte < u8::MAX)?;
    let mut end = Row::from_bytes(&prefix[..last]);
    end.push(prefix[last] + 1);
    Some(end)
}

/// The rows of a range, one by one: stored form and count.
pub struct Scan<'a> {
    /// the rows of the range, which can be taken from both ends
    rows: Rows<'a>,
    /// true if they are taken from the upper end
    reverse: bool,
}

impl<'a> Scan<'a> {
    /// Makes a scan of these rows, from one end.
    pub(super) fn new(rows: Rows<'a>, reverse: bool) -> Self {
        Self { rows, reverse }
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = (&'a [u8], i64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.reverse { self.rows.next_back() } else { self.rows.next() }
    }
}

/// Returns the tighter of two bounds on one side; `inside` tells for different bytes.
pub(super) fn tightest<'b>(old: Bound<&'b [u8]>, new: Bound<&'b [u8]>, inside: fn(&[u8], &[u8]) -> bool) -> Bound<&'b [u8]> {
    match (old, new) {
        (Bound::Unbounded, bound) | (bound, Bound::Unbounded) => bound,
        (Bound::Included(old_bytes) | Bound::Excluded(old_bytes), Bound::Included(new_bytes) | Bound::Excluded(new_bytes)) => {
            if old_bytes == new_bytes {
                if matches!(old, Bound::Excluded(_)) { old } else { new }
            } else if inside(new_bytes, old_bytes) {
                new
            } else {
                old
            }
        }
    }
}

/// Returns the end of the first field of a stored row.
pub(super) fn first_field_end(layout: &IndexLayout, stored: &[u8]) -> usize {
    if layout.inverted[0] {
        layout.kinds[0].invert_field(Row::from_bytes(stored).tail_mut(0), 0)
    } else {
        layout.kinds[0].end(stored, 0)
    }
}
