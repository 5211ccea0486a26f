//! Limits of requests and connections by name, and those that an operator may set.

use std::time::Duration;

use crate::read::limits::PAGE_BYTES_MAX;
use crate::subscriptions::limits::{HEARTBEAT_INTERVAL, SUBSCRIPTIONS_MAX};

/// The most bytes of one ingest request.
pub const EVENTS_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most bytes of the statements of a deployment.
pub const DEPLOYMENT_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bodies that are expanded at the same time; further ones wait for their turn.
pub const EXPANSIONS_AT_ONCE: usize = 16;
/// Scrapes of the metrics that are written at the same time; further ones wait for their turn.
pub const SCRAPES_AT_ONCE: usize = 2;
/// Scrapes that wait for their turn; further ones are turned away.
pub const SCRAPES_WAITING_MAX: usize = 16;
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
/// Longest time until a handshake is made or the head of a request is whole, unless configured; a connection that sends nothing is closed
/// after it.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Time after which a connection is closed on which there was no request since the last answer, unless configured: longer than proxies keep
/// one, which then are those who close it.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Bytes of a request's head, about, at which it is refused when it is not whole; of headers alone, [`HEADERS_BYTES_MAX`] are accepted.
/// Of headers there may be 100, which is hyper's limit.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Longest time that a connection that is closing has for its last words, when no request is being answered on it.
pub const CLOSING_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest time in which a client takes an answer that is no stream, from its beginning to its end.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(600);
/// The most bytes of an answer that are given to a connection at once: the next ones follow when its client has taken some.
pub const ANSWER_PART_BYTES_MAX: usize = 16 * 1024;
/// Requests of one connection of HTTP/2 that are answered at the same time.
pub const H2_STREAMS_MAX: u32 = 100;
/// The most bytes of a request's headers in HTTP/2, with 32 more for each and those of the address; of headers alone, [`HEADERS_BYTES_MAX`] are
/// accepted.
pub const H2_HEADS_BYTES_MAX: u32 = 32 * 1024;
/// Requests of HTTP/2 that were given up by their client before they were looked at: with one more the connection is closed.
pub const H2_PENDING_RESETS_MAX: usize = 20;
/// Streams of one connection of HTTP/2 that were reset because of faults of their client: with one more the connection is closed.
pub const H2_LOCAL_RESETS_MAX: usize = 100;
/// Bytes of one request's body that a client of HTTP/2 may send before they are read.
pub const H2_STREAM_WINDOW_BYTES: u32 = 128 * 1024;
/// The same for all requests of a connection together.
pub const H2_CONNECTION_WINDOW_BYTES: u32 = 512 * 1024;
/// Bytes of an answer that are kept for one stream of HTTP/2 until its client takes them.
pub const H2_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Interval at which a client of HTTP/2 is asked whether it is still there.
pub const H2_PING_INTERVAL: Duration = Duration::from_secs(30);
/// Longest time until it answers.
pub const H2_PING_TIMEOUT: Duration = Duration::from_secs(20);
/// The fewest bytes of an answer that is compressed: less than a packet holds gains nothing.
pub const COMPRESSED_BYTES_MIN: u64 = 860;
/// Pause before the next attempt when no connection can be accepted.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The limits of connections that an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// connections open at the same time
    pub open_max: usize,
    /// those of one client: an address of IPv4, or a network of 64 bits of IPv6
    pub open_per_client: usize,
    /// longest time until a handshake is made or the head of a request is whole
    pub header_timeout: Duration,
    /// time after which a connection is closed on which there was no request since the last answer
    pub idle_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            open_max: CONNECTIONS_MAX,
            open_per_client: CONNECTIONS_PER_CLIENT,
            header_timeout: HEADER_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
        }
    }
}

/// Requests of one client a second, unless configured: far more than a reader makes, and so few that a server has time for others.
pub const CLIENT_REQUESTS_PER_SECOND: u32 = 5_000;
/// Streams of one client open at the same time, unless configured.
pub const CLIENT_STREAMS: usize = 100;
/// Requests of one client that wait at the same time, for a position or for a change of a shape, unless configured.
pub const CLIENT_WAITS: usize = 100;
/// Requests with events of one client answered at the same time, unless configured.
pub const CLIENT_PRODUCER_REQUESTS: usize = 100;
/// Requests with events answered at the same time, unless configured; they have places of their own beside [`REQUESTS_MAX`].
pub const PRODUCER_REQUESTS_MAX: usize = 1_000;
/// Tokens with a wrong signature that one peer may send a second, unless configured. When it has sent more, none of its tokens is verified until
/// there is room again, since that takes time.
pub const CLIENT_BAD_TOKENS_PER_SECOND: u32 = 500;
/// Bytes of answers that one client has not taken yet, unless configured: sixteen pages of the greatest size.
pub const CLIENT_ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// The same of all clients together.
pub const ANSWER_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Time in which a ticket opens its stream: a page uses it at once.
pub const TICKET_TIME: Duration = Duration::from_secs(30);
/// Tickets that wait for their stream at the same time. Each keeps the claims of a token, which fit into the headers of a request.
pub const TICKETS_MAX: usize = 10_000;
/// Tickets of one client that wait for their stream at the same time.
pub const TICKETS_PER_CLIENT: usize = 100;
/// The most bytes of a body that says what a ticket is for.
pub const TICKET_BODY_BYTES_MAX: usize = 4 * 1024;
/// Time for which a browser may remember the answer to a preflight; Chromium remembers none for longer.
pub const PREFLIGHT_TIME: Duration = Duration::from_secs(7_200);
/// The most counters of requests of clients, of which one has several; those that were used last are kept.
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
    /// requests of one client that wait at the same time, for a position or for a change of a shape
    pub client_waits: usize,
    /// requests with events of one client answered at the same time
    pub client_producer_requests: usize,
    /// tokens with a wrong signature of one peer a second; 0 for no limit
    pub client_bad_tokens_per_second: u32,
    /// bytes of answers that one client has not taken yet
    pub client_answer_bytes: u64,
    /// the same of all clients together
    pub answer_bytes_max: u64,
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
            client_producer_requests: CLIENT_PRODUCER_REQUESTS,
            client_bad_tokens_per_second: CLIENT_BAD_TOKENS_PER_SECOND,
            client_answer_bytes: CLIENT_ANSWER_BYTES,
            answer_bytes_max: ANSWER_BYTES_MAX,
            producer_requests_max: PRODUCER_REQUESTS_MAX,
        }
    }
}
