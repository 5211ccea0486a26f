//! `GET /metrics`: what Prometheus scrapes, in its text format 0.0.4 or, by `Accept`, as OpenMetrics. It names views and counts rows, and shows none,
//! so it needs no token.

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::blocking::BlockingError;
use crate::http::error::health::HealthError;
use crate::http::error::limit::LimitError;
use crate::http::metrics::format::MetricsFormat;
use crate::http::problem::answer::Problem;
use crate::http::state::ApiState;

/// All metrics. Writing them looks at every view and at the disk, so it keeps no other request waiting.
pub(crate) async fn metrics(State(state): State<ApiState>, headers: HeaderMap) -> Result<Response, Problem> {
    let format = MetricsFormat::of(&headers);
    let failed = |detail: String| HealthError::Metrics { detail };
    let written = {
        let state = state.clone();
        move || state.metrics().write(format)
    };
    let text = state.scrapes().run(written).await.map_err(|error| match error {
        BlockingError::TooManyWaiting { waiting_max } => Problem::from(LimitError::TooManyScrapes { waiting_max }),
        error @ BlockingError::Ended { .. } => failed(error.to_string()).into(),
    })?;
    let text = text.map_err(|error| failed(error.to_string()))?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(format.media_type())), (VARY, HeaderValue::from_static("accept"))];
    Ok((headers, text).into_response())
}
