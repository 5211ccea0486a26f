//! `GET /`, `GET /docs` and `GET /console/{file}`: the page to look at, and the page to try the API; `GET /{page}` and `GET /{page}/{file}`: pages that
//! the process adds.
//!
//! Nothing is loaded from elsewhere, and text is never read as markup. A header makes the browser enforce both.

use std::borrow::Cow;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::console::{DOCS_PAGE, FILES, FURTHER_PAGES, PAGE};
use crate::host::pages::{HostPage, PageFile};
use crate::http::error::resource::ResourceError;
use crate::http::problem::answer::Problem;
use crate::http::query::path::name_in_path;
use crate::http::state::ApiState;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The page itself, with a link to each page that the process adds.
pub(crate) async fn page(State(state): State<ApiState>) -> Response {
    let link = |page: &HostPage| format!("<a href=\"{}\">{}</a>", page.name, page.title);
    let links: String = state.config().pages.iter().map(link).collect();
    answer(PAGE.content_type, PAGE.text.replace(FURTHER_PAGES, &links).into())
}

/// The page to try the API.
pub(crate) async fn docs() -> Response {
    answer(DOCS_PAGE.content_type, DOCS_PAGE.text.into())
}

/// A file of them.
pub(crate) async fn file(name: Result<Path<String>, PathRejection>, uri: Uri) -> Result<Response, Problem> {
    file_of(&FILES, name, &uri)
}

/// Adds the routes of a page of the process.
pub(crate) fn add_page(router: Router<ApiState>, page: &HostPage) -> Router<ApiState> {
    let HostPage { name, page, files, .. } = *page;
    let file = move |name: Result<Path<String>, PathRejection>, uri: Uri| async move { file_of(files, name, &uri) };
    router
        .route(&format!("/{name}"), get(move || async move { answer(page.content_type, page.text.into()) }))
        .route(&format!("/{name}/{{file}}"), get(file))
}

fn file_of(files: &'static [PageFile], name: Result<Path<String>, PathRejection>, uri: &Uri) -> Result<Response, Problem> {
    let name = name_in_path(name, uri)?;
    let file = files.iter().find(|file| file.name == name);
    let unknown = || ResourceError::UnknownPath { path: uri.path().to_owned() };
    let PageFile { content_type, text, .. } = file.ok_or_else(unknown)?;
    Ok(answer(content_type, (*text).into()))
}

fn answer(content_type: &'static str, text: Cow<'static, str>) -> Response {
    let headers: [(HeaderName, HeaderValue); 6] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        // A page of another version of the program would ask this one for what it does not have.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}
