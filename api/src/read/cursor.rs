//! The place where the next page begins: opaque to clients, self-contained, good across restarts.
//!
//! Owns [`RowCursor`] and its bytes, which a protocol writes as it likes. A cursor holds the last row that was served in stored form, so the
//! next page begins after it whatever came or went meanwhile, and a [`Seal`]: fingerprints of the query, its index and its reader, so it
//! can't be used with another, and of the view's definition, so that a cursor of rows with another layout is distinguished from a foreign
//! one.
//! It protects nothing by itself: every page is read under the reader's own rule.

use std::hash::{Hash, Hasher};

use schemas::row::Row;
use schemas::serving::{Index, View};

use crate::read::error::ReadError;

const VERSION: u8 = 2;
/// The cursor is not as it was given out.
pub(crate) const DAMAGED: ReadError = ReadError::BadCursor { reason: "is damaged" };
const FOREIGN: ReadError = ReadError::BadCursor { reason: "belongs to another query, index or reader" };

/// The last row that was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowCursor {
    /// the row in stored form
    pub(crate) row: Row,
    /// number of its repeats that were served
    pub(crate) repeats: i64,
}

/// The query that a cursor is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// the query, how its index lays out rows, and its reader: a cursor fits where this is the same
    pub(crate) query: u64,
    /// the name of the view
    pub(crate) view: u64,
    /// its columns and indexes
    pub(crate) definition: u64,
}

impl Seal {
    /// The seal of a query that is answered by an index of a view.
    pub(crate) fn new(view: &View, index: &Index, query: &impl Hash) -> Self {
        let columns =
            fingerprint_of(&view.columns.iter().map(|column| (&column.name, column.kind.sql_name())).collect::<Vec<_>>());
        let order = |index: &Index| {
            let columns: Vec<_> = index.columns.iter().map(|column| (column.column, column.descending)).collect();
            fingerprint_of(&(&index.name, columns))
        };
        let orders: Vec<u64> = view.indexes.iter().map(order).collect();
        Self {
            query: fingerprint_of(&(&view.name, columns, order(index), fingerprint_of(query))),
            view: fingerprint_of(&view.name),
            definition: fingerprint_of(&(columns, orders)),
        }
    }

    /// Checks that a cursor with the seal `found` fits. A definition that changed matters only where the rows did.
    fn check(&self, found: Self, view: &str) -> Result<(), ReadError> {
        if found.query == self.query {
            return Ok(());
        }
        if found.view == self.view && found.definition != self.definition {
            return Err(ReadError::OutdatedCursor { view: view.to_owned() });
        }
        Err(FOREIGN)
    }
}

impl RowCursor {
    /// The cursor of a query with this seal.
    pub(crate) fn to_bytes(&self, seal: Seal) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for fingerprint in [seal.query, seal.view, seal.definition] {
            bytes.extend(fingerprint.to_be_bytes());
        }
        bytes.extend(self.repeats.to_be_bytes());
        bytes.extend(self.row.as_bytes());
        bytes.extend(fingerprint_of(&bytes).to_be_bytes());
        bytes
    }

    /// Reads a cursor of a query with this seal.
    pub(crate) fn from_bytes(bytes: &[u8], seal: Seal, view: &str) -> Result<Self, ReadError> {
        let (content, checksum) = bytes.split_last_chunk::<8>().ok_or(DAMAGED)?;
        if fingerprint_of(&content) != u64::from_be_bytes(*checksum) {
            return Err(DAMAGED);
        }
        let (version, content) = content.split_first().ok_or(DAMAGED)?;
        if *version != VERSION {
            return Err(FOREIGN);
        }
        let (query, content) = split_number(content)?;
        let (of_view, content) = split_number(content)?;
        let (definition, content) = split_number(content)?;
        let (repeats, row) = split_number(content)?;
        seal.check(Seal { query, view: of_view, definition }, view)?;
        let repeats = i64::from_be_bytes(repeats.to_be_bytes());
        if repeats < 1 {
            return Err(DAMAGED);
        }
        Ok(Self { row: Row::from_bytes(row), repeats })
    }
}

fn split_number(content: &[u8]) -> Result<(u64, &[u8]), ReadError> {
    let (number, rest) = content.split_first_chunk::<8>().ok_or(DAMAGED)?;
    Ok((u64::from_be_bytes(*number), rest))
}

/// A fingerprint that is the same in every process.
pub(crate) fn fingerprint_of(content: &impl Hash) -> u64 {
    let mut hasher = Fnv1a(0xcbf2_9ce4_8422_2325);
    content.hash(&mut hasher);
    hasher.finish()
}

/// FNV-1a, since the standard hasher may change with the compiler.
struct Fnv1a(u64);

impl Hasher for Fnv1a {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_bytes_and_fits_one_query_only() {
        let place = RowCursor { row: Row::from_bytes(b"row"), repeats: 2 };
        let seal = Seal { query: 7, view: 8, definition: 9 };
        let bytes = place.to_bytes(seal);
        let read = |seal| RowCursor::from_bytes(&bytes, seal, "posts");
        assert_eq!(read(seal).unwrap(), place);
        assert_eq!(read(Seal { definition: 1, ..seal }).unwrap(), place, "an index that was added changes no row");
        let foreign = [Seal { query: 1, ..seal }, Seal { query: 1, view: 1, ..seal }, Seal { query: 1, view: 1, definition: 1 }];
        for seal in foreign {
            assert!(matches!(read(seal), Err(ReadError::BadCursor { reason }) if reason.contains("another")));
        }
        let changed = read(Seal { query: 1, definition: 1, ..seal });
        assert!(matches!(changed, Err(ReadError::OutdatedCursor { view }) if view == "posts"));
    }

    #[test]
    fn damaged_cursors_are_refused() {
        let seal = Seal { query: 7, view: 8, definition: 9 };
        let bytes = RowCursor { row: Row::from_bytes(b"row"), repeats: 1 }.to_bytes(seal);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            assert!(RowCursor::from_bytes(&damaged, seal, "posts").is_err(), "{damaged:?}");
            assert!(RowCursor::from_bytes(&bytes[..at], seal, "posts").is_err());
        }
        assert!(RowCursor::from_bytes(&[], seal, "posts").is_err());
    }
}
