//! The layers before every endpoint: limits on the request, on the number of requests and on their time, and the request counter.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::SemaphorePermit;
use tracing::Instrument;

use crate::http::error::limit::LimitError;
use crate::http::limits::{HEADERS_BYTES_MAX, URI_BYTES_MAX};
use crate::http::problem::answer::Problem;
use crate::http::request_log::RequestLog;
use crate::http::state::ApiState;

/// The route label of requests to nowhere.
const UNMATCHED: &str = "unmatched";

/// Answers within the limits, and counts the answer.
pub(crate) async fn guard(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let log = RequestLog::of(&request);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = match answer(&state, request, next).instrument(log.span()).await {
        Ok(response) => response,
        Err(error) => log.span().in_scope(|| Problem::from(error).into_response()),
    };
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    log.write(route, response.status().as_u16(), started.elapsed());
    state.metrics().observe(route, response.status().as_u16(), started.elapsed());
    response
}

async fn answer(state: &ApiState, request: Request, next: Next) -> Result<Response, LimitError> {
    let limits = &state.config().limits;
    let _permit = permit(state, request.uri().path())?;
    check_size(request.uri().path_and_query().map_or(0, |uri| uri.as_str().len()), request.headers())?;
    let seconds = limits.request_timeout.as_secs();
    tokio::time::timeout(limits.request_timeout, next.run(request)).await.map_err(|_| LimitError::Timeout { seconds })
}

/// A place among the requests that are answered; health checks and scrapes need none, so they work under load.
fn permit<'a>(state: &'a ApiState, path: &str) -> Result<Option<SemaphorePermit<'a>>, LimitError> {
    if !path.starts_with("/v1/") {
        return Ok(None);
    }
    let requests_max = state.config().limits.requests_max;
    state.permits().try_acquire().map(Some).map_err(|_| LimitError::Busy { requests_max })
}

fn check_size(uri_bytes: usize, headers: &HeaderMap) -> Result<(), LimitError> {
    if uri_bytes > URI_BYTES_MAX {
        return Err(LimitError::UriTooLong { bytes: uri_bytes, bytes_max: URI_BYTES_MAX });
    }
    let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > HEADERS_BYTES_MAX {
        return Err(LimitError::HeadersTooLarge { bytes, bytes_max: HEADERS_BYTES_MAX });
    }
    Ok(())
}
