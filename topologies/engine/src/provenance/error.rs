//! Reasons why a search for the origins of rows has no answer, or only a part of one.

use std::time::Duration;

use datafusion_common::DataFusionError;
use epochs::disk::DiskError;
use sources::error::LogError;

/// Limit that ended a search.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// [`super::limits::LineageLimits::records`]
    #[error("more than {records_max} records would have to be read")]
    Records {
        /// the limit
        records_max: u64,
    },
    /// [`super::limits::LineageLimits::rows`]
    #[error("more than {rows_max} rows would have to be held for '{relation}'")]
    Rows {
        /// the view or table
        relation: String,
        /// the limit
        rows_max: usize,
    },
    /// [`super::limits::LineageLimits::duration`]
    #[error("it takes longer than {} s", duration_max.as_secs())]
    Time {
        /// the limit
        duration_max: Duration,
    },
}

/// Reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LineageError {
    /// the view is not served, or not as it was when the question was asked
    #[error("the view '{view}' is no longer served as it was: ask again")]
    Replaced {
        /// the view
        view: String,
    },
    /// the log can't be read
    #[error("the event log could not be read: {0}")]
    Log(#[from] LogError),
    /// quarantined records can't be read
    #[error("the quarantined records could not be read: {0}")]
    Disk(#[from] DiskError),
    /// a limit was reached
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// the plan could not be evaluated
    #[error("the plan of the view could not be evaluated: {detail}")]
    Plan {
        /// the refusal
        detail: String,
    },
}

impl From<DataFusionError> for LineageError {
    fn from(error: DataFusionError) -> Self {
        Self::Plan { detail: language::plan::errors::messages::message(&error).0 }
    }
}
