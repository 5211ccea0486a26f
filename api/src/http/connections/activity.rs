//! Activity of one connection: requests that are being answered, and the time that it has for the head of the next one.
//!
//! Bytes, requests and ends of answers are noted as they come; the end of the connection's time leaves.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::limits::ConnectionLimits;

/// Requests of a connection, and its times.
#[derive(Clone)]
pub(super) struct Activity {
    phase: Arc<watch::Sender<Phase>>,
    limits: ConnectionLimits,
}

/// Phase of a connection.
#[derive(Clone, Copy)]
struct Phase {
    /// requests that are being answered
    requests: usize,
    /// true behind the first request of a connection of HTTP/2, whose client sends more than requests, such as answers to pings
    is_http2: bool,
    /// true if bytes have come since then that may be the beginning of a head
    has_begun: bool,
    /// the end of the time for the next head, when no request is being answered
    deadline: Instant,
}

/// A request that is being answered, until it is dropped.
pub(super) struct Busy(Activity);

impl Phase {
    fn new(now: Instant, limits: ConnectionLimits) -> Self {
        Self { requests: 0, is_http2: false, has_begun: false, deadline: now + limits.header_timeout }
    }

    fn begins(&mut self, version: Version) {
        self.requests += 1;
        self.is_http2 |= version == Version::HTTP_2;
    }

    fn ends(&mut self, now: Instant, limits: ConnectionLimits) {
        self.requests -= 1;
        self.has_begun = false;
        self.deadline = now + limits.idle_timeout;
    }

    /// Bytes have come; returns true if that changes something.
    fn hears(&mut self, now: Instant, limits: ConnectionLimits) -> bool {
        let begins = self.requests == 0 && !self.has_begun && !self.is_http2;
        if begins {
            self.has_begun = true;
            self.deadline = self.deadline.min(now + limits.header_timeout);
        }
        begins
    }
}

impl Activity {
    /// The activity of a connection that has sent nothing yet.
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::new(Instant::now(), limits))), limits }
    }

    /// Counts a request of this version of HTTP.
    pub(super) fn begin(&self, version: Version) -> Busy {
        self.phase.send_modify(|phase| phase.begins(version));
        Busy(self.clone())
    }

    /// The connection has sent something: between two requests of HTTP/1 that is the beginning of a head, for which there is less time. In
    /// HTTP/2 it may be anything, and takes nothing from the time and adds nothing to it.
    fn note_bytes(&self) {
        self.phase.send_if_modified(|phase| phase.hears(Instant::now(), self.limits));
    }

    /// Waits until the connection has been without a request for as long as it may.
    pub(super) async fn overdue(&self) {
        let mut phases = self.phase.subscribe();
        loop {
            let Phase { requests, deadline, .. } = *phases.borrow_and_update();
            tokio::select! {
                biased;
                // The sender is this one, so there is no error.
                _ = phases.changed() => {}
                () = sleep_until(deadline), if requests == 0 => return,
            }
        }
    }

    /// Waits until nothing has happened for this time, and no request is being answered.
    pub(super) async fn quiet_for(&self, time: Duration) {
        let mut phases = self.phase.subscribe();
        loop {
            let requests = phases.borrow_and_update().requests;
            tokio::select! {
                biased;
                _ = phases.changed() => {}
                () = sleep(time), if requests == 0 => return,
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.phase.send_modify(|phase| phase.ends(Instant::now(), self.0.limits));
    }
}

/// A connection that notes when it sends something.
pub(super) struct Noted<Io> {
    pub(super) io: Io,
    pub(super) activity: Activity,
}

impl<Io: AsyncRead + Unpin> AsyncRead for Noted<Io> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.note_bytes();
        }
        read
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Noted<Io> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_less_time_than_an_idle_connection_and_a_request_has_its_own() {
        let second = Duration::from_secs(1);
        let limits = ConnectionLimits { header_timeout: 30 * second, idle_timeout: 75 * second, ..ConnectionLimits::default() };
        let start = Instant::now();
        let at = |seconds: u32| start + seconds * second;
        let mut phase = Phase::new(start, limits);
        assert!(phase.hears(at(10), limits));
        assert_eq!(phase.deadline, at(30), "the first head has its time from the beginning of the connection");
        phase.begins(Version::HTTP_11);
        phase.ends(at(100), limits);
        assert_eq!(phase.deadline, at(175), "idle after an answer");
        assert!(phase.hears(at(110), limits) && !phase.hears(at(120), limits));
        assert_eq!(phase.deadline, at(140), "a head that has begun");
        phase.begins(Version::HTTP_11);
        assert!(!phase.hears(at(200), limits), "bytes of a body begin no head");
        phase.ends(at(300), limits);
        assert_eq!(phase.deadline, at(375));
    }

    #[test]
    fn bytes_between_two_requests_of_http_2_take_no_time_and_give_none() {
        let second = Duration::from_secs(1);
        let limits = ConnectionLimits { header_timeout: 30 * second, idle_timeout: 75 * second, ..ConnectionLimits::default() };
        let start = Instant::now();
        let at = |seconds: u32| start + seconds * second;
        let mut phase = Phase::new(start, limits);
        assert!(phase.hears(at(1), limits), "nobody knows yet what it is");
        phase.begins(Version::HTTP_2);
        phase.ends(at(10), limits);
        assert!(!phase.hears(at(40), limits), "the answer to a ping");
        assert_eq!(phase.deadline, at(85));
    }
}
