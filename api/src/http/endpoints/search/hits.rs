//! `GET /v1/search/{index}`: the rows of a view that match a query, best first.
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

use super::shared::{check_whole, finish, run};
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::state::ApiState;
use crate::read::search::HitView;
use crate::read::wait::until_searchable;

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
