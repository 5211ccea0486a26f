//! Indexes that nobody reads yet.
//!
//! Owns [`StagedIndexes`]. Changes enter in any order; indexes that are whole leave, to be served.

use std::collections::BTreeMap;

use schemas::position::Epoch;
use schemas::row::{Diff, Row};

use super::error::ViewsError;
use super::ids::IndexId;
use super::kept::{FilledIndex, KeptIndex};

/// The indexes that are staged.
#[derive(Default)]
pub(super) struct StagedIndexes(pub(super) BTreeMap<IndexId, FilledIndex>);

impl StagedIndexes {
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
