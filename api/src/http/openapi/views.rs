//! Views as paths of their own: the columns of each, its conditions, and the orders that its indexes keep.

use schemas::serving::{Access, View};
use serde_json::{Value, json};

use super::columns::{condition, condition_schemas, example, orders, row_schema};
use super::operation::{Audience, DescribedOperation, answer, header, query, query_list, with_headers};
use super::schema::{component, format, list, nullable, object, one_of, position, sent_event, text, whole_within};
use crate::http::limits::QUERY_PARAMETERS_MAX;
use crate::read::limits::{AFTER_WAIT_MILLIS, AFTER_WAIT_MILLIS_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};

/// Tag of the paths of views.
pub(super) const VIEWS_TAG: &str = "views";
/// Names of the events of a stream of rows.
pub(super) const CHANGES: [&str; 5] = ["reset", "upsert", "delete", "progress", "error"];
/// Parameters of a page that are not conditions.
const PARAMETERS: [&str; 6] = ["select", "order", "limit", "cursor", "after", "wait"];
const CURSOR_WORDS: &str = "The `next` of the page before, of an otherwise equal query. Opaque, and good across restarts.";
const AFTER_WORDS: &str = "A position that the answer has to show at least: the `position` of an answer that was seen, or of events that \
     were sent. The request waits for it, and gets 409 when it is not reached in time.";
const PREFER_WORDS: &str =
    "`bigint=string` for whole numbers of 64 bits as strings, `bigint=number` for numbers. Others are passed over.";
const ETAG_WORDS: &str = "The `ETag` of an answer: 304 while it is still the one.";

/// The name of a view or an index as a part of a path, and of names in the document.
pub(super) fn encoded(name: &str, is_kept: impl Fn(u8) -> bool, escape: char) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if is_kept(byte) {
            text.push(byte.into())
        } else {
            text.push_str(&format!("{escape}{byte:02X}"))
        }
        text
    })
}

/// The name in a path.
pub(super) fn in_address(name: &str) -> String {
    encoded(name, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), '%')
}

/// The name in the names of components and operations, which have few characters.
pub(super) fn in_names(name: &str) -> String {
    encoded(name, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte), '.')
}

/// Parameters that many operations share, as components.
pub(super) fn shared_parameters() -> Value {
    let wait = whole_within(0, AFTER_WAIT_MILLIS_MAX, AFTER_WAIT_MILLIS);
    let limit = whole_within(1, PAGE_ROWS_MAX, PAGE_ROWS_DEFAULT);
    json!({
        "after": query("after", format("tidewater-position"), AFTER_WORDS),
        "wait": query("wait", wait, "Milliseconds for which the position of `after` is waited for."),
        "limit": query("limit", limit, "Rows of the page, which has fewer when they have many bytes."),
        "cursor": query("cursor", format("tidewater-cursor"), CURSOR_WORDS),
        "Prefer": header("Prefer", text(), PREFER_WORDS),
        "If-None-Match": header("If-None-Match", text(), ETAG_WORDS),
    })
}

fn shared<const N: usize>(names: [&str; N]) -> [Value; N] {
    names.map(|name| component(&format!("parameters/{name}")))
}

/// `after` and `wait`.
pub(super) fn waiting() -> [Value; 2] {
    shared(["after", "wait"])
}

/// `Prefer`.
pub(super) fn prefer() -> [Value; 1] {
    shared(["Prefer"])
}

/// `limit`, `cursor`, `after`, `wait` and the headers of a page.
pub(super) fn of_pages() -> [Value; 6] {
    shared(["limit", "cursor", "after", "wait", "Prefer", "If-None-Match"])
}

