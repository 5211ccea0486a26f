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

use super::shared::{finish, until_searchable};
use crate::http::problem::answer::Problem;
use crate::http::query::path::name_in_path;
use crate::http::query::search::filter;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
use crate::read::limits::{SUGGESTIONS_DEFAULT, SUGGESTIONS_MAX};
use crate::read::search::HitView;
use crate::read::search_error::SearchError;

/// The parameters that are not conditions.
const PARAMETERS: &[&str] = &["prefix", "limit", "after", "wait"];

/// Words or values that begin so.
pub(crate) async fn suggestions(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = name_in_path(name, &uri)?;
    let claims = state.claims(&headers)?;
    let query = QueryString::parse(uri.query())?;
    let limit = query.number("limit", SUGGESTIONS_DEFAULT, 1, SUGGESTIONS_MAX)?;
    let prefix = query.one("prefix")?.unwrap_or("").to_owned();
    let (reader, _) = state.catalog().searchable(&name, claims.as_ref())?;
    filter(&HitView::new(&reader), &query, PARAMETERS)?;
    until_searchable(&state, &query, &reader).await?;
    // What the reader may see is what holds after the wait.
    let (reader, rule) = state.catalog().searchable(&name, claims.as_ref())?;
    state.catalog().check_whole(&reader.index().view)?;
    let hits = HitView::new(&reader);
    let (visible, conditions) = (hits.visible(&rule), filter(&hits, &query, PARAMETERS)?);
    let found = state.catalog().run_search("prefix", move || reader.suggest(&prefix, &visible, &conditions, limit)).await?;
    let (epoch, found) = found.ok_or(SearchError::IndexBuilding { index: name })?;
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
