//! `GET /metrics`: what Prometheus scrapes, in its text format 0.0.4 or, by `Accept`, as OpenMetrics. It names views and counts rows, and shows none,
//! so it needs no token.

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::http::error::health::HealthError;
use crate::http::metrics::format::MetricsFormat;
use crate::http::problem::answer::Problem;
use crate::http::state::ApiState;

/// All metrics.
pub(crate) async fn metrics(State(state): State<ApiState>, headers: HeaderMap) -> Result<Response, Problem> {
    let format = MetricsFormat::of(&headers);
    let text = state.metrics().write(format).map_err(|error| HealthError::Metrics { detail: error.to_string() })?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(format.media_type())), (VARY, HeaderValue::from_static("accept"))];
    Ok((headers, text).into_response())
}
