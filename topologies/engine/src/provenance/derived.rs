//! Rows with their origins.

use std::rc::Rc;

use schemas::row::Row;

use super::origins::Origins;

/// A row and the events that made it; a row that is there twice is here twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Derived {
    /// the row
    pub row: Row,
    /// its origins
    pub origins: Rc<Origins>,
}

/// The wanted rows of a node.
pub type Found = Rc<Vec<Derived>>;
