//! `GET /v1/views/{view}/subscribe`: the rows of a query, and then every change of them, as server-sent events or over a WebSocket.
//! `GET /v1/views/{view}` with `Accept: text/event-stream` is the same.
//!
//! - Conditions, `order`, `select`, `after` and `wait` are those of a page.
//! - `limit=n`: the first n rows in the order, kept so: a row that moves up to them is an `upsert`, one that is pushed out a `delete`.
//! - `key=a,b`: columns by which the client knows a row. An update is then one `upsert`, and a `delete` has the `key`; without it an update
//!   is a `delete` of the old row and an `upsert` of the new one, and equal rows are counted.
//! - `bigint=string` or `number`: the form of BIGINT, for clients that send no `Prefer`.
//! - `ticket`: stands for a token, once (`POST /v1/tickets`). A token can also be a subprotocol of a WebSocket: `bearer.<token>` beside
//!   `tidewater.v1`, which is selected.
//! - `Last-Event-ID` (header) or `last_event_id`: go on behind this event; the rest of the query must be equal.
//!
//! Events: `reset` (forget all rows; those of `position` follow), `upsert`, `delete`, `progress` (the rows are now those of `position`; at once
//! after changes, else about once a second), `error` (a problem; nothing follows). What lies between two `progress` belongs together.

use std::convert::Infallible;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use futures_util::{SinkExt as _, stream};
use sinks::views::ServedView;

use crate::http::clients::ClientPlace;
use crate::http::credentials::{SUBPROTOCOL, TICKET, asks_for_socket, lacks_subprotocol};
use crate::http::error::resource::ResourceError;
use crate::http::event_text::{LAST_EVENT_ID, event_stream, lines, message};
use crate::http::limits::WEBSOCKET_MESSAGE_BYTES_MAX;
use crate::http::prefer::{BIGINT, BigintPreference};
use crate::http::problem::answer::Problem;
use crate::http::query::conditions::conditions;
use crate::http::query::error::QueryStringError;
use crate::http::query::order::order;
use crate::http::query::path::name_in_path;
use crate::http::query::select::projection;
use crate::http::query::string::QueryString;
use crate::http::query::wait::{After, after};
use crate::http::state::ApiState;
use crate::read::access::Rule;
use crate::read::columns::column;
use crate::read::limits::PAGE_ROWS_MAX;
use crate::read::projection::{BigintForm, Projection};
use crate::read::request::RowsRequest;
use crate::subscriptions::event::{Event, Signal};
use crate::subscriptions::feed::Feed;
use crate::subscriptions::limits::SUBSCRIPTION_BATCH_BYTES;
use crate::subscriptions::question::{Question, SubscriptionQuery, SubscriptionRequest};
use crate::subscriptions::stopping::Stopping;

/// The parameters that are not conditions.
const PARAMETERS: &[&str] = &["select", "order", "limit", "key", "after", "wait", "last_event_id", BIGINT, TICKET];

/// A question as the text after `?`, and the form of its answer.
struct QueryText(Option<String>, BigintForm);

impl Question for QueryText {
    type Error = Problem;

    fn understand(&self, served: &ServedView, rule: &Rule) -> Result<SubscriptionQuery, Problem> {
        let query = QueryString::parse(self.0.as_deref())?;
        let view = &served.view;
        let rows = RowsRequest { conditions: conditions(&query, PARAMETERS, view, rule)?, order: order(view, &query)? };
        let key = query.one("key")?.map(|names| key(served, names, self.1)).transpose()?;
        let limit = query.one("limit")?.map(|_| query.number("limit", PAGE_ROWS_MAX, 1, PAGE_ROWS_MAX)).transpose()?;
        let words = [query.one("select")?.map(str::to_owned), query.one("key")?.map(str::to_owned)];
        let select = projection(view, query.one("select")?)?.with_bigints(self.1);
        Ok(SubscriptionQuery { rows, select, key, limit, words, bigints: self.1 })
    }
}

fn key(served: &ServedView, names: &str, form: BigintForm) -> Result<(Vec<usize>, Projection), QueryStringError> {
    let columns = names.split(',').map(|name| column(&served.view, name)).collect::<Result<_, _>>()?;
    Ok((columns, projection(&served.view, Some(names))?.with_bigints(form)))
}

