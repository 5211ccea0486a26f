//! Problems of addresses where nothing is.

use axum::http::StatusCode;

use super::answer::{Problem, ToProblem};
use crate::http::error::resource::ResourceError;

impl ToProblem for ResourceError {
    fn to_problem(&self) -> Problem {
        use ResourceError as E;
        let not_found = |slug| Problem::new(StatusCode::NOT_FOUND, slug, self);
        match self {
            E::UnknownPath { .. } => not_found("unknown_path"),
            E::MethodNotAllowed { .. } => Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", self),
            E::BadUpgrade { .. } => Problem::new(StatusCode::BAD_REQUEST, "bad_upgrade", self).field("Upgrade"),
            E::UnknownDeadLetter { .. } => not_found("unknown_dead_letter").field("id"),
            E::EarlierRun { .. } => Problem::new(StatusCode::GONE, "earlier_run", self).field("after"),
            E::UnknownSink { .. } => not_found("unknown_sink").field("sink"),
            E::UnknownTopic { .. } | E::UnknownEventTopic { .. } => not_found("unknown_topic").field("topic"),
        }
    }
}
