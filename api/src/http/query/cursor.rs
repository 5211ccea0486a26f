//! Cursors as text: base64 that needs no encoding in a URL.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::read::cursor::{DAMAGED, RowCursor, Seal};
use crate::read::error::ReadError;

/// The text for `next`.
pub(crate) fn cursor_text(cursor: &RowCursor, seal: Seal) -> String {
    URL_SAFE_NO_PAD.encode(cursor.to_bytes(seal))
}

/// Reads the text of a cursor of a query with this seal.
pub(crate) fn parse_cursor(text: &str, seal: Seal, view: &str) -> Result<RowCursor, ReadError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| DAMAGED)?;
    RowCursor::from_bytes(&bytes, seal, view)
}

#[cfg(test)]
mod tests {
    use schemas::row::Row;

    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_a_damaged_one_is_refused() {
        let cursor = RowCursor { row: Row::from_bytes(b"row"), repeats: 1 };
        let seal = Seal { query: 7, view: 8, definition: 9 };
        let text = cursor_text(&cursor, seal);
        assert_eq!(parse_cursor(&text, seal, "posts").unwrap(), cursor);
        for at in 0..text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert!(parse_cursor(&damaged, seal, "posts").is_err(), "{damaged}");
            assert!(parse_cursor(&text[..at], seal, "posts").is_err());
        }
        for other in ["", "!", "AAAA", "ä"] {
            assert!(parse_cursor(other, seal, "posts").is_err());
        }
    }
}
