//! Entity tags: a client that has an answer asks whether it is still the one.
//!
//! A tag is weak, since an answer carries the position that it shows, which goes on while the rows stay as they are. It is a keyed digest of
//! whatever decides which rows there are and how they are written, as far as the reader may see them: nobody learns from it, and it cannot be
//! made up.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::http::answer::note_position;

/// The tag of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag(String);

impl EntityTag {
    /// The tag with this digest.
    pub(crate) fn weak(digest: u64) -> Self {
        Self(format!("W/\"{digest:016x}\""))
    }

    /// Returns true if the client has the answer already (`If-None-Match`, RFC 9110, 13.1.2).
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let own = opaque(&self.0);
        let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(str::trim).any(|known| known == "*" || opaque(known) == own)
    }

    /// Adds it to an answer.
    pub(crate) fn note(&self, response: &mut Response) {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(header::ETAG, value);
        }
    }
}

/// An answer that says that the client has the rows, at this position.
pub(crate) fn not_modified(position: &str, tag: &EntityTag) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    note_position(&mut response, Some(position));
    tag.note(&mut response);
    response
}

/// The part of a tag that weak comparison looks at.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_in_any_list_and_in_its_weak_form() {
        let tag = EntityTag::weak(0x2a);
        let known = |values: &[&'static str]| {
            let headers = values.iter().map(|value| (header::IF_NONE_MATCH, HeaderValue::from_static(value))).collect();
            tag.is_known(&headers)
        };
        for values in
            [&["W/\"000000000000002a\""][..], &["\"000000000000002a\""], &["\"x\", W/\"000000000000002a\""], &["\"x\"", "*"]]
        {
            assert!(known(values), "{values:?}");
        }
        for values in [&[][..], &["\"x\""], &["000000000000002a"], &["W/\"2a\""]] {
            assert!(!known(values), "{values:?}");
        }
    }
}
