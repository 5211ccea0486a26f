//! `GET /v1/views/{view}/subscribe`: the rows of a query, and then every change of them, as server-sent events or over a WebSocket.
//! `GET /v1/views/{view}` with `Accept: text/event-stream` is the same.
//!
//! - Conditions, `order`, `select`, `after` and `wait` are those of a page.
//! - `limit=n`: the first n rows in the order, kept so: a row that moves up to them is an `upsert`, one that is pushed out a `delete`.
//! - `key=a,b`: columns by which the client knows a row. An update is then one `upsert`, and a `delete` has the `key`; without it an update
//!   is a `delete` of the old row and an `upsert` of the new one, and equal rows are counted.
//! - `Last-Event-ID` (header) or `last_event_id`: go on behind this event; the rest of the query must be equal.
//!
//! Events: `reset` (forget all rows; those of `position` follow), `upsert`, `delete`, `progress` (the rows are now those of `position`; at once
//! after changes, else about once a second), `error` (a problem; nothing follows). What lies between two `progress` belongs together.

use std::convert::Infallible;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt as _, stream};

use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::state::ApiState;
use crate::read::limits::{SUBSCRIPTION_BATCH_BYTES, WEBSOCKET_MESSAGE_BYTES_MAX};
use crate::read::wait::until_visible;
use crate::subscriptions::{Feed, Request, Signal, Stopping};

const EVENT_STREAM: &str = "text/event-stream";
const WEBSOCKET: &[u8] = b"websocket";
const LAST_EVENT_ID: &str = "last-event-id";
/// Asks nginx, and proxies that do as it does, to pass events on at once.
const UNBUFFERED: (HeaderName, HeaderValue) = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// A subscription, over what the client asks for.
pub(crate) async fn subscribe(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    stopping: Option<Extension<Stopping>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|_| ApiError::BadEncoding { text: uri.path().to_owned() })?;
    let asks_for_socket = headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(WEBSOCKET));
    if !asks_for_socket {
        return events(state, name, &uri, &headers, stopping).await;
    }
    let upgrade = upgrade.map_err(|rejection| ApiError::BadUpgrade { detail: rejection.body_text() })?;
    let feed = open(state, name, &uri, &headers, stopping).await?;
    let upgrade = upgrade.read_buffer_size(WEBSOCKET_MESSAGE_BYTES_MAX).write_buffer_size(SUBSCRIPTION_BATCH_BYTES);
    let upgrade = upgrade.max_message_size(WEBSOCKET_MESSAGE_BYTES_MAX).max_frame_size(WEBSOCKET_MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| messages(socket, feed)))
}

/// Returns true if a request for a page asks for a subscription.
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(',')).filter_map(|item| item.split(';').next());
    types.any(|media_type| media_type.trim().eq_ignore_ascii_case(EVENT_STREAM))
}

/// A subscription as server-sent events.
pub(super) async fn events(
    state: ApiState,
    name: String,
    uri: &Uri,
    headers: &HeaderMap,
    stopping: Option<Extension<Stopping>>,
) -> Result<Response, ApiError> {
    let feed = open(state, name, uri, headers, stopping).await?;
    let lines = stream::unfold(feed, |mut feed| async move {
        let lines = feed.next().await?.to_lines();
        Some((Ok::<_, Infallible>(Bytes::from(lines)), feed))
    });
    let event_stream = (header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    let not_kept = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(([event_stream, not_kept, UNBUFFERED], Body::from_stream(lines)).into_response())
}

async fn open(
    state: ApiState,
    name: String,
    uri: &Uri,
    headers: &HeaderMap,
    stopping: Option<Extension<Stopping>>,
) -> Result<Feed, ApiError> {
    let claims = state.claims(headers)?;
    let query = Query::parse(uri.query())?;
    // Asked before the wait, so that who may not read the view does not learn when it changes.
    state.admitted(&name, claims.as_ref())?;
    until_visible(&state, &query).await?;
    // A client that connects again by itself sends the header, beside the address of the first time.
    let header = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let last_event_id = header.or(query.one("last_event_id")?);
    let request = Request { name, query: uri.query().map(str::to_owned), claims };
    Feed::open(state, request, last_event_id, stopping.map(|Extension(stopping)| stopping))
}

/// A subscription as messages, until either side ends it.
async fn messages(mut socket: WebSocket, mut feed: Feed) {
    loop {
        tokio::select! {
            signal = feed.next() => {
                let sent = match signal {
                    Some(signal) => send(&mut socket, signal).await,
                    None => {
                        let frame = CloseFrame { code: close_code::AWAY, reason: "the subscription has ended".into() };
                        // The client may be gone already.
                        let _ = socket.send(Message::Close(Some(frame))).await;
                        return;
                    }
                };
                if sent.is_err() {
                    return;
                }
            }
            message = socket.recv() => match message {
                // Pings are answered below; there is nothing that a client could say.
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    }
}

async fn send(socket: &mut WebSocket, signal: Signal) -> Result<(), axum::Error> {
    match signal {
        Signal::Heartbeat => socket.feed(Message::Ping(Bytes::new())).await?,
        Signal::Events(events) => {
            for event in events {
                socket.feed(Message::text(event.to_message())).await?;
            }
        }
    }
    socket.flush().await
}
