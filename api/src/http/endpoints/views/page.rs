//! `GET /v1/views/{view}`: a page of a view, in the style of PostgREST.
//!
//! - `column=eq.v`, `in.(a,b)`, `gt.`, `gte.`, `lt.`, `lte.`, `is.null`: conditions, all of which hold.
//! - `order=a.desc,b`: the order of an index, or its reverse; columns with one known value may be left out. Without it, the order
//!   of the index that fits the conditions best.
//! - `select=a,b`: columns; `limit`: rows of the page; `cursor`: the `next` of the page before, of an otherwise equal query.
//! - `after`, `wait`: the position that must be visible, and for how many milliseconds it is waited for.
//!
//! Who accepts `text/event-stream` gets the rows and all their changes from then on ([`super::subscribe`]).
//!
//! A view that is not whole yet answers 503 with its progress; one that is replaced while a request waits is planned for again.
//!
//! A policy works as row level security does: rows it hides are not there. Who asks for another's rows gets none, not an error.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use sinks::views::{ServedView, WaitError};

use super::subscribe::{accepts_events, events};
use crate::http::answer::json_response;
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::state::ApiState;
use crate::http::token::Claims;
use crate::read::access::Rule;
use crate::read::conditions::{Conditions, conditions};
use crate::read::cursor::{Place, Seal};
use crate::read::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use crate::read::page::{PageRequest, Projection};
use crate::read::plan::{parse_order, plan};
use crate::read::wait::until_visible;
use crate::subscriptions::Stopping;

/// The parameters that are not conditions.
const PARAMETERS: &[&str] = &["select", "order", "limit", "cursor", "after", "wait"];

/// A page.
pub(crate) async fn view(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    stopping: Option<Extension<Stopping>>,
) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|_| ApiError::BadEncoding { text: uri.path().to_owned() })?;
    if accepts_events(&headers) {
        return events(state, name, &uri, &headers, stopping).await;
    }
    let claims = state.claims(&headers)?;
    let query = Query::parse(uri.query())?;
    let mut is_visible = false;
    loop {
        let (served, rule) = state.admitted(&name, claims.as_ref())?;
        let conditions = conditions(&query, PARAMETERS, &served.view, &rule)?;
        let (request, seal) = prepare(&served, &rule, &conditions, &query, claims.as_ref())?;
        // Planned before the wait, so that what is wrong with the request is said at once.
        if !is_visible {
            wait(&state, &name, &query).await?;
            is_visible = true;
        }
        if let Some(response) = answer(&state, &served, &request, seal)? {
            return Ok(response);
        }
    }
}

fn prepare<'a>(
    served: &'a ServedView,
    rule: &'a Rule,
    conditions: &'a Conditions,
    query: &Query<'_>,
    claims: Option<&Claims>,
) -> Result<(PageRequest<'a>, Seal), ApiError> {
    let view = &served.view;
    let order = query.one("order")?.map_or(Ok(Vec::new()), |text| parse_order(view, text))?;
    let plan = plan(served, conditions, &order)?;
    let subject = claims.and_then(|claims| claims.get("sub"));
    let seal = Seal::new(view, plan.index, &(plan.reverse, conditions, rule, subject));
    let request = PageRequest {
        view,
        plan,
        rule,
        projection: Projection::new(view, query.one("select")?)?,
        limit: query.number("limit", PAGE_ROWS_DEFAULT, 1, PAGE_ROWS_MAX)?,
        resume: query.one("cursor")?.map(|text| Place::from_text(text, seal, &view.name)).transpose()?,
    };
    Ok((request, seal))
}

/// Waits for what `after` names; of a view that is still being filled then, that is what there is to say.
pub(super) async fn wait(state: &ApiState, name: &str, query: &Query<'_>) -> Result<(), ApiError> {
    let waited = until_visible(state, query).await;
    match (waited, state.views().hydration(name)) {
        (Err(ApiError::Wait(WaitError::Timeout { .. })), Some(hydration)) => {
            Err(ApiError::Hydrating { view: name.to_owned(), hydration })
        }
        (waited, _) => waited,
    }
}

/// The page; `None` when the view was replaced since the request was planned, so it has to be planned anew.
fn answer(
    state: &ApiState,
    served: &Arc<ServedView>,
    request: &PageRequest<'_>,
    seal: Seal,
) -> Result<Option<Response>, ApiError> {
    let mut json = String::from("{\"rows\":[");
    let (next, position) = {
        let snapshot = state.views().snapshot();
        if !snapshot.view(&served.view.name).is_some_and(|current| Arc::ptr_eq(current, served)) {
            return Ok(None);
        }
        if let Some(hydration) = state.views().hydration(&served.view.name) {
            return Err(ApiError::Hydrating { view: served.view.name.clone(), hydration });
        }
        (request.read(&snapshot, &mut json)?, snapshot.position().to_string())
    };
    json.push_str("],\"next\":");
    match next {
        Some(place) => json.extend(["\"", &place.to_text(seal), "\""]),
        None => json.push_str("null"),
    }
    json.extend([",\"position\":\"", &position, "\"}"]);
    Ok(Some(json_response(json, Some(&position))))
}
