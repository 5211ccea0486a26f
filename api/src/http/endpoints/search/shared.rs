//! The wait before a search, and the end of its answer.

use axum::response::Response;
use schemas::position::{Epoch, Position};
use sinks::search::SearchReader;

use crate::http::answer::json_response;
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::query::wait::{After, after};
use crate::http::state::ApiState;

/// Waits until a full-text index shows what `after` names.
pub(super) async fn until_searchable(state: &ApiState, query: &QueryString<'_>, reader: &SearchReader) -> Result<(), Problem> {
    let Some(After { token, wait }) = after(query)? else { return Ok(()) };
    state.catalog().until_visible(&token, wait).await?;
    Ok(state.catalog().until_searchable(&token, wait, reader).await?)
}

/// Ends an answer with the position that it shows.
pub(super) fn finish(state: &ApiState, epoch: Epoch, mut json: String) -> Response {
    let position = Position { timeline: state.views().timeline(), epoch }.to_string();
    json.extend([",\"position\":\"", &position, "\"}"]);
    json_response(json, Some(&position))
}
