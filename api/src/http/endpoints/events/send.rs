//! `POST /v1/events`: one event as a JSON object, or one a line; each `{"topic":..,"event":{..}}`.
//!
//! The answer has one result per line: accepted with its position, duplicate, rejected with a reason, forbidden to this sender, or refused
//! for now. It is 200 as soon as the lines were looked at, whatever became of each; only a request of a single event that is rejected is 422,
//! one of which every line is forbidden is 403, and one of which every line is refused is 429 or 503, with the same members. While
//! lines are refused, `Retry-After` says when to send them again. A request is refused before its body is looked at, and then has no
//! results, while its client has as many of them under way as one may have, or there is no memory for it.
//! CloudEvents are refused as a whole (422) when one of a request is none.
//! `position` is what `after` takes to read one's own writes. A body may be compressed (`Content-Encoding: gzip` or `zstd`).

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use hyper::body::Body as _;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::line::{cloud_event_lines, line_of};
use super::outcome::{describe, position};
use crate::host::ingest::{Forbidden, LineOutcome, Refusal};
use crate::http::answer::json_response;
use crate::http::body::{JSON, JSON_LINES, declared_length, discard_body, media_type, read_body, sent_media_type};
use crate::http::cloud_events::{self, CloudEventsForm};
use crate::http::encoding::EVENT_ENCODINGS;
use crate::http::error::body::BodyError;
use crate::http::error::lines::LinesError;
use crate::http::limits::EVENTS_LINES_MAX;
use crate::http::problem::answer::{Problem, retry_after_value};
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// Appends events.
pub(crate) async fn events(State(state): State<ApiState>, request: Request) -> Result<Response, Problem> {
    append(state, request, None).await
}

/// Appends the events of a request: lines, or those of a topic, which have no line around them; or CloudEvents.
pub(in crate::http::endpoints) async fn append(
    state: ApiState,
    request: Request,
    topic: Option<&str>,
) -> Result<Response, Problem> {
    let claims = state.claims(request.headers())?;
    let config = state.config();
    let sender = config.ingest.sender("sending events", claims.as_ref(), config.actor_claim.as_deref())?;
    let (parts, body) = request.into_parts();
    let query = QueryString::parse(parts.uri.query())?;
    query.only(if topic.is_some() { &["key"] } else { &[] })?;
    let key = query.one("key")?;
    let form = CloudEventsForm::of(&parts.headers)?;
    if form.is_some() {
        query.only(&[])?;
    }
    let is_json = form.is_some() || is_single_json(&parts.headers)?;
    let _place = state.clients().producer()?;
    let lines_of = |body: &[u8]| -> Result<Vec<Vec<u8>>, Problem> {
        match (form, topic) {
            (Some(form), _) => {
                let events = cloud_events::read(form, &parts.headers, body)?;
                Ok(cloud_event_lines(&state, &sender, topic, events)?)
            }
            (None, None) => Ok(lines(body, is_json)?),
            (None, Some(topic)) => Ok(lines(body, is_json)?.into_iter().map(|line| line_of(topic, key, line)).collect()),
        }
    };
    let lines = read_lines(&state, &parts.headers, body, lines_of).await?;
    let is_single = lines.len() == 1;
    // A batch of CloudEvents may have none.
    let outcomes = if lines.is_empty() { Vec::new() } else { state.ingest().submit(lines, sender).await? };
    let position = position(&outcomes);
    let answer = answer(&outcomes, position.as_deref());
    let refusal = refusal(&outcomes);
    if let Some(forbidden) = only_forbidden(&outcomes) {
        return Err(LinesError::Forbidden { forbidden, answer }.into());
    }
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

/// Reads a body, of which nothing but its lines is kept. Without memory for it nothing at all is; it is kept free until the lines are there.
async fn read_lines(
    state: &ApiState,
    headers: &HeaderMap,
    body: Body,
    lines_of: impl FnOnce(&[u8]) -> Result<Vec<Vec<u8>>, Problem>,
) -> Result<Vec<Vec<u8>>, Problem> {
    let bytes_max = state.config().limits.events_body_bytes_max;
    let _memory = match state.ingest().reserve_memory(bytes_to_come(headers, &body, bytes_max as u64)) {
        Ok(memory) => memory,
        Err(refusal) => {
            discard_body(body, bytes_max).await;
            return Err(LinesError::Refused { refusal, answer: answer(&[], None) }.into());
        }
    };
    let body = read_body(headers, body, EVENT_ENCODINGS, bytes_max).await?;
    lines_of(&body)
}

/// The bytes that a body may have: as many as it says, or as one may have if it does not say or is compressed. One that is too long at any
/// time is refused as that, and needs none.
fn bytes_to_come(headers: &HeaderMap, body: &Body, bytes_max: u64) -> u64 {
    let is_compressed = headers.contains_key(header::CONTENT_ENCODING);
    match declared_length(headers).or_else(|| body.size_hint().exact()) {
        Some(bytes) if bytes > bytes_max => 0,
        Some(bytes) if !is_compressed => bytes,
        _ => bytes_max,
    }
}

/// Returns the reason why lines are refused, if some are.
fn refusal(outcomes: &[LineOutcome]) -> Option<Refusal> {
    outcomes.iter().find_map(|outcome| match outcome {
        LineOutcome::Refused(refusal) => Some(*refusal),
        _ => None,
    })
}

/// Returns the first reason why lines are forbidden, if all are that have something in them.
fn only_forbidden(outcomes: &[LineOutcome]) -> Option<Forbidden> {
    let mut found = outcomes.iter().filter(|outcome| !matches!(outcome, LineOutcome::Empty)).map(|outcome| match outcome {
        LineOutcome::Forbidden(forbidden) => Some(forbidden.clone()),
        _ => None,
    });
    let first = found.next().flatten()?;
    found.all(|forbidden| forbidden.is_some()).then_some(first)
}

/// Returns true if the body may be a single JSON object over several lines.
pub(in crate::http::endpoints) fn is_single_json(headers: &HeaderMap) -> Result<bool, BodyError> {
    match media_type(headers).as_deref() {
        None | Some(JSON) => Ok(true),
        Some(lines) if JSON_LINES.contains(&lines) => Ok(false),
        Some(_) => Err(BodyError::UnsupportedMediaType { found: sent_media_type(headers) }),
    }
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
        "forbidden": count(|outcome| matches!(outcome, LineOutcome::Forbidden(_))),
        "refused": count(|outcome| matches!(outcome, LineOutcome::Refused(_))),
        "position": position,
    })
}
