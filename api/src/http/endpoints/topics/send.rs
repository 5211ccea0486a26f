//! `POST /v1/topics/{topic}`: events of one topic without the line around each, one JSON object or one a line.
//!
//! The answer is that of `POST /v1/events`, and so are the limits: `{...}` is taken as `{"event":{...},"topic":"..."}`, which is also how a line
//! that is refused lies among the dead letters. A CloudEvent is an event too, in each of its forms.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;

use crate::http::endpoints::events::send::append;
use crate::http::error::resource::ResourceError;
use crate::http::problem::answer::Problem;
use crate::http::query::path::name_in_path;
use crate::http::state::ApiState;

/// Appends events of a topic.
pub(crate) async fn events(
    State(state): State<ApiState>,
    topic: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let topic = name_in_path(topic, request.uri())?;
    // Who may not send learns nothing of the topics there are, and who may send to some nothing of the others.
    let claims = state.claims(request.headers())?;
    let sender = state.config().ingest.sender("sending events", claims.as_ref(), state.config().actor_claim.as_deref())?;
    if sender.check_topic(&topic).is_err() || !state.ingest().takes(&topic) {
        return Err(ResourceError::UnknownEventTopic { topic }.into());
    }
    append(state, request, Some(&topic)).await
}
