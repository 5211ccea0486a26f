//! `GET /v1/topics`: the topics that events can be sent to, with the message of each and the offsets of its partitions.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::position::Offset;
use serde_json::{Value, json};

use crate::host::ingest::TopicInfo;
use crate::http::answer::json_response;
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// All topics that the caller may send events to.
pub(crate) async fn topics(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    let sender = state.config().ingest.sender("listing topics", claims.as_ref(), None)?;
    QueryString::parse(uri.query())?.only(&[])?;
    let topics = state.ingest().topics()?;
    let topics = topics.iter().filter(|topic| sender.check_topic(topic.name.as_str()).is_ok()).map(describe).collect::<Vec<_>>();
    let position = state.views().position().to_string();
    Ok(json_response(json!({ "topics": topics, "position": position }).to_string(), Some(&position)))
}

fn describe(topic: &TopicInfo) -> Value {
    let partition = |(number, (earliest, next)): (usize, &(Offset, Offset))| json!({ "partition": number, "earliest": earliest.0, "next": next.0 });
    let partitions: Vec<Value> = topic.partitions.iter().enumerate().map(partition).collect();
    json!({ "name": topic.name.as_str(), "message": topic.message, "partitions": partitions })
}