/// A subscription, over what the client asks for.
pub(crate) async fn subscribe(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    stopping: Option<Extension<Stopping>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let name = name_in_path(name, &uri)?;
    if !asks_for_socket(&headers) {
        return events(state, name, &uri, &headers, stopping).await;
    }
    let upgrade = upgrade.map_err(|rejection| ResourceError::BadUpgrade { detail: rejection.body_text() })?;
    if lacks_subprotocol(&headers) {
        let detail = format!("offer '{SUBPROTOCOL}' among the subprotocols, beside the one with the token");
        return Err(ResourceError::BadUpgrade { detail }.into());
    }
    let (feed, place) = open(state, name, &uri, &headers, stopping).await?;
    let upgrade = upgrade.read_buffer_size(WEBSOCKET_MESSAGE_BYTES_MAX).write_buffer_size(SUBSCRIPTION_BATCH_BYTES);
    let upgrade = upgrade.max_message_size(WEBSOCKET_MESSAGE_BYTES_MAX).max_frame_size(WEBSOCKET_MESSAGE_BYTES_MAX);
    // A token among the subprotocols is never selected, so no answer repeats it.
    Ok(upgrade.protocols([SUBPROTOCOL]).on_upgrade(move |socket| messages(socket, feed, place)))
}

/// A subscription as server-sent events.
pub(super) async fn events(
    state: ApiState,
    name: String,
    uri: &Uri,
    headers: &HeaderMap,
    stopping: Option<Extension<Stopping>>,
) -> Result<Response, Problem> {
    let preference = BigintPreference::of_stream(headers, &QueryString::parse(uri.query())?, state.config().bigint)?;
    let open = open(state, name, uri, headers, stopping).await?;
    let lines = stream::unfold(open, |(mut feed, place)| async move {
        let lines = lines(&signal(feed.next().await?));
        Some((Ok::<_, Infallible>(Bytes::from(lines)), (feed, place)))
    });
    let mut response = event_stream(lines);
    preference.note(&mut response);
    Ok(response)
}

/// The signal as it is sent: what ends a subscription is an event too.
fn signal(next: Result<Signal, Problem>) -> Signal {
    next.unwrap_or_else(|problem| Signal::Events(vec![Event::error(problem.into_json().to_string())]))
}

/// Opens a subscription, with the place of its client, to be kept for as long.
async fn open(
    state: ApiState,
    name: String,
    uri: &Uri,
    headers: &HeaderMap,
    stopping: Option<Extension<Stopping>>,
) -> Result<(Feed<QueryText>, ClientPlace), Problem> {
    let claims = state.claims(headers)?;
    let query = QueryString::parse(uri.query())?;
    query.one(TICKET)?;
    // Asked before the wait, so that who may not read the view does not learn when it changes.
    state.catalog().admitted(&name, claims.as_ref())?;
    state.clients().count_view(&name)?;
    if let Some(After { token, wait }) = after(&query)? {
        let _place = state.clients().wait()?;
        state.catalog().until_visible(&token, wait).await?;
    }
    // A client that connects again by itself sends the header, beside the address of the first time.
    let header = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let last_event_id = header.or(query.one("last_event_id")?);
    let form = BigintPreference::of_stream(headers, &query, state.config().bigint)?.form;
    let request = SubscriptionRequest { view: name, question: QueryText(uri.query().map(str::to_owned), form), claims };
    let place = state.clients().stream()?;
    let feed = Feed::open(state.subscriptions(), request, last_event_id, stopping.map(|Extension(stopping)| stopping))?;
    Ok((feed, place))
}

/// A subscription as messages, until either side ends it.
async fn messages(mut socket: WebSocket, mut feed: Feed<QueryText>, _place: ClientPlace) {
    loop {
        tokio::select! {
            next = feed.next() => {
                let sent = match next {
                    Some(next) => send(&mut socket, signal(next)).await,
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
                socket.feed(Message::text(message(&event))).await?;
            }
        }
    }
    socket.flush().await
}
