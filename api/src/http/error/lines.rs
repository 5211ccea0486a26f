//! Reasons why none of a request's lines was taken.

use schemas::dead_letter::Fault;
use serde_json::Value;

use crate::host::ingest::{Forbidden, Refusal};

/// Reason why none of a request's lines was taken; `answer` has the members that every answer about lines has.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum LinesError {
    #[error("the event was rejected: {fault}")]
    Rejected { fault: Fault, answer: Value },
    #[error("{forbidden}")]
    Forbidden { forbidden: Forbidden, answer: Value },
    #[error("{refusal}")]
    Refused { refusal: Refusal, answer: Value },
}
