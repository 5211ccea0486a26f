//! The endpoints, one file each: extract, read, convert.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

pub(crate) mod console;
pub(crate) mod dead_letters;
pub(crate) mod deployments;
pub(crate) mod events;
pub(crate) mod fallback;
pub(crate) mod healthz;
pub(crate) mod invalidations;
pub(crate) mod metrics;
pub(crate) mod readyz;
pub(crate) mod records;
pub(crate) mod retry;
pub(crate) mod search;
pub(crate) mod status;
pub(crate) mod subscribe;
pub(crate) mod suggestions;
pub(crate) mod topics;
pub(crate) mod topology;
pub(crate) mod view;
pub(crate) mod views;
pub(crate) mod why;

/// The header that carries the position of an answer.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("tidewater-position");

/// A JSON answer and the position it shows, if it shows one.
fn json_response(json: String, position: Option<&str>) -> Response {
    let mut response = json.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(position) = position.and_then(|text| HeaderValue::from_str(text).ok()) {
        response.headers_mut().insert(POSITION, position);
    }
    response
}
