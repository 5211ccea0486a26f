//! Limits that a request went beyond.

use std::time::Duration;

use crate::http::limits::{RateLimit, RatePeriod};

/// Limit that a request went beyond.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum LimitError {
    #[error("the address of {bytes} bytes is longer than the {bytes_max} that are accepted")]
    UriTooLong { bytes: usize, bytes_max: usize },
    #[error("{bytes} bytes of headers are more than the {bytes_max} that are accepted")]
    HeadersTooLarge { bytes: usize, bytes_max: usize },
    #[error("{requests_max} requests are being answered already: try again in a moment")]
    Busy { requests_max: usize },
    #[error("no answer was ready within {seconds} s: try again, and ask for less")]
    Timeout { seconds: u64 },
    #[error("this client may make {}: send fewer, or wait as long as Retry-After says", words(limit))]
    TooManyRequests { limit: RateLimit, retry_after: Duration },
    #[error("this client may make {} to the view '{view}': send fewer, or wait as long as Retry-After says", words(limit))]
    TooManyOfView { view: String, limit: RateLimit, retry_after: Duration },
    #[error("{streams_max} streams of this client are open already (--client-streams): close those that nobody reads")]
    TooManyStreams { streams_max: usize },
    #[error("{waits_max} requests of this client wait already (--client-waits): wait for them, or ask without 'after'")]
    TooManyWaits { waits_max: usize },
    #[error("too many bad tokens came from this address: no further one is looked at for a moment")]
    TooManyBadTokens { retry_after: Duration },
}

fn words(limit: &RateLimit) -> String {
    let period = match limit.period {
        RatePeriod::Second => "a second",
        RatePeriod::Hour => "an hour",
    };
    format!("{} {} {period}", limit.requests, if limit.requests == 1 { "request" } else { "requests" })
}
