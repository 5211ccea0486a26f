//! Parts that many operations share: problems, the headers of answers, positions, and how a caller makes itself known.

use serde_json::{Map, Value, json};

use super::columns::value_schemas;
use super::operation::{answer, answer_header, with_headers};
use super::schema::{component, described, nullable, object, pattern, text, whole};
use super::views::shared_parameters;

/// The position of an answer.
const POSITION: &str = "[0-9a-f]+:[0-9]+";
const POSITION_WORDS: &str = "A position: what an answer shows. Sent as `after`, it makes another answer show at least that.";

/// Statuses of problems and their words.
const PROBLEMS: [(u16, &str); 18] = [
    (400, "The request is not understood; `field` names the part."),
    (401, "A token is needed, or the one that was sent is not good."),
    (403, "The caller may not do this."),
    (404, "There is nothing here that the caller may know of."),
    (406, "None of the accepted media types can be had."),
    (409, "The request does not fit the state that there is."),
    (410, "What the request goes on from is gone."),
    (413, "The body is too long."),
    (414, "The address is too long."),
    (415, "The body has a media type or an encoding that is not read."),
    (416, "The range of rows is not there."),
    (421, "A server without keys was asked by a name that is not of its machine."),
    (422, "The content of the body is refused."),
    (429, "The client has asked too often, or the views are behind."),
    (431, "The headers are too long."),
    (500, "The answer could not be made."),
    (503, "Not now: `Retry-After` says when it is worth asking again, where that is known."),
    (507, "The disk is full."),
];

/// The answer that is a problem.
fn problem(status: u16, words: &str) -> Value {
    let answer = answer(words, &[("application/problem+json", component("schemas/Problem"))]);
    match status {
        401 => with_headers(answer, &["WWW-Authenticate"]),
        429 | 503 | 507 => with_headers(answer, &["Retry-After"]),
        _ => answer,
    }
}

fn problem_schema() -> Value {
    let status = json!({ "type": "integer", "minimum": 400, "maximum": 599 });
    let kind = described(pattern("urn:tidewater:problem:[a-z_]+"), "A name that stays: programs may compare it.");
    let members = [
        ("type", kind),
        ("title", text()),
        ("status", status),
        ("detail", described(text(), "What is wrong, and what to do.")),
        ("field?", described(text(), "The part of the request that is to blame.")),
        ("suggestion?", described(text(), "The name that was meant, perhaps.")),
        ("code?", described(nullable(text()), "PostgREST's or PostgreSQL's code, under `/rest/v1`.")),
        ("message?", described(nullable(text()), "The detail once more, under `/rest/v1`.")),
        ("details?", nullable(text())),
        ("hint?", nullable(text())),
    ];
    described(object(&members), "RFC 9457, with further members for some problems.")
}

/// Headers of answers.
fn headers() -> Value {
    let position = component("schemas/Position");
    json!({
        "Tidewater-Position": answer_header(true, position, "The position that the answer shows."),
        "Tidewater-Cursor": answer_header(false, text(), "The place behind the last row, when there are more and an index keeps the order."),
        "ETag": answer_header(true, pattern("(W/)?\"[^\"]*\""), "The tag of the answer, for `If-None-Match`."),
        "Content-Range": answer_header(false, pattern("(\\*|[0-9]+-[0-9]+)/(\\*|[0-9]+)"), "The rows that these are, and of how many."),
        "Preference-Applied": answer_header(false, text(), "What was taken of `Prefer`."),
        "Retry-After": answer_header(false, whole(), "Seconds after which it is worth asking again."),
        "WWW-Authenticate": answer_header(true, pattern("Bearer.*"), "How the caller may make itself known."),
        "electric-handle": answer_header(true, text(), "Name of the shape as it is now."),
        "electric-offset": answer_header(true, text(), "The place behind the last message, for `offset`."),
        "electric-cursor": answer_header(false, text(), "For `cursor` of the next live request."),
        "electric-schema": answer_header(false, text(), "The columns and their types."),
        "electric-up-to-date": answer_header(false, text(), "There when nothing is left to read."),
    })
}

/// All components; `further` are schemas of views and conditions.
pub(super) fn components(further: Vec<(String, Value)>) -> Value {
    let mut schemas: Map<String, Value> = value_schemas().into_iter().chain(further).collect();
    schemas.insert("Problem".into(), problem_schema());
    schemas.insert("Position".into(), described(pattern(POSITION), POSITION_WORDS));
    let responses: Map<String, Value> =
        PROBLEMS.iter().map(|(status, words)| (format!("Problem{status}"), problem(*status, words))).collect();
    let bearer = json!({
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of the identity provider that the server knows. Policies compare its claims with columns.",
    });
    json!({
        "schemas": schemas,
        "responses": responses,
        "parameters": shared_parameters(),
        "headers": headers(),
        "securitySchemes": { "bearer": bearer },
    })
}
