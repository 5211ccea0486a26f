//! Time for which a page of a view may be used without asking again, as its topology says: `WITH (max_age = '5s')`.
//!
//! A page of a view that everybody may read is the same for all who ask without a token, so every cache may keep it. Any other one may be
//! kept by the client that asked, and nobody hands it to others.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use schemas::serving::{Access, View};

/// Says in a page of a view, or in the answer that it has not changed, for how long it may be used. Without a time of the view nothing is
/// said here, and an answer to somebody is kept by nobody.
pub(crate) fn note_max_age(response: &mut Response, view: &View, is_to_somebody: bool) {
    let Some(seconds) = view.max_age else { return };
    let keeper = if view.access == Access::Public && !is_to_somebody { "public" } else { "private" };
    if let Ok(value) = HeaderValue::from_str(&format!("{keeper}, max-age={seconds}")) {
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
}
