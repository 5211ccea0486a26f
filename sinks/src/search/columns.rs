//! The columns of one segment of an index: a number for each document, which is a value or its place among the values.
//!
//! Owns [`SegmentColumn`], what filters, orders and counts look at. Documents enter, numbers leave, and the encoded fields they stand for.

use std::ops::Bound;

use schemas::row::{Diff, Row};
use tantivy::columnar::{BytesColumn, Column};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet as _, Searcher, SegmentReader, TERMINATED, Term};

use super::document::{COUNT, Included, KEY};
use super::number::{is_number, to_field};

/// One column of a segment.
#[derive(Clone)]
pub(super) enum SegmentColumn {
    /// no document has a value
    Empty,
    /// the values are numbers
    Numbers(Column<u64>),
    /// the values are bytes; a number is the place among them, in their order
    Values(BytesColumn),
}

impl SegmentColumn {
    /// An included column.
    pub fn of(reader: &SegmentReader, included: &Included) -> tantivy::Result<Self> {
        if !is_number(&included.kind) {
            return Self::bytes(reader, &included.name);
        }
        let column = reader.fast_fields().column_opt::<u64>(&included.name)?;
        Ok(column.map_or(Self::Empty, Self::Numbers))
    }

    /// The keys.
    pub fn keys(reader: &SegmentReader) -> tantivy::Result<Self> {
        Self::bytes(reader, KEY)
    }

    /// Opens a column of bytes; one that no document of the segment has is empty.
    fn bytes(reader: &SegmentReader, name: &str) -> tantivy::Result<Self> {
        Ok(reader.fast_fields().bytes(name)?.map_or(Self::Empty, Self::Values))
    }

    /// The number of a document; `None` for NULL.
    pub fn number(&self, document: u32) -> Option<u64> {
        match self {
            Self::Empty => None,
            Self::Numbers(column) => column.first(document),
            Self::Values(column) => column.ords().first(document),
        }
    }

    /// The bytes that a number stands for, in an order that is the same in all segments.
    pub fn bytes_of(&self, number: u64) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Empty => Ok(Vec::new()),
            Self::Numbers(_) => Ok(number.to_be_bytes().to_vec()),
            Self::Values(column) => {
                let mut bytes = Vec::new();
                column.ord_to_bytes(number, &mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// The encoded field that a number stands for.
    pub fn field_of(&self, included: &Included, number: u64) -> std::io::Result<Row> {
        match self {
            Self::Numbers(_) => Ok(to_field(&included.kind, number)),
            Self::Empty | Self::Values(_) => Ok(Row::from_bytes(&self.bytes_of(number)?)),
        }
    }
}

/// The numbers of the values of a column that begin with these bytes.
pub(super) fn range_of(column: &BytesColumn, prefix: &[u8]) -> std::io::Result<(Bound<u64>, Bound<u64>)> {
    let end = after_all_with(prefix).map_or(Bound::Unbounded, Bound::Excluded);
    column.dictionary().term_bounds_to_ord(Bound::Included(prefix.to_vec()), end)
}

/// The least bytes after all that begin with `prefix`; `None` when there are none.
pub(super) fn after_all_with(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// Returns the multiplicity of the row of a key, by the last commit.
pub(super) fn count_of(searcher: &Searcher, key: &Term) -> tantivy::Result<Diff> {
    for reader in searcher.segment_readers() {
        let Some(mut postings) = reader.inverted_index(key.field())?.read_postings(key, IndexRecordOption::Basic)? else {
            continue;
        };
        while postings.doc() != TERMINATED {
            if !reader.is_deleted(postings.doc()) {
                let counts = reader.fast_fields().column_opt::<u64>(COUNT)?;
                let count = counts.and_then(|counts| counts.first(postings.doc())).unwrap_or(1);
                return Ok(Diff::try_from(count).unwrap_or(Diff::MAX));
            }
            postings.advance();
        }
    }
    Ok(0)
}
