//! `GET /v1/shape`: the rows of a public view and every change of them, by the protocol of ElectricSQL: requests in a row, or held until
//! something changes, whose answers caches keep and share. Its clients need no change.
//!
//! - `table`: the view; `columns`, `where` (`column = 'value'` or `column = $1`, joined by AND, as an index serves it), `params[1]`,
//!   `replica=full`.
//! - `key=a,b`: columns that tell rows apart, so that a changed row is an update. Without it all columns do, and a changed row is deleted and
//!   inserted.
//! - `offset`: `-1` for the beginning, `now` for the end, or the `electric-offset` of the answer before, with its `electric-handle` as `handle`.
//!   `log=changes_only` begins at the end.
//! - `live=true`: waits for a change at the end of the log; `cursor` is the `electric-cursor` of the answer before.
//! - `expired_handle`, `cache-buster`: sent by a client that began again.
//!
//! 409 with `must-refetch` tells a client to begin again under the handle of the answer: the view was replaced, the process started again, or
//! what the client has missed is not remembered any more.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use schemas::position::Position;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::http::answer::json_response;
use crate::http::caller::client;
use crate::http::problem::answer::Problem;
use crate::http::query::shape::AskedShape;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
use crate::shapes::error::ShapeError;
use crate::shapes::handle::ShapeHandle;
use crate::shapes::limits::{SHAPE_FIXED_TIME, SHAPE_LATEST_TIME, SHAPE_WAIT};
use crate::shapes::shape::{Shape, ShapeAnswer, ShapePart};
use crate::subscriptions::stopping::Stopping;

const HANDLE: HeaderName = HeaderName::from_static("electric-handle");
const OFFSET: HeaderName = HeaderName::from_static("electric-offset");
const SCHEMA: HeaderName = HeaderName::from_static("electric-schema");
const CURSOR: HeaderName = HeaderName::from_static("electric-cursor");
const UP_TO_DATE: HeaderName = HeaderName::from_static("electric-up-to-date");
const TRUE: HeaderValue = HeaderValue::from_static("true");
/// The message that tells a client to begin again.
const MUST_REFETCH: &str = r#"[{"headers":{"control":"must-refetch"}}]"#;

/// A part of a shape.
pub(crate) async fn shape(
    State(state): State<ApiState>,
    uri: Uri,
    headers: HeaderMap,
    stopping: Option<Extension<Stopping>>,
) -> Result<Response, Problem> {
    // An answer has nothing to do with a token, but one that is sent has to be good.
    let is_to_somebody = state.claims(&headers)?.is_some();
    let asked = AskedShape::of(&QueryString::parse(uri.query())?)?;
    state.clients().count_view(&asked.question.view)?;
    let of_live = |error| Problem::from(error).field("live");
    let _place = if asked.request.is_live { state.clients().wait().map_err(of_live)? } else { None };
    let mut response = answered(&state, &asked, stopping.map(|Extension(stopping)| stopping)).await?;
    if is_to_somebody {
        // Nobody else gets it from a cache, as with every answer to a token.
        response.headers_mut().remove(header::CACHE_CONTROL);
    }
    Ok(response)
}

/// Answers as soon as there is something to say, or when it was waited for long enough.
async fn answered(state: &ApiState, asked: &AskedShape, mut stopping: Option<Stopping>) -> Result<Response, ShapeError> {
    // Made before the first look, so that nothing is published in between unnoticed.
    let mut published = state.catalog().published();
    // An operator may allow requests less time.
    let deadline = Instant::now() + SHAPE_WAIT.min(state.config().limits.request_timeout / 2);
    let open = || state.shapes().open(&asked.question, client());
    let mut shape = open()?;
    let mut is_last_look = !asked.request.is_live;
    loop {
        match shape.answer(&asked.request, is_last_look)? {
            ShapeAnswer::Replaced => shape = open()?,
            ShapeAnswer::Nothing => is_last_look = !goes_on(&mut published, stopping.as_mut(), deadline).await,
            ShapeAnswer::Part(part) => return Ok(messages(&shape, &part, asked)),
            ShapeAnswer::Refetch(handle) => return Ok(refetch(handle)),
        }
    }
}

/// Waits until something is published; false when nothing more is waited for.
async fn goes_on(published: &mut watch::Receiver<Position>, stopping: Option<&mut Stopping>, deadline: Instant) -> bool {
    let stopped = async {
        match stopping {
            Some(stopping) => stopping.wait().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        changed = published.changed() => changed.is_ok(),
        () = sleep_until(deadline) => false,
        () = stopped => false,
    }
}

/// Messages as an answer, with what their reader asks next.
fn messages(shape: &Shape, part: &ShapePart, asked: &AskedShape) -> Response {
    let mut body = format!("[{}", part.text);
    if let Some(epoch) = part.up_to_date {
        body.push_str(if part.text.is_empty() { "" } else { "," });
        body.push_str(&format!(r#"{{"headers":{{"control":"up-to-date","global_last_seen_lsn":"{epoch}"}}}}"#));
    }
    body.push(']');
    let mut response = json_response(body, None);
    note(&mut response, HANDLE, &part.handle.to_string());
    note(&mut response, OFFSET, &part.behind.to_string());
    if asked.request.is_live {
        // Behind messages the offset is another one already.
        let given = asked.cursor.as_deref().filter(|_| part.text.is_empty());
        note(&mut response, CURSOR, &next_cursor(given, SystemTime::now()).to_string());
    } else {
        note(&mut response, SCHEMA, shape.schema());
    }
    if part.up_to_date.is_some() {
        response.headers_mut().insert(UP_TO_DATE, TRUE);
    }
    note(&mut response, header::CACHE_CONTROL, &kept_for(if part.is_fixed { SHAPE_FIXED_TIME } else { SHAPE_LATEST_TIME }));
    response
}

/// Tells a client to begin again under a handle.
fn refetch(handle: ShapeHandle) -> Response {
    let mut response = json_response(MUST_REFETCH.to_owned(), None);
    *response.status_mut() = StatusCode::CONFLICT;
    note(&mut response, HANDLE, &handle.to_string());
    note(&mut response, header::CACHE_CONTROL, &kept_for(SHAPE_LATEST_TIME));
    response
}

fn kept_for(time: Duration) -> String {
    format!("public, max-age={}", time.as_secs())
}

fn note(response: &mut Response, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => drop(response.headers_mut().insert(name, value)),
        Err(error) => unreachable!("'{value}' is no value of {name}: {error}"),
    }
}

/// The cursor of the next live request: the same for all who ask in the same interval, so that they share an address, and another one than the
/// given one, so that a cache does not answer with what it has.
fn next_cursor(cursor: Option<&str>, now: SystemTime) -> u64 {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let next = seconds / SHAPE_WAIT.as_secs() + 1;
    match cursor.and_then(|text| text.parse::<u64>().ok()) {
        Some(given) if given >= next => given.saturating_add(1),
        _ => next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_of_the_same_time_share_a_cursor_and_none_gets_the_same_one_twice() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!([0, 19, 20, 39].map(|seconds| next_cursor(None, at(seconds))), [1, 1, 2, 2]);
        assert_eq!(next_cursor(Some(""), at(40)), 3);
        assert_eq!(next_cursor(Some("2"), at(40)), 3);
        assert_eq!(next_cursor(Some("3"), at(40)), 4);
        assert_eq!(next_cursor(Some("4"), at(40)), 5);
    }
}
