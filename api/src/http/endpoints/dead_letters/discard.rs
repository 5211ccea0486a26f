//! `DELETE /v1/dead-letters/{id}`: takes an event that was quarantined off the list, for good.
//!
//! For operators. Its record stays in the log as long as the log keeps it; no view ever sees it.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::json;

use super::described::{letter, read_id};
use crate::http::answer::json_response;
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// Discards a dead letter.
pub(crate) async fn discard(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    state.config().operator.check("discarding dead letters", claims.as_ref())?;
    QueryString::parse(uri.query())?.only(&[])?;
    let id = read_id(id)?;
    let letter = letter(&state, id)?;
    state.ingest().discard(id, letter.place()).await?;
    Ok(json_response(json!({ "id": id, "status": "discarded" }).to_string(), None))
}
