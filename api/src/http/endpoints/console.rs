//! `GET /` and `GET /console/{file}`: the page to look at, embedded in the program.
//!
//! It holds no data: what it shows it asks of the API, with the token of whoever looks. Nothing is loaded from elsewhere, and the
//! browser is told to refuse it; text is never read as markup, which the browser is told to enforce too.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::http::error::ApiError;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The files below `/console/`: name, type, text.
const FILES: [(&str, &str, &str); 14] = [
    ("api.js", JAVASCRIPT, include_str!("../../console/api.js")),
    ("console.css", CSS, include_str!("../../console/console.css")),
    ("dom.js", JAVASCRIPT, include_str!("../../console/dom.js")),
    ("graph.js", JAVASCRIPT, include_str!("../../console/graph.js")),
    ("hits.js", JAVASCRIPT, include_str!("../../console/hits.js")),
    ("icon.svg", SVG, include_str!("../../console/icon.svg")),
    ("layout.js", JAVASCRIPT, include_str!("../../console/layout.js")),
    ("letters.js", JAVASCRIPT, include_str!("../../console/letters.js")),
    ("live.js", JAVASCRIPT, include_str!("../../console/live.js")),
    ("main.js", JAVASCRIPT, include_str!("../../console/main.js")),
    ("relation.js", JAVASCRIPT, include_str!("../../console/relation.js")),
    ("rows.js", JAVASCRIPT, include_str!("../../console/rows.js")),
    ("search.js", JAVASCRIPT, include_str!("../../console/search.js")),
    ("why.js", JAVASCRIPT, include_str!("../../console/why.js")),
];

/// The page itself.
pub(crate) async fn page() -> Response {
    answer(HTML, include_str!("../../console/index.html"))
}

/// A file of it.
pub(crate) async fn file(name: Result<Path<String>, PathRejection>, uri: Uri) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|_| ApiError::BadEncoding { text: uri.path().to_owned() })?;
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let unknown = || ApiError::UnknownPath { path: uri.path().to_owned() };
    found.map(|(_, content_type, text)| answer(content_type, text)).ok_or_else(unknown)
}

fn answer(content_type: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 6] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        // A page of another version of the program would ask this one for what it does not have.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}
