//! The protocols of a connection, with their limits: HTTP/1.1, and HTTP/2 by ALPN or by prior knowledge.
//!
//! Further limits of HTTP/2 are those of h2 itself: a head has at most as many CONTINUATION frames as its bytes need, and settings, pings and
//! empty frames do not pile up unanswered.

use std::time::Duration;

use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto;

use super::super::limits::{
    ConnectionLimits, H2_CONNECTION_WINDOW_BYTES, H2_HEADS_BYTES_MAX, H2_LOCAL_RESETS_MAX, H2_PENDING_RESETS_MAX,
    H2_PING_INTERVAL, H2_PING_TIMEOUT, H2_SEND_BUFFER_BYTES, H2_STREAM_WINDOW_BYTES, H2_STREAMS_MAX, HEAD_BYTES_MAX,
};
use super::stalls::StreamExecutor;

/// Protocols within these limits, for clients that take something of an answer within `stall_max`.
pub(super) fn protocols(limits: ConnectionLimits, stall_max: Duration) -> auto::Builder<StreamExecutor> {
    let mut protocols = auto::Builder::new(StreamExecutor { stall_max });
    protocols
        .http1()
        .timer(TokioTimer::new())
        // What a head may take is timed by the connection, which knows when one begins; this closes what is idle.
        .header_read_timeout(limits.header_timeout.max(limits.idle_timeout))
        .max_buf_size(HEAD_BYTES_MAX);
    protocols
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(H2_HEADS_BYTES_MAX)
        .max_pending_accept_reset_streams(H2_PENDING_RESETS_MAX)
        .max_local_error_reset_streams(H2_LOCAL_RESETS_MAX)
        .initial_stream_window_size(H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(H2_CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(H2_SEND_BUFFER_BYTES)
        .keep_alive_interval(H2_PING_INTERVAL)
        .keep_alive_timeout(H2_PING_TIMEOUT);
    protocols
}
