//! Connections whose client takes nothing are closed.
//!
//! A listener enters; one whose connections fail when they could not write for too long leaves. Whoever is answered on such a connection is
//! dropped with it, and what was kept for it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A listener for connections of limited patience.
pub(crate) struct Patient<L> {
    listener: L,
    stall_max: Duration,
}

impl<L> Patient<L> {
    /// Connections are closed that take nothing for `stall_max`.
    pub(crate) fn new(listener: L, stall_max: Duration) -> Self {
        Self { listener, stall_max }
    }
}

impl<L: Listener> Listener for Patient<L> {
    type Io = Connection<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (io, address) = self.listener.accept().await;
        (Connection { io, stall_max: self.stall_max, stalled: None }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection of limited patience.
pub(crate) struct Connection<Io> {
    io: Io,
    stall_max: Duration,
    /// runs while the connection takes nothing
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<Io: Unpin> Connection<Io> {
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

impl<Io: AsyncRead + Unpin> AsyncRead for Connection<Io> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Connection<Io> {
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::{Read as _, Write as _};

    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::stream;
    use tokio::net::TcpListener;

    use super::*;

    const STALL_MAX: Duration = Duration::from_millis(300);
    /// More than the system keeps for a connection.
    const BYTES_MAX: usize = 64 * 1024 * 1024;
    const CHUNK: [u8; 64 * 1024] = [b'x'; 64 * 1024];

    /// Serves a body without an end.
    async fn endless() -> std::net::SocketAddr {
        let body = || async { Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&CHUNK)))) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(body));
        tokio::spawn(async move { axum::serve(Patient::new(listener, STALL_MAX), router).await });
        address
    }

    fn ask(address: std::net::SocketAddr) -> std::net::TcpStream {
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        client
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_that_takes_nothing_is_dropped_and_one_that_reads_slowly_is_not() {
        let address = endless().await;
        let stuck = ask(address);
        let read = tokio::task::spawn_blocking(move || {
            let (mut client, mut bytes) = (ask(address), vec![0; 256 * 1024]);
            for _ in 0..15 {
                client.read_exact(&mut bytes).expect("who reads goes on");
                std::thread::sleep(STALL_MAX / 5);
            }
        });
        read.await.unwrap();
        // What was on its way still comes, and then an end that a body without an end does not have.
        let rest = tokio::task::spawn_blocking(move || {
            let mut bytes = 0;
            let mut buffer = vec![0; CHUNK.len()];
            let mut stuck = stuck;
            while let Ok(read @ 1..) = stuck.read(&mut buffer)
                && bytes < BYTES_MAX
            {
                bytes += read;
            }
            bytes
        });
        assert!(rest.await.unwrap() < BYTES_MAX, "the connection was not closed");
    }
}
