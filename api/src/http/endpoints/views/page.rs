//! `GET /v1/views/{view}`: a page of a view, in the style of PostgREST.
//!
//! - `column=eq.v`, `in.(a,b)`, `gt.`, `gte.`, `lt.`, `lte.`, `is.null`: conditions, all of which hold.
//! - `order=a.desc,b`: the order of an index, or its reverse; columns with one known value may be left out. Without it, the order
//!   of the index that fits the conditions best.
//! - `select=a,b`: columns; `limit`: rows of the page, which has fewer when they have many bytes;
//!   `cursor`: the `next` of the page before, of an otherwise equal query.
//! - `after`, `wait`: the position that must be visible, and for how many milliseconds it is waited for.
//!
//! A client that would rather have `text/csv`, `application/x-ndjson` or a media type of PostgREST gets an answer in PostgREST's conventions
//! ([`crate::http::postgrest`]).
//!
//! A client that accepts `text/event-stream` gets the rows and all their changes from then on ([`super::subscribe`]).
//!
//! `If-None-Match` with the `ETag` of an answer gets 304 while no row of the index that gives it has changed, for readers of all rows, and while
//! the rows of the answer are the same, for others; `Prefer: bigint=string` gets whole numbers of 64 bits as texts.
//!
//! A view that is not whole yet answers 503 with its progress; one that is replaced while a request waits is planned for again.
//!
//! A policy works as row level security does: rows it hides are not there. A reader who asks for another's rows gets none, not an error.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use sinks::views::{ServedView, Snapshot};

use super::subscribe::events;
use crate::http::answer::json_response;
use crate::http::entity_tag::{EntityTag, not_modified};
use crate::http::event_text::accepts_events;
use crate::http::freshness::note_max_age;
use crate::http::postgrest::{answer, form, media};
use crate::http::prefer::BigintPreference;
use crate::http::problem::answer::Problem;
use crate::http::query::conditions::conditions;
use crate::http::query::cursor::{cursor_text, parse_cursor};
use crate::http::query::order::order;
use crate::http::query::path::name_in_path;
use crate::http::query::select::projection;
use crate::http::query::string::QueryString;
use crate::http::query::wait::{After, after};
use crate::http::state::ApiState;
use crate::read::access::Rule;
use crate::read::claims::Claims;
use crate::read::cursor::Seal;
use crate::read::error::ReadError;
use crate::read::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use crate::read::page::PageRequest;
use crate::read::projection::BigintForm;
use crate::read::request::RowsRequest;
use crate::subscriptions::stopping::Stopping;

/// The parameters that are not conditions.
const PARAMETERS: &[&str] = &["select", "order", "limit", "cursor", "after", "wait"];

/// A page.
pub(crate) async fn view(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    stopping: Option<Extension<Stopping>>,
) -> Result<Response, Problem> {
    let name = name_in_path(name, &uri)?;
    if accepts_events(&headers) {
        return events(state, name, &uri, &headers, stopping).await;
    }
    if media::is_preferred(&headers) {
        return Ok(answer::rows(state, name, &uri, &headers).await.unwrap_or_else(form::response));
    }
    let claims = state.claims(&headers)?;
    let query = QueryString::parse(uri.query())?;
    let preference = BigintPreference::of(&headers, state.config().bigint);
    let mut is_visible = false;
    loop {
        let (served, rule) = state.catalog().admitted(&name, claims.as_ref())?;
        let rows = rows(&served, &rule, &query)?;
        let (mut request, seal) = prepare(&state, (&served, &rule), &rows, &query, claims.as_ref())?;
        request.projection = request.projection.with_bigints(preference.form);
        // Planned before the wait, so that what is wrong with the request is said at once.
        if !is_visible {
            until_visible(&state, &name, &query).await?;
            is_visible = true;
        }
        let asked = AskedPage { request, seal, text: uri.query().unwrap_or(""), preference };
        if let Some(mut response) = asked.answer(&state, &served, &headers)? {
            preference.note(&mut response);
            note_max_age(&mut response, &served.view, claims.is_some());
            return Ok(response);
        }
    }
}

fn rows(served: &ServedView, rule: &Rule, query: &QueryString<'_>) -> Result<RowsRequest, Problem> {
    let conditions = conditions(query, PARAMETERS, &served.view, rule)?;
    Ok(RowsRequest { conditions, order: order(&served.view, query)? })
}

