//! Reasons why a search did not answer.

use sinks::search::QueryError;

use crate::read::error::{HYDRATION_RETRY_SECONDS, ReadError, meant};

/// Reason why a search did not answer as asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum SearchError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("there is no full-text index '{index}' that you may search{}", meant(.suggestion))]
    UnknownIndex { index: String, suggestion: Option<String> },
    #[error("'{column}' is not included in the full-text index '{index}', so {what} can't use it: {}", one_of(.columns))]
    NotIncluded { index: String, column: String, what: &'static str, columns: Vec<String> },
    #[error("the full-text index '{index}' is still being built: try again in {HYDRATION_RETRY_SECONDS} s")]
    IndexBuilding { index: String },
    #[error("{source}")]
    Query { part: &'static str, source: QueryError },
    #[error("the search could not be finished: {detail}")]
    Failed { detail: String },
}

fn one_of(columns: &[String]) -> String {
    if columns.is_empty() { "there is none that can be used".to_owned() } else { format!("use one of {}", columns.join(", ")) }
}
