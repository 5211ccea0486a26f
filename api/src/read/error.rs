//! Reasons why rows could not be read as asked, whatever the protocol.
//!
//! Fields, not prose: the message is made in one place.

use sinks::views::{Hydration, WaitError};

use crate::read::expression_error::ExpressionError;
use crate::read::limits::{RANGES_MAX, READ_MILLIS_MAX, SCAN_ROWS_MAX, WORK_BYTES_MAX};

/// Seconds after which a view that is being filled is worth asking for again, when nobody knows how long that takes.
pub(crate) const HYDRATION_RETRY_SECONDS: u64 = 5;
/// The most seconds after which a view that is being filled is worth asking for again.
const HYDRATION_RETRY_SECONDS_MAX: u64 = 60;

/// Reason why rows of a view were not read as asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum ReadError {
    #[error("there is no view '{view}' that you may read{}", meant(.suggestion))]
    UnknownView { view: String, suggestion: Option<String> },
    #[error("the view '{view}' is for readers who are known")]
    Anonymous { view: String },
    #[error("'{column}' is neither a column of '{view}' nor a parameter{}", meant(.suggestion))]
    UnknownColumn { view: String, column: String, suggestion: Option<String> },
    #[error("'{value}' can't be compared with '{column}', which is {kind}: expected {expected}")]
    BadValue { column: String, value: String, kind: String, expected: String },
    #[error("no index of '{view}' keeps the order '{order}' under these conditions; order by an index, or by its exact reverse")]
    BadOrder { view: String, order: String, indexes: Vec<String> },
    #[error("the conditions name more than {RANGES_MAX} keys: ask for fewer values at a time")]
    TooManyRanges { column: String },
    #[error(
        "more than {SCAN_ROWS_MAX} rows of '{view}' were looked at without filling the page: add an index that leads with the columns of the conditions"
    )]
    ScanLimit { view: String, indexes: Vec<String> },
    #[error(
        "'{view}' takes more than {SCAN_ROWS_MAX} rows, {WORK_BYTES_MAX} bytes of work or {READ_MILLIS_MAX} ms to read like this: {advice}"
    )]
    WorkLimit { view: String, advice: String },
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    #[error("the cursor {reason}: send the 'next' of the previous page with an otherwise equal query, or no cursor")]
    BadCursor { reason: &'static str },
    #[error(
        "the cursor is of an earlier definition of '{view}', whose rows were laid out otherwise: start again without a cursor"
    )]
    OutdatedCursor { view: String },
    #[error(
        "the cursor of '{view}' is of another server, of an earlier version or from before a backup was restored: start again without a cursor"
    )]
    UnknownCursor { view: String },
    #[error("the view '{view}' is still being filled, {done} of {total} rows are in: try again in {seconds} s",
        done = hydration.done, total = hydration.total, seconds = seconds_left(hydration))]
    Hydrating { view: String, hydration: Hydration },
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error("the views are no longer kept current: the process is stopping")]
    Stopping,
    #[error("the rows could not be read: {detail}")]
    Failed { detail: String },
}

/// Seconds after which it is worth asking again for a view that is being filled.
pub(crate) fn seconds_left(hydration: &Hydration) -> u64 {
    hydration.seconds_left.unwrap_or(HYDRATION_RETRY_SECONDS).clamp(1, HYDRATION_RETRY_SECONDS_MAX)
}

/// The end of a message about an unknown name: the one that was meant, perhaps.
pub(crate) fn meant(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |name| format!("; did you mean '{name}'?"))
}
