//! Events of subscriptions as text: server-sent events and WebSocket messages, which say the same.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::subscriptions::event::{Event, FRAME_BYTES, Signal};

/// Media type of server-sent events.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";
/// Header by which a client says behind which event it wants to resume.
pub(crate) const LAST_EVENT_ID: &str = "last-event-id";
/// A comment, which clients pass over.
const HEARTBEAT: &str = ": heartbeat\n\n";
/// Asks nginx, and proxies that do as it does, to pass events on at once.
const UNBUFFERED: (HeaderName, HeaderValue) = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Returns true if a client asks for server-sent events.
pub(crate) fn accepts_events(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(',')).filter_map(|item| item.split(';').next());
    types.any(|media_type| media_type.trim().eq_ignore_ascii_case(EVENT_STREAM))
}

/// An answer of server-sent events.
pub(crate) fn event_stream<S>(lines: S) -> Response
where
    S: futures_util::Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static,
{
    let event_stream = (header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    let not_kept = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    ([event_stream, not_kept, UNBUFFERED], Body::from_stream(lines)).into_response()
}

/// Lines of `text/event-stream`.
pub(crate) fn lines(signal: &Signal) -> String {
    match signal {
        Signal::Heartbeat => HEARTBEAT.to_owned(),
        Signal::Events(events) => {
            let mut lines = String::with_capacity(events.iter().map(|event| event.data.len() + FRAME_BYTES).sum());
            events.iter().for_each(|event| write_lines(event, &mut lines));
            lines
        }
    }
}

fn write_lines(event: &Event, out: &mut String) {
    out.extend(["event: ", event.name, "\n"]);
    if let Some(id) = event.id {
        out.extend(["id: ", &id.to_string(), "\n"]);
    }
    // JSON has no line breaks that are not escaped.
    out.extend(["data: ", &event.data, "\n\n"]);
}

/// The event as one JSON object.
pub(crate) fn message(event: &Event) -> String {
    let id = event.id.map_or_else(String::new, |id| format!(",\"id\":\"{id}\""));
    let Some(members) = event.data.strip_prefix('{') else {
        unreachable!("the data of an event is a JSON object, not '{}'", event.data)
    };
    format!("{{\"event\":\"{}\"{id},{members}", event.name)
}
