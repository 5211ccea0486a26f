//! Reasons why a log is not simply continued.

use sinks::views::Forgotten;

use super::error::ShapeError;
use crate::subscriptions::interruption::Interruption;

/// Reason why a log is not simply continued.
#[derive(Debug)]
pub(super) enum ShapeFault {
    /// the changes since are not remembered, are too many, or contradict the rows: another log begins
    NewLog,
    /// the view is another one by now, or its readers are
    Replaced,
    /// the readers get an error
    Failed(ShapeError),
}

impl From<Interruption> for ShapeFault {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Forgotten | Interruption::ManyChanges => Self::NewLog,
            Interruption::Replaced => Self::Replaced,
            Interruption::Ended(error) => Self::Failed(error.into()),
        }
    }
}

impl From<Forgotten> for ShapeFault {
    fn from(_: Forgotten) -> Self {
        Self::NewLog
    }
}

impl From<ShapeError> for ShapeFault {
    fn from(error: ShapeError) -> Self {
        Self::Failed(error)
    }
}
