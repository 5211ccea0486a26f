//! Views in general: their list, their rows, the changes of these, and the events that made them.

use serde_json::{Value, json};

use super::super::operation::{Audience, DescribedOperation, DescribedPath, answer, header, in_path, positioned, query};
use super::super::schema::{
    anything, format, list, nullable, number, object, one_of, position, sent_event, text, truth, whole, whole_within,
};
use super::super::views::{CHANGES, VIEWS_TAG, of_pages, prefer, waiting, with_pages};
use crate::read::limits::{PAGE_ROWS_MAX, WHY_EVENTS_DEFAULT, WHY_EVENTS_MAX, WHY_ROWS_DEFAULT, WHY_ROWS_MAX};

pub(crate) static VIEWS: DescribedPath = DescribedPath::new("/v1/views", || vec![views()]);
pub(crate) static VIEW: DescribedPath = DescribedPath::new("/v1/views/{view}", || vec![view()]);
pub(crate) static SUBSCRIBE: DescribedPath = DescribedPath::new("/v1/views/{view}/subscribe", || vec![subscribe()]);
pub(crate) static WHY: DescribedPath = DescribedPath::new("/v1/views/{view}/why", || vec![why()]);

const CONDITION_WORDS: &str =
    "Conditions on columns, all of which hold: `column=eq.v`, `gt.`, `gte.`, `lt.`, `lte.`, `in.(a,b)`, `is.null`.";

const SUBSCRIBE_WORDS: &str = "As server-sent events, or over a WebSocket. Events: `reset`, `upsert`, `delete`, `progress`, `error`; what \
     lies between two `progress` belongs together.";

/// The view in the path.
pub(super) fn view_name() -> Value {
    in_path("view", text(), "The name of a view.")
}

/// Conditions on columns that are not known here.
pub(super) fn conditions() -> Value {
    let schema = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let mut parameter = query("conditions", schema, CONDITION_WORDS);
    parameter["style"] = "form".into();
    parameter["explode"] = true.into();
    parameter
}

/// Progress of what is being filled.
pub(super) fn progress() -> Value {
    nullable(object(&[("ratio", number()), ("done", whole()), ("total", whole())]))
}

fn views() -> DescribedOperation {
    let column = object(&[("name", text()), ("type", text())]);
    let ordered = object(&[("column", text()), ("descending", truth())]);
    let index = object(&[("name", text()), ("columns", list(ordered)), ("limit", nullable(whole()))]);
    let view = object(&[
        ("name", text()),
        ("access", one_of(&["public", "policy"])),
        ("columns", list(column)),
        ("indexes", list(index)),
        ("rows", nullable(whole())),
        ("state", one_of(&["ready", "hydrating", "deploying"])),
        ("progress", progress()),
    ]);
    let listed = object(&[("views", list(view)), ("position", position())]);
    DescribedOperation::get("list_views", VIEWS_TAG, "The views that the caller may read")
        .to(Audience::Readers)
        .answers(200, positioned("The views by name.", listed))
        .problems(&[400])
}

fn view() -> DescribedOperation {
    let row = json!({ "type": "object" });
    let operation = DescribedOperation::get("read_view", VIEWS_TAG, "Rows of any view")
        .to(Audience::Readers)
        .words("This document has a path of its own for each view that its reader may read.")
        .with([view_name(), conditions()])
        .with([
            query("select", text(), "Columns, separated by commas."),
            query("order", text(), "Such as `created_at.desc,post_id`."),
        ])
        .with(of_pages());
    with_pages(operation, &row)
}

fn subscribe() -> DescribedOperation {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX });
    DescribedOperation::get("subscribe_view", "streams", "Rows of a view, and then every change of them")
        .to(Audience::Readers)
        .words(SUBSCRIBE_WORDS)
        .with([view_name(), conditions()])
        .with([query("select", text(), "Columns, separated by commas."), query("order", text(), "The order of an index.")])
        .with([query("limit", limit, "The first rows in the order, kept so.")])
        .with([query("key", text(), "Columns by which the client knows a row.")])
        .with(waiting())
        .with([query("bigint", one_of(&["string", "number"]), "The form of BIGINT, for clients that send no `Prefer`.")])
        .with([query("ticket", text(), "Stands for a token, once.")])
        .with([query("last_event_id", text(), "Go on behind this event; the rest of the query must be equal.")])
        .with(prefer())
        .with([header("Last-Event-ID", text(), "The same, before the parameter.")])
        .answers(101, json!({ "description": "The connection is a WebSocket." }))
        .answers(200, answer("Events without an end.", &[("text/event-stream", sent_event(&CHANGES))]))
        .problems(&[400, 403, 404, 409])
}

fn why() -> DescribedOperation {
    let event = object(&[
        ("topic", text()),
        ("partition", whole()),
        ("offset", whole()),
        ("event_id", nullable(text())),
        ("event_type", nullable(text())),
        ("occurred_at", format("date-time")),
        ("event?", anything()),
    ]);
    let row = object(&[("row", json!({ "type": "object" })), ("found", truth()), ("cut", truth()), ("events", list(event))]);
    let gap = object(&[("topic", text()), ("partition", whole()), ("earliest", whole())]);
    let answered = object(&[
        ("view", text()),
        ("rows", list(row)),
        ("more", truth()),
        ("complete", truth()),
        ("reason", nullable(text())),
        ("gaps", list(gap)),
        ("records_read", whole()),
        ("position", position()),
    ]);
    DescribedOperation::get("explain_row", VIEWS_TAG, "The events that made a row")
        .to(Audience::Operators)
        .words("Conditions name the row; without any, nobody is meant, which is refused.")
        .with([view_name(), conditions()])
        .with([query("limit", whole_within(1, WHY_ROWS_MAX, WHY_ROWS_DEFAULT), "Rows that are explained.")])
        .with([query("events", whole_within(1, WHY_EVENTS_MAX, WHY_EVENTS_DEFAULT), "Events that are named for each.")])
        .with([query("detail", one_of(&["full", "place"]), "`place` leaves out the events themselves.")])
        .with(waiting())
        .with(prefer())
        .answers(200, positioned("Rows and their events.", answered))
        .problems(&[400, 404, 409])
}
