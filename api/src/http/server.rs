//! The API as a service, and the server that answers with it on a socket.

use std::io;

use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::serve::ListenerExt;
use axum::{Extension, Router};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::http::endpoints::routes;
use crate::http::guard::guard;
use crate::http::limits::{SEND_BUFFER_BYTES, SEND_STALL_MAX, SHUTDOWN_GRACE};
use crate::http::patience::Patient;
use crate::http::state::ApiState;
use crate::subscriptions::stopping::Stopping;

/// The API as a service, which needs no socket.
pub fn router(state: ApiState) -> Router {
    let body_limit = DefaultBodyLimit::max(state.config().limits.events_body_bytes_max);
    routes().layer(body_limit).layer(from_fn_with_state(state.clone(), guard)).with_state(state)
}

/// Serves until `shutdown` is done, then ends subscriptions and finishes what it has begun to answer, for at most [`SHUTDOWN_GRACE`].
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let (stopping, stopped) = oneshot::channel();
    let (stop_subscriptions, subscriptions_stopping) = Stopping::channel();
    let shutdown = async move {
        shutdown.await;
        stop_subscriptions.send_replace(true);
        // The receiver waits below for as long as the server runs.
        let _ = stopping.send(());
    };
    let listener = Patient::new(listener.tap_io(set_up), SEND_STALL_MAX);
    let router = router.layer(Extension(subscriptions_stopping));
    let server = axum::serve(listener, router).with_graceful_shutdown(shutdown);
    tokio::select! {
        result = server => result,
        () = grace_is_over(stopped) => {
            tracing::warn!(seconds = SHUTDOWN_GRACE.as_secs(), "requests were still being answered when the server stopped");
            Ok(())
        }
    }
}

async fn grace_is_over(stopped: oneshot::Receiver<()>) {
    match stopped.await {
        Ok(()) => tokio::time::sleep(SHUTDOWN_GRACE).await,
        Err(_) => std::future::pending().await,
    }
}

/// Answers are written whole: waiting to fill a packet would only delay them. What the system keeps for clients that do not read is
/// limited, as there may be many.
fn set_up(stream: &mut TcpStream) {
    let limited = SockRef::from(&*stream).set_send_buffer_size(SEND_BUFFER_BYTES);
    if let Err(error) = stream.set_nodelay(true).and(limited) {
        tracing::debug!(%error, "a connection does not send at once, or keeps more than it should");
    }
}
