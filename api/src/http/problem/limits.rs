//! Problems of requests beyond a limit.

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
            E::Busy { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "busy").retry_soon(),
            E::Timeout { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "timeout").retry_soon(),
        }
    }
}
