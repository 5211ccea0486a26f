//! Rows of a view in PostgREST's conventions: read, written, and described by headers.
//!
//! The body has the rows alone. `Content-Range` says which they are and of how many, `Tidewater-Position` which position they are of, and
//! `Tidewater-Cursor` where the next page begins. Rows are read on a thread for work that blocks. While a request waits for a position, nothing
//! is kept of it but its text.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use sinks::views::{ServedView, Snapshot};

use super::error::PostgrestError;
use super::media::{AnswerForm, RowsForm};
use super::parameters::{filtered_request, of_place};
use super::preferences::RowPreferences;
use super::select::selection;
use super::window::RowWindow;
use crate::http::answer::note_position;
use crate::http::entity_tag::{EntityTag, not_modified};
use crate::http::freshness::note_max_age;
use crate::http::prefer::BigintPreference;
use crate::http::problem::answer::Problem;
use crate::http::query::cursor::{cursor_text, parse_cursor};
use crate::http::query::string::QueryString;
use crate::http::query::wait::{After, after_of};
use crate::http::state::ApiState;
use crate::read::access::Rule;
use crate::read::claims::Claims;
use crate::read::cursor::{Seal, fingerprint_of};
use crate::read::error::ReadError;
use crate::read::filtered::{FilteredRead, FilteredRequest, ReadOutcome, RowCount};
use crate::read::projection::BigintForm;
use crate::read::rows::{LoadedRow, RowReader};
use crate::read::selection::Selection;

const CURSOR: HeaderName = HeaderName::from_static("tidewater-cursor");
const ACCEPT_PROFILE: HeaderName = HeaderName::from_static("accept-profile");
/// The one schema that views are in.
const SCHEMA: &str = "public";
/// Request headers, beside those of every answer, that an answer depends on.
const VARY: HeaderValue = HeaderValue::from_static("accept-profile, range, range-unit, tidewater-cursor, tidewater-after");

/// The headers of a request, understood.
struct AskedForm {
    form: AnswerForm,
    preferences: RowPreferences,
    bigints: BigintPreference,
}

/// A read that was asked for, and what its tag depends on.
struct AskedRead<'a> {
    read: FilteredRead<'a>,
    selection: Selection<'a>,
    window: RowWindow,
    seal: Seal,
    /// the text of the query
    text: &'a str,
}

/// A request for rows of a view by a reader who is known, as it was sent.
struct RowsQuestion {
    state: ApiState,
    view: String,
    claims: Option<Claims>,
    asked: AskedForm,
    uri: Uri,
    headers: HeaderMap,
}

/// The rows that a request asks for.
pub(crate) async fn rows(state: ApiState, name: String, uri: &Uri, headers: &HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(headers)?;
    let bigints = BigintPreference::of(headers, state.config().bigint);
    let asked = AskedForm { form: AnswerForm::of(headers)?, preferences: RowPreferences::of(headers)?, bigints };
    check_schema(headers)?;
    let (uri, headers) = (uri.clone(), headers.clone());
    let question = RowsQuestion { state: state.clone(), view: name, claims, asked, uri, headers };
    // Planned before the wait, so that what is wrong with the request is said at once, and again behind it.
    let after = question.planned(|_, _, after| Ok(after))?;
    until_visible(&state, &question.view, after).await?;
    state.catalog().run_read(move || question.answer()).await?
}

