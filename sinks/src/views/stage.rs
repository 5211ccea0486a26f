//! Staging of views: a new or changed view gets its rows while readers go on, and becomes visible with one commit.
//!
//! The rows that nobody reads yet are under a lock of their own: filling holds up neither readers nor, between two calls,
//! the publisher. A step costs what it is handed; showing a view costs the same however many rows it has.

use std::sync::Arc;

use schemas::row::{Diff, Row};
use schemas::serving::View;

use super::catalogue::{Catalogue, ids};
use super::commit::consolidate;
use super::error::ViewsError;
use super::hydration::Hydration;
use super::ids::{IndexId, ServedView};
use super::kept::{FilledIndex, KeptIndex};
use super::store::Views;

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
        self.staged.lock().0.extend(indexes);
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
        let indexes: Vec<_> = ids(&gone).iter().map(|id| self.staged.lock().0.remove(id)).collect();
        // The rows are freed here, where no lock that a reader needs is held.
        drop(indexes);
        true
    }

    /// Adds to the rows of a staged view, in the stored form of one of its indexes; in any order, also a retraction before what
    /// it takes back. Changes of an index that is gone are dropped.
    pub fn hydrate(&self, index: IndexId, changes: Vec<(Row, Diff)>) -> Result<(), ViewsError> {
        let changes = consolidate(changes);
        let catalogue = self.catalogue();
        let mut staged = self.staged.lock();
        match staged.0.get_mut(&index) {
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
        self.staged.lock().0.get(&index).map(FilledIndex::rows)
    }
}
