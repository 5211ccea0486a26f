//! `GET /v1/deployments`, `POST /v1/deployments` and `POST /v1/deployments/plan`: what is in force, what takes over, what that would change.
//!
//! For operators. A deployment is answered with its generation as soon as its statements are planned; how it goes is asked for.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::json;

use crate::host::deployments::{DeployRequest, Deployments};
use crate::http::answer::json_response;
use crate::http::body::{JSON, media_type, read_body, sent_media_type};
use crate::http::encoding::PLAIN_ENCODINGS;
use crate::http::error::body::BodyError;
use crate::http::error::deployment::DeploymentError;
use crate::http::limits::DEPLOYMENT_BODY_BYTES_MAX;
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
use crate::read::claims::Claims;

/// Account where no token is asked for.
const LOCAL: &str = "local";
/// Most characters of a subject that are kept.
const SUBJECT_CHARACTERS_MAX: usize = 200;

/// Answers with the generation in force.
pub(crate) async fn deployments(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let (host, _) = host(&state, &uri, &headers, "reading the deployments")?;
    let report = serde_json::to_string(&host.report());
    let report = report.unwrap_or_else(|error| panic!("the report of the deployments has no form as JSON: {error}"));
    Ok(json_response(report, None))
}

/// Begins a deployment.
pub(crate) async fn deploy(State(state): State<ApiState>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (host, by) = host(&state, &parts.uri, &parts.headers, "deploying")?;
    let generation = host.begin(read(&parts.headers, body).await?, by).await.map_err(DeploymentError::Refused)?;
    let mut response = json_response(json!({ "generation": generation }).to_string(), None);
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// Answers with what a deployment would change.
pub(crate) async fn plan(State(state): State<ApiState>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (host, _) = host(&state, &parts.uri, &parts.headers, "planning a deployment")?;
    let change = host.plan(read(&parts.headers, body).await?).await.map_err(DeploymentError::Refused)?;
    Ok(json_response(change.to_string(), None))
}

/// The process that deploys, and who asks it.
fn host<'s>(
    state: &'s ApiState,
    uri: &Uri,
    headers: &HeaderMap,
    what: &'static str,
) -> Result<(&'s dyn Deployments, String), Problem> {
    let claims = state.claims(headers)?;
    state.config().operator.check(what, claims.as_ref())?;
    QueryString::parse(uri.query())?.only(&[])?;
    let host = state.deployments().ok_or(DeploymentError::NotOffered)?;
    Ok((host, claims.as_ref().map_or_else(|| LOCAL.to_owned(), subject)))
}

fn subject(claims: &Claims) -> String {
    let subject = claims.get("sub").and_then(serde_json::Value::as_str).unwrap_or("a token without a subject");
    subject.chars().take(SUBJECT_CHARACTERS_MAX).collect()
}

/// Reads the body of a request that its sender may make.
async fn read(headers: &HeaderMap, body: Body) -> Result<DeployRequest, Problem> {
    if media_type(headers).as_deref() != Some(JSON) {
        return Err(BodyError::UnsupportedMediaType { found: sent_media_type(headers) }.into());
    }
    let body = read_body(headers, body, PLAIN_ENCODINGS, DEPLOYMENT_BODY_BYTES_MAX).await?;
    serde_json::from_slice(&body).map_err(|error| DeploymentError::BadRequest { detail: error.to_string() }.into())
}