/// The answers of a page of rows with this schema, in all forms that `Accept` may ask for.
pub(super) fn with_pages(operation: DescribedOperation, row: &Value) -> DescribedOperation {
    let page = object(&[("rows", list(row.clone())), ("next", nullable(text())), ("position", position())]);
    let forms = [
        ("application/json", page),
        ("application/x-ndjson", text()),
        ("text/csv", text()),
        ("application/vnd.pgrst.object+json", row.clone()),
        ("text/event-stream", sent_event(&CHANGES)),
    ];
    let rows = answer("The rows, and the cursor of the next page; as events, these rows and all their changes.", &forms);
    let rows = with_headers(rows, &["Tidewater-Position", "ETag", "Preference-Applied"]);
    let part = answer("Some of the rows that were asked for, in a form of PostgREST.", &forms[1..4]);
    let part = with_headers(part, &["Tidewater-Position", "Tidewater-Cursor", "Content-Range"]);
    let known = with_headers(json!({ "description": "The client has the answer." }), &["Tidewater-Position", "ETag"]);
    operation.answers(200, rows).answers(206, part).answers(304, known).problems(&[400, 404, 406, 409, 416])
}

/// The path of a view, and its operation.
pub(super) fn view_path(view: &View) -> (String, DescribedOperation) {
    let name = &view.name;
    let (audience, readers) = match view.access {
        Access::Public => (Audience::Readers, "Everybody may read all rows."),
        Access::Policies(_) | Access::Denied => (Audience::Holders, "A reader gets the rows that its token lets it see."),
    };
    let served = view.indexes.iter().map(|index| describe_index(view, index)).collect::<Vec<_>>().join("\n");
    let kept =
        view.max_age.map_or_else(String::new, |seconds| format!(" A page may be used for {seconds} s without asking again."));
    let words = format!(
        "{readers}{kept} Conditions and the order have to be served by an index:\n\n{served}\n\nAn order may leave out columns with one known \
         value, and have further ones. At most {QUERY_PARAMETERS_MAX} parameters are taken; one that is not known is refused."
    );
    let orders = orders(view);
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    let names: Vec<&str> = view.columns.iter().map(|column| column.name.as_str()).collect();
    let operation = DescribedOperation::get(&format!("read_{}", in_names(name)), VIEWS_TAG, &format!("Rows of {name}"))
        .to(audience)
        .words(&words)
        .with(
            view.columns.iter().filter_map(|column| condition(column, &PARAMETERS)).map(|parameter| exemplified(view, parameter)),
        )
        .with([query_list("select", one_of(&names), "Columns of the answer; all of them if it is left out.")])
        .with([query(
            "order",
            one_of(&orders),
            "The order of an index, or its reverse. Without it, that of the index that fits best.",
        )])
        .with(of_pages());
    (format!("/v1/views/{}", in_address(name)), with_pages(operation, &component(&format!("schemas/{}", row_name(view)))))
}

/// An example for the condition on the first column of the first index, which narrows what is read.
fn exemplified(view: &View, mut parameter: Value) -> Value {
    let first = view.indexes.first().and_then(|index| index.columns.first()).and_then(|column| view.columns.get(column.column));
    if let Some(column) = first.filter(|column| parameter["name"] == column.name.as_str()) {
        parameter["example"] = json!([format!("eq.{}", example(&column.kind))]);
    }
    parameter
}

/// `- by_author (author_id, created_at DESC), at most 600 rows of each author_id`
fn describe_index(view: &View, index: &schemas::serving::Index) -> String {
    let name = |column: usize| view.columns[column].name.as_str();
    let columns =
        index.columns.iter().map(|column| format!("{}{}", name(column.column), if column.descending { " DESC" } else { "" }));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let limit = match (index.limit, index.columns.first()) {
        (Some(limit), Some(first)) => format!(", at most {limit} rows of each {}", name(first.column)),
        _ => String::new(),
    };
    format!("- `{}` ({columns}){limit}", index.name)
}

fn row_name(view: &View) -> String {
    format!("Row.{}", in_names(&view.name))
}

/// The schemas of a view's rows and conditions.
pub(super) fn view_schemas(view: &View) -> Vec<(String, Value)> {
    let mut schemas = vec![(row_name(view), row_schema(&view.columns))];
    schemas.extend(condition_schemas(view.columns.iter()));
    schemas
}