fn prepare<'a>(
    state: &ApiState,
    (served, rule): (&'a ServedView, &'a Rule),
    rows: &'a RowsRequest,
    query: &QueryString<'_>,
    claims: Option<&Claims>,
) -> Result<(PageRequest<'a>, Seal), Problem> {
    let view = &served.view;
    let plan = rows.plan(served)?;
    let subject = claims.and_then(|claims| claims.get("sub"));
    let seal = Seal::new(view, plan.index, &(plan.reverse, &rows.conditions, rule, subject));
    let request = PageRequest {
        view,
        plan,
        rule,
        projection: projection(view, query.one("select")?)?,
        limit: query.number("limit", PAGE_ROWS_DEFAULT, 1, PAGE_ROWS_MAX)?,
        bytes_max: state.config().limits.page_bytes_max,
        resume: query.one("cursor")?.map(|text| parse_cursor(text, &state.config().cursor_key, seal, &view.name)).transpose()?,
    };
    Ok((request, seal))
}

/// Counts the request to the view, and waits for what `after` names; of a view that is still being filled then, that is what there is to say.
pub(super) async fn until_visible(state: &ApiState, view: &str, query: &QueryString<'_>) -> Result<(), Problem> {
    state.clients().count_view(view)?;
    let Some(After { token, wait }) = after(query)? else { return Ok(()) };
    let _place = state.clients().wait()?;
    Ok(state.catalog().until_visible_in(view, &token, wait).await?)
}

/// A page that was asked for, and what its tag depends on.
struct AskedPage<'a> {
    request: PageRequest<'a>,
    seal: Seal,
    /// the text of the query
    text: &'a str,
    preference: BigintPreference,
}

impl AskedPage<'_> {
    /// The page, or that the client has it; `None` when the view was replaced since the request was planned, so it has to be planned again.
    fn answer(&self, state: &ApiState, served: &Arc<ServedView>, headers: &HeaderMap) -> Result<Option<Response>, ReadError> {
        let request = &self.request;
        let mut json = String::from("{\"rows\":[");
        let (next, position, tag) = {
            let Some(snapshot) = state.catalog().snapshot_of(served)? else { return Ok(None) };
            let (position, tag) = (snapshot.position().to_string(), self.tag_of_index(state, &snapshot));
            if let Some(tag) = tag.as_ref().filter(|tag| tag.is_known(headers)) {
                return Ok(Some(not_modified(&position, tag)));
            }
            (request.read(&snapshot, &mut json)?, position, tag)
        };
        json.push_str("],\"next\":");
        match next {
            Some(cursor) => {
                json.extend(["\"", &cursor_text(&cursor, &state.config().cursor_key, self.seal, &request.view.name), "\""]);
            }
            None => json.push_str("null"),
        }
        let tag = tag.unwrap_or_else(|| self.tag_of_rows(state, &json));
        if tag.is_known(headers) {
            return Ok(Some(not_modified(&position, &tag)));
        }
        json.extend([",\"position\":\"", &position, "\"}"]);
        let mut response = json_response(json, Some(&position));
        tag.note(&mut response);
        Ok(Some(response))
    }

    /// Returns the tag of the answer to a reader of all rows, which is known before any of them is read: the last change of the index that
    /// gives it in this run of the process, the query with its reader, and the form. To others it would tell of rows that they may not see.
    fn tag_of_index(&self, state: &ApiState, snapshot: &Snapshot<'_>) -> Option<EntityTag> {
        if *self.request.rule != Rule::Always {
            return None;
        }
        let index = self.request.plan.id;
        let numbers = [
            snapshot.position().timeline.0,
            state.subscriptions().incarnation(),
            index.0 as u64,
            snapshot.last_change(index).0,
            self.seal.query,
            u64::from(self.preference.form == BigintForm::Text),
        ];
        let numbers = numbers.map(u64::to_be_bytes);
        Some(EntityTag::weak(state.config().cursor_key.tag(&[b"page", numbers.as_flattened(), self.text.as_bytes()])))
    }

    /// Returns the tag of the answer to a reader of some rows: those rows as they are written, and the query with its reader.
    fn tag_of_rows(&self, state: &ApiState, rows: &str) -> EntityTag {
        let (view, query) = (self.request.view.name.as_bytes(), self.seal.query.to_be_bytes());
        let parts: [&[u8]; 5] = [b"page of a reader", view, &query, self.text.as_bytes(), rows.as_bytes()];
        EntityTag::weak(state.config().cursor_key.tag(&parts))
    }
}
