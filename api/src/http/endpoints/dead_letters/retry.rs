//! `POST /v1/dead-letters/{id}/retry`: sends an event that was quarantined again, as its bytes are or as the line in the body.
//!
//! For operators. A body is one event in a form that `POST /v1/events` takes, and replaces the event; without one the event is sent as it was. The
//! answer is that of an event: accepted with its position, or duplicate, and then the letter leaves the list; or rejected with the reason,
//! which may be another one than before, and then the letter stays. It stays too when the event is refused for now, and when it is of another
//! actor than its sender was tied to: who is sure of it sends the line in its place.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::json;

use super::super::events::outcome::{describe, position};
use super::super::events::send::{is_single_json, lines};
use super::described::{letter, read_id};
use crate::host::ingest::LineOutcome;
use crate::http::answer::json_response;
use crate::http::body::read_body;
use crate::http::encoding::EVENT_ENCODINGS;
use crate::http::error::body::BodyError;
use crate::http::error::lines::LinesError;
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// Sends a dead letter again.
pub(crate) async fn retry(State(state): State<ApiState>, Path(id): Path<String>, request: Request) -> Result<Response, Problem> {
    let claims = state.claims(request.headers())?;
    state.config().operator.check("sending dead letters again", claims.as_ref())?;
    QueryString::parse(request.uri().query())?.only(&[])?;
    let id = read_id(id)?;
    let letter = letter(&state, id)?;
    let replacement = replacement(request, &state).await?;
    let outcome = state.ingest().retry(id, letter, replacement).await?;
    let position = position(std::slice::from_ref(&outcome));
    let mut answer = describe(&outcome);
    match outcome {
        LineOutcome::Rejected(fault) => return Err(LinesError::Rejected { fault, answer: json!({ "id": id }) }.into()),
        LineOutcome::Forbidden(forbidden) => return Err(LinesError::Forbidden { forbidden, answer: json!({ "id": id }) }.into()),
        LineOutcome::Refused(refusal) => return Err(LinesError::Refused { refusal, answer: json!({ "id": id }) }.into()),
        _ => {}
    }
    answer["id"] = id.into();
    Ok(json_response(answer.to_string(), position.as_deref()))
}

/// The line that replaces a letter; `None` without a body.
async fn replacement(request: Request, state: &ApiState) -> Result<Option<Vec<u8>>, BodyError> {
    let is_json = is_single_json(request.headers());
    let (parts, body) = request.into_parts();
    let body = read_body(&parts.headers, body, EVENT_ENCODINGS, state.config().limits.events_body_bytes_max).await?;
    if body.is_empty() {
        return Ok(None);
    }
    let mut lines = lines(&body, is_json?)?;
    match (lines.pop(), lines.len()) {
        (line, 0) => Ok(line),
        (_, others) => Err(BodyError::NotOneLine { lines: others + 1 }),
    }
}
