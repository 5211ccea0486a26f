//! `GET /metrics`: what Prometheus scrapes. It names views and counts rows, and shows none, so it needs no token.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::http::error::health::HealthError;
use crate::http::problem::answer::Problem;
use crate::http::state::ApiState;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics.
pub(crate) async fn metrics(State(state): State<ApiState>) -> Result<Response, Problem> {
    let text = state.metrics().text().map_err(|error| HealthError::Metrics { detail: error.to_string() })?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
