//! Problems of requests that a page of another site may have sent.

use axum::http::StatusCode;

use super::answer::{Problem, ToProblem};
use crate::http::error::origin::OriginError;

impl ToProblem for OriginError {
    fn to_problem(&self) -> Problem {
        match self {
            Self::ForeignHost { .. } => Problem::new(StatusCode::MISDIRECTED_REQUEST, "foreign_host", self).field("Host"),
            Self::ForeignPage { .. } | Self::ForeignSocket { .. } => {
                Problem::new(StatusCode::FORBIDDEN, "foreign_page", self).field("Origin")
            }
        }
    }
}
