//! Reasons why the process is not current, or can't say how it is.

use sinks::views::Hydration;

/// Reason why the process is not current, or can't say how it is.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum HealthError {
    #[error("not all views are filled yet: {}", views.iter().map(|(name, _)| format!("'{name}'")).collect::<Vec<_>>().join(", "))]
    NotReady { views: Vec<(String, Hydration)> },
    #[error("the views are catching up with the log: {records_done} of {records_total} records are in")]
    CatchingUp { records_done: u64, records_total: u64 },
    #[error("the views are no longer kept current, since a source is halted: {reason}; GET /v1/status says what to do")]
    Halted { reason: String },
    #[error("the views are not kept current for now: {reason}; it is tried again and again")]
    Stalled { reason: String },
    #[error("the metrics could not be written: {detail}")]
    Metrics { detail: String },
}
