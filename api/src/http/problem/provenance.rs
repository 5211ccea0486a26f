//! Problems of questions for the events behind a row.

use axum::http::StatusCode;

use super::answer::{Problem, ToProblem};
use crate::http::error::provenance::ProvenanceError;

impl ToProblem for ProvenanceError {
    fn to_problem(&self) -> Problem {
        use ProvenanceError as E;
        let of = |status, slug| Problem::new(status, slug, self);
        match self {
            E::NoRowNamed { .. } => of(StatusCode::BAD_REQUEST, "row_not_named"),
            E::Replaced { .. } => of(StatusCode::CONFLICT, "view_replaced").field("view"),
            E::Failed { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "why_failed"),
            E::NotOffered => of(StatusCode::NOT_FOUND, "no_provenance"),
        }
    }
}
