//! The members by which clients of PostgREST know an error, beside those of every problem.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value as Json;

use crate::http::problem::answer::Problem;

/// The header in which a client finds the code where an answer has no body.
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
/// Paths whose errors have this form.
const PATHS: &str = "/rest/v1/";

/// Returns true if errors of requests to a path have these members.
pub(crate) fn is_rest_path(path: &str) -> bool {
    path.starts_with(PATHS)
}

/// The problem with `message`, `code`, `details` and `hint`.
pub(crate) fn with_members(problem: Problem) -> Problem {
    let text = |name: &str| problem.get(name).cloned().unwrap_or(Json::Null);
    let code = match text("code") {
        Json::Null => code_of(problem.slug()).into(),
        code => code,
    };
    let hint = match (text("hint"), text("suggestion")) {
        (Json::Null, Json::String(name)) => format!("Perhaps you meant '{name}'").into(),
        (hint, _) => hint,
    };
    let (message, details) = (text("detail"), text("details"));
    problem.member("message", message).member("code", code).member("details", details).member("hint", hint)
}

/// The problem as an answer to a client of PostgREST.
pub(crate) fn response(problem: Problem) -> Response {
    let problem = with_members(problem);
    let status = problem.get("code").and_then(Json::as_str).map(|code| format!("PostgREST; error={code}"));
    let mut response = problem.into_response();
    if let Some(value) = status.and_then(|status| HeaderValue::from_str(&status).ok()) {
        response.headers_mut().insert(PROXY_STATUS, value);
    }
    response
}

/// PostgREST's or PostgreSQL's code for a problem that has none yet; the problem's own name where they know nothing of the kind.
fn code_of(slug: &'static str) -> &'static str {
    match slug {
        "unknown_view" => "PGRST205",
        "unknown_column" => "42703",
        "bad_value" => "22P02",
        "bad_order" | "index_needed" | "too_many_keys" => "54000",
        "bad_parameter"
        | "unknown_parameter"
        | "repeated_parameter"
        | "bad_encoding"
        | "too_many_parameters"
        | "bad_operator" => "PGRST100",
        "bad_token" => "PGRST301",
        "token_needed" => "PGRST302",
        "missing_claim" | "missing_scope" => "42501",
        "method_not_allowed" => "PGRST117",
        "busy" | "timeout" => "PGRST003",
        other => other,
    }
}