impl RowsQuestion {
    /// Plans the read, and hands it on with the position that has to be visible.
    fn planned<T>(
        &self,
        then: impl FnOnce(&Arc<ServedView>, &AskedRead<'_>, Option<After>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let query = QueryString::parse(self.uri.query())?;
        let claims = self.claims.as_ref();
        let (served, rule) = self.state.catalog().admitted(&self.view, claims)?;
        let (request, texts) = filtered_request(&query, &served.view, &rule)?;
        let place = |name| of_place(name, &query, &self.headers, &served.view);
        let fingerprint = fingerprint_of(&(texts, &rule, claims.and_then(|claims| claims.get("sub"))));
        let (state, asked, headers) = (&self.state, &self.asked, &self.headers);
        let rows = prepare(state, asked, (&served, &rule, &request), (&query, &self.uri), (fingerprint, headers))?;
        let after = after_of(place("after")?, place("wait")?)?;
        then(&served, &rows, after)
    }

    /// Reads the rows, planned again whenever the view is replaced in between.
    fn answer(&self) -> Result<Response, Problem> {
        loop {
            let read = self.planned(|served, rows, _| {
                let response = answer(&self.state, served, &self.asked, rows, &self.headers)?;
                Ok(response.map(|response| self.described(response, served)))
            })?;
            if let Some(response) = read {
                return Ok(response);
            }
        }
    }

    /// The answer with the headers that do not depend on its rows.
    fn described(&self, mut response: Response, served: &ServedView) -> Response {
        self.asked.bigints.note(&mut response);
        note_max_age(&mut response, &served.view, self.claims.is_some());
        response.headers_mut().append(header::VARY, VARY);
        response
    }
}

/// Counts the request to the view, and waits for a position.
async fn until_visible(state: &ApiState, view: &str, after: Option<After>) -> Result<(), Problem> {
    state.clients().count_view(view)?;
    let Some(After { token, wait }) = after else { return Ok(()) };
    let _place = state.clients().wait()?;
    Ok(state.catalog().until_visible_in(view, &token, wait).await?)
}

fn check_schema(headers: &HeaderMap) -> Result<(), PostgrestError> {
    match headers.get(ACCEPT_PROFILE) {
        Some(schema) if schema != SCHEMA => {
            Err(PostgrestError::UnknownSchema { schema: String::from_utf8_lossy(schema.as_bytes()).into_owned() })
        }
        _ => Ok(()),
    }
}

fn prepare<'a>(
    state: &ApiState,
    asked: &AskedForm,
    (served, rule, request): (&'a ServedView, &'a Rule, &'a FilteredRequest),
    (query, uri): (&'a QueryString<'_>, &'a Uri),
    (fingerprint, headers): (u64, &HeaderMap),
) -> Result<AskedRead<'a>, PostgrestError> {
    let view = &served.view;
    let (plan, sort) = request.plan(served, asked.preferences.count)?;
    let seal = Seal::new(view, plan.index, &("rows that pass a filter", plan.reverse, fingerprint));
    let cursor = of_place("cursor", query, headers, view)?;
    let resume = cursor.map(|text| parse_cursor(text, &state.config().cursor_key, seal, &view.name)).transpose()?;
    let window = RowWindow::of(query.one("limit")?, query.one("offset")?, headers)?;
    // A guess would be of all rows of the view, of which an index with a limit serves some.
    let count = match asked.preferences.count {
        RowCount::Estimated if plan.index.limit.is_some() => RowCount::Unasked,
        count => count,
    };
    if resume.is_some() && asked.preferences.count != RowCount::Unasked {
        return Err(PostgrestError::CountWithCursor);
    }
    if resume.is_some() && window.offset > 0 {
        return Err(PostgrestError::OffsetWithCursor);
    }
    let selection = selection(view, query.one("select")?)?.with_bigints(asked.bigints.form);
    let selection = if asked.form.strips_nulls { selection.without_nulls() } else { selection };
    let (offset, limit, advice) = (window.offset, window.limit(), request.advice(view));
    let weight = request.weight() + selection.weight();
    let read = FilteredRead { view, plan, sort, rule, filter: &request.filter, offset, limit, count, resume, weight, advice };
    Ok(AskedRead { read, selection, window, seal, text: uri.query().unwrap_or("") })
}

/// The rows, or that the client has them; `None` when the view was replaced since the request was planned, so it has to be planned again.
fn answer(
    state: &ApiState,
    served: &Arc<ServedView>,
    asked: &AskedForm,
    rows: &AskedRead<'_>,
    headers: &HeaderMap,
) -> Result<Option<Response>, PostgrestError> {
    let mut text = RowsText::begin(asked.form.rows, &rows.selection, state.config().limits.page_bytes_max);
    let (outcome, position, tag) = {
        let Some(snapshot) = state.catalog().snapshot_of(served)? else { return Ok(None) };
        let (position, tag) = (snapshot.position().to_string(), tag_of_index(state, &snapshot, asked, rows));
        if let Some(tag) = tag.as_ref().filter(|tag| tag.is_known(headers)) {
            return Ok(Some(not_modified(&position, tag)));
        }
        (rows.read.read(&snapshot, &mut |reader: &RowReader<'_>, row: &LoadedRow| text.take(reader, row))?, position, tag)
    };
    let (status, text) = (status(asked.form.rows, rows.window, &outcome)?, text.end());
    let has_cursor = rows.read.resume.is_some();
    let range = rows.window.content_range(outcome.taken, outcome.total, has_cursor);
    let key = &state.config().cursor_key;
    let next = outcome.next.map(|cursor| cursor_text(&cursor, key, rows.seal, &served.view.name));
    let next = next.and_then(|text| HeaderValue::from_str(&text).ok());
    let tag = tag.unwrap_or_else(|| tag_of_rows(state, asked, rows, (&text, [range.as_ref(), next.as_ref()])));
    if tag.is_known(headers) {
        return Ok(Some(not_modified(&position, &tag)));
    }
    let mut response = (status, text).into_response();
    let described = [(header::CONTENT_RANGE, range), (CURSOR, next)];
    response.headers_mut().extend(described.into_iter().filter_map(|(name, value)| Some((name, value?))));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(asked.form.media_type()));
    note_position(&mut response, Some(&position));
    tag.note(&mut response);
    asked.preferences.note(outcome.total, &mut response);
    Ok(Some(response))
}

/// Returns the tag of an answer to a reader of all rows, which is known before any of them is read: the last change of the index that gives it in
/// this run of the process, the query with its reader, and the form. To others it would tell of rows that they may not see.
fn tag_of_index(state: &ApiState, snapshot: &Snapshot<'_>, asked: &AskedForm, rows: &AskedRead<'_>) -> Option<EntityTag> {
    if *rows.read.rule != Rule::Always {
        return None;
    }
    let index = rows.read.plan.id;
    let cursor = rows.read.resume.as_ref().map(|cursor| cursor.to_bytes(&state.config().cursor_key, rows.seal, ""));
    let numbers = [
        snapshot.position().timeline.0,
        state.subscriptions().incarnation(),
        index.0 as u64,
        snapshot.last_change(index).0,
        rows.seal.query,
        fingerprint_of(&(asked.form, rows.window, asked.preferences.count, cursor)),
        u64::from(asked.bigints.form == BigintForm::Text),
    ];
    let numbers = numbers.map(u64::to_be_bytes);
    Some(EntityTag::weak(state.config().cursor_key.tag(&[b"rows", numbers.as_flattened(), rows.text.as_bytes()])))
}

/// Returns the tag of an answer to a reader of some rows: those rows as they are written, the headers that describe them, and the query with its
/// reader.
fn tag_of_rows(
    state: &ApiState,
    asked: &AskedForm,
    rows: &AskedRead<'_>,
    (text, described): (&str, [Option<&HeaderValue>; 2]),
) -> EntityTag {
    let (view, query) = (rows.read.view.name.as_bytes(), rows.seal.query.to_be_bytes());
    let form = asked.form.media_type().as_bytes();
    let [range, next] = described.map(|value| value.map_or(&b""[..], HeaderValue::as_bytes));
    let parts: [&[u8]; 8] = [b"rows of a reader", view, &query, rows.text.as_bytes(), form, text.as_bytes(), range, next];
    EntityTag::weak(state.config().cursor_key.tag(&parts))
}

/// 206 for a part of the rows: of all where their number is known, else of those that were asked for.
fn status(form: RowsForm, window: RowWindow, outcome: &ReadOutcome) -> Result<StatusCode, PostgrestError> {
    let ReadOutcome { taken, has_more, total, .. } = outcome;
    if form == RowsForm::Object {
        let is_one = *taken == 1 && (!has_more || window.is_filled_by(1));
        let rows = if *has_more && !window.is_filled_by(*taken) { format!("more than {taken}") } else { taken.to_string() };
        return if is_one { Ok(StatusCode::OK) } else { Err(PostgrestError::NotOneRow { rows }) };
    }
    match total {
        Some(total) if *taken == 0 && window.offset > *total => {
            let detail = format!("An offset of {} was requested, but there are only {total} rows", window.offset);
            Err(PostgrestError::BadRange { detail, total: Some(*total) })
        }
        Some(total) if (*taken as u64) < *total => Ok(StatusCode::PARTIAL_CONTENT),
        None if *has_more && !window.is_filled_by(*taken) => Ok(StatusCode::PARTIAL_CONTENT),
        _ => Ok(StatusCode::OK),
    }
}

/// The body of an answer while it is written.
struct RowsText<'s> {
    form: RowsForm,
    selection: &'s Selection<'s>,
    bytes_max: usize,
    text: String,
    rows: usize,
}

impl<'s> RowsText<'s> {
    fn begin(form: RowsForm, selection: &'s Selection<'s>, bytes_max: usize) -> Self {
        let mut text = String::new();
        match form {
            RowsForm::Array => text.push('['),
            RowsForm::Csv => selection.write_header(&mut text),
            RowsForm::Object | RowsForm::Lines => {}
        }
        Self { form, selection, bytes_max, text, rows: 0 }
    }

    /// Writes a row, unless there are too many bytes then. The first one is always written, and of an object no other is.
    fn take(&mut self, reader: &RowReader<'_>, row: &LoadedRow) -> Result<ControlFlow<()>, ReadError> {
        let end = self.text.len();
        match self.form {
            RowsForm::Array => {
                self.text.push_str(if self.rows == 0 { "" } else { "," });
                self.selection.write_object(reader, row, &mut self.text)?;
            }
            RowsForm::Object if self.rows == 0 => self.selection.write_object(reader, row, &mut self.text)?,
            RowsForm::Object => {}
            RowsForm::Lines => {
                self.selection.write_object(reader, row, &mut self.text)?;
                self.text.push('\n');
            }
            RowsForm::Csv => self.selection.write_line(reader, row, &mut self.text)?,
        }
        if self.rows > 0 && self.text.len() > self.bytes_max {
            self.text.truncate(end);
            return Ok(ControlFlow::Break(()));
        }
        self.rows += 1;
        Ok(ControlFlow::Continue(()))
    }

    fn end(mut self) -> String {
        if self.form == RowsForm::Array {
            self.text.push(']');
        }
        self.text
    }
}
