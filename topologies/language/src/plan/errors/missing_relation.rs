//! Relations that a query names and that are not there: an error of planning that says which.

use std::fmt::{self, Display, Formatter};

use datafusion_common::DataFusionError;

use crate::diagnostic::suggestion;

/// A relation that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRelation {
    /// its name
    pub relation: String,
    /// a relation whose name is nearly the same
    pub suggestion: Option<String>,
}

impl MissingRelation {
    /// A relation that is not among those that are known.
    pub fn new<'n>(relation: &str, known: impl Iterator<Item = &'n str>) -> Self {
        Self { relation: relation.to_owned(), suggestion: suggestion(relation, known) }
    }

    /// The missing relation that an error of planning is about.
    pub fn of(error: &DataFusionError) -> Option<&Self> {
        match error.find_root() {
            DataFusionError::External(cause) => cause.downcast_ref(),
            _ => None,
        }
    }
}

impl Display for MissingRelation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "relation '{}' does not exist", self.relation)?;
        match &self.suggestion {
            Some(near) => write!(f, ": did you mean '{near}'?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for MissingRelation {}

impl From<MissingRelation> for DataFusionError {
    fn from(missing: MissingRelation) -> Self {
        Self::External(Box::new(missing))
    }
}
