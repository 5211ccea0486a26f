//! Expressions that can't be computed, whatever the row: errors of planning that name one.

use datafusion_common::DataFusionError;

/// An expression that can't be computed, whatever the row.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Unusable {
    /// the function that fails, if it is one
    pub function: Option<String>,
    /// the reason
    pub reason: String,
}

impl From<Unusable> for DataFusionError {
    fn from(unusable: Unusable) -> Self {
        Self::External(Box::new(unusable))
    }
}

/// Returns the expression that can never be computed, if the error is about one.
pub fn unusable(error: &DataFusionError) -> Option<&Unusable> {
    match error.find_root() {
        DataFusionError::External(cause) => cause.downcast_ref(),
        _ => None,
    }
}
