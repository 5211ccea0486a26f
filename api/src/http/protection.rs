//! Headers that every answer has: how caches and browsers may use it.
//!
//! An answer enters and leaves with them; what an endpoint has set stays.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

/// Request headers that an answer depends on.
const VARY: HeaderValue = HeaderValue::from_static("Authorization, Accept, Accept-Encoding, Prefer");
/// No cache keeps an answer to somebody, and none hands it to others.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");

/// Adds the headers to those of an answer; `is_to_somebody` when the request had a token, good or bad.
pub(crate) fn protect(status: StatusCode, headers: &mut HeaderMap, is_to_somebody: bool) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.append(header::VARY, VARY);
    let is_private = is_to_somebody || [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
    if is_private && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, PRIVATE);
    }
}
