//! Every limit of the API by name, and those that an operator may set.

use std::time::Duration;

pub use sinks::search::{DEPTH_MAX, FACETS_MAX, HITS_MAX, SUGGESTIONS_MAX};

/// The most bytes of one ingest request.
pub const EVENTS_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most lines of one ingest request.
pub const EVENTS_LINES_MAX: usize = 10_000;
/// The most rows of one page.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// Rows of a page when the request does not say.
pub const PAGE_ROWS_DEFAULT: usize = 100;
/// The most dead letters of one answer, each of up to 64 KiB.
pub const DEAD_LETTERS_MAX: usize = 100;
/// Dead letters of an answer when the request does not say.
pub const DEAD_LETTERS_DEFAULT: usize = 20;
/// The most rows one request may look at, those it does not return included.
pub const SCAN_ROWS_MAX: usize = 10_000;
/// The most keys of an index that one request may name by `in.(...)`.
pub const RANGES_MAX: usize = 1_000;
/// Hits of a search when the request does not say.
pub const HITS_DEFAULT: usize = 20;
/// Suggestions when the request does not say.
pub const SUGGESTIONS_DEFAULT: usize = 10;
/// Searches that run at the same time; further ones wait for their turn.
pub const SEARCHES_AT_ONCE: usize = 16;
/// Milliseconds that `after` waits when the request does not say.
pub const AFTER_WAIT_MILLIS: usize = 5_000;
/// The most milliseconds that `after` waits.
pub const AFTER_WAIT_MILLIS_MAX: usize = 30_000;
/// The most parameters of one request.
pub const QUERY_PARAMETERS_MAX: usize = 100;
/// The most bytes of a request's address.
pub const URI_BYTES_MAX: usize = 8 * 1024;
/// The most bytes of a request's headers.
pub const HEADERS_BYTES_MAX: usize = 16 * 1024;
/// Rows that are explained when the request does not say how many.
pub const WHY_ROWS_DEFAULT: usize = 1;
/// The most rows that one request may have explained.
pub const WHY_ROWS_MAX: usize = 10;
/// Events that are named for a row when the request does not say how many.
pub const WHY_EVENTS_DEFAULT: usize = 100;
/// The most events that are named for a row.
pub const WHY_EVENTS_MAX: usize = 1_000;
/// Requests answered at the same time, unless configured.
pub const REQUESTS_MAX: usize = 10_000;
/// Most time for one request, unless configured; longer than the longest wait of `after`.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Time that a stopping server gives to requests it has begun to answer.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// Seconds after which a client that was turned away may come back.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Seconds after which a view may be asked for again that is being filled, when nobody knows how long that takes.
pub const HYDRATION_RETRY_SECONDS: u64 = 5;
/// Keys of one event of an invalidation stream.
pub const FOLLOWER_EVENT_KEYS: usize = 1_000;

/// Records of a derived topic that a request gets when it does not say how many.
pub const RECORDS_DEFAULT: usize = 100;
/// The most records of a derived topic that a request may ask for.
pub const RECORDS_MAX: usize = 1_000;

/// The most seconds after which a view may be asked for again that is being filled.
pub const HYDRATION_RETRY_SECONDS_MAX: u64 = 60;

/// Subscriptions open at the same time, unless configured.
pub const SUBSCRIPTIONS_MAX: usize = 2_000;
/// The most changes that one epoch may bring to a subscription; beyond, its rows are sent anew, which needs no more memory.
pub const SUBSCRIPTION_CHANGES_MAX: usize = 10_000;
/// Rows that a subscription reads at a time while it sends those that are there.
pub const SUBSCRIPTION_PAGE_ROWS: usize = 64;
/// Bytes of events after which they are handed to the connection, which holds about sixteen times as much while its client does not read.
pub const SUBSCRIPTION_BATCH_BYTES: usize = 2 * 1024;
/// Most times in a row that a subscription begins to send its rows before its client is told that it reads too slowly.
pub const SUBSCRIPTION_RESTARTS_MAX: usize = 5;
/// Interval at which a subscription tells the position while nothing changes for it; after a change it does so at once.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Longest silence of a subscription before it shows that it is alive, unless configured.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
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
