//! The log of requests: a line for each, with its route, status, time, peer and trace, and nothing of its query or body.
//!
//! Off unless the filter of the log lets `tidewater::requests` through at level `info`. The time is that until the answer began.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::http::Method;
use tracing::Span;

use crate::http::trace::TraceId;

/// Target of the lines, for filters.
const TARGET: &str = "tidewater::requests";

/// A request, as far as it is logged.
pub(crate) struct RequestLog {
    method: Method,
    peer: Option<SocketAddr>,
    trace: Option<TraceId>,
}

impl RequestLog {
    /// Takes what is logged of a request.
    pub(crate) fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        Self { method: request.method().clone(), peer, trace: TraceId::of(request.headers()) }
    }

    /// The span in which the request is answered; none without a trace.
    pub(crate) fn span(&self) -> Span {
        self.trace.as_ref().map_or_else(Span::none, TraceId::span)
    }

    /// Writes the line.
    pub(crate) fn write(&self, route: &str, status: u16, duration: Duration) {
        tracing::info!(
            target: TARGET,
            method = %self.method,
            route,
            status,
            milliseconds = duration.as_secs_f64() * 1e3,
            peer = self.peer.map(tracing::field::display),
            trace_id = self.trace.as_ref().map(tracing::field::display),
            "answered"
        );
    }
}
