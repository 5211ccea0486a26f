//! Errors as answers: `application/problem+json` of RFC 9457.
//!
//! An [`ApiError`] enters; status, headers and a JSON object with `type`, `title`, `status`, `detail` and, where one is to
//! blame, `field` leave. `type` is a stable name that programs may compare.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sinks::search::QueryError;
use sinks::views::{Hydration, WaitError};

use crate::host::deployments::DeployRefusal;
use crate::host::ingest::{IngestError, Refusal};
use crate::http::error::{ApiError, seconds_left};
use crate::read::limits::{HYDRATION_RETRY_SECONDS, RETRY_AFTER};

/// Prefix of every `type`.
const TYPE_PREFIX: &str = "urn:tidewater:problem:";
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, slug) = class(&self);
        let problem = describe(&self);
        // What is not whole yet is no fault, and whoever waits for it asks again and again.
        if status.is_server_error()
            && !matches!(
                self,
                Self::Hydrating { .. } | Self::IndexBuilding { .. } | Self::NotReady { .. } | Self::CatchingUp { .. }
            )
        {
            tracing::warn!(problem = slug, detail = %self, "a request could not be answered");
        }
        let mut response = (status, problem.to_string()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
        add_headers(&self, &mut response);
        response
    }
}

/// The problem as JSON.
pub(crate) fn describe(error: &ApiError) -> Value {
    let (status, slug) = class(error);
    let mut problem = json!({
        "type": format!("{TYPE_PREFIX}{slug}"),
        "title": slug.replace('_', " "),
        "status": status.as_u16(),
        "detail": error.to_string(),
    });
    if let Some(field) = field(error) {
        problem["field"] = field.into();
    }
    add_details(error, &mut problem);
    problem
}

