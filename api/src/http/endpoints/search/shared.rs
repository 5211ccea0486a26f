//! The wait before a search, and the end of its answer.

use std::time::Instant;

use axum::response::Response;
use schemas::position::{Epoch, Position};
use sinks::search::SearchReader;

use crate::http::answer::json_response;
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::query::wait::{After, after};
use crate::http::state::ApiState;

/// Counts the request to the view of a full-text index, and waits until the index shows what `after` names. `wait` is the time for both: until
/// the view shows it, and then the index.
pub(super) async fn until_searchable(state: &ApiState, query: &QueryString<'_>, reader: &SearchReader) -> Result<(), Problem> {
    state.clients().count_view(&reader.index().view)?;
    let Some(After { token, wait }) = after(query)? else { return Ok(()) };
    let _place = state.clients().wait()?;
    let begun = Instant::now();
    state.catalog().until_visible(&token, wait).await?;
    Ok(state.catalog().until_searchable(&token, wait.saturating_sub(begun.elapsed()), reader).await?)
}

/// Ends an answer with the position that it shows.
pub(super) fn finish(state: &ApiState, epoch: Epoch, mut json: String) -> Response {
    let position = Position { timeline: state.views().timeline(), epoch }.to_string();
    json.extend([",\"position\":\"", &position, "\"}"]);
    json_response(json, Some(&position))
}
