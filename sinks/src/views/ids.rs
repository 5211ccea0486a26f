//! Names that all parts of the views share: the number of an index, a view with its indexes, the views of a start.

use schemas::position::Timeline;
use schemas::serving::{IndexLayout, View};

/// One index of one view, numbered through all views in the order of the [`ViewsDefinition`], then in the order they are staged. A
/// number is never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexId(pub usize);

/// ViewsDefinition of the views at the start.
#[derive(Clone, Debug)]
pub struct ViewsDefinition {
    /// the history whose epochs are published
    pub timeline: Timeline,
    /// the views; their names differ, and each has an index
    pub views: Vec<View>,
}

/// A view and where its rows are.
#[derive(Clone, Debug)]
pub struct ServedView {
    /// the view
    pub view: View,
    /// its indexes in the view's order, and how each lays out a row
    pub indexes: Vec<(IndexId, IndexLayout)>,
}
