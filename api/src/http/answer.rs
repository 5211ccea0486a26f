//! Answers that are no problems: JSON, with the position that it shows.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// The header that carries the position of an answer.
const POSITION: HeaderName = HeaderName::from_static("tidewater-position");

/// A JSON answer and the position it shows, if it shows one.
pub(crate) fn json_response(json: impl Into<Body>, position: Option<&str>) -> Response {
    let mut response = Response::new(json.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    note_position(&mut response, position);
    response
}

/// Says in an answer which position it shows.
pub(crate) fn note_position(response: &mut Response, position: Option<&str>) {
    if let Some(position) = position.and_then(|text| HeaderValue::from_str(text).ok()) {
        response.headers_mut().insert(POSITION, position);
    }
}
