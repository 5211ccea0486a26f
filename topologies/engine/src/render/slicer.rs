//! Cutting columns out of byte rows without decoding them.
//!
//! Owns [`Slicer`]. A row enters, the bytes of chosen columns leave in a chosen order.

use schemas::field::{FieldEnds, FieldKind};
use schemas::row::Row;

/// Finds the columns of rows of one shape.
#[derive(Clone, Debug)]
pub struct Slicer {
    /// shapes of the columns up to the last one that is wanted
    kinds: Vec<FieldKind>,
    columns: Vec<usize>,
    /// places of the wanted columns, when all before them have a fixed width
    fixed: Option<Vec<(usize, usize)>>,
}

impl Slicer {
    /// Cuts `columns`, in this order, out of rows of these kinds.
    pub fn new(kinds: &[FieldKind], columns: &[usize]) -> Self {
        let last = columns.iter().map(|&column| column + 1).max().unwrap_or(0);
        let kinds = kinds[..last].to_vec();
        let mut ends = Vec::with_capacity(last);
        let mut at = 0;
        for kind in &kinds {
            let Some(width) = kind.fixed_width() else { break };
            ends.push((at, at + width));
            at += width;
        }
        let fixed = (ends.len() == last).then(|| columns.iter().map(|&column| ends[column]).collect());
        Self { kinds, columns: columns.to_vec(), fixed }
    }

    /// Returns the places of the wanted columns in `row`.
    pub fn ranges(&self, row: &[u8]) -> Ranges<'_> {
        match &self.fixed {
            Some(ranges) => Ranges::Fixed(ranges),
            None => {
                let mut ends = FieldEnds::new();
                let mut at = 0;
                for kind in &self.kinds {
                    at = kind.end(row, at);
                    ends.push(at);
                }
                Ranges::Found(ends, &self.columns)
            }
        }
    }

    /// Appends the wanted columns of `row` to `out`.
    pub fn cut(&self, row: &[u8], out: &mut Row) {
        let ranges = self.ranges(row);
        for place in 0..self.columns.len() {
            out.extend(ranges.field(row, place));
        }
    }

    /// The wanted columns of `row`.
    pub fn row(&self, row: &[u8]) -> Row {
        let mut out = Row::empty();
        self.cut(row, &mut out);
        out
    }
}

/// Places of some columns of one row.
pub enum Ranges<'a> {
    /// the same in every row
    Fixed(&'a [(usize, usize)]),
    /// in this row
    Found(FieldEnds, &'a [usize]),
}

impl Ranges<'_> {
    /// The bytes of the column at a place of the wanted ones.
    pub fn field<'r>(&self, row: &'r [u8], place: usize) -> &'r [u8] {
        match self {
            Self::Fixed(ranges) => &row[ranges[place].0..ranges[place].1],
            Self::Found(ends, columns) => {
                let column = columns[place];
                let start = if column == 0 { 0 } else { ends[column - 1] };
                &row[start..ends[column]]
            }
        }
    }
}
