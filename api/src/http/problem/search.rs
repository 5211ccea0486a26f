//! Problems of searches.

use std::time::Duration;

use axum::http::StatusCode;
use sinks::search::QueryError;

use super::answer::{Problem, ToProblem};
use crate::read::error::HYDRATION_RETRY_SECONDS;
use crate::read::search_error::SearchError;

impl ToProblem for SearchError {
    fn to_problem(&self) -> Problem {
        use SearchError as E;
        let of = |status, slug| Problem::new(status, slug, self);
        match self {
            E::UnknownIndex { suggestion, .. } => {
                of(StatusCode::NOT_FOUND, "unknown_index").field("index").suggestion(suggestion.as_deref())
            }
            E::NotIncluded { column, .. } => of(StatusCode::BAD_REQUEST, "column_not_included").field(column),
            E::IndexBuilding { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "index_building")
                .field("index")
                .retry_after(Duration::from_secs(HYDRATION_RETRY_SECONDS))
                .expected(),
            E::Query { source: QueryError::Engine(_), .. } | E::Failed { .. } => {
                of(StatusCode::SERVICE_UNAVAILABLE, "search_failed").retry_soon()
            }
            E::Query { part, source } => {
                let slug = if is_costly(source) { "query_too_costly" } else { "bad_query" };
                let is_of_facets = matches!(source, QueryError::ManyFacetValues { .. });
                of(StatusCode::BAD_REQUEST, slug).field(if is_of_facets { "facets" } else { *part })
            }
            E::Read(error) => error.to_problem(),
        }
    }
}

/// Returns true if a query asks for more than is looked at, not for something that can't be read.
fn is_costly(error: &QueryError) -> bool {
    !matches!(error, QueryError::Syntax { .. } | QueryError::OnlyNegative { .. } | QueryError::Engine(_))
}
