//! Problems of requests beyond a limit.

use std::time::Duration;

use axum::http::StatusCode;

use super::answer::{Problem, ToProblem};
use crate::http::error::limit::LimitError;

impl ToProblem for LimitError {
    fn to_problem(&self) -> Problem {
        use LimitError as E;
        let of = |status, slug| Problem::new(status, slug, self);
        match self {
            E::UriTooLong { .. } => of(StatusCode::URI_TOO_LONG, "uri_too_long"),
            E::HeadersTooLarge { .. } => of(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large"),
            E::Busy { .. } | E::TooManyScrapes { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "busy").retry_soon(),
            E::Timeout { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "timeout").retry_soon(),
            E::TooManyRequests { retry_after, .. } => {
                of(StatusCode::TOO_MANY_REQUESTS, "too_many_requests").retry_after(rounded_up(*retry_after))
            }
            E::TooManyOfView { retry_after, .. } => {
                of(StatusCode::TOO_MANY_REQUESTS, "too_many_requests").field("view").retry_after(rounded_up(*retry_after))
            }
            E::TooManyStreams { .. } => of(StatusCode::TOO_MANY_REQUESTS, "too_many_streams").retry_soon(),
            E::TooManyWaits { .. } => of(StatusCode::TOO_MANY_REQUESTS, "too_many_waits").field("after").retry_soon(),
            E::TooManyProducerRequests { .. } => of(StatusCode::TOO_MANY_REQUESTS, "too_many_producer_requests").retry_soon(),
            E::TooManyTickets { .. } => of(StatusCode::TOO_MANY_REQUESTS, "too_many_tickets").retry_soon(),
            E::NoTicketsLeft { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "too_many_tickets").retry_soon(),
            E::TooManyUntakenBytes { .. } => of(StatusCode::TOO_MANY_REQUESTS, "too_many_answers").retry_soon(),
            E::NoAnswerBytesLeft { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "too_many_answers").retry_soon(),
            E::TooManyBadTokens { retry_after } => of(StatusCode::TOO_MANY_REQUESTS, "too_many_bad_tokens")
                .field("Authorization")
                .retry_after(rounded_up(*retry_after)),
        }
    }
}

/// Whoever comes back a part of a second too early would be refused once more.
fn rounded_up(after: Duration) -> Duration {
    Duration::from_secs(after.as_secs() + u64::from(after.subsec_nanos() > 0))
}
