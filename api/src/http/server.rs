//! The API as a service, and the server that answers with it on sockets.

use std::sync::Arc;

use axum::middleware::{from_fn_with_state, map_response};
use axum::{Extension, Router};
use tokio::net::TcpListener;

use crate::http::compression::compressed;
use crate::http::connections::answer_connections;
use crate::http::connections::tls::TlsIdentity;
use crate::http::endpoints::{name_options, routes};
use crate::http::guard::guard;
use crate::http::limits::{ConnectionLimits, SEND_STALL_MAX, SHUTDOWN_GRACE};
use crate::http::state::ApiState;
use crate::subscriptions::stopping::Stopping;

/// The API as a service, which needs no socket.
pub fn router(state: ApiState) -> Router {
    let compresses_private = state.config().compresses_private;
    let routes = routes(state.config()).layer(from_fn_with_state(state.clone(), guard)).with_state(state);
    // A router names its methods in an answer after all of its layers, so this stands around it.
    compressed(Router::new().fallback_service(routes).layer(map_response(name_options)), compresses_private)
}

/// Serves until `shutdown` is done, over TLS if there is an identity. Then it ends subscriptions and finishes what it has begun to answer, for
/// at most [`SHUTDOWN_GRACE`].
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    limits: ConnectionLimits,
    identity: Option<Arc<TlsIdentity>>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let (stop, stopping) = Stopping::channel();
    let router = router.layer(Extension(stopping.clone()));
    let stopped = async {
        shutdown.await;
        stop.send_replace(true);
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        () = answer_connections(listeners, router, limits, (identity, SEND_STALL_MAX), stopping) => {}
        () = stopped => {
            tracing::warn!(seconds = SHUTDOWN_GRACE.as_secs(), "requests were still being answered when the server stopped");
        }
    }
}
