//! Where the next page begins: opaque to clients, self-contained, good across restarts.
//!
//! Owns [`Place`] and its text. A cursor holds the last row that was served in stored form, so the next page begins after it
//! whatever came or went meanwhile, and a fingerprint of the query, its index and its reader, so it can't be used with another.
//! It protects nothing by itself: every page is read under the reader's own rule.

use std::hash::{Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemas::row::Row;

use crate::error::ApiError;

const VERSION: u8 = 1;
const DAMAGED: ApiError = ApiError::BadCursor { reason: "is damaged" };
const FOREIGN: ApiError = ApiError::BadCursor { reason: "belongs to another query, index or reader" };

/// The last row that was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// the row in stored form
    pub(crate) row: Row,
    /// how many of its repeats were served
    pub(crate) repeats: i64,
}

impl Place {
    /// The text for `next`.
    pub(crate) fn to_text(&self, fingerprint: u64) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(fingerprint.to_be_bytes());
        bytes.extend(self.repeats.to_be_bytes());
        bytes.extend(self.row.as_bytes());
        bytes.extend(fingerprint_of(&bytes).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the text of a cursor of the query with this fingerprint.
    pub(crate) fn from_text(text: &str, fingerprint: u64) -> Result<Self, ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| DAMAGED)?;
        let (content, checksum) = bytes.split_last_chunk::<8>().ok_or(DAMAGED)?;
        if fingerprint_of(&content) != u64::from_be_bytes(*checksum) {
            return Err(DAMAGED);
        }
        let (version, content) = content.split_first().ok_or(DAMAGED)?;
        let (of_query, content) = content.split_first_chunk::<8>().ok_or(DAMAGED)?;
        let (repeats, row) = content.split_first_chunk::<8>().ok_or(DAMAGED)?;
        if *version != VERSION || u64::from_be_bytes(*of_query) != fingerprint {
            return Err(FOREIGN);
        }
        let repeats = i64::from_be_bytes(*repeats);
        if repeats < 1 {
            return Err(DAMAGED);
        }
        Ok(Self { row: Row::from_bytes(row), repeats })
    }
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
    fn a_cursor_survives_its_text_and_fits_one_query_only() {
        let place = Place { row: Row::from_bytes(b"row"), repeats: 2 };
        let text = place.to_text(7);
        assert_eq!(Place::from_text(&text, 7).unwrap(), place);
        assert!(matches!(Place::from_text(&text, 8), Err(ApiError::BadCursor { reason }) if reason.contains("another")));
    }

    #[test]
    fn damaged_cursors_are_refused() {
        let text = Place { row: Row::from_bytes(b"row"), repeats: 1 }.to_text(7);
        for at in 0..text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert!(Place::from_text(&damaged, 7).is_err(), "{damaged}");
            assert!(Place::from_text(&text[..at], 7).is_err());
        }
        for other in ["", "!", "AAAA", "ä"] {
            assert!(Place::from_text(other, 7).is_err());
        }
    }
}