/// The status, and the name that ends the type.
fn class(error: &ApiError) -> (StatusCode, &'static str) {
    use ApiError as E;
    match error {
        E::UnknownPath { .. } => (StatusCode::NOT_FOUND, "unknown_path"),
        E::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        E::UnknownView { .. } => (StatusCode::NOT_FOUND, "unknown_view"),
        E::UnknownColumn { .. } => (StatusCode::BAD_REQUEST, "unknown_column"),
        E::UnknownParameter { .. } => (StatusCode::BAD_REQUEST, "unknown_parameter"),
        E::BadOperator { .. } => (StatusCode::BAD_REQUEST, "bad_operator"),
        E::BadValue { .. } => (StatusCode::BAD_REQUEST, "bad_value"),
        E::BadParameter { .. } => (StatusCode::BAD_REQUEST, "bad_parameter"),
        E::RepeatedParameter { .. } => (StatusCode::BAD_REQUEST, "repeated_parameter"),
        E::TooManyParameters { .. } => (StatusCode::BAD_REQUEST, "too_many_parameters"),
        E::BadEncoding { .. } => (StatusCode::BAD_REQUEST, "bad_encoding"),
        E::BadOrder { .. } => (StatusCode::BAD_REQUEST, "bad_order"),
        E::TooManyRanges { .. } => (StatusCode::BAD_REQUEST, "too_many_keys"),
        E::ScanLimit { .. } => (StatusCode::BAD_REQUEST, "index_needed"),
        E::BadCursor { .. } => (StatusCode::BAD_REQUEST, "bad_cursor"),
        E::OutdatedCursor { .. } => (StatusCode::CONFLICT, "outdated_cursor"),
        E::UnknownIndex { .. } => (StatusCode::NOT_FOUND, "unknown_index"),
        E::NotIncluded { .. } => (StatusCode::BAD_REQUEST, "column_not_included"),
        E::IndexBuilding { .. } => (StatusCode::SERVICE_UNAVAILABLE, "index_building"),
        E::Query { source: QueryError::Engine(_), .. } | E::SearchFailed { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "search_failed")
        }
        E::Query { source, .. } if is_costly(source) => (StatusCode::BAD_REQUEST, "query_too_costly"),
        E::Query { .. } => (StatusCode::BAD_REQUEST, "bad_query"),
        E::Hydrating { .. } => (StatusCode::SERVICE_UNAVAILABLE, "view_hydrating"),
        E::NotReady { .. } => (StatusCode::SERVICE_UNAVAILABLE, "views_hydrating"),
        E::BadDeployment { .. } => (StatusCode::BAD_REQUEST, "bad_deployment"),
        E::NoDeployments => (StatusCode::NOT_FOUND, "no_deployments"),
        E::Deploy(DeployRefusal::Invalid { .. }) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_topology"),
        E::Deploy(DeployRefusal::NotFound { .. }) => (StatusCode::NOT_FOUND, "nothing_to_deploy"),
        E::Deploy(DeployRefusal::Conflict { .. }) => (StatusCode::CONFLICT, "deployment_conflict"),
        E::Deploy(DeployRefusal::Storage { .. }) => (StatusCode::SERVICE_UNAVAILABLE, "deployment_failed"),
        E::BadPosition(_) => (StatusCode::BAD_REQUEST, "bad_position"),
        E::Wait(WaitError::UnknownPartition { .. }) => (StatusCode::BAD_REQUEST, "unknown_partition"),
        E::Wait(WaitError::OtherTimeline { .. }) => (StatusCode::CONFLICT, "other_timeline"),
        E::Wait(WaitError::Timeout { .. }) => (StatusCode::CONFLICT, "position_not_reached"),
        E::NoToken { .. } => (StatusCode::UNAUTHORIZED, "token_needed"),
        E::BadToken { .. } => (StatusCode::UNAUTHORIZED, "bad_token"),
        E::MissingScope { .. } => (StatusCode::FORBIDDEN, "missing_scope"),
        E::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        E::TooManyLines { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_lines"),
        E::EmptyBody => (StatusCode::BAD_REQUEST, "empty_body"),
        E::BrokenBody { .. } => (StatusCode::BAD_REQUEST, "broken_body"),
        E::UnsupportedMediaType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        E::Rejected { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "event_rejected"),
        E::Refused { refusal: Refusal::Memory { .. }, .. } => (StatusCode::SERVICE_UNAVAILABLE, "memory_full"),
        E::Refused { .. } => (StatusCode::TOO_MANY_REQUESTS, "views_behind"),
        E::UriTooLong { .. } => (StatusCode::URI_TOO_LONG, "uri_too_long"),
        E::HeadersTooLarge { .. } => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large"),
        E::TooManySubscriptions { .. } => (StatusCode::SERVICE_UNAVAILABLE, "too_many_subscriptions"),
        E::ReplacedView { .. } => (StatusCode::CONFLICT, "view_replaced"),
        E::SlowReader => (StatusCode::REQUEST_TIMEOUT, "slow_reader"),
        E::BadUpgrade { .. } => (StatusCode::BAD_REQUEST, "bad_upgrade"),
        E::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        E::Timeout { .. } => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
        E::CatchingUp { .. } => (StatusCode::SERVICE_UNAVAILABLE, "catching_up"),
        E::Halted { .. } => (StatusCode::SERVICE_UNAVAILABLE, "source_halted"),
        E::Stalled { .. } => (StatusCode::SERVICE_UNAVAILABLE, "stalled"),
        E::UnknownDeadLetter { .. } => (StatusCode::NOT_FOUND, "unknown_dead_letter"),
        E::UnknownSink { .. } => (StatusCode::NOT_FOUND, "unknown_sink"),
        E::UnknownTopic { .. } => (StatusCode::NOT_FOUND, "unknown_topic"),
        E::NoRowNamed { .. } => (StatusCode::BAD_REQUEST, "row_not_named"),
        E::WhyReplaced { .. } => (StatusCode::CONFLICT, "view_replaced"),
        E::WhyFailed { .. } => (StatusCode::SERVICE_UNAVAILABLE, "why_failed"),
        E::NoProvenance => (StatusCode::NOT_FOUND, "no_provenance"),
        E::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        E::Metrics { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "metrics_failed"),
        E::Ingest(IngestError::Storage { .. }) => (StatusCode::SERVICE_UNAVAILABLE, "storage_failed"),
        E::Ingest(IngestError::StorageFull) => (StatusCode::INSUFFICIENT_STORAGE, "storage_full"),
    }
}

/// Returns true if a query asks for more than is looked at, not for something that can't be read.
fn is_costly(error: &QueryError) -> bool {
    !matches!(error, QueryError::Syntax { .. } | QueryError::OnlyNegative { .. } | QueryError::Engine(_))
}

