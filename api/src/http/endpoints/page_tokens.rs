//! `POST /v1/page-tokens/{user}`: a token for a user who is made up, for pages that the process adds. Only a process with an issuer answers it.
//!
//! Nobody has to prove who he is, so the request must be one that no page of another site can send: to a name of this machine, from a page of
//! this server or from no page at all, with a media type that no form has. It is what a server without keys asks of every write.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::post;
use schemas::time::timestamp_text;
use serde_json::json;

use crate::host::pages::{IssuedToken, TokenIssuer};
use crate::http::answer::json_response;
use crate::http::cors::CorsSites;
use crate::http::error::resource::ResourceError;
use crate::http::openapi::paths::PAGE_TOKENS;
use crate::http::origin::check_origin;
use crate::http::problem::answer::Problem;
use crate::http::query::path::name_in_path;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

const MICROS_PER_SECOND: u64 = 1_000_000;

/// Adds the route where there is an issuer.
pub(crate) fn add_issuer(router: Router<ApiState>, issuer: Option<&Arc<dyn TokenIssuer>>) -> Router<ApiState> {
    match issuer {
        Some(_) => router.route(PAGE_TOKENS.path(), post(page_tokens)),
        None => router,
    }
}

/// Gives out a token.
async fn page_tokens(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    // A page of an origin that may read answers is a stranger here.
    check_origin(&request, &CorsSites::default().grant(request.headers()))?;
    QueryString::parse(request.uri().query())?.only(&[])?;
    let user: Option<u64> = name_in_path(name, request.uri())?.parse().ok();
    let unknown = || ResourceError::UnknownPath { path: request.uri().path().to_owned() };
    let (Some(user), Some(issuer)) = (user, &state.config().token_issuer) else { return Err(unknown().into()) };
    let IssuedToken { token, expires_at } = issuer.issue(user);
    // The year 294,000 has no place in a time.
    let expires_at = timestamp_text(i64::try_from(expires_at.saturating_mul(MICROS_PER_SECOND)).unwrap_or(i64::MAX));
    let mut response = json_response(json!({ "token": token, "expires_at": expires_at }).to_string(), None);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
