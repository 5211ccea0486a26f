//! `POST /v1/topics/{topic}`: events of one topic without the line around each, one JSON object or one a line.
//!
//! The answer is that of `POST /v1/events`, and so are the limits: `{...}` is taken as `{"event":{...},"topic":"..."}`, which is also how a line
//! that is refused lies among the dead letters.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use schemas::field::json_string;

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
    append(state, request, |line| line_of(&topic, line)).await
}

/// The line of an event. The topic comes last: of a member that is there twice the last one counts, so nothing inside of the event names another.
fn line_of(topic: &str, event: Vec<u8>) -> Vec<u8> {
    if event.trim_ascii().is_empty() {
        return event;
    }
    let mut end = String::from(",\"topic\":");
    json_string(topic, &mut end);
    end.push('}');
    [b"{\"event\":".as_slice(), &event, end.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_wrapped_and_can_not_name_another_topic() {
        assert_eq!(line_of("bids", b"{\"a\":1}".to_vec()), b"{\"event\":{\"a\":1},\"topic\":\"bids\"}");
        assert_eq!(line_of("bids", b" ".to_vec()), b" ");
        let sly = line_of("bids", b"{},\"topic\":\"others\"".to_vec());
        let read: serde_json::Value = serde_json::from_slice(&sly).unwrap();
        assert_eq!(read["topic"], "bids");
    }
}