/// The part of the request that is to blame.
fn field(error: &ApiError) -> Option<&str> {
    use ApiError as E;
    match error {
        E::UnknownView { .. } | E::Hydrating { .. } | E::ReplacedView { .. } | E::WhyReplaced { .. } => Some("view"),
        E::UnknownColumn { column, .. }
        | E::BadOperator { column, .. }
        | E::BadValue { column, .. }
        | E::TooManyRanges { column } => Some(column),
        E::UnknownParameter { name, .. } => Some(name),
        E::UnknownIndex { .. } | E::IndexBuilding { .. } => Some("index"),
        E::NotIncluded { column, .. } => Some(column),
        E::Query { source: QueryError::Engine(_), .. } => None,
        E::Query { source: QueryError::ManyFacetValues { .. }, .. } => Some("facets"),
        E::Query { name, .. } => Some(name),
        E::BadParameter { name, .. } | E::RepeatedParameter { name } => Some(name),
        E::BadOrder { .. } => Some("order"),
        E::BadCursor { .. } | E::OutdatedCursor { .. } => Some("cursor"),
        E::BadPosition(_) | E::Wait(_) => Some("after"),
        E::UnknownDeadLetter { .. } => Some("id"),
        E::UnknownTopic { .. } => Some("topic"),
        E::UnknownSink { .. } => Some("sink"),
        E::NoToken { .. } | E::BadToken { .. } | E::MissingScope { .. } => Some("Authorization"),
        E::UnsupportedMediaType { .. } => Some("Content-Type"),
        E::BadUpgrade { .. } => Some("Upgrade"),
        E::BodyTooLarge { .. } | E::TooManyLines { .. } | E::EmptyBody | E::BrokenBody { .. } => Some("body"),
        E::Rejected { fault, .. } => fault.field.as_deref(),
        _ => None,
    }
}

/// Members beside the standard ones, for programs.
fn add_details(error: &ApiError, problem: &mut Value) {
    use ApiError as E;
    match error {
        E::UnknownView { suggestion: Some(name), .. }
        | E::UnknownIndex { suggestion: Some(name), .. }
        | E::UnknownColumn { suggestion: Some(name), .. }
        | E::UnknownParameter { suggestion: Some(name), .. } => problem["suggestion"] = name.as_str().into(),
        E::BadOrder { indexes, .. } | E::ScanLimit { indexes, .. } => problem["indexes"] = json!(indexes),
        E::Wait(WaitError::Timeout { position, .. }) => problem["position"] = position.to_string().into(),
        E::Hydrating { hydration, .. } => problem["progress"] = progress(hydration),
        E::NotReady { views } => problem["views"] = views.iter().map(describe_hydrating).collect(),
        E::CatchingUp { records_done, records_total } => {
            problem["records_done"] = json!(records_done);
            problem["records_total"] = json!(records_total);
        }
        E::Deploy(DeployRefusal::Invalid { diagnostics, errors, .. }) => {
            problem["diagnostics"] = diagnostics.clone();
            problem["errors"] = json!(errors);
        }
        E::Rejected { fault, answer } => add_answer(problem, fault.reason.as_str(), answer),
        E::Refused { refusal, answer } => add_answer(problem, refusal.reason(), answer),
        _ => {}
    }
}

/// Adds the members that every answer to a request about lines has.
fn add_answer(problem: &mut Value, reason: &str, answer: &Value) {
    problem["reason"] = reason.into();
    if let (Value::Object(problem), Value::Object(answer)) = (problem, answer) {
        problem.extend(answer.clone());
    }
}

/// `{"ratio":0.25,"done":1,"total":4}`.
pub(crate) fn progress(hydration: &Hydration) -> Value {
    json!({ "ratio": hydration.ratio(), "done": hydration.done, "total": hydration.total })
}

/// A view that is being filled.
pub(crate) fn describe_hydrating((name, hydration): &(String, Hydration)) -> Value {
    json!({ "name": name, "progress": progress(hydration) })
}

fn add_headers(error: &ApiError, response: &mut Response) {
    let challenge = match error {
        ApiError::NoToken { .. } => Some("Bearer"),
        ApiError::BadToken { .. } => Some("Bearer error=\"invalid_token\""),
        ApiError::MissingScope { .. } => Some("Bearer error=\"insufficient_scope\""),
        _ => None,
    };
    if let Some(challenge) = challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    let retry_after = match error {
        ApiError::Refused { refusal, .. } => Some(refusal.retry_after()),
        ApiError::Hydrating { hydration, .. } => Some(Duration::from_secs(seconds_left(hydration))),
        ApiError::IndexBuilding { .. } => Some(Duration::from_secs(HYDRATION_RETRY_SECONDS)),
        ApiError::NotReady { views } => views.iter().map(|(_, hydration)| Duration::from_secs(seconds_left(hydration))).max(),
        ApiError::Ingest(_)
        | ApiError::Busy { .. }
        | ApiError::TooManySubscriptions { .. }
        | ApiError::Timeout { .. }
        | ApiError::SearchFailed { .. }
        | ApiError::Query { source: QueryError::Engine(_), .. }
        | ApiError::CatchingUp { .. }
        | ApiError::Stalled { .. } => Some(RETRY_AFTER),
        _ => None,
    };
    if let Some(retry_after) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, retry_after_value(retry_after));
    }
}

/// Whole seconds, at least one.
pub(crate) fn retry_after_value(after: Duration) -> HeaderValue {
    HeaderValue::from(after.as_secs().max(1))
}
