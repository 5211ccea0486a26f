//! PostgREST's conventions; `docs/API.md` has the table of calls.

use serde_json::{Value, json};

use super::super::operation::{Audience, DescribedOperation, DescribedPath, answer, header, in_path, query, with_headers};
use super::super::schema::{format, list, text, whole_from};
use super::super::views::waiting;
use super::views::{conditions, view_name};

pub(crate) static REST_ROWS: DescribedPath = DescribedPath::new("/rest/v1/{view}", || vec![rows()]);
pub(crate) static REST_FUNCTION: DescribedPath = DescribedPath::new("/rest/v1/rpc/{function}", || vec![function()]);

const TAG: &str = "postgrest";

fn rows() -> DescribedOperation {
    let row = json!({ "type": "object" });
    let forms = [
        ("application/json", list(row.clone())),
        ("application/vnd.pgrst.array+json", list(row.clone())),
        ("application/vnd.pgrst.object+json", row),
        ("text/csv", text()),
        ("application/x-ndjson", text()),
    ];
    let rows =
        |words: &str| with_headers(answer(words, &forms), &["Tidewater-Position", "Tidewater-Cursor", "Content-Range", "ETag"]);
    let known = with_headers(json!({ "description": "The client has the answer." }), &["ETag"]);
    DescribedOperation::get("rest_rows", TAG, "Rows of a view, for clients of PostgREST")
        .to(Audience::Readers)
        .with([view_name(), conditions()])
        .with([query("select", text(), "Columns with casts, aliases and places in JSON."), query("order", text(), "Any order.")])
        .with([
            query("limit", whole_from(0), "Rows of the page, at most 1,000."),
            query("offset", whole_from(0), "Rows that are left out."),
        ])
        .with([query("cursor", format("tidewater-cursor"), "The `Tidewater-Cursor` of the answer before.")])
        .with(waiting())
        .with(headers())
        .answers(200, rows("All rows that were asked for."))
        .answers(206, rows("Some of them: the cursor, or `offset`, goes on."))
        .answers(304, known)
        .problems(&[400, 404, 406, 409, 416])
}

fn headers() -> [Value; 4] {
    [
        header("Prefer", text(), "`count=exact`, `planned` or `estimated`; `handling=strict`; `bigint=string`."),
        header("Range", text(), "Rows by their numbers, such as `0-9`."),
        header("Accept-Profile", text(), "`public`, the only schema."),
        header("If-None-Match", text(), "The `ETag` of an answer."),
    ]
}

fn function() -> DescribedOperation {
    DescribedOperation::get("rest_function", TAG, "A function, of which there are none")
        .words("Every method is answered with 404 and what to do instead.")
        .with([in_path("function", text(), "A name.")])
        .problems(&[400, 404])
}
