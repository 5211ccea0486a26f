//! `POST /v1/dead-letters/{id}/retry`: sends an event that was quarantined again, as its bytes are.
//!
//! For operators. The answer is that of an event: accepted with its position, or duplicate, and then the letter leaves the list; or
//! rejected with the reason, which may be another one than before, and then the letter stays. It stays too when the event is refused for now.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::dead_letter::DeadLetter;
use serde_json::json;

use super::super::events::outcome::{describe, position};
use crate::host::ingest::LineOutcome;
use crate::http::answer::json_response;
use crate::http::error::lines::LinesError;
use crate::http::error::resource::ResourceError;
use crate::http::problem::answer::Problem;
use crate::http::query::error::QueryStringError;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// Sends a dead letter again.
pub(crate) async fn retry(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    state.config().operator.check("sending dead letters again", claims.as_ref())?;
    QueryString::parse(uri.query())?.only(&[])?;
    let id = read_id(id)?;
    let letter = letter(&state, id)?;
    let outcome = state.ingest().retry(id, letter).await?;
    let position = position(std::slice::from_ref(&outcome));
    let mut answer = describe(&outcome);
    match outcome {
        LineOutcome::Rejected(fault) => return Err(LinesError::Rejected { fault, answer: json!({ "id": id }) }.into()),
        LineOutcome::Refused(refusal) => return Err(LinesError::Refused { refusal, answer: json!({ "id": id }) }.into()),
        _ => {}
    }
    answer["id"] = id.into();
    Ok(json_response(answer.to_string(), position.as_deref()))
}

fn read_id(id: String) -> Result<u64, QueryStringError> {
    let expected = "the id of a dead letter, a number from 1 on".to_owned();
    id.parse().map_err(|_| QueryStringError::BadParameter { name: "id", value: id, expected })
}

fn letter(state: &ApiState, id: u64) -> Result<DeadLetter, ResourceError> {
    let found = state.views().snapshot().dead_letters(Some(id.saturating_sub(1)), 1).into_iter().next();
    found.filter(|(found, _)| *found == id).map(|(_, letter)| letter).ok_or(ResourceError::UnknownDeadLetter { id })
}
