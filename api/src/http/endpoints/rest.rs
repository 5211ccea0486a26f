//! `GET /rest/v1/{view}`: rows of a view in PostgREST's conventions, for clients that are made for it.
//!
//! `docs/API.md` has the table of calls. What PostgREST does beside reading is refused here with a hint.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use crate::http::postgrest::answer;
use crate::http::postgrest::error::PostgrestError;
use crate::http::postgrest::form::response;
use crate::http::query::path::name_in_path;
use crate::http::state::ApiState;

/// Rows of a view.
pub(crate) async fn rows(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let name = match name_in_path(name, &uri) {
        Ok(name) => name,
        Err(error) => return response(error.into()),
    };
    answer::rows(state, name, &uri, &headers).await.unwrap_or_else(response)
}

/// Any other method: views are not written to.
pub(crate) async fn write(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    response(PostgrestError::Write { method: method.to_string() }.into())
}

/// A function: there are none.
pub(crate) async fn function(name: Result<Path<String>, PathRejection>, uri: Uri) -> Response {
    let error = match name_in_path(name, &uri) {
        Ok(function) => PostgrestError::UnknownFunction { function },
        Err(error) => error.into(),
    };
    response(error.into())
}
