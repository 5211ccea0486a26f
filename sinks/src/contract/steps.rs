//! Steps of the sinks at which a test may end the process.
//!
//! A sink names the step that it has reached; whoever opened it decides what that means. In production it costs one comparison.

/// The records of an epoch are made for a derived topic; none of them is in the log.
pub const SINK_BEFORE_APPEND: &str = "sink-before-append";
/// An epoch is in a derived topic; nobody knows that it is.
pub const SINK_APPENDED_NOT_ACKNOWLEDGED: &str = "sink-appended-not-acknowledged";
/// An epoch is in the writer of a full-text index; no commit holds it.
pub const SEARCH_APPLIED_NOT_COMMITTED: &str = "search-applied-not-committed";

/// Called with the name of a step that was reached; it may end the process.
pub type StepReached = fn(&str);
