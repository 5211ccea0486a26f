//! The run of a search on a thread of its own, and the end of its answer.

use axum::response::Response;
use schemas::position::{Epoch, Position};
use sinks::search::{QueryError, SearchReader};

use crate::http::answer::json_response;
use crate::http::error::ApiError;
use crate::http::state::ApiState;

/// Runs a search on a thread that may block, when it is its turn.
pub(super) async fn run<T: Send + 'static>(
    state: &ApiState,
    name: &'static str,
    search: impl FnOnce() -> Result<T, QueryError> + Send + 'static,
) -> Result<T, ApiError> {
    let permit = state.search_permits().acquire().await;
    let _permit = permit.map_err(|_| ApiError::Stopping)?;
    let done = tokio::task::spawn_blocking(search).await;
    done.map_err(|error| ApiError::SearchFailed { detail: error.to_string() })?.map_err(|source| ApiError::Query { name, source })
}

/// An index of a view that is not whole can't be asked.
pub(super) fn check_whole(state: &ApiState, reader: &SearchReader) -> Result<(), ApiError> {
    let view = &reader.index().view;
    state.views().hydration(view).map_or(Ok(()), |hydration| Err(ApiError::Hydrating { view: view.clone(), hydration }))
}

/// Ends an answer with the position that it shows.
pub(super) fn finish(state: &ApiState, epoch: Epoch, mut json: String) -> Response {
    let position = Position { timeline: state.views().timeline(), epoch }.to_string();
    json.extend([",\"position\":\"", &position, "\"}"]);
    json_response(json, Some(&position))
}
