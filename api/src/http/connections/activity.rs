//! Activity of one connection: requests that are being answered, and the time that it has for the head of the next one.
//!
//! Bytes, requests and ends of answers are noted as they come; the end of the connection's time leaves.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Version;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

use super::super::limits::ConnectionLimits;

/// Requests of a connection, and its times.
#[derive(Clone)]
pub(super) struct Activity {
    /// looked at when a timer fires: nobody is woken by a change, since a request that wakes its own connection is answered more slowly
    phase: Arc<Mutex<Phase>>,
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
    /// the last beginning or end of a request
    changed_at: Instant,
}

/// A request that is being answered, until it is dropped.
pub(super) struct Busy(Activity);

impl Phase {
    fn new(now: Instant, limits: ConnectionLimits) -> Self {
        let deadline = now + limits.header_timeout;
        Self { requests: 0, is_http2: false, has_begun: false, deadline, changed_at: now }
    }

    fn begins(&mut self, now: Instant, version: Version) {
        self.requests += 1;
        self.changed_at = now;
        self.is_http2 |= version == Version::HTTP_2;
    }

    fn ends(&mut self, now: Instant, limits: ConnectionLimits) {
        self.requests -= 1;
        self.has_begun = false;
        self.changed_at = now;
        self.deadline = now + limits.idle_timeout;
    }

    /// Returns true if bytes that come now are the first of a head.
    fn awaits_head(&self) -> bool {
        self.requests == 0 && !self.has_begun && !self.is_http2
    }

    /// Bytes have come.
    fn hears(&mut self, now: Instant, limits: ConnectionLimits) {
        if self.awaits_head() {
            self.has_begun = true;
            self.deadline = self.deadline.min(now + limits.header_timeout);
        }
    }
}

impl Activity {
    /// The activity of a connection that has sent nothing yet.
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self { phase: Arc::new(Mutex::new(Phase::new(Instant::now(), limits))), limits }
    }

    /// Counts a request of this version of HTTP.
    pub(super) fn begin(&self, version: Version) -> Busy {
        self.phase.lock().begins(Instant::now(), version);
        Busy(self.clone())
    }

    /// The connection has sent something: between two requests of HTTP/1 that is the beginning of a head, for which there is less time. In
    /// HTTP/2 it may be anything, and takes nothing from the time and adds nothing to it.
    fn note_bytes(&self) {
        let mut phase = self.phase.lock();
        if phase.awaits_head() {
            phase.hears(Instant::now(), self.limits);
        }
    }

    /// Waits until the connection has been without a request for as long as it may.
    pub(super) async fn overdue(&self) {
        // No deadline that is set from now on is nearer than this: a timer that is set anew after so long misses none.
        let nearest = self.limits.header_timeout.min(self.limits.idle_timeout);
        loop {
            let Phase { requests, deadline, .. } = *self.phase.lock();
            let now = Instant::now();
            if requests == 0 && deadline <= now {
                return;
            }
            let latest = now + nearest;
            sleep_until(if requests == 0 { deadline.min(latest) } else { latest }).await;
        }
    }

    /// Waits until no request has begun or ended for this time, and none is being answered.
    pub(super) async fn quiet_for(&self, time: Duration) {
        let start = Instant::now();
        loop {
            let Phase { requests, changed_at, .. } = *self.phase.lock();
            let now = Instant::now();
            let quiet_at = changed_at.max(start) + time;
            if requests == 0 && quiet_at <= now {
                return;
            }
            sleep_until(if requests == 0 { quiet_at } else { now + time }).await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.phase.lock().ends(Instant::now(), self.0.limits);
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
    use tokio::time::sleep;

    use super::*;

    #[test]
    fn a_head_has_less_time_than_an_idle_connection_and_a_request_has_its_own() {
        let second = Duration::from_secs(1);
        let limits = ConnectionLimits { header_timeout: 30 * second, idle_timeout: 75 * second, ..ConnectionLimits::default() };
        let start = Instant::now();
        let at = |seconds: u32| start + seconds * second;
        let mut phase = Phase::new(start, limits);
        assert!(phase.awaits_head());
        phase.hears(at(10), limits);
        assert_eq!(phase.deadline, at(30), "the first head has its time from the beginning of the connection");
        phase.begins(at(10), Version::HTTP_11);
        phase.ends(at(100), limits);
        assert_eq!(phase.deadline, at(175), "idle after an answer");
        phase.hears(at(110), limits);
        assert!(!phase.awaits_head());
        phase.hears(at(120), limits);
        assert_eq!(phase.deadline, at(140), "a head that has begun");
        phase.begins(at(140), Version::HTTP_11);
        assert!(!phase.awaits_head(), "bytes of a body begin no head");
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
        phase.hears(at(1), limits);
        assert!(phase.has_begun, "nobody knows yet what it is");
        phase.begins(at(1), Version::HTTP_2);
        phase.ends(at(10), limits);
        phase.hears(at(40), limits);
        assert!(!phase.has_begun, "the answer to a ping");
        assert_eq!(phase.deadline, at(85));
    }
    #[tokio::test]
    async fn a_timer_that_nobody_wakes_ends_behind_the_deadline_and_never_during_a_request() {
        let limits = ConnectionLimits {
            header_timeout: Duration::from_millis(10),
            idle_timeout: Duration::from_millis(20),
            ..ConnectionLimits::default()
        };
        let activity = Activity::new(limits);
        let busy = activity.begin(Version::HTTP_11);
        let (overdue, quiet) = (activity.clone(), activity.clone());
        let overdue = tokio::spawn(async move { overdue.overdue().await });
        let quiet = tokio::spawn(async move { quiet.quiet_for(Duration::from_millis(15)).await });
        sleep(Duration::from_millis(100)).await;
        assert!(!overdue.is_finished() && !quiet.is_finished(), "a request is being answered");
        drop(busy);
        activity.note_bytes();
        let Phase { deadline, changed_at, .. } = *activity.phase.lock();
        overdue.await.unwrap();
        assert!(Instant::now() >= deadline);
        quiet.await.unwrap();
        assert!(Instant::now() >= changed_at + Duration::from_millis(15));
    }
}
