//! Connections: accepted one after the other, limited in number, and answered until they end.
//!
//! Listeners and the API as a service enter. A connection takes a place before anything is read from it, and keeps it for as long as the
//! socket is open, also as a WebSocket. One that sends no whole head in time is closed, whether it has sent nothing, a part of a head, or
//! nothing more after an answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use serde_json::json;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::limits::{ACCEPT_PAUSE, ConnectionLimits, HEAD_BYTES_MAX, RETRY_AFTER, SEND_BUFFER_BYTES};
use super::patience::Patient;
use super::peer::Peer;
use super::places::{NoPlace, Places};
use crate::subscriptions::stopping::Stopping;

/// Shortest time between two lines in the log about connections that are turned away.
const REFUSALS_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Answers every connection with one service.
struct Acceptor {
    service: TowerToHyperService<Router>,
    http: http1::Builder,
    places: Arc<Places<Peer>>,
    limits: ConnectionLimits,
    stall_max: Duration,
    refusals: Mutex<Refusals>,
    stopping: Stopping,
    /// held by each connection, so that the end of the last one is noticed
    open: watch::Receiver<()>,
}

/// Connections that were turned away.
#[derive(Default)]
struct Refusals {
    /// number of them since the last line in the log
    untold: u64,
    told_at: Option<Instant>,
}

/// Answers the connections of all listeners until the server stops, and returns when each of them has ended. Connections that take
/// nothing for `stall_max` are closed.
pub(crate) async fn answer_connections(
    listeners: Vec<TcpListener>,
    router: Router,
    limits: ConnectionLimits,
    stall_max: Duration,
    mut stopping: Stopping,
) {
    let (last, open) = watch::channel(());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(HEAD_BYTES_MAX);
    let acceptor = Acceptor {
        service: TowerToHyperService::new(router),
        http,
        places: Places::new(limits.open_max, limits.open_per_client),
        limits,
        stall_max,
        refusals: Mutex::default(),
        stopping: stopping.clone(),
        open,
    };
    tokio::select! {
        _ = join_all(listeners.into_iter().map(|listener| acceptor.accept_all(listener))) => {}
        () = stopping.wait() => {}
    }
    drop(acceptor);
    last.closed().await;
}

impl Acceptor {
    /// Accepts for ever: whatever fails passes, and a server that accepts nothing would not be one.
    async fn accept_all(&self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, address)) => self.begin(stream, address),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted now; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Begins to answer a connection, if there is a place for it.
    fn begin(&self, stream: TcpStream, address: SocketAddr) {
        let peer = Peer::of(address.ip());
        let place = match self.places.take(peer) {
            Ok(place) => place,
            Err(reason) => return self.refuse(&stream, peer, reason),
        };
        set_up(&stream);
        let service = self.service.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(ConnectInfo(address));
            service.call(request)
        });
        let io = TokioIo::new(Patient::new(stream, self.stall_max, place));
        let connection = self.http.serve_connection(io, service).with_upgrades();
        let (mut stopping, open) = (self.stopping.clone(), self.open.clone());
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stopping.wait() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, %peer, "a connection ended early");
            }
            drop(open);
        });
    }

    /// Turns a connection away. Its client may have sent nothing yet, and then reads why.
    fn refuse(&self, stream: &TcpStream, peer: Peer, reason: NoPlace) {
        let ConnectionLimits { open_max, open_per_client, .. } = self.limits;
        let detail = match reason {
            NoPlace::ForAnybody => format!("{open_max} connections are open already (--connections-max): try again in a moment"),
            NoPlace::ForTheKey => {
                format!("'{peer}' has {open_per_client} connections open already (--connections-per-client): close some of them")
            }
        };
        // The client may be gone.
        let _ = SockRef::from(stream).send(refusal(&detail).as_bytes());
        let mut refusals = self.refusals.lock();
        refusals.untold += 1;
        if refusals.told_at.is_none_or(|told_at| told_at.elapsed() >= REFUSALS_LOG_INTERVAL) {
            tracing::warn!(connections = refusals.untold, %peer, detail, "connections were turned away");
            *refusals = Refusals { untold: 0, told_at: Some(Instant::now()) };
        }
    }
}

/// The answer to a connection that gets no place.
fn refusal(detail: &str) -> String {
    let kind = "urn:tidewater:problem:too_many_connections";
    let problem = json!({ "type": kind, "title": "too many connections", "status": 503, "detail": detail }).to_string();
    let (length, retry_after) = (problem.len(), RETRY_AFTER.as_secs());
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: {length}\r\nRetry-After: {retry_after}\r\n\
         X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{problem}"
    )
}

/// Returns true if an error is that of a connection that ended before it was accepted; the next one may be accepted at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(error.kind(), E::ConnectionRefused | E::ConnectionAborted | E::ConnectionReset)
}

/// Answers are written whole: waiting to fill a packet would only delay them. What the system keeps for clients that do not read is
/// limited, as there may be many.
fn set_up(stream: &TcpStream) {
    let limited = SockRef::from(stream).set_send_buffer_size(SEND_BUFFER_BYTES);
    if let Err(error) = stream.set_nodelay(true).and(limited) {
        tracing::debug!(%error, "a connection does not send at once, or keeps more than it should");
    }
}

#[cfg(test)]
mod tests;
