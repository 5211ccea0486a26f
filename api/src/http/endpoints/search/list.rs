//! `GET /v1/search`: the full-text indexes that the caller may search.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use sinks::search::SearchReader;

use crate::http::answer::json_response;
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// The indexes by name.
pub(crate) async fn searches(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    QueryString::parse(uri.query())?.only(&[])?;
    let indexes: Vec<Value> = state.catalog().searches(claims.as_ref()).iter().map(describe).collect();
    Ok(json_response(json!({ "indexes": indexes }).to_string(), None))
}

fn describe(reader: &SearchReader) -> Value {
    let index = reader.index();
    let columns = reader.columns().iter().zip(index.columns()).map(|(column, position)| {
        let (is_searched, is_included) = (index.searched.contains(&position), index.included.contains(&position));
        json!({ "name": column.name, "type": column.kind.sql_name(), "searched": is_searched, "included": is_included })
    });
    let state = if reader.epoch().is_some() { "ready" } else { "building" };
    json!({ "name": index.name, "view": index.view, "columns": columns.collect::<Vec<_>>(), "state": state })
}
