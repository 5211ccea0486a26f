//! Limits of requests and connections by name, and those that an operator may set.

use std::time::Duration;

use crate::read::limits::PAGE_BYTES_MAX;
use crate::subscriptions::limits::{HEARTBEAT_INTERVAL, SUBSCRIPTIONS_MAX};

/// The most bytes of one ingest request.
pub const EVENTS_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most bytes of the statements of a deployment.
pub const DEPLOYMENT_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
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
/// Connections open at the same time, unless configured.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Connections of one client open at the same time, unless configured.
pub const CONNECTIONS_PER_CLIENT: usize = 1_000;
/// Longest time until the head of the next request is whole, unless configured; an idle connection is closed after it.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a request's head, about, at which it is refused when it is not whole; of headers alone, [`HEADERS_BYTES_MAX`] are accepted.
/// Of headers there may be 100, which is hyper's limit.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Pause before the next attempt when no connection can be accepted.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The limits of connections that an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// connections open at the same time
    pub open_max: usize,
    /// those of one client: an address of IPv4, or a network of 64 bits of IPv6
    pub open_per_client: usize,
    /// longest time until the head of the next request is whole
    pub header_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { open_max: CONNECTIONS_MAX, open_per_client: CONNECTIONS_PER_CLIENT, header_timeout: HEADER_TIMEOUT }
    }
}

/// Requests of one client a second, unless configured: far more than a reader makes, and so few that a server has time for others.
pub const CLIENT_REQUESTS_PER_SECOND: u32 = 5_000;
/// Streams of one client open at the same time, unless configured.
pub const CLIENT_STREAMS: usize = 100;
/// Requests of one client that wait for a position at the same time, unless configured.
pub const CLIENT_WAITS: usize = 100;
/// Requests with events answered at the same time, unless configured; they have places of their own beside [`REQUESTS_MAX`].
pub const PRODUCER_REQUESTS_MAX: usize = 1_000;
/// The most bad tokens a second from one peer; behind them its tokens are not looked at, since that takes time.
pub const BAD_TOKENS_PER_SECOND: u32 = 500;
/// The most clients whose requests are counted; those that asked last are.
pub const RATES_MAX: usize = 100_000;

/// Requests that one client may make in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// their number
    pub requests: u32,
    /// the time
    pub period: RatePeriod,
}

/// Time in which requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatePeriod {
    /// a second, with a burst of two seconds' worth
    Second,
    /// an hour, from the first request on
    Hour,
}

/// Requests that one client may make to a view in a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewLimit {
    /// name of the view
    pub view: String,
    /// the limit
    pub limit: RateLimit,
}

/// The limits that an operator may set.
#[derive(Clone, Debug)]
pub struct Limits {
    /// requests answered at the same time
    pub requests_max: usize,
    /// most time for one request
    pub request_timeout: Duration,
    /// bytes of one ingest request
    pub events_body_bytes_max: usize,
    /// bytes of the rows, hits, records or dead letters of one answer
    pub page_bytes_max: usize,
    /// subscriptions open at the same time
    pub subscriptions_max: usize,
    /// longest silence of a subscription before it shows that it is alive
    pub heartbeat_interval: Duration,
    /// requests of one client a second; 0 for no limit
    pub client_requests_per_second: u32,
    /// the same an hour
    pub client_requests_per_hour: u32,
    /// further limits of requests to single views
    pub view_limits: Vec<ViewLimit>,
    /// streams of one client open at the same time
    pub client_streams: usize,
    /// requests of one client that wait for a position at the same time
    pub client_waits: usize,
    /// requests with events answered at the same time
    pub producer_requests_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_max: REQUESTS_MAX,
            request_timeout: REQUEST_TIMEOUT,
            events_body_bytes_max: EVENTS_BODY_BYTES_MAX,
            page_bytes_max: PAGE_BYTES_MAX,
            subscriptions_max: SUBSCRIPTIONS_MAX,
            heartbeat_interval: HEARTBEAT_INTERVAL,
            client_requests_per_second: CLIENT_REQUESTS_PER_SECOND,
            client_requests_per_hour: 0,
            view_limits: Vec::new(),
            client_streams: CLIENT_STREAMS,
            client_waits: CLIENT_WAITS,
            producer_requests_max: PRODUCER_REQUESTS_MAX,
        }
    }
}
