//! The place where the next page begins: opaque to clients, self-contained, good across restarts.
//!
//! Owns [`RowCursor`] and its bytes, which a protocol writes as it likes. A cursor holds the beginning of the last row that was served, in
//! stored form, and a digest of all of it, so the next page begins after it whatever came or went meanwhile; and a [`Seal`]: fingerprints of
//! the query, its index and its reader, so it can't be used with another, and of the view's definition, so that a cursor of rows with another
//! layout is distinguished from a foreign one. All of it is encrypted and authenticated ([`CursorKey`]): a row has values of columns that
//! nobody selected, and a cursor is copied to where its rows would not be. It gives no access by itself: every page is read under the
//! reader's own rule.

use std::hash::{Hash, Hasher};

use schemas::row::Row;
use schemas::serving::{Index, View};
use sha2::{Digest as _, Sha256};

use crate::read::cursor_key::{CursorKey, NotSealed};
use crate::read::error::ReadError;

/// The most bytes of a row that a cursor holds; a longer row is found by its beginning and its digest.
const PREFIX_BYTES_MAX: usize = 512;
/// Bytes of the digest of a row.
const DIGEST_BYTES: usize = 16;
/// The cursor is not as it was given out.
pub(crate) const DAMAGED: ReadError = ReadError::BadCursor { reason: "is damaged, or belongs to another view" };
const FOREIGN: ReadError = ReadError::BadCursor { reason: "belongs to another query, index or reader" };

/// The last row that was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowCursor {
    /// beginning of the row in stored form; all of it if it is not longer than [`PREFIX_BYTES_MAX`]
    prefix: Row,
    /// bytes of the row
    length: u64,
    digest: [u8; DIGEST_BYTES],
    /// number of its repeats that were served
    pub(crate) repeats: i64,
}

/// The query that a cursor is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// the query, how its index lays out rows, and its reader: a cursor fits where this is the same
    pub(crate) query: u64,
    /// the columns and indexes of the view
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
            definition: fingerprint_of(&(columns, orders)),
        }
    }

    /// Checks that a cursor with the seal `found` fits. A definition that changed matters only where the rows did.
    fn check(&self, found: Self, view: &str) -> Result<(), ReadError> {
        if found.query == self.query {
            return Ok(());
        }
        if found.definition != self.definition {
            return Err(ReadError::OutdatedCursor { view: view.to_owned() });
        }
        Err(FOREIGN)
    }
}

impl RowCursor {
    /// The cursor behind so many repeats of a row.
    pub(crate) fn behind(stored: &[u8], repeats: i64) -> Self {
        let prefix = Row::from_bytes(&stored[..stored.len().min(PREFIX_BYTES_MAX)]);
        Self { prefix, length: stored.len() as u64, digest: digest(stored), repeats }
    }

    /// The beginning of the row; every row that begins so is at or behind it, or before it in the order of bytes.
    pub(crate) fn prefix(&self) -> &Row {
        &self.prefix
    }

    /// Returns true if the beginning is all of the row.
    pub(crate) fn is_whole(&self) -> bool {
        self.prefix.len() as u64 == self.length
    }

    /// Returns true if a row may be the last one, which [`is_at`](Self::is_at) finds out at the cost of a digest.
    pub(crate) fn may_be_at(&self, stored: &[u8]) -> bool {
        stored.len() as u64 == self.length && stored.starts_with(self.prefix.as_bytes())
    }

    /// Returns true if this is the last row that was served.
    pub(crate) fn is_at(&self, stored: &[u8]) -> bool {
        self.may_be_at(stored) && (self.is_whole() || digest(stored) == self.digest)
    }

