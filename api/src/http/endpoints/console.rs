//! `GET /` and `GET /console/{file}`: the page to look at.
//!
//! Nothing is loaded from elsewhere, and text is never read as markup. A header makes the browser enforce both.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::console::{self, ConsoleFile};
use crate::http::error::resource::ResourceError;
use crate::http::problem::answer::Problem;
use crate::http::query::path::name_in_path;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The page itself.
pub(crate) async fn page() -> Response {
    answer(&console::PAGE)
}

/// A file of it.
pub(crate) async fn file(name: Result<Path<String>, PathRejection>, uri: Uri) -> Result<Response, Problem> {
    let name = name_in_path(name, &uri)?;
    let unknown = || ResourceError::UnknownPath { path: uri.path().to_owned() }.into();
    console::file(&name).map(answer).ok_or_else(unknown)
}

fn answer(file: &ConsoleFile) -> Response {
    let headers: [(HeaderName, HeaderValue); 6] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(file.content_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        // A page of another version of the program would ask this one for what it does not have.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, file.text).into_response()
}
