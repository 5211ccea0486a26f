//! `GET /v1/topics/{topic}/records?partition=&offset=&limit=`: the records of a derived topic, of complete epochs only.
//!
//! For operators, or for everyone where the view that the topic follows is granted to PUBLIC. `next` is the offset to ask for next, also when
//! nothing came: a reader goes on from there for ever. An answer has fewer records than asked for when they have many bytes.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::position::Offset;
use serde_json::{Value, json};

use crate::host::derived::{RecordPage, TopicRecord};
use crate::http::answer::json_response;
use crate::http::error::resource::ResourceError;
use crate::http::limits::{RECORDS_DEFAULT, RECORDS_MAX};
use crate::http::problem::answer::Problem;
use crate::http::query::error::QueryStringError;
use crate::http::query::path::name_in_path;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// A page of records.
pub(crate) async fn records(
    State(state): State<ApiState>,
    topic: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let topic = name_in_path(topic, &uri)?;
    let claims = state.claims(&headers)?;
    let derived = state.config().derived.clone();
    let view = derived.as_ref().and_then(|derived| derived.view_of(&topic));
    if !view.as_ref().is_some_and(|view| state.catalog().is_public(view)) {
        state.config().operator.check("reading a derived topic", claims.as_ref())?;
    }
    let (Some(derived), Some(_)) = (derived, view) else { return Err(ResourceError::UnknownTopic { topic }.into()) };
    let query = QueryString::parse(uri.query())?;
    query.only(&["partition", "offset", "limit"])?;
    query.number("partition", 0, 0, 0)?;
    let limit = query.number("limit", RECORDS_DEFAULT, 1, RECORDS_MAX)?;
    let from = match query.one("offset")? {
        None => None,
        Some(_) => Some(Offset(query.number("offset", 0, 0, usize::MAX)? as u64)),
    };
    let page = derived.records(&topic, from, limit, state.config().limits.page_bytes_max).await?;
    if let Some(from) = from.filter(|from| *from < page.earliest || *from > page.end) {
        let expected = format!("an offset from {} to {}, which the topic has", page.earliest, page.end);
        return Err(QueryStringError::BadParameter { name: "offset", value: from.to_string(), expected }.into());
    }
    let position = state.views().position().to_string();
    Ok(json_response(describe(&topic, &page).to_string(), Some(&position)))
}

fn describe(topic: &str, page: &RecordPage) -> Value {
    // Offsets may have gaps: where nothing is left before the end, it goes on behind that.
    let next = page.records.last().map_or(page.end.max(page.earliest), |last| last.offset.behind());
    json!({
        "topic": topic,
        "partition": 0,
        "earliest": page.earliest.0,
        "end": page.end.0,
        "records": page.records.iter().map(record).collect::<Vec<_>>(),
        "next": next.0,
    })
}

fn record(record: &TopicRecord) -> Value {
    // Every record of a derived topic is an object; another record is served as the text that it is.
    let text = || Value::String(String::from_utf8_lossy(&record.value).into_owned());
    let value: Value = serde_json::from_slice(&record.value).unwrap_or_else(|_| text());
    json!({
        "offset": record.offset.0,
        "timestamp": record.timestamp,
        "key": String::from_utf8_lossy(&record.key),
        "value": value,
    })
}
