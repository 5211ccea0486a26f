//! The catalogue of views: those that are served, and those that are staged until a commit shows them.
//!
//! Owns [`Catalogue`], which is replaced as a whole, and [`CatalogueChange`], what a commit does to it. Numbers of indexes are given
//! once and never again, so a dataflow that still runs for a view that is gone can't reach the rows of another.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::position::Epoch;
use schemas::serving::{Access, IndexLayout, View};

use super::error::ViewsError;
use super::ids::{IndexId, ServedView};

/// Change of the catalogue by a commit, at the instant its rows become visible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogueChange {
    /// views that go away
    pub remove: Vec<String>,
    /// views whose readers change while their rows stay
    pub access: Vec<(String, Access)>,
    /// views whose pages may be used for another time while their rows stay
    pub max_ages: Vec<(String, Option<u32>)>,
    /// staged views that are served from now on, each in place of the one that had its name
    pub show: Vec<String>,
}

/// The views by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue {
    /// the served views
    pub served: BTreeMap<String, Arc<ServedView>>,
    /// the staged views
    pub staged: BTreeMap<String, Arc<ServedView>>,
    /// number of indexes that were numbered so far
    pub indexes_numbered: usize,
}

/// A changed catalogue, and what that means for rows.
pub(super) struct Switch {
    /// the catalogue from now on
    pub catalogue: Arc<Catalogue>,
    /// indexes that become visible
    pub shown: Vec<IndexId>,
    /// indexes that go away
    pub removed: Vec<IndexId>,
}

impl Catalogue {
    /// Gives the indexes of a view their numbers.
    pub fn number(&mut self, view: View) -> Arc<ServedView> {
        let first = self.indexes_numbered;
        self.indexes_numbered += view.indexes.len();
        let layouts = view.indexes.iter().map(|index| IndexLayout::new(&view.columns, index));
        let indexes = (first..).map(IndexId).zip(layouts).collect();
        Arc::new(ServedView { view, indexes })
    }

    /// Returns true if a view that is served has this index.
    pub fn serves(&self, index: IndexId) -> bool {
        self.served.values().any(|served| served.indexes.iter().any(|(id, _)| *id == index))
    }

    /// Refuses an index that never was. One that is gone is no fault: its dataflow may end a little later than its view.
    pub fn check_numbered(&self, index: IndexId) -> Result<(), ViewsError> {
        if index.0 < self.indexes_numbered {
            return Ok(());
        }
        Err(ViewsError::UnknownIndex { index: index.0, indexes: self.indexes_numbered })
    }

    /// Changes what is known of a served view while its rows stay.
    fn change(&mut self, view: String, epoch: Epoch, change: impl FnOnce(&mut View)) -> Result<(), ViewsError> {
        let Some(served) = self.served.get_mut(&view) else { return Err(ViewsError::UnknownView { epoch, view }) };
        let mut changed = ServedView::clone(served);
        change(&mut changed.view);
        *served = Arc::new(changed);
        Ok(())
    }

    /// The catalogue after a change.
    pub fn after(&self, change: CatalogueChange, epoch: Epoch) -> Result<Switch, ViewsError> {
        let mut next = self.clone();
        let (mut shown, mut removed) = (Vec::new(), Vec::new());
        for view in change.remove {
            let gone = next.served.remove(&view).ok_or(ViewsError::UnknownView { epoch, view })?;
            removed.extend(ids(&gone));
        }
        for (view, access) in change.access {
            next.change(view, epoch, |view| view.access = access)?;
        }
        for (view, max_age) in change.max_ages {
            next.change(view, epoch, |view| view.max_age = max_age)?;
        }
        for view in change.show {
            let Some(new) = next.staged.remove(&view) else { return Err(ViewsError::NotStaged { epoch, view }) };
            shown.extend(ids(&new));
            removed.extend(next.served.insert(view, new).iter().flat_map(ids));
        }
        Ok(Switch { catalogue: Arc::new(next), shown, removed })
    }
}

/// The indexes of a view.
pub(super) fn ids(served: &Arc<ServedView>) -> Vec<IndexId> {
    served.indexes.iter().map(|(id, _)| *id).collect()
}
