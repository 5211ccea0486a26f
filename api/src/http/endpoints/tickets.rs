//! `POST /v1/tickets`: a ticket, which opens one stream in place of a token, for pages whose browser sends no header with a stream.
//!
//! Needs a bearer token. A body `{"view":"name"}` ties the ticket to that view; without one it is good for any stream. The answer has the
//! `ticket`, to be sent as the parameter of this name, and `expires_at`. The stream ends when the token does.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use schemas::time::timestamp_text;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::http::answer::json_response;
use crate::http::body::{JSON, media_type, read_body, sent_media_type};
use crate::http::caller::client;
use crate::http::encoding::PLAIN_ENCODINGS;
use crate::http::error::body::BodyError;
use crate::http::limits::TICKET_BODY_BYTES_MAX;
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
use crate::http::tickets::Ticket;
use crate::http::token::TokenError;

/// The body of a request.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketRequest {
    /// the only view that the ticket opens
    view: Option<String>,
}

/// Gives out a ticket.
pub(crate) async fn tickets(State(state): State<ApiState>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let claims = state.claims(&parts.headers)?.ok_or_else(|| TokenError::Needed { what: "a ticket".to_owned() })?;
    QueryString::parse(parts.uri.query())?.only(&[])?;
    let TicketRequest { view } = read(&parts.headers, body).await?;
    if let Some(view) = &view {
        state.catalog().admitted(view, Some(&claims))?;
    }
    let Ticket { text, lifetime } = state.tickets().issue(client(), claims, view)?;
    let expires_at = (SystemTime::now() + lifetime).duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros());
    // The year 294,000 has no place in a time.
    let expires_at = timestamp_text(i64::try_from(expires_at).unwrap_or(i64::MAX));
    Ok(json_response(json!({ "ticket": text, "expires_at": expires_at }).to_string(), None))
}

/// Reads a body, which may be none.
async fn read(headers: &HeaderMap, body: Body) -> Result<TicketRequest, BodyError> {
    let body = read_body(headers, body, PLAIN_ENCODINGS, TICKET_BODY_BYTES_MAX).await?;
    if body.is_empty() {
        return Ok(TicketRequest::default());
    }
    if media_type(headers).as_deref() != Some(JSON) {
        return Err(BodyError::UnsupportedMediaType { found: sent_media_type(headers) });
    }
    // A list of the members' values would be read as the object as well.
    let read = serde_json::from_slice::<Map<String, Value>>(&body).and_then(|object| serde_json::from_value(object.into()));
    read.map_err(|error| BodyError::NotATicket { detail: error.to_string() })
}
