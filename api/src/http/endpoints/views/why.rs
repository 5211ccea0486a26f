//! `GET /v1/views/{view}/why`: the events of the log that made a row.
//!
//! - `column=eq.v` and the other conditions of a page: they name the row. Without any, nobody is meant, which is refused.
//! - `limit`: rows that are explained when more fulfil the conditions; `events`: events that are named for each.
//! - `detail=place`: where the events are, without the events themselves.
//! - `after`, `wait`: the position that must be visible, and for how many milliseconds it is waited for.
//!
//! For operators, of rows that they may read: a row is made of events whose contents its readers need not be allowed to see.
//! Nothing is kept for the answer. The log is read once more, which takes as long as it takes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::field::json_string;
use schemas::row::Row;
use schemas::time::timestamp_text;
use sinks::views::ServedView;

use super::page::until_visible;
use crate::host::provenance::{WhyAnswer, WhyEvent, WhyQuestion, WhyRefusal, WhyRow};
use crate::http::answer::json_response;
use crate::http::error::provenance::ProvenanceError;
use crate::http::prefer::BigintPreference;
use crate::http::problem::answer::Problem;
use crate::http::query::conditions::conditions;
use crate::http::query::error::QueryStringError;
use crate::http::query::path::name_in_path;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
use crate::read::access::Rule;
use crate::read::error::ReadError;
use crate::read::limits::{WHY_EVENTS_DEFAULT, WHY_EVENTS_MAX, WHY_ROWS_DEFAULT, WHY_ROWS_MAX};
use crate::read::page::PageRequest;
use crate::read::projection::{BigintForm, Projection};
use crate::read::request::RowsRequest;

/// The parameters that are not conditions.
const PARAMETERS: &[&str] = &["limit", "events", "detail", "after", "wait"];

/// The part of the question that does not select rows.
struct Wanted {
    rows_max: usize,
    events_max: usize,
    has_bodies: bool,
    /// the form of BIGINT in rows; events are as they came
    bigints: BigintForm,
}

/// Rows as they are served, and the question about them.
struct AskedRows {
    question: WhyQuestion,
    /// the rows of the question as JSON objects
    served_rows: Vec<String>,
    /// true if more rows fulfil the conditions
    has_more: bool,
    position: String,
}

/// The events of some rows.
pub(crate) async fn why(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = name_in_path(name, &uri)?;
    let claims = state.claims(&headers)?;
    state.config().operator.check("asking which events made a row", claims.as_ref())?;
    let query = QueryString::parse(uri.query())?;
    let preference = BigintPreference::of(&headers, state.config().bigint);
    let wanted = Wanted { bigints: preference.form, ..wanted(&query)? };
    let mut is_visible = false;
    let asked = loop {
        let (served, rule) = state.catalog().admitted(&name, claims.as_ref())?;
        if query.others(PARAMETERS).next().is_none() {
            let column = served.view.columns.first().map(|column| column.name.clone());
            return Err(ProvenanceError::NoRowNamed { view: name, column }.into());
        }
        let conditions = conditions(&query, PARAMETERS, &served.view, &rule)?;
        let rows = RowsRequest { conditions, order: Vec::new() };
        // Planned before the wait, so that what is wrong with the request is said at once.
        rows.plan(&served)?;
        if !is_visible {
            until_visible(&state, &name, &query).await?;
            is_visible = true;
        }
        match ask(&state, &served, (&rows, &rule), &wanted)? {
            Some(asked) => break asked,
            None => tokio::task::yield_now().await,
        }
    };
    let provenance = state.config().provenance.as_ref().ok_or(ProvenanceError::NotOffered)?;
    let answer = match asked.served_rows.is_empty() {
        true => WhyAnswer::default(),
        false => provenance.why(asked.question.clone()).await.map_err(|refusal| match refusal {
            WhyRefusal::Replaced => ProvenanceError::Replaced { view: name.clone() },
            WhyRefusal::Failed { detail } => ProvenanceError::Failed { detail },
        })?,
    };
    let mut response = json_response(write(&asked, &answer, wanted.has_bodies), Some(&asked.position));
    preference.note(&mut response);
    Ok(response)
}

fn wanted(query: &QueryString<'_>) -> Result<Wanted, QueryStringError> {
    let has_bodies = match query.one("detail")? {
        None | Some("full") => true,
        Some("place") => false,
        Some(other) => {
            let expected = "full or place".to_owned();
            return Err(QueryStringError::BadParameter { name: "detail", value: other.to_owned(), expected });
        }
    };
    Ok(Wanted {
        rows_max: query.number("limit", WHY_ROWS_DEFAULT, 1, WHY_ROWS_MAX)?,
        events_max: query.number("events", WHY_EVENTS_DEFAULT, 1, WHY_EVENTS_MAX)?,
        has_bodies,
        bigints: BigintForm::default(),
    })
}

