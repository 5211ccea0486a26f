//! Reasons why a subscription can't simply continue.

use sinks::views::Forgotten;

use super::error::SubscriptionError;
use crate::read::error::ReadError;

/// Reason why a subscription can't simply continue.
pub(crate) enum Interruption {
    /// the next change for it is not remembered any more
    Forgotten,
    /// one epoch changed more rows than are sent one by one
    ManyChanges,
    /// the view is another one by now
    Replaced,
    /// it has to end
    Ended(SubscriptionError),
}

impl From<Forgotten> for Interruption {
    fn from(_: Forgotten) -> Self {
        Self::Forgotten
    }
}

impl From<SubscriptionError> for Interruption {
    fn from(error: SubscriptionError) -> Self {
        Self::Ended(error)
    }
}

impl From<ReadError> for Interruption {
    fn from(error: ReadError) -> Self {
        Self::Ended(error.into())
    }
}
