//! Reasons why a subscription can't simply continue.

use sinks::views::Forgotten;

use crate::http::error::ApiError;

/// Reason why a subscription can't simply continue.
pub(super) enum Interruption {
    /// the next change for it is not remembered any more
    Forgotten,
    /// one epoch changed more than is told one by one
    ManyChanges,
    /// the view is another one by now
    Replaced,
    /// it has to end
    Refused(ApiError),
}

impl From<Forgotten> for Interruption {
    fn from(_: Forgotten) -> Self {
        Self::Forgotten
    }
}

impl From<ApiError> for Interruption {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}
