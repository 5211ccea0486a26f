//! Connections: accepted one after the other, limited in number, and answered until they end.
//!
//! Listeners and the API as a service enter. A connection takes a place before anything is read from it, and keeps it for as long as the
//! socket is open, also during a handshake and as a WebSocket. One that sends no whole head in time is closed, whether it has sent nothing, a
//! part of a handshake or of a head, or nothing more after an answer. A client chooses between HTTP/1 and HTTP/2, with TLS or without.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::HOST;
use axum::http::{HeaderValue, Response};
use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use serde_json::json;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use self::activity::{Activity, Busy, Noted};
use self::answers::AnswerBody;
use self::protocols::protocols;
use self::stalls::StreamExecutor;
use self::tls::{TlsIdentity, speaks_plainly};
use super::limits::{ACCEPT_PAUSE, CLOSING_TIME_MAX, ConnectionLimits, RETRY_AFTER, SEND_BUFFER_BYTES};
use super::patience::Patient;
use super::peer::{OverTls, Peer};
use super::places::{NoPlace, Place, Places};
use crate::subscriptions::stopping::Stopping;

mod activity;
mod answers;
mod protocols;
mod stalls;
pub(crate) mod tls;

/// Shortest time between two lines in the log about connections that are turned away.
const REFUSALS_LOG_INTERVAL: Duration = Duration::from_secs(10);
/// Bytes of a request that are taken before it is answered that TLS is spoken here.
const REQUEST_BYTES_TAKEN: usize = 16 * 1024;

/// Answers every connection with one service.
struct Acceptor {
    service: TowerToHyperService<Router>,
    protocols: auto::Builder<StreamExecutor>,
    /// none where plain HTTP is spoken
    identity: Option<Arc<TlsIdentity>>,
    places: Arc<Places<Peer>>,
    limits: ConnectionLimits,
    stall_max: Duration,
    refusals: Mutex<Refusals>,
    stopping: Stopping,
    /// held by each connection, so that the end of the last one is noticed
    open: watch::Receiver<()>,
}

/// A connection that has a place.
struct AcceptedClient {
    stream: TcpStream,
    address: SocketAddr,
    peer: Peer,
    kept: KeptPlace,
}

/// Parts of a connection that are given back when its socket is closed, whatever it became.
type KeptPlace = (Place<Peer>, watch::Receiver<()>);

/// Connections that were turned away.
#[derive(Default)]
struct Refusals {
    /// number of them since the last line in the log
    untold: u64,
    told_at: Option<Instant>,
}

/// Answers the connections of all listeners until the server stops, and returns when each of them has ended. With an identity they speak TLS.
/// Connections that take nothing for `stall_max` are closed.
pub(crate) async fn answer_connections(
    listeners: Vec<TcpListener>,
    router: Router,
    limits: ConnectionLimits,
    (identity, stall_max): (Option<Arc<TlsIdentity>>, Duration),
    mut stopping: Stopping,
) {
    let (last, open) = watch::channel(());
    let acceptor = Arc::new(Acceptor {
        service: TowerToHyperService::new(router),
        protocols: protocols(limits, stall_max),
        identity,
        places: Places::new(limits.open_max, limits.open_per_client),
        limits,
        stall_max,
        refusals: Mutex::default(),
        stopping: stopping.clone(),
        open,
    });
    tokio::select! {
        _ = join_all(listeners.into_iter().map(|listener| acceptor.accept_all(listener))) => {}
        () = stopping.wait() => {}
    }
    drop(acceptor);
    last.closed().await;
}