/// The rows, and the position that they are of; `None` when the view was replaced or an epoch is just becoming visible.
fn ask(
    state: &ApiState,
    served: &Arc<ServedView>,
    (rows, rule): (&RowsRequest, &Rule),
    wanted: &Wanted,
) -> Result<Option<AskedRows>, ReadError> {
    let view = &served.view;
    let snapshot = state.views().snapshot();
    let is_current = snapshot.view(&view.name).is_some_and(|current| Arc::ptr_eq(current, served));
    if !is_current || state.views().position() != snapshot.position() {
        return Ok(None);
    }
    state.catalog().check_whole(&view.name)?;
    let (plan, projection) = (rows.plan(served)?, Projection::all(view).with_bigints(wanted.bigints));
    let bytes_max = state.config().limits.page_bytes_max;
    let request = PageRequest { view, plan, rule, projection, limit: wanted.rows_max, bytes_max, resume: None };
    let (mut found, mut served_rows, mut known, mut bytes) = (Vec::new(), Vec::new(), BTreeSet::new(), 0);
    let more = request.each(&snapshot, |reader, loaded| {
        let mut row = Row::empty();
        (0..view.columns.len()).for_each(|column| row.extend(reader.field(loaded, column)));
        if known.insert(row.clone()) {
            let mut json = String::new();
            request.projection.write(reader, loaded, &mut json);
            bytes += json.len();
            if bytes > bytes_max && !found.is_empty() {
                return ControlFlow::Break(());
            }
            found.push(row);
            served_rows.push(json);
        }
        ControlFlow::Continue(())
    })?;
    let question = WhyQuestion {
        view: view.clone(),
        rows: found,
        consumed: state.views().consumed(),
        wall_micros: snapshot.wall_micros(),
        events_max: wanted.events_max,
    };
    Ok(Some(AskedRows { question, served_rows, has_more: more.is_some(), position: snapshot.position().to_string() }))
}

fn write(asked: &AskedRows, answer: &WhyAnswer, has_bodies: bool) -> String {
    let mut json = String::from("{\"view\":");
    json_string(&asked.question.view.name, &mut json);
    json.push_str(",\"rows\":[");
    for (number, (served_row, row)) in asked.served_rows.iter().zip(&answer.rows).enumerate() {
        json.push_str(if number == 0 { "" } else { "," });
        write_row(served_row, row, has_bodies, &mut json);
    }
    let is_whole = |row: &WhyRow| row.is_found && !row.is_cut;
    let is_complete = answer.unfinished.is_none() && answer.rows.iter().all(is_whole);
    json.push_str(&format!("],\"more\":{},\"complete\":{is_complete},\"reason\":", asked.has_more));
    match reason(answer) {
        Some(reason) => json_string(&reason, &mut json),
        None => json.push_str("null"),
    }
    json.push_str(",\"gaps\":[");
    for (number, (topic, partition, earliest)) in answer.gaps.iter().enumerate() {
        json.push_str(if number == 0 { "{\"topic\":" } else { ",{\"topic\":" });
        json_string(topic.as_str(), &mut json);
        json.push_str(&format!(",\"partition\":{partition},\"earliest\":{earliest}}}"));
    }
    json.push_str(&format!("],\"records_read\":{},\"position\":\"{}\"}}", answer.records, asked.position));
    json
}

/// The reason why the answer is incomplete, if it is.
fn reason(answer: &WhyAnswer) -> Option<String> {
    if let Some(limit) = &answer.unfinished {
        return Some(format!("the search was not finished, because {limit}"));
    }
    if answer.rows.iter().any(|row| !row.is_found) {
        let gone = "the log no longer has all events that the row was made of: 'gaps' says where it begins";
        let other = "the events that the log has give another row: what the view computes has changed since it took them in";
        return Some(if answer.gaps.is_empty() { other } else { gone }.to_owned());
    }
    answer.rows.iter().any(|row| row.is_cut).then(|| "there are more events than were asked for".to_owned())
}

fn write_row(served_row: &str, row: &WhyRow, has_bodies: bool, json: &mut String) {
    json.push_str(&format!("{{\"row\":{served_row},\"found\":{},\"cut\":{},\"events\":[", row.is_found, row.is_cut));
    for (number, event) in row.events.iter().enumerate() {
        json.push_str(if number == 0 { "" } else { "," });
        write_event(event, has_bodies, json);
    }
    json.push_str("]}");
}

fn write_optional(text: Option<&str>, json: &mut String) {
    match text {
        Some(text) => json_string(text, json),
        None => json.push_str("null"),
    }
}

fn write_event(event: &WhyEvent, has_bodies: bool, json: &mut String) {
    let WhyEvent { topic, partition, offset, event_id, event_type, occurred_at, json: body } = event;
    json.push_str("{\"topic\":");
    json_string(topic.as_str(), json);
    json.push_str(&format!(",\"partition\":{partition},\"offset\":{offset},\"event_id\":"));
    write_optional(event_id.as_deref(), json);
    json.push_str(",\"event_type\":");
    write_optional(event_type.as_deref(), json);
    json.push_str(&format!(",\"occurred_at\":\"{}\"", timestamp_text(*occurred_at)));
    if has_bodies {
        json.extend([",\"event\":", body]);
    }
    json.push('}');
}
