//! Every limit of the API by name, and those that an operator may set.

use std::time::Duration;

pub use crate::query::QUERY_PARAMETERS_MAX;

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
/// Milliseconds that `after` waits when the request does not say.
pub const AFTER_WAIT_MILLIS: usize = 5_000;
/// The most milliseconds that `after` waits.
pub const AFTER_WAIT_MILLIS_MAX: usize = 30_000;
/// The most bytes of a request's address.
pub const URI_BYTES_MAX: usize = 8 * 1024;
/// The most bytes of a request's headers.
pub const HEADERS_BYTES_MAX: usize = 16 * 1024;
/// Requests answered at the same time, unless configured.
pub const REQUESTS_MAX: usize = 10_000;
/// How long one request may take, unless configured; longer than the longest wait of `after`.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a stopping server waits for requests it has begun to answer.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// Seconds after which a client that was turned away may come back.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Seconds after which a view may be asked for again that is being filled, when nobody knows how long that takes.
pub const HYDRATION_RETRY_SECONDS: u64 = 5;
/// The most seconds after which a view may be asked for again that is being filled.
pub const HYDRATION_RETRY_SECONDS_MAX: u64 = 60;

/// The limits that an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// requests answered at the same time
    pub requests_max: usize,
    /// how long one request may take
    pub request_timeout: Duration,
    /// bytes of one ingest request
    pub events_body_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_max: REQUESTS_MAX, request_timeout: REQUEST_TIMEOUT, events_body_bytes_max: EVENTS_BODY_BYTES_MAX }
    }
}