impl Acceptor {
    /// Accepts for ever: whatever fails passes, and a server that accepts nothing would not be one.
    async fn accept_all(self: &Arc<Self>, listener: TcpListener) {
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
    fn begin(self: &Arc<Self>, stream: TcpStream, address: SocketAddr) {
        let peer = Peer::of(address.ip());
        let place = match self.places.take(peer) {
            Ok(place) => place,
            Err(reason) => return self.refuse(&stream, peer, reason),
        };
        set_up(&stream);
        let client = AcceptedClient { stream, address, peer, kept: (place, self.open.clone()) };
        let acceptor = Arc::clone(self);
        tokio::spawn(async move {
            match &acceptor.identity {
                None => {
                    let AcceptedClient { stream, address, peer, kept } = client;
                    acceptor.answer(Patient::new(stream, acceptor.stall_max, kept), (address, peer, None)).await;
                }
                Some(identity) => acceptor.secure(identity, client).await,
            }
        });
    }

    /// Makes the handshake, for which there is as much time as for a head, and answers the connection.
    async fn secure(&self, identity: &TlsIdentity, client: AcceptedClient) {
        let AcceptedClient { stream, address, peer, kept } = client;
        let handshake = async {
            if speaks_plainly(&stream).await? {
                explain_tls(&stream);
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the client does not speak TLS"));
            }
            identity.acceptor().accept(Patient::new(stream, self.stall_max, kept)).await
        };
        let mut stopping = self.stopping.clone();
        let secured = tokio::select! {
            secured = timeout(self.limits.header_timeout, handshake) => secured,
            () = stopping.wait() => return,
        };
        match secured {
            Ok(Ok(secured)) => self.answer(secured, (address, peer, Some(OverTls))).await,
            Ok(Err(error)) => tracing::debug!(%error, %peer, "a handshake failed"),
            Err(_) => tracing::debug!(%peer, "a handshake was not made in time"),
        }
    }

    /// Answers the requests of a connection until it ends, is idle for too long, or the server stops.
    async fn answer<Io>(&self, io: Io, (address, peer, over_tls): (SocketAddr, Peer, Option<OverTls>))
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new(self.limits);
        let service = {
            let (service, activity) = (self.service.clone(), activity.clone());
            service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(peer);
                request.extensions_mut().insert(ConnectInfo(address));
                if let Some(over_tls) = over_tls {
                    request.extensions_mut().insert(over_tls);
                }
                let busy = activity.begin(request.version());
                answer_request(service.clone(), request, busy)
            })
        };
        let io = TokioIo::new(Noted { io, activity: activity.clone() });
        let connection = self.protocols.serve_connection_with_upgrades(io, service);
        let mut connection = std::pin::pin!(connection);
        let mut stopping = self.stopping.clone();
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = stopping.wait() => None,
            () = activity.overdue() => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = activity.quiet_for(CLOSING_TIME_MAX) => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, %peer, "a connection ended early");
        }
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
        // Before a handshake a client reads no words of HTTP.
        if self.identity.is_none() {
            tell(stream, &refusal(&detail));
        }
        let mut refusals = self.refusals.lock();
        refusals.untold += 1;
        if refusals.told_at.is_none_or(|told_at| told_at.elapsed() >= REFUSALS_LOG_INTERVAL) {
            tracing::warn!(connections = refusals.untold, %peer, detail, "connections were turned away");
            *refusals = Refusals { untold: 0, told_at: Some(Instant::now()) };
        }
    }
}

/// Answers one request.
async fn answer_request(
    service: TowerToHyperService<Router>,
    mut request: Request<Incoming>,
    busy: Busy,
) -> Result<Response<AnswerBody>, Infallible> {
    name_host(&mut request);
    Ok(AnswerBody::wrap(service.call(request).await?, busy))
}

/// Adds to a request of HTTP/2 the header that says in HTTP/1 which host is asked (RFC 9113, 8.3.1).
fn name_host(request: &mut Request<Incoming>) {
    let Some(authority) = request.uri().authority() else { return };
    if let Ok(host) = HeaderValue::from_str(authority.as_str())
        && !request.headers().contains_key(HOST)
    {
        request.headers_mut().insert(HOST, host);
    }
}

/// Sends words to a client that may be gone.
fn tell(stream: &TcpStream, words: &str) {
    let _ = SockRef::from(stream).send(words.as_bytes());
}

/// The answer to a connection that gets no place.
fn refusal(detail: &str) -> String {
    let status = (503, "Service Unavailable", "too_many_connections", "too many connections");
    problem_text(status, detail, &format!("Retry-After: {}\r\n", RETRY_AFTER.as_secs()))
}

/// Answers a client that speaks HTTP where TLS is spoken.
fn explain_tls(stream: &TcpStream) {
    // What has arrived is taken, or the system would tell the client of a reset instead of the answer.
    let _ = stream.try_read(&mut vec![0; REQUEST_BYTES_TAKEN]);
    let status = (400, "Bad Request", "needs_tls", "this port speaks TLS");
    tell(stream, &problem_text(status, "this port speaks TLS (--tls-cert): begin the address with https://", ""));
}

/// A problem as HTTP/1.1 for a connection that is closed behind it.
fn problem_text((status, reason, code, title): (u16, &str, &str, &str), detail: &str, headers: &str) -> String {
    let kind = format!("urn:tidewater:problem:{code}");
    let problem = json!({ "type": kind, "title": title, "status": status, "detail": detail }).to_string();
    let length = problem.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/problem+json\r\nContent-Length: {length}\r\n{headers}\
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
