//! Cursors as text: base64 that needs no encoding in a URL.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::read::cursor::{DAMAGED, RowCursor, Seal};
use crate::read::cursor_key::CursorKey;
use crate::read::error::ReadError;

/// The text for `next`.
pub(crate) fn cursor_text(cursor: &RowCursor, key: &CursorKey, seal: Seal, view: &str) -> String {
    URL_SAFE_NO_PAD.encode(cursor.to_bytes(key, seal, view))
}

/// Reads the text of a cursor of a query with this seal.
pub(crate) fn parse_cursor(text: &str, key: &CursorKey, seal: Seal, view: &str) -> Result<RowCursor, ReadError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| DAMAGED)?;
    RowCursor::from_bytes(&bytes, key, seal, view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_a_damaged_one_is_refused() {
        let cursor = RowCursor::behind(b"row", 1);
        let (key, seal) = (CursorKey::from_bytes([7; 32]), Seal { query: 7, definition: 9 });
        let text = cursor_text(&cursor, &key, seal, "posts");
        assert_eq!(parse_cursor(&text, &key, seal, "posts").unwrap(), cursor);
        for at in 0..text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert!(parse_cursor(&damaged, &key, seal, "posts").is_err(), "{damaged}");
            assert!(parse_cursor(&text[..at], &key, seal, "posts").is_err());
        }
        for other in ["", "!", "AAAA", "ä"] {
            assert!(parse_cursor(other, &key, seal, "posts").is_err());
        }
    }
}
