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

use super::shared::{finish, until_searchable};
use crate::http::problem::answer::Problem;
use crate::http::query::path::name_in_path;
use crate::http::query::search::{filter, search as parse_search};
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
use crate::read::search::HitView;
use crate::read::search_error::SearchError;

/// The parameters that are not conditions.
const PARAMETERS: &[&str] = &["q", "select", "order", "limit", "offset", "highlight", "facets", "after", "wait"];

/// The hits of a query.
pub(crate) async fn search(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = name_in_path(name, &uri)?;
    let claims = state.claims(&headers)?;
    let query = QueryString::parse(uri.query())?;
    // Read before the wait, so that what is wrong with the request is said at once.
    let (reader, rule) = state.catalog().searchable(&name, claims.as_ref())?;
    let hits = HitView::new(&reader);
    parse_search(&hits, &query, hits.visible(&rule), filter(&hits, &query, PARAMETERS)?)?;
    until_searchable(&state, &query, &reader).await?;
    // What the reader may see is what holds after the wait.
    let (reader, rule) = state.catalog().searchable(&name, claims.as_ref())?;
    state.catalog().check_whole(&reader.index().view)?;
    let hits = HitView::new(&reader);
    let (search, projection) = parse_search(&hits, &query, hits.visible(&rule), filter(&hits, &query, PARAMETERS)?)?;
    let asked = search.clone();
    let answer = state.catalog().run_search("q", move || reader.search(&asked)).await?;
    let answer = answer.ok_or(SearchError::IndexBuilding { index: name })?;
    Ok(finish(&state, answer.epoch, hits.write(&answer, &search, &projection)))
}
