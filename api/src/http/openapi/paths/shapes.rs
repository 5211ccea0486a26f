//! Shapes, by the protocol of ElectricSQL.

use serde_json::{Value, json};

use super::super::operation::{Audience, DescribedOperation, DescribedPath, answer, json_answer, query, with_headers};
use super::super::schema::{component, list, object, one_of, pattern, text};

pub(crate) static SHAPE: DescribedPath = DescribedPath::new("/v1/shape", || vec![shape()]);

fn shape() -> DescribedOperation {
    let message = object(&[("headers", json!({ "type": "object" }))]);
    let messages = json_answer("Messages, and what to ask next.", list(message.clone()));
    let headers = ["electric-handle", "electric-offset", "electric-cursor", "electric-schema", "electric-up-to-date"];
    let refetch = [("application/json", list(message)), ("application/problem+json", component("schemas/Problem"))];
    DescribedOperation::get(
        "follow_shape",
        "shapes",
        "The rows of a public view, and every change of them, in parts that caches keep",
    )
    .to(Audience::Readers)
    .words("A client reads from `offset=-1` on, and goes on behind each answer. `live=true` waits for a change.")
    .with(parameters())
    .answers(200, with_headers(messages, &headers))
    .answers(409, answer("The client has to begin again under the handle of the answer.", &refetch))
    .problems(&[400, 403, 404])
}

fn parameters() -> Vec<Value> {
    let required = |mut parameter: Value| {
        parameter["required"] = true.into();
        parameter
    };
    let values = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let mut params = query("params", values, "Values of `$1` and so on.");
    params["style"] = "deepObject".into();
    vec![
        required(query("table", text(), "The view.")),
        required(query(
            "offset",
            pattern("-1|now|[0-9]+_[0-9]+"),
            "-1 for the beginning, `now` for the end, or the place behind an answer.",
        )),
        query("columns", text(), "Columns, separated by commas."),
        query("where", text(), "`column = 'value'` or `column = $1`, joined by AND."),
        params,
        query("key", text(), "Columns that tell rows apart."),
        query("replica", one_of(&["default", "full"]), "`full` repeats all columns of a changed row."),
        query("handle", text(), "The `electric-handle` of the answer that `offset` is of."),
        query("live", one_of(&["true", "false"]), "Waits for a change at the end."),
        query("cursor", text(), "The `electric-cursor` of the answer before."),
        query("log", one_of(&["full", "changes_only"]), "`changes_only` begins at the end."),
        query("expired_handle", text(), "Sent by a client that began again."),
        query("cache-buster", text(), "Sent by a client that began again."),
    ]
}
