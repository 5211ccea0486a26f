//! Reasons why a subscription does not begin or ends.

use crate::read::error::ReadError;

/// Reason why a subscription does not begin or ends.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum SubscriptionError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{open_max} subscriptions are open already: close those that nobody reads, or try again in a moment")]
    TooMany { open_max: usize },
    #[error("'{view}' was replaced by a view of other columns: subscribe again")]
    ReplacedView { view: String },
    #[error(
        "more changes while the rows are sent than the connection takes: subscribe again with conditions that leave fewer rows"
    )]
    SlowReader,
    #[error("the claims of the reader have expired")]
    ClaimsExpired,
    #[error("the key that vouches for the reader is no longer accepted")]
    KeyWithdrawn,
}
