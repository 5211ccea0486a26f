//! The layers before every endpoint: places among all requests, limits of the request and of its time, the origin of requests to a server
//! without keys, the caller and its limits, preflights, the headers of every answer, and the request counter.

use std::time::Instant;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::SemaphorePermit;
use tracing::Instrument;

use crate::http::caller::{Caller, ClientKey};
use crate::http::cors::CorsGrant;
use crate::http::credentials::Credentials;
use crate::http::error::limit::LimitError;
use crate::http::limits::{HEADERS_BYTES_MAX, URI_BYTES_MAX};
use crate::http::openapi::paths::OPENAPI;
use crate::http::origin::{check_origin, check_socket};
use crate::http::peer::Peer;
use crate::http::postgrest::form::{is_rest_path, response as response_of_rest};
use crate::http::problem::answer::Problem;
use crate::http::protection::protect;
use crate::http::request_log::RequestLog;
use crate::http::state::ApiState;
use crate::http::token::TokenError;

/// The route label of requests to nowhere.
const UNMATCHED: &str = "unmatched";
/// The path of producers, which have places of their own.
const EVENTS_PATH: &str = "/v1/events";
/// The beginning of the paths of producers that send events of one topic.
const TOPIC_PATHS: &str = "/v1/topics/";
/// Paths by which others decide whether the server is used.
const HEALTH_PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// Answers within the limits, and counts the answer.
pub(crate) async fn guard(
    State(state): State<ApiState>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let log = RequestLog::of(&request);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let is_rest = is_rest_path(request.uri().path());
    let credentials = Credentials::of(&request, path);
    let grant = state.config().cors.grant(request.headers());
    let mut response = match answer(&state, request, (&credentials, &grant), next).instrument(log.span()).await {
        Ok(response) => response,
        Err(problem) => log.span().in_scope(|| if is_rest { response_of_rest(problem) } else { problem.into_response() }),
    };
    protect(response.status(), response.headers_mut(), credentials.is_some());
    grant.note(response.headers_mut());
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    log.write(route, response.status().as_u16(), started.elapsed());
    state.metrics().observe(route, response.status().as_u16(), started.elapsed());
    response
}

async fn answer(
    state: &ApiState,
    request: Request,
    (credentials, grant): (&Credentials, &CorsGrant),
    next: Next,
) -> Result<Response, Problem> {
    let limits = &state.config().limits;
    let is_limited = is_limited(request.uri().path());
    let _permit = if is_limited { Some(permit(state, request.uri().path())?) } else { None };
    check_size(request.uri().path_and_query().map_or(0, |uri| uri.as_str().len()), request.headers())?;
    if state.config().is_keyless() {
        check_origin(&request, grant)?;
    } else {
        check_socket(&request, &state.config().cors, grant)?;
    }
    let caller = if is_limited { Some(caller(state, credentials, &request)?) } else { None };
    if let Some(preflight) = grant.preflight(&request) {
        return Ok(preflight);
    }
    let client = match &caller {
        Some(caller) => caller.key(),
        None => ClientKey::of(None, request.extensions().get::<Peer>().copied()),
    };
    if is_limited {
        state.untaken().check(client)?;
    }
    // What has changed something is told, and so is health: whoever keeps other answers is not taken for a server that is ill.
    let is_refusable = request.method().is_safe() && !HEALTH_PATHS.contains(&request.uri().path());
    let seconds = limits.request_timeout.as_secs();
    let answered = match caller {
        Some(caller) => tokio::time::timeout(limits.request_timeout, caller.answer(next.run(request))).await,
        None => tokio::time::timeout(limits.request_timeout, next.run(request)).await,
    };
    let answered = answered.map_err(|_| LimitError::Timeout { seconds })?;
    Ok(state.untaken().counted(answered, client, is_refusable)?)
}

/// Returns true if requests to a path need a place; health checks and scrapes need none, so they work under load.
fn is_limited(path: &str) -> bool {
    path.starts_with("/v1/") || is_rest_path(path) || path == OPENAPI.path()
}

/// A place among the requests that are answered.
fn permit<'a>(state: &'a ApiState, path: &str) -> Result<SemaphorePermit<'a>, LimitError> {
    let limits = &state.config().limits;
    let is_topic = path.strip_prefix(TOPIC_PATHS).is_some_and(|topic| !topic.contains('/'));
    let (permits, requests_max) = match path == EVENTS_PATH || is_topic {
        true => (state.producer_permits(), limits.producer_requests_max),
        false => (state.permits(), limits.requests_max),
    };
    permits.try_acquire().map_err(|_| LimitError::Busy { requests_max })
}

/// The caller of a request, with one request more.
fn caller(state: &ApiState, credentials: &Credentials, request: &Request) -> Result<Caller, LimitError> {
    let clients = state.clients();
    let peer = request.extensions().get::<Peer>().copied();
    if credentials.has_token() {
        clients.check_bad_tokens(peer)?;
    }
    if credentials.has_ticket() {
        // Before it is used up: whoever may not ask now asks with the same ticket later.
        clients.check_requests(ClientKey::of(None, peer))?;
    }
    let authenticated = credentials.authenticate(state, request.headers());
    // Other bad tokens cost no verification, or are of somebody who was known: they are limited as requests are.
    if matches!(authenticated, Err(TokenError::WrongSignature)) {
        clients.count_bad_token(peer);
    }
    let key = ClientKey::of(authenticated.as_ref().ok().and_then(Option::as_ref), peer);
    clients.count_request(key)?;
    // A bad token is the endpoint's to refuse: not every one of them looks at it.
    Ok(Caller::new(key, authenticated))
}

fn check_size(uri_bytes: usize, headers: &HeaderMap) -> Result<(), LimitError> {
    if uri_bytes > URI_BYTES_MAX {
        return Err(LimitError::UriTooLong { bytes: uri_bytes, bytes_max: URI_BYTES_MAX });
    }
    let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > HEADERS_BYTES_MAX {
        return Err(LimitError::HeadersTooLarge { bytes, bytes_max: HEADERS_BYTES_MAX });
    }
    Ok(())
}
