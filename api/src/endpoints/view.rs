//! `GET /v1/views/{view}`: a page of a view, in the style of PostgREST.
//!
//! - `column=eq.v`, `in.(a,b)`, `gt.`, `gte.`, `lt.`, `lte.`, `is.null`: conditions, all of which hold.
//! - `order=a.desc,b`: the order of an index, or its reverse; columns with one known value may be left out. Without it, the order
//!   of the index that fits the conditions best.
//! - `select=a,b`: columns; `limit`: rows of the page; `cursor`: the `next` of the page before, of an otherwise equal query.
//! - `after`, `wait`: the position that must be visible, and for how many milliseconds it is waited for.
//!
//! A policy works as row level security does: rows it hides are not there. Who asks for another's rows gets none, not an error.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::json_response;
use crate::cursor::{Place, fingerprint_of};
use crate::error::ApiError;
use crate::filter::conditions;
use crate::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use crate::page::{PageRequest, Projection};
use crate::plan::{parse_order, plan};
use crate::query::Query;
use crate::state::ApiState;
use crate::wait::until_visible;

/// The parameters that are not conditions.
const PARAMETERS: &[&str] = &["select", "order", "limit", "cursor", "after", "wait"];

/// A page.
pub(crate) async fn view(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|_| ApiError::BadEncoding { text: uri.path().to_owned() })?;
    let claims = state.claims(&headers)?;
    let (served, rule) = state.admitted(&name, claims.as_ref())?;
    let query = Query::parse(uri.query())?;
    let conditions = conditions(&query, PARAMETERS, &served.view, &rule)?;
    let order = query.one("order")?.map_or(Ok(Vec::new()), |text| parse_order(&served.view, text))?;
    let plan = plan(served, &conditions, &order)?;
    let subject = claims.as_ref().and_then(|claims| claims.get("sub"));
    let fingerprint = fingerprint_of(&(&name, &plan.index.name, plan.reverse, &conditions, &rule, subject));
    let request = PageRequest {
        view: &served.view,
        plan,
        rule: &rule,
        projection: Projection::new(&served.view, query.one("select")?)?,
        limit: query.number("limit", PAGE_ROWS_DEFAULT, 1, PAGE_ROWS_MAX)?,
        resume: query.one("cursor")?.map(|text| Place::from_text(text, fingerprint)).transpose()?,
    };
    until_visible(&state, &query).await?;
    answer(&state, &request, fingerprint)
}

fn answer(state: &ApiState, request: &PageRequest<'_>, fingerprint: u64) -> Result<Response, ApiError> {
    let mut json = String::from("{\"rows\":[");
    let (next, position) = {
        let snapshot = state.views().snapshot();
        (request.read(&snapshot, &mut json)?, snapshot.position().to_string())
    };
    json.push_str("],\"next\":");
    match next {
        Some(place) => json.extend(["\"", &place.to_text(fingerprint), "\""]),
        None => json.push_str("null"),
    }
    json.extend([",\"position\":\"", &position, "\"}"]);
    Ok(json_response(json, Some(&position)))
}
