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

/// All topics, for whoever may send events.
pub(crate) async fn topics(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    state.config().ingest.check("listing topics", claims.as_ref())?;
    QueryString::parse(uri.query())?.only(&[])?;
    let topics: Vec<Value> = state.ingest().topics()?.iter().map(describe).collect();
    let position = state.views().position().to_string();
    Ok(json_response(json!({ "topics": topics, "position": position }).to_string(), Some(&position)))
}

fn describe(topic: &TopicInfo) -> Value {
    let partition = |(number, (earliest, next)): (usize, &(Offset, Offset))| json!({ "partition": number, "earliest": earliest.0, "next": next.0 });
    let partitions: Vec<Value> = topic.partitions.iter().enumerate().map(partition).collect();
    json!({ "name": topic.name.as_str(), "message": topic.message, "partitions": partitions })
}
