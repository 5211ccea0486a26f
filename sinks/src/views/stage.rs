//! Filling views aside: a new or changed view gets its rows while readers go on, and becomes visible with one commit.
//!
//! Owns [`Aside`], the rows nobody reads yet, under a lock of its own: filling holds up neither readers nor, between two calls,
//! the publisher. A step costs what it is handed; showing a view costs the same however many rows it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::position::Epoch;
use schemas::row::{Diff, Row};
use schemas::serving::View;

use super::catalogue::{Catalogue, ids};
use super::hydration::Hydration;
use super::kept::{FilledIndex, KeptIndex};
use super::write::consolidate;
use super::{IndexId, ServedView, Views, ViewsError};

/// The indexes that are staged.
#[derive(Default)]
pub(super) struct Aside(BTreeMap<IndexId, FilledIndex>);

impl Views {
    /// Makes room for a view that is staged: by [`Self::hydrate`], and by commits that name its indexes. It is not served
    /// until a commit shows it; one that is served under its name stays so until then.
    pub fn stage(&self, view: View) -> Result<Arc<ServedView>, ViewsError> {
        let _publishing = self.publishing.lock();
        let mut catalogue = Catalogue::clone(&self.catalogue());
        if view.indexes.is_empty() {
            return Err(ViewsError::NoIndex { view: view.name });
        }
        if catalogue.staged.contains_key(&view.name) {
            return Err(ViewsError::AlreadyStaged { view: view.name });
        }
        let served = catalogue.number(view);
        let indexes = KeptIndex::all_of(&served).map(|(id, kept)| (id, FilledIndex::new(kept)));
        self.aside.lock().0.extend(indexes);
        self.hydrations.write().staged.insert(served.view.name.clone(), Hydration::default());
        catalogue.staged.insert(served.view.name.clone(), Arc::clone(&served));
        self.set_catalogue(&mut self.state.write(), Arc::new(catalogue));
        Ok(served)
    }

    /// Gives up a staged view and frees its rows; false when none has this name.
    pub fn unstage(&self, name: &str) -> bool {
        let _publishing = self.publishing.lock();
        let mut catalogue = Catalogue::clone(&self.catalogue());
        let Some(gone) = catalogue.staged.remove(name) else { return false };
        self.set_catalogue(&mut self.state.write(), Arc::new(catalogue));
        self.hydrations.write().staged.remove(name);
        let indexes: Vec<_> = ids(&gone).iter().map(|id| self.aside.lock().0.remove(id)).collect();
        // The rows are freed here, where no lock that a reader needs is held.
        drop(indexes);
        true
    }

    /// Adds to the rows of a staged view, in the stored form of one of its indexes; in any order, also a retraction before what
    /// it takes back. Changes of an index that is gone are dropped.
    pub fn hydrate(&self, index: IndexId, changes: Vec<(Row, Diff)>) -> Result<(), ViewsError> {
        let changes = consolidate(changes);
        let catalogue = self.catalogue();
        let mut aside = self.aside.lock();
        match aside.0.get_mut(&index) {
            Some(filled) => {
                filled.fill(changes);
                Ok(())
            }
            None if catalogue.serves(index) => Err(ViewsError::AlreadyServed { index: index.0 }),
            None => catalogue.check_numbered(index),
        }
    }

    /// Returns the number of rows of a staged view's index, repeats counted; `None` when it is not staged.
    pub fn staged_rows(&self, index: IndexId) -> Option<u64> {
        self.aside.lock().0.get(&index).map(FilledIndex::rows)
    }
}

impl Aside {
    /// An index that is staged.
    pub fn get(&self, index: IndexId) -> Option<&FilledIndex> {
        self.0.get(&index)
    }

    /// Adds a commit's changes, then takes out the indexes that it shows; an error when one of them is not whole.
    pub fn advance(
        &mut self,
        epoch: Epoch,
        changes: Vec<(IndexId, Vec<(Row, Diff)>)>,
        shown: &[IndexId],
    ) -> Result<Vec<(IndexId, KeptIndex)>, ViewsError> {
        for (index, changes) in changes {
            if let Some(filled) = self.0.get_mut(&index) {
                filled.fill(changes);
            }
        }
        for filled in shown.iter().filter_map(|index| self.0.get(index)) {
            filled.whole(epoch)?;
        }
        let taken = shown.iter().filter_map(|index| Some((*index, self.0.remove(index)?.finish())));
        Ok(taken.collect())
    }
}
