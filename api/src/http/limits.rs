//! Limits of requests and connections by name, and those that an operator may set.

use std::time::Duration;

use crate::subscriptions::limits::{HEARTBEAT_INTERVAL, SUBSCRIPTIONS_MAX};

/// The most bytes of one ingest request.
pub const EVENTS_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most lines of one ingest request.
pub const EVENTS_LINES_MAX: usize = 10_000;
/// The most dead letters of one answer, each of up to 64 KiB.
pub const DEAD_LETTERS_MAX: usize = 100;
/// Dead letters of an answer when the request does not say.
pub const DEAD_LETTERS_DEFAULT: usize = 20;
/// Bytes of errors of rows in one answer, about; one error more may be in it.
pub const ROW_ERRORS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most parameters of one request.
pub const QUERY_PARAMETERS_MAX: usize = 100;
/// The most bytes of a request's address.
pub const URI_BYTES_MAX: usize = 8 * 1024;
/// The most bytes of a request's headers.
pub const HEADERS_BYTES_MAX: usize = 16 * 1024;
/// Requests answered at the same time, unless configured.
pub const REQUESTS_MAX: usize = 10_000;
/// Most time for one request, unless configured; longer than the longest wait of `after`.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Time that a stopping server gives to requests it has begun to answer.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// Time after which a client that was turned away may come back.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Keys of one event of an invalidation stream.
pub const FOLLOWER_EVENT_KEYS: usize = 1_000;
/// Records of a derived topic that a request gets when it does not say how many.
pub const RECORDS_DEFAULT: usize = 100;
/// The most records of a derived topic that a request may ask for.
pub const RECORDS_MAX: usize = 1_000;
/// The most bytes that a WebSocket's client may send in one message; nothing is expected of it.
pub const WEBSOCKET_MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Bytes that the system keeps for a connection until its client takes them; it uses about twice as much.
pub const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Longest time in which a client takes nothing of what is sent to it before its connection is closed.
pub const SEND_STALL_MAX: Duration = Duration::from_secs(30);

/// The limits that an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// requests answered at the same time
    pub requests_max: usize,
    /// most time for one request
    pub request_timeout: Duration,
    /// bytes of one ingest request
    pub events_body_bytes_max: usize,
    /// subscriptions open at the same time
    pub subscriptions_max: usize,
    /// longest silence of a subscription before it shows that it is alive
    pub heartbeat_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_max: REQUESTS_MAX,
            request_timeout: REQUEST_TIMEOUT,
            events_body_bytes_max: EVENTS_BODY_BYTES_MAX,
            subscriptions_max: SUBSCRIPTIONS_MAX,
            heartbeat_interval: HEARTBEAT_INTERVAL,
        }
    }
}
