//! Dead letters: their list, sending one again, discarding one, and the rows on which an expression fails.

use schemas::dead_letter::Reason;
use serde_json::{Value, json};

use super::super::operation::{Audience, DescribedOperation, DescribedPath, in_path, json_answer, positioned, query};
use super::super::schema::{
    described, format, list, nullable, object, one_of, pattern, position, text, whole, whole_from, whole_within,
};
use super::events::{event, outcome};
use crate::http::limits::{DEAD_LETTERS_DEFAULT, DEAD_LETTERS_MAX};

pub(crate) static DEAD_LETTERS: DescribedPath = DescribedPath::new("/v1/dead-letters", || vec![dead_letters()]);
pub(crate) static ROW_ERRORS: DescribedPath = DescribedPath::new("/v1/dead-letters/row-errors", || vec![row_errors()]);
pub(crate) static DEAD_LETTER: DescribedPath = DescribedPath::new("/v1/dead-letters/{id}", || vec![discard()]);
pub(crate) static RETRY: DescribedPath = DescribedPath::new("/v1/dead-letters/{id}/retry", || vec![retry()]);

const TAG: &str = "dead letters";

fn id() -> Value {
    in_path("id", whole_from(1), "The id of a dead letter.")
}

fn limit() -> Value {
    query("limit", whole_within(1, DEAD_LETTERS_MAX, DEAD_LETTERS_DEFAULT), "Letters of the page, and errors of rows.")
}

fn row_error() -> Value {
    let error = [("id", whole()), ("relation", text()), ("expression", text()), ("detail", text()), ("row", text())];
    let mut members = error.to_vec();
    members.push(("count", json!({ "type": "integer" })));
    object(&members)
}

fn letter() -> Value {
    object(&[
        ("id", whole()),
        ("topic", text()),
        ("partition", whole()),
        ("offset", whole()),
        ("arrived", nullable(format("date-time"))),
        ("sent_to", nullable(text())),
        ("sender_actor", nullable(text())),
        ("relation", nullable(text())),
        ("reason", one_of(&Reason::ALL.map(Reason::as_str))),
        ("field", nullable(text())),
        ("detail", text()),
        ("length", whole()),
        ("text", text()),
        ("base64", text()),
    ])
}

fn dead_letters() -> DescribedOperation {
    let listed = object(&[
        ("dead_letters", list(letter())),
        ("dead_letters_total", whole()),
        ("dead_letters_retried", whole()),
        ("dead_letters_discarded", whole()),
        ("row_errors", list(row_error())),
        ("row_errors_total", json!({ "type": "integer" })),
        ("next", nullable(whole())),
        ("position", position()),
    ]);
    DescribedOperation::get("list_dead_letters", TAG, "Events that were quarantined, oldest first")
        .to(Audience::Operators)
        .with([limit(), query("after", whole_from(0), "The id of the last letter seen.")])
        .with([query("reason", one_of(&Reason::ALL.map(Reason::as_str)), "The reason."), query("topic", text(), "The topic.")])
        .with([query("since", format("date-time"), "The first time of arrival.")])
        .with([query("until", format("date-time"), "The first time of arrival that is too late.")])
        .answers(200, positioned("The letters that are on the list.", listed))
        .problems(&[400])
}

fn row_errors() -> DescribedOperation {
    let listed = object(&[
        ("row_errors", list(row_error())),
        ("row_errors_total", json!({ "type": "integer" })),
        ("next", nullable(text())),
        ("position", position()),
    ]);
    DescribedOperation::get("list_row_errors", TAG, "Rows on which an expression fails now")
        .to(Audience::Operators)
        .with([
            limit(),
            query("after", pattern("[0-9]{1,18}-[0-9]{1,18}"), "The `next` of the page before; 410 after a restart."),
        ])
        .answers(200, positioned("The errors.", listed))
        .problems(&[400, 410])
}

fn discard() -> DescribedOperation {
    let discarded = object(&[("id", whole()), ("status", one_of(&["discarded"]))]);
    DescribedOperation::delete("discard_dead_letter", TAG, "Take an event off the list, for good")
        .to(Audience::Operators)
        .with([id()])
        .answers(200, json_answer("It is off the list.", discarded))
        .problems(&[400, 404, 507])
}

fn retry() -> DescribedOperation {
    let mut sent = outcome();
    sent.push(("id", whole()));
    let lines = described(text(), "One event as a line of JSON.");
    DescribedOperation::post("retry_dead_letter", TAG, "Send an event again")
        .to(Audience::Operators)
        .words("As it was, or as the event in the body.")
        .with([id()])
        .body(false, &[("application/json", event()), ("application/x-ndjson", lines)])
        .answers(200, json_answer("It was taken, and is off the list.", object(&sent)))
        .problems(&[400, 404, 413, 415, 422, 507])
}
