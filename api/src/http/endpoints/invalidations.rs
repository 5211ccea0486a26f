//! `GET /v1/invalidations/{sink}`: the keys of caches that each epoch made stale, as server-sent events.
//!
//! For operators, or for everyone where the view that the sink follows is granted to PUBLIC. Events: `reset` (anything that was read before
//! may be stale), `invalidate` (`keys`, each once in an epoch), `progress` (nothing else became stale up to here). The id of an event is its
//! position; `Last-Event-ID` (header) or `last_event_id` goes on behind one, without a gap, or with `reset` when that is too long ago.

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
use sinks::invalidations::{Invalidated, Invalidations};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, timeout};

use crate::http::clients::ClientPlace;
use crate::http::error::resource::ResourceError;
use crate::http::event_text::{LAST_EVENT_ID, event_stream};
use crate::http::limits::FOLLOWER_EVENT_KEYS;
use crate::http::problem::answer::Problem;
use crate::http::query::error::QueryStringError;
use crate::http::query::path::name_in_path;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
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
    let all = state.config().invalidations.clone();
    let feed = all.as_ref().and_then(|all| all.feed(&sink));
    if !feed.as_ref().is_some_and(|feed| state.catalog().is_public(&feed.view)) {
        state.config().operator.check("following invalidations", claims.as_ref())?;
    }
    let (Some(all), Some(_)) = (all, feed) else { return Err(ResourceError::UnknownSink { sink }.into()) };
    let query = QueryString::parse(uri.query())?;
    query.only(&["last_event_id"])?;
    // A client that connects again by itself sends the header, beside the address of the first time.
    let header = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let known = header.or(query.one("last_event_id")?).map(str::parse::<Position>).transpose().map_err(QueryStringError::from)?;
    let place = state.clients().stream()?;
    let permit = state.subscriptions().permit()?;
    let stopping = stopping.map(|Extension(stopping)| stopping);
    let follower = Follower {
        sink,
        all,
        known,
        invalidated: state.invalidated(),
        notified_at: Instant::now(),
        stopping,
        validity: Validity::of(claims.as_ref()),
        _places: (place, permit),
    };
    let lines = stream::unfold(follower, |mut follower| async move {
        let lines = follower.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(lines)), follower))
    });
    Ok(event_stream(lines))
}

/// A client that follows, and the position that it knows.
struct Follower {
    sink: String,
    all: Arc<Invalidations>,
    known: Option<Position>,
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
    /// The next events; `None` when there is nothing to follow any more.
    async fn next(&mut self) -> Option<String> {
        let begun = Instant::now();
        loop {
            self.invalidated.borrow_and_update();
            // A deployment may have begun it again, or taken it away.
            let feed = self.all.feed(&self.sink)?;
            match feed.after(self.known) {
                Some(Invalidated::Everything(position)) => return Some(self.notified(position, event("reset", position))),
                Some(Invalidated::Stale(stale, position)) if !stale.is_empty() => {
                    let events = stale.iter().map(|(at, keys)| stale_events(*at, keys)).collect::<String>();
                    return Some(self.notified(position, events + &event("progress", position)));
                }
                Some(Invalidated::Stale(_, position)) if self.notified_at.elapsed() >= PROGRESS_INTERVAL => {
                    return Some(self.notified(position, event("progress", position)));
                }
                _ => {}
            }
            if self.stopping.as_ref().is_some_and(Stopping::is_set) || self.validity.check().is_err() {
                return None;
            }
            if begun.elapsed() >= SILENCE_MAX {
                return Some(": nothing became stale\n\n".to_owned());
            }
            if let Ok(Err(_)) = timeout(PROGRESS_INTERVAL, self.invalidated.changed()).await {
                return None;
            }
        }
    }

    /// Notes that the client is sent these events, after which it knows everything up to the position.
    fn notified(&mut self, position: Position, events: String) -> String {
        self.known = Some(position);
        self.notified_at = Instant::now();
        events
    }
}

/// The keys of an epoch; only the last event has an id, so that a client that is cut off in between gets all of them again.
fn stale_events(position: Position, keys: &[String]) -> String {
    let parts = keys.chunks(FOLLOWER_EVENT_KEYS);
    let last = parts.len();
    let part = |(number, keys): (usize, &[String])| {
        let data = json!({ "position": position.to_string(), "keys": keys });
        let id = if number + 1 == last { format!("id: {position}\n") } else { String::new() };
        format!("event: invalidate\n{id}data: {data}\n\n")
    };
    parts.enumerate().map(part).collect()
}

fn event(name: &str, position: Position) -> String {
    let data = json!({ "position": position.to_string() });
    format!("event: {name}\nid: {position}\ndata: {data}\n\n")
}
