//! `POST /v1/events`: one event as a JSON object, or one a line; each `{"topic":..,"event":{..}}`.
//!
//! The answer has one result per line: accepted with its position, duplicate, rejected with a reason, or refused for now. It is 200 as
//! soon as the lines were looked at, whatever became of each; only a request of a single event that is rejected is 422, and one of which
//! every line is refused is 429 or 503, with the same members. While lines are refused, `Retry-After` says when to send them again.
//! `position` is what `after` takes to read one's own writes.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::outcome::{describe, position};
use crate::host::ingest::{LineOutcome, Refusal};
use crate::http::answer::json_response;
use crate::http::error::body::BodyError;
use crate::http::error::lines::LinesError;
use crate::http::limits::EVENTS_LINES_MAX;
use crate::http::problem::answer::{Problem, retry_after_value};
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

const JSON: &str = "application/json";
const JSON_LINES: [&str; 4] = ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];

/// Appends events.
pub(crate) async fn events(State(state): State<ApiState>, request: Request) -> Result<Response, Problem> {
    let claims = state.claims(request.headers())?;
    state.config().ingest.check("sending events", claims.as_ref())?;
    QueryString::parse(request.uri().query())?.only(&[])?;
    let is_json = is_single_json(request.headers())?;
    let body = body(request, &state).await?;
    let lines = lines(&body, is_json)?;
    let is_single = lines.len() == 1;
    let outcomes = state.ingest().submit(lines).await?;
    let position = position(&outcomes);
    let answer = answer(&outcomes, position.as_deref());
    let refusal = refusal(&outcomes);
    let is_any_taken = outcomes.iter().any(|outcome| !matches!(outcome, LineOutcome::Refused(_) | LineOutcome::Empty));
    match (refusal, outcomes.into_iter().next()) {
        (Some(refusal), _) if !is_any_taken => Err(LinesError::Refused { refusal, answer }.into()),
        (None, Some(LineOutcome::Rejected(fault))) if is_single => Err(LinesError::Rejected { fault, answer }.into()),
        (refusal, _) => {
            let mut response = json_response(answer.to_string(), position.as_deref());
            if let Some(refusal) = refusal {
                response.headers_mut().insert(header::RETRY_AFTER, retry_after_value(refusal.retry_after()));
            }
            Ok(response)
        }
    }
}

/// Returns the reason why lines are refused, if some are.
fn refusal(outcomes: &[LineOutcome]) -> Option<Refusal> {
    outcomes.iter().find_map(|outcome| match outcome {
        LineOutcome::Refused(refusal) => Some(*refusal),
        _ => None,
    })
}

/// Returns true if the body may be a single JSON object over several lines.
pub(in crate::http::endpoints) fn is_single_json(headers: &HeaderMap) -> Result<bool, BodyError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(true) };
    let found = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let kind = found.split_once(';').map_or(found.as_str(), |(kind, _)| kind).trim().to_ascii_lowercase();
    match kind.as_str() {
        JSON => Ok(true),
        lines if JSON_LINES.contains(&lines) => Ok(false),
        _ => Err(BodyError::UnsupportedMediaType { found }),
    }
}

/// Reads a body of events within its limit.
pub(in crate::http::endpoints) async fn body(request: Request, state: &ApiState) -> Result<Bytes, BodyError> {
    let bytes_max = state.config().limits.events_body_bytes_max;
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > bytes_max as u64) {
        return Err(BodyError::TooLarge { bytes_max });
    }
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => BodyError::TooLarge { bytes_max },
        other => BodyError::Broken { detail: other.body_text() },
    })
}

/// The lines of a body; bytes that are not UTF-8 are a fault of their line.
pub(in crate::http::endpoints) fn lines(body: &[u8], is_json: bool) -> Result<Vec<Vec<u8>>, BodyError> {
    if body.trim_ascii().is_empty() {
        return Err(BodyError::Empty);
    }
    let is_spread = is_json && body.trim_ascii().contains(&b'\n') && serde_json::from_slice::<IgnoredAny>(body).is_ok();
    if is_spread {
        return Ok(vec![body.to_vec()]);
    }
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let lines = body.iter().filter(|byte| **byte == b'\n').count() + 1;
    if lines > EVENTS_LINES_MAX {
        return Err(BodyError::TooManyLines { lines, lines_max: EVENTS_LINES_MAX });
    }
    Ok(body.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec()).collect())
}

fn answer(outcomes: &[LineOutcome], position: Option<&str>) -> Value {
    let count = |is: fn(&LineOutcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    json!({
        "results": outcomes.iter().map(describe).collect::<Vec<_>>(),
        "accepted": count(|outcome| matches!(outcome, LineOutcome::Accepted(_))),
        "duplicate": count(|outcome| matches!(outcome, LineOutcome::Duplicate(_))),
        "rejected": count(|outcome| matches!(outcome, LineOutcome::Rejected(_))),
        "refused": count(|outcome| matches!(outcome, LineOutcome::Refused(_))),
        "position": position,
    })
}
