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
    #[error("{waiting_max} scrapes wait for their turn already: try again in a moment")]
    TooManyScrapes { waiting_max: usize },
    #[error("no answer was ready within {seconds} s: try again, and ask for less")]
    Timeout { seconds: u64 },
    #[error("this client may make {}: send fewer, or wait as long as Retry-After says", words(limit))]
    TooManyRequests { limit: RateLimit, retry_after: Duration },
    #[error("this client may make {} to the view '{view}': send fewer, or wait as long as Retry-After says", words(limit))]
    TooManyOfView { view: String, limit: RateLimit, retry_after: Duration },
    #[error("{streams_max} streams of this client are open already (--client-streams): close those that nobody reads")]
    TooManyStreams { streams_max: usize },
    #[error("{waits_max} requests of this client wait already (--client-waits): wait for them, or ask without 'after' or 'live'")]
    TooManyWaits { waits_max: usize },
    #[error(
        "{requests_max} requests with events of this client are being answered already (--client-producer-requests): wait for them"
    )]
    TooManyProducerRequests { requests_max: usize },
    #[error(
        "this client has {bytes_max} bytes of answers that it has not taken yet (--client-answer-bytes): read those first, or ask for less"
    )]
    TooManyUntakenBytes { bytes_max: u64 },
    #[error("{bytes_max} bytes of answers were not taken yet by their clients (--answer-bytes-max): try again in a moment")]
    NoAnswerBytesLeft { bytes_max: u64 },
    #[error("{tickets_max} tickets of this client wait for their stream already: use them, or let them expire")]
    TooManyTickets { tickets_max: usize },
    #[error("{tickets_max} tickets wait for their stream already: try again in a moment")]
    NoTicketsLeft { tickets_max: usize },
    #[error("too many bad tokens came from this address: no further one is verified for a moment")]
    TooManyBadTokens { retry_after: Duration },
}

fn words(limit: &RateLimit) -> String {
    let period = match limit.period {
        RatePeriod::Second => "a second",
        RatePeriod::Hour => "an hour",
    };
    format!("{} {} {period}", limit.requests, if limit.requests == 1 { "request" } else { "requests" })
}
