//! `GET /v1/invalidations/{sink}`: the keys of caches that each epoch made stale, as server-sent events.
//!
//! For operators, or for everyone where the view that the sink follows is granted to PUBLIC; the stream ends when that no longer holds, or the
//! token is over. Events: `reset` (anything that was read before may be stale), `invalidate` (`keys`, each once in an epoch; an epoch with
//! many has several events), `progress` (nothing else became stale up to here). The id of an event is its position; `Last-Event-ID` (header)
//! or `last_event_id` goes on behind one, without a gap, or with `reset` when that is too long ago.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use futures_util::stream;
use schemas::position::Position;
use serde_json::json;
use sinks::invalidations::{Feed, Invalidated};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep};

use crate::http::clients::ClientPlace;
use crate::http::credentials::TICKET;
use crate::http::error::resource::ResourceError;
use crate::http::event_text::{LAST_EVENT_ID, event_stream};
use crate::http::limits::FOLLOWER_EVENT_KEYS;
use crate::http::problem::answer::Problem;
use crate::http::query::error::QueryStringError;
use crate::http::query::path::name_in_path;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
use crate::read::claims::Claims;
use crate::subscriptions::limits::PROGRESS_INTERVAL;
use crate::subscriptions::stopping::Stopping;
use crate::subscriptions::validity::Validity;

/// Longest silence of a stream before it shows that it is alive.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The stream of a sink.
pub(crate) async fn invalidations(
    State(state): State<ApiState>,
    sink: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    stopping: Option<Extension<Stopping>>,
) -> Result<Response, Problem> {
    let sink = name_in_path(sink, &uri)?;
    let claims = state.claims(&headers)?;
    followed(&state, &sink, claims.as_ref())?;
    let query = QueryString::parse(uri.query())?;
    query.only(&["last_event_id", TICKET])?;
    // A client that connects again by itself sends the header, beside the address of the first time.
    let header = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let known = header.or(query.one("last_event_id")?).map(str::parse::<Position>).transpose().map_err(QueryStringError::from)?;
    let place = state.clients().stream()?;
    let permit = state.subscriptions().permit()?;
    let stopping = stopping.map(|Extension(stopping)| stopping);
    let follower = Follower {
        invalidated: state.invalidated(),
        state,
        sink,
        validity: Validity::of(claims.as_ref()),
        claims,
        known,
        part: None,
        notified_at: Instant::now(),
        stopping,
        _places: (place, permit),
    };
    let lines = stream::unfold(follower, |mut follower| async move {
        let lines = follower.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(lines)), follower))
    });
    Ok(event_stream(lines))
}

/// Finds the feed of a sink that somebody with these claims may follow: an operator any, others those of public views.
fn followed(state: &ApiState, sink: &str, claims: Option<&Claims>) -> Result<Arc<Feed>, Problem> {
    let feed = state.config().invalidations.as_ref().and_then(|all| all.feed(sink));
    if !feed.as_ref().is_some_and(|feed| state.catalog().is_public(&feed.view)) {
        state.config().operator.check("following invalidations", claims)?;
    }
    feed.ok_or_else(|| ResourceError::UnknownSink { sink: sink.to_owned() }.into())
}

/// A client that follows, and the position that it knows.
struct Follower {
    state: ApiState,
    sink: String,
    claims: Option<Claims>,
    known: Option<Position>,
    /// keys of the epoch behind `known`, and how many of them were sent, while they are more than one event has
    part: Option<(Arc<[String]>, usize)>,
    /// changes when keys became stale
    invalidated: watch::Receiver<u64>,
    /// the time of the last events
    notified_at: Instant,
    stopping: Option<Stopping>,
    /// the time for which the client is known
    validity: Validity,
    /// places of its client, and among all
    _places: (ClientPlace, OwnedSemaphorePermit),
}

impl Follower {
    /// The next events; `None` when there is nothing to follow any more, or the client may no longer follow it.
    async fn next(&mut self) -> Option<String> {
        let begun = Instant::now();
        loop {
            self.invalidated.borrow_and_update();
            // A deployment may have begun it again, taken it away, or closed its view.
            let feed = self.admitted()?;
            if let Some(events) = self.events(feed.after(self.known)) {
                return Some(events);
            }
            if begun.elapsed() >= SILENCE_MAX {
                return Some(": nothing became stale\n\n".to_owned());
            }
            self.wait().await?;
        }
    }

    /// The feed, if the client may follow it at this moment.
    fn admitted(&self) -> Option<Arc<Feed>> {
        if self.stopping.as_ref().is_some_and(Stopping::is_set) || self.validity.check().is_err() {
            return None;
        }
        followed(&self.state, &self.sink, self.claims.as_ref()).ok()
    }

    /// The events that tell of this, if they are due.
    fn events(&mut self, invalidated: Option<Invalidated>) -> Option<String> {
        match invalidated? {
            Invalidated::Everything(position) => Some(self.notified(position, event("reset", position))),
            Invalidated::Stale(stale, position) if !stale.is_empty() => Some(self.stale(&stale, position)),
            Invalidated::Stale(_, position) if self.notified_at.elapsed() >= PROGRESS_INTERVAL => {
                Some(self.notified(position, event("progress", position)))
            }
            Invalidated::Stale(..) => None,
        }
    }

    /// Events of stale keys, and the progress when all of them were sent. Only the last event of an epoch has an id, so that a client that
    /// is cut off before it gets all keys of the epoch again.
    fn stale(&mut self, stale: &[(Position, Arc<[String]>)], position: Position) -> String {
        let mut events = String::new();
        for (at, keys) in stale {
            // The same epoch may be another one after a deployment.
            let part = self.part.take().filter(|(begun, _)| Arc::ptr_eq(begun, keys));
            let sent = part.map_or(0, |(_, sent)| sent);
            let end = keys.len().min(sent + FOLLOWER_EVENT_KEYS);
            events += &stale_event(*at, &keys[sent..end], end == keys.len());
            if end < keys.len() {
                self.part = Some((Arc::clone(keys), end));
                return events;
            }
            self.known = Some(*at);
        }
        self.notified(position, events + &event("progress", position))
    }

    /// Waits until there may be something to send, or the stream may have to end; `None` when nothing will be sent any more.
    async fn wait(&mut self) -> Option<()> {
        let stopped = async {
            match &mut self.stopping {
                Some(stopping) => stopping.wait().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.invalidated.changed() => changed.ok(),
            () = sleep(PROGRESS_INTERVAL) => Some(()),
            () = stopped => None,
            () = self.validity.ended() => None,
        }
    }

    /// Notes that the client is sent these events, after which it knows everything up to the position.
    fn notified(&mut self, position: Position, events: String) -> String {
        (self.known, self.part, self.notified_at) = (Some(position), None, Instant::now());
        events
    }
}

/// Keys of an epoch, with its position as the id of the event where they are the last.
fn stale_event(position: Position, keys: &[String], is_last: bool) -> String {
    let data = json!({ "position": position.to_string(), "keys": keys });
    let id = if is_last { format!("id: {position}\n") } else { String::new() };
    format!("event: invalidate\n{id}data: {data}\n\n")
}

fn event(name: &str, position: Position) -> String {
    let data = json!({ "position": position.to_string() });
    format!("event: {name}\nid: {position}\ndata: {data}\n\n")
}
