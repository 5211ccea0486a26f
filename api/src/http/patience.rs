//! Connections whose client takes nothing are closed.
//!
//! A connection enters; one that fails when it could not write for too long leaves. Whoever is answered on such a connection is dropped
//! with it, and what was kept for it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A connection of limited patience.
pub(crate) struct Patient<Io, Kept> {
    io: Io,
    stall_max: Duration,
    /// runs while the connection takes nothing
    stalled: Option<Pin<Box<Sleep>>>,
    /// dropped with the connection, however it ends and whatever it became
    _kept: Kept,
}

impl<Io: Unpin, Kept: Unpin> Patient<Io, Kept> {
    /// A connection that fails when it takes nothing for `stall_max`; `kept` is dropped with it.
    pub(crate) fn new(io: Io, stall_max: Duration, kept: Kept) -> Self {
        Self { io, stall_max, stalled: None, _kept: kept }
    }

    fn limited<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut Io>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let written = write(Pin::new(&mut self.io), context);
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.stall_max)));
        if stalled.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        tracing::debug!(seconds = self.stall_max.as_secs(), "a connection is closed since its client takes nothing");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<Io: AsyncRead + Unpin, Kept: Unpin> AsyncRead for Patient<Io, Kept> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<Io: AsyncWrite + Unpin, Kept: Unpin> AsyncWrite for Patient<Io, Kept> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.limited(context, |io, context| io.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.limited(context, |io, context| io.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Bytes that wait for their client were counted when they were written.
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