    /// The cursor of a query with this seal, to a view.
    pub(crate) fn to_bytes(&self, key: &CursorKey, seal: Seal, view: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 * size_of::<u64>() + DIGEST_BYTES + self.prefix.len());
        for number in [seal.query, seal.definition, self.repeats.unsigned_abs(), self.length] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(self.digest);
        bytes.extend(self.prefix.as_bytes());
        key.seal(view, &bytes)
    }

    /// Reads a cursor of a query with this seal, to a view.
    pub(crate) fn from_bytes(bytes: &[u8], key: &CursorKey, seal: Seal, view: &str) -> Result<Self, ReadError> {
        let content = key.open(view, bytes).map_err(|fault| match fault {
            NotSealed::Damaged => DAMAGED,
            NotSealed::OtherKey => ReadError::UnknownCursor { view: view.to_owned() },
        })?;
        let (query, content) = split_number(&content)?;
        let (definition, content) = split_number(content)?;
        let (repeats, content) = split_number(content)?;
        let (length, content) = split_number(content)?;
        let (digest, prefix) = content.split_first_chunk::<DIGEST_BYTES>().ok_or(DAMAGED)?;
        seal.check(Seal { query, definition }, view)?;
        let repeats = i64::try_from(repeats).ok().filter(|repeats| *repeats >= 1).ok_or(DAMAGED)?;
        if prefix.len() as u64 != length.min(PREFIX_BYTES_MAX as u64) {
            return Err(DAMAGED);
        }
        Ok(Self { prefix: Row::from_bytes(prefix), length, digest: *digest, repeats })
    }
}

/// A digest that no two rows share by accident or by design.
fn digest(stored: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(&Sha256::digest(stored)[..DIGEST_BYTES]);
    digest
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

    const SEAL: Seal = Seal { query: 7, definition: 9 };

    fn key() -> CursorKey {
        CursorKey::from_bytes([7; 32])
    }

    fn read(bytes: &[u8], seal: Seal) -> Result<RowCursor, ReadError> {
        RowCursor::from_bytes(bytes, &key(), seal, "posts")
    }

    #[test]
    fn a_cursor_survives_its_bytes_and_fits_one_query_only() {
        let cursor = RowCursor::behind(b"row", 2);
        let bytes = cursor.to_bytes(&key(), SEAL, "posts");
        assert_eq!(read(&bytes, SEAL).unwrap(), cursor);
        assert_eq!(read(&bytes, Seal { definition: 1, ..SEAL }).unwrap(), cursor, "an index that was added changes no row");
        let foreign = read(&bytes, Seal { query: 1, ..SEAL });
        assert!(matches!(foreign, Err(ReadError::BadCursor { reason }) if reason.contains("another query")));
        let changed = read(&bytes, Seal { query: 1, definition: 1 });
        assert!(matches!(changed, Err(ReadError::OutdatedCursor { view }) if view == "posts"));
        let of_another = RowCursor::from_bytes(&bytes, &key(), SEAL, "users");
        assert!(matches!(of_another, Err(ReadError::BadCursor { reason }) if reason.contains("another view")));
        let elsewhere = RowCursor::from_bytes(&bytes, &CursorKey::from_bytes([8; 32]), SEAL, "posts");
        assert!(matches!(elsewhere, Err(ReadError::UnknownCursor { view }) if view == "posts"));
    }

    #[test]
    fn damaged_cursors_are_refused() {
        let bytes = RowCursor::behind(b"row", 1).to_bytes(&key(), SEAL, "posts");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert!(read(&damaged, SEAL).is_err(), "{damaged:?}");
            assert!(read(&bytes[..at], SEAL).is_err());
        }
        assert!(read(&[], SEAL).is_err());
        for content in [&[][..], &[0; 47], &[0; 48]] {
            assert!(read(&key().seal("posts", content), Seal { query: 0, definition: 0 }).is_err(), "no repeat was served");
        }
    }

    #[test]
    fn a_long_row_is_known_by_its_beginning_its_length_and_its_digest() {
        let row = vec![b'x'; 1 << 20];
        let cursor = RowCursor::behind(&row, 1);
        let bytes = cursor.to_bytes(&key(), SEAL, "posts");
        assert!(bytes.len() < 700, "{} bytes", bytes.len());
        let read = read(&bytes, SEAL).unwrap();
        assert!(read.is_at(&row) && !read.is_whole());
        let mut other = row.clone();
        other[1 << 19] = b'y';
        assert!(read.may_be_at(&other) && !read.is_at(&other));
        assert!(!read.may_be_at(&row[1..]));
        for length in [PREFIX_BYTES_MAX, PREFIX_BYTES_MAX + 1] {
            assert_eq!(RowCursor::behind(&row[..length], 1).is_whole(), length == PREFIX_BYTES_MAX);
        }
    }
}
