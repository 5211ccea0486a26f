//! Problems of events on their way in.

use axum::http::StatusCode;

use super::answer::{Problem, ToProblem};
use crate::host::ingest::{IngestError, Refusal};
use crate::http::error::body::BodyError;
use crate::http::error::cloud_event::{CloudEventError, CloudEventFault};
use crate::http::error::lines::LinesError;

impl ToProblem for IngestError {
    fn to_problem(&self) -> Problem {
        let of = |status, slug| Problem::new(status, slug, self).retry_soon();
        match self {
            Self::Storage { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "storage_failed"),
            Self::StorageFull => of(StatusCode::INSUFFICIENT_STORAGE, "storage_full"),
        }
    }
}

impl ToProblem for BodyError {
    fn to_problem(&self) -> Problem {
        use BodyError as E;
        let of = |status, slug| Problem::new(status, slug, self).field("body");
        match self {
            E::TooLarge { .. } => of(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            E::TooManyLines { .. } => of(StatusCode::PAYLOAD_TOO_LARGE, "too_many_lines"),
            E::NotOneLine { .. } => of(StatusCode::BAD_REQUEST, "not_one_line"),
            E::Empty => of(StatusCode::BAD_REQUEST, "empty_body"),
            E::NotATicket { .. } => of(StatusCode::BAD_REQUEST, "bad_ticket_request"),
            E::Broken { .. } => of(StatusCode::BAD_REQUEST, "broken_body"),
            E::UnsupportedEncoding { accepted, .. } => {
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", self)
                    .field("Content-Encoding")
                    .accept_encoding(accepted)
            }
            E::UnsupportedMediaType { .. } => {
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", self).field("Content-Type")
            }
        }
    }
}

impl ToProblem for CloudEventError {
    fn to_problem(&self) -> Problem {
        let status = match &self.fault {
            CloudEventFault::Form { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            CloudEventFault::TooLarge { .. } | CloudEventFault::TooMany { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Problem::new(status, "bad_cloud_event", self).field(self.fault.field())
    }
}

impl ToProblem for LinesError {
    fn to_problem(&self) -> Problem {
        use LinesError as E;
        let of = |status, slug| Problem::new(status, slug, self);
        match self {
            E::Rejected { fault, answer } => {
                let problem = of(StatusCode::UNPROCESSABLE_ENTITY, "event_rejected");
                let problem = match &fault.field {
                    Some(field) => problem.field(field),
                    None => problem,
                };
                problem.lines(fault.reason.as_str(), answer)
            }
            E::Forbidden { forbidden, answer } => {
                of(StatusCode::FORBIDDEN, "event_forbidden").field(forbidden.field()).lines(forbidden.reason(), answer)
            }
            E::Refused { refusal, answer } => {
                let (status, slug) = match refusal {
                    Refusal::Memory { .. } => (StatusCode::SERVICE_UNAVAILABLE, "memory_full"),
                    _ => (StatusCode::TOO_MANY_REQUESTS, "views_behind"),
                };
                of(status, slug).lines(refusal.reason(), answer).retry_after(refusal.retry_after())
            }
        }
    }
}
