//! `GET /v1/search/{index}`: the rows of a view that match a query, best first; `GET /v1/search`: the indexes that the caller may search.
//!
//! - `q`: words, all of which are wanted; `"phrases"`, `beginnings*`, `OR`, `-not`, parentheses, `column:word`. Without it every row is a hit.
//! - `column=eq.v` and the other conditions of views, on included columns.
//! - `order=relevance`, or one included column as `created_at.desc`; hits that are equal in it come by their key.
//! - `select`, `limit`, `offset`; `highlight=a,b`: searched columns of which the part that matches is shown; `facets=a,b`: included columns
//!   whose values are counted over all hits.
//! - `after`, `wait`: the position that must be visible, which the index then shows at once, and for how many milliseconds it is waited for.
//!
//! The policies of the view hold: what they hide is neither found nor counted. Scores are no part of the answer: they are not stable.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::position::{Epoch, Position};
use serde_json::{Value, json};
use sinks::search::{QueryError, SearchReader};

use super::json_response;
use crate::error::ApiError;
use crate::query::Query;
use crate::search::HitView;
use crate::state::ApiState;
use crate::wait::until_searchable;

/// The parameters that are not conditions.
const PARAMETERS: &[&str] = &["q", "select", "order", "limit", "offset", "highlight", "facets", "after", "wait"];

/// The hits of a query.
pub(crate) async fn search(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|_| ApiError::BadEncoding { text: uri.path().to_owned() })?;
    let claims = state.claims(&headers)?;
    let query = Query::parse(uri.query())?;
    // Read before the wait, so that what is wrong with the request is said at once.
    let (reader, rule) = state.searchable(&name, claims.as_ref())?;
    let hits = HitView::new(&reader);
    hits.search(&query, hits.visible(&rule), hits.filter(&query, PARAMETERS)?)?;
    until_searchable(&state, &query, &reader).await?;
    // What the reader may see is what holds after the wait.
    let (reader, rule) = state.searchable(&name, claims.as_ref())?;
    check_whole(&state, &reader)?;
    let hits = HitView::new(&reader);
    let (search, projection) = hits.search(&query, hits.visible(&rule), hits.filter(&query, PARAMETERS)?)?;
    let asked = search.clone();
    let answer = run(&state, "q", move || reader.search(&asked)).await?;
    let answer = answer.ok_or(ApiError::IndexBuilding { index: name })?;
    Ok(finish(&state, answer.epoch, hits.write(&answer, &search, &projection)))
}

/// Runs a search on a thread that may block, when it is its turn.
pub(super) async fn run<T: Send + 'static>(
    state: &ApiState,
    name: &'static str,
    search: impl FnOnce() -> Result<T, QueryError> + Send + 'static,
) -> Result<T, ApiError> {
    let permit = state.search_permits().acquire().await;
    let _permit = permit.map_err(|_| ApiError::Stopping)?;
    let done = tokio::task::spawn_blocking(search).await;
    done.map_err(|error| ApiError::SearchFailed { detail: error.to_string() })?.map_err(|source| ApiError::Query { name, source })
}

/// An index of a view that is not whole can't be asked.
pub(super) fn check_whole(state: &ApiState, reader: &SearchReader) -> Result<(), ApiError> {
    let view = &reader.index().view;
    state.views().hydration(view).map_or(Ok(()), |hydration| Err(ApiError::Hydrating { view: view.clone(), hydration }))
}

/// Ends an answer with the position that it shows.
pub(super) fn finish(state: &ApiState, epoch: Epoch, mut json: String) -> Response {
    let position = Position { timeline: state.views().timeline(), epoch }.to_string();
    json.extend([",\"position\":\"", &position, "\"}"]);
    json_response(json, Some(&position))
}

/// The indexes by name.
pub(crate) async fn searches(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let claims = state.claims(&headers)?;
    Query::parse(uri.query())?.only(&[])?;
    let indexes: Vec<Value> = state.searches(claims.as_ref()).iter().map(describe).collect();
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
