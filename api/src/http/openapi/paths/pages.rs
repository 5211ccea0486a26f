//! Pages for people, and this document.

use serde_json::json;

use super::super::operation::{Audience, DescribedOperation, DescribedPath, answer, header, in_path, json_answer, with_headers};
use super::super::schema::{described, object, text, whole_from};

pub(crate) static CONSOLE: DescribedPath = DescribedPath::new("/", || vec![page("console", "The page of operators")]);
pub(crate) static CONSOLE_FILE: DescribedPath = DescribedPath::new("/console/{file}", || vec![file()]);
pub(crate) static DOCS: DescribedPath = DescribedPath::new("/docs", || vec![page("docs", "A page to try the API")]);
pub(crate) static OPENAPI: DescribedPath = DescribedPath::new("/openapi.json", || vec![openapi()]);

/// The path of a process with an issuer of tokens; others have none.
pub(crate) static PAGE_TOKENS: DescribedPath = DescribedPath::new("/v1/page-tokens/{user}", || vec![page_token()]);

const TAG: &str = "pages";

/// The paths of a page that the process adds, and their operations.
pub(in crate::http::openapi) fn host_page(name: &str, title: &str) -> [(String, DescribedOperation); 2] {
    let file = file_operation(&format!("{name}_file"), "A file of the page");
    [(format!("/{name}"), page(&format!("page_{name}"), title)), (format!("/{name}/{{file}}"), file)]
}

fn page_token() -> DescribedOperation {
    let issued = object(&[("token", text()), ("expires_at", text())]);
    let nothing = described(json!({ "type": "object" }), "Not looked at; its media type is one that no form can send.");
    DescribedOperation::post("issue_page_token", TAG, "A token for a user who is made up")
        .with([in_path("user", whole_from(0), "The number of the user.")])
        .body(true, &[("application/json", nothing)])
        .answers(200, json_answer("The token.", issued))
        .problems(&[400, 404, 415])
}

fn page(id: &str, summary: &str) -> DescribedOperation {
    DescribedOperation::get(id, TAG, summary).unlimited().answers(200, answer("The page.", &[("text/html", text())]))
}

fn file() -> DescribedOperation {
    file_operation("console_file", "A file of a page")
}

fn file_operation(id: &str, summary: &str) -> DescribedOperation {
    let kinds = ["text/javascript", "text/css", "image/svg+xml"].map(|kind| (kind, text()));
    DescribedOperation::get(id, TAG, summary)
        .unlimited()
        .with([in_path("file", text(), "Its name.")])
        .answers(200, answer("The file.", &kinds))
        .problems(&[400, 404])
}

fn openapi() -> DescribedOperation {
    let document = json_answer("The document.", json!({ "type": "object" }));
    let known = with_headers(json!({ "description": "The client has it." }), &["ETag"]);
    DescribedOperation::get("openapi", TAG, "This document, for its reader")
        .to(Audience::Readers)
        .with([header("If-None-Match", text(), "The `ETag` of an earlier one.")])
        .answers(200, with_headers(document, &["ETag"]))
        .answers(304, known)
        .problems(&[400])
}
