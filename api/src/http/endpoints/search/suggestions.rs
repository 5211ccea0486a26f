//! `GET /v1/search/{index}/suggest?prefix=`: how what somebody types may go on, the most popular first.
//!
//! - `prefix`: the beginning of a word, or of a value where the index says which column is suggested; `limit`: how many.
//! - conditions on included columns, `after` and `wait`: as of a search.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::field::json_string;
use sinks::search::{Popularity, Suggestion};

use super::shared::{check_whole, finish, run};
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::state::ApiState;
use crate::read::limits::{SUGGESTIONS_DEFAULT, SUGGESTIONS_MAX};
use crate::read::search::HitView;
use crate::read::wait::until_searchable;

/// The parameters that are not conditions.
const PARAMETERS: &[&str] = &["prefix", "limit", "after", "wait"];

/// Words or values that begin so.
pub(crate) async fn suggestions(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|_| ApiError::BadEncoding { text: uri.path().to_owned() })?;
    let claims = state.claims(&headers)?;
    let query = Query::parse(uri.query())?;
    let limit = query.number("limit", SUGGESTIONS_DEFAULT, 1, SUGGESTIONS_MAX)?;
    let prefix = query.one("prefix")?.unwrap_or_default().to_owned();
    let (reader, _) = state.searchable(&name, claims.as_ref())?;
    HitView::new(&reader).filter(&query, PARAMETERS)?;
    until_searchable(&state, &query, &reader).await?;
    // What the reader may see is what holds after the wait.
    let (reader, rule) = state.searchable(&name, claims.as_ref())?;
    check_whole(&state, &reader)?;
    let hits = HitView::new(&reader);
    let (visible, filter) = (hits.visible(&rule), hits.filter(&query, PARAMETERS)?);
    let found = run(&state, "prefix", move || reader.suggest(&prefix, &visible, &filter, limit)).await?;
    let (epoch, found) = found.ok_or(ApiError::IndexBuilding { index: name })?;
    Ok(finish(&state, epoch, write(&found)))
}

fn write(suggestions: &[Suggestion]) -> String {
    let mut json = String::from("{\"suggestions\":[");
    for (number, suggestion) in suggestions.iter().enumerate() {
        json.push_str(if number == 0 { "{\"text\":" } else { ",{\"text\":" });
        json_string(&suggestion.text, &mut json);
        json.push_str(",\"popularity\":");
        match &suggestion.popularity {
            Popularity::Rows(rows) => json.push_str(&rows.to_string()),
            Popularity::Value(kind, field) => kind.read(field.as_bytes(), 0).write_json(&mut json),
        }
        json.push('}');
    }
    json.push(']');
    json
}
