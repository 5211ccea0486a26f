//! Reasons why the query string of a request is refused.

use schemas::position::BadPosition;

use crate::http::limits::QUERY_PARAMETERS_MAX;
use crate::read::error::{ReadError, meant};
use crate::read::search_error::SearchError;

/// Reason why the text after `?` is not a question to a view or an index.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum QueryStringError {
    #[error("'{name}' is not a parameter here; {}{}", listed(known), meant(.suggestion))]
    UnknownParameter { name: String, known: String, suggestion: Option<String> },
    #[error("'{given}' is not a condition on '{column}': write {column}=eq.<value>, in.(a,b), gt., gte., lt., lte. or is.null")]
    BadOperator { column: String, given: String },
    #[error("'{value}' is not accepted for '{name}': expected {expected}")]
    BadParameter { name: &'static str, value: String, expected: String },
    #[error("'{name}' is given more than once: send it once")]
    RepeatedParameter { name: &'static str },
    #[error("{found} parameters are more than the {QUERY_PARAMETERS_MAX} that one request may have")]
    TooManyParameters { found: usize },
    #[error("'{text}' can't be decoded: percent-encode UTF-8")]
    BadEncoding { text: String },
    #[error(transparent)]
    BadPosition(#[from] BadPosition),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Search(#[from] SearchError),
}

fn listed(known: &str) -> String {
    if known.is_empty() { "there are none".to_owned() } else { format!("there are: {known}") }
}
