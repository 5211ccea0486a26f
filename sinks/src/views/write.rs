//! The write half: an epoch's changes enter and become visible at once.
//!
//! A commit is checked against what is there first, while readers go on, and then applied under the write lock; so it is applied
//! whole or refused whole, and no reader ever sees a part of an epoch or a row that is there less than no times.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use schemas::dead_letter::{DeadLetter, RowError};
use schemas::position::{Epoch, Offset, Partition, Topic};
use schemas::row::{Diff, Row};

use super::catalogue::Switch;
use super::commit::{Commit, EpochChanges, consolidate};
use super::error::ViewsError;
use super::ids::IndexId;
use super::kept::KeptIndex;
use super::store::{Views, ViewsState};
use crate::dead_letters::RowErrors;

/// Changes by index.
type Changes = Vec<(IndexId, Vec<(Row, Diff)>)>;

impl Views {
    /// Makes a commit visible, all of it at once, and notifies waiters and the listener; returns what it changed for readers, for those
    /// who follow. For one caller, the driver; epochs ascend.
    ///
    /// An error means that nothing of the commit became visible: readers keep the last epoch. It is a fault of the program
    /// ([`ViewsError`]), so the driver should stop the process; staged views may have taken their part.
    ///
    /// Two phases make it atomic. Checks run while readers go on and can fail; the application under the write lock cannot. A process that
    /// ends in between has made nothing visible: the epoch is bound, and the next run computes and publishes it again.
    pub fn publish(&self, commit: Commit) -> Result<Arc<EpochChanges>, ViewsError> {
        let _publishing = self.publishing.lock();
        let Commit { epoch, wall_micros, consumed, changes, dead_letters, retried, discarded, catalogue, .. } = commit;
        let Commit { row_errors, row_errors_replaced, letters_let_go, .. } = commit;
        let (changes, row_errors) = (consolidate_by_index(changes), consolidate(row_errors));
        self.check_progress(epoch, &consumed)?;
        let switch = catalogue.map(|change| self.catalogue().after(change, epoch)).transpose()?;
        let (changes, staged) = {
            let state = self.state.read();
            check_dead_letters(&state, epoch, &dead_letters, retried.iter().chain(&discarded))?;
            let none = RowErrors::default();
            check_row_errors(if row_errors_replaced { &none } else { &state.row_errors }, epoch, &row_errors)?;
            self.check_changes(&state, epoch, changes)?
        };
        let shown = self.fill_staged(epoch, staged, switch.as_ref())?;
        let epoch_changes = Arc::new(EpochChanges { epoch, wall_micros, changes });
        let (replaced, forgotten) = {
            let mut state = self.state.write();
            state.epoch = Some(epoch);
            state.wall_micros = wall_micros;
            state.apply(epoch, &epoch_changes.changes);
            state.dead_letters.extend(dead_letters);
            state.dead_letters.retry(&retried);
            state.dead_letters.discard(&discarded);
            state.dead_letters.let_go(letters_let_go);
            if row_errors_replaced {
                state.row_errors.clear();
            }
            state.row_errors.apply(row_errors);
            let (shown_ids, removed_ids) = switch.as_ref().map_or((&[][..], &[][..]), |switch| (&switch.shown, &switch.removed));
            let forgotten = self.history.write().push(&epoch_changes, shown_ids, removed_ids);
            (switch.map(|switch| self.switch(&mut state, switch, shown)), forgotten)
        };
        drop(forgotten);
        if let Some(removed) = replaced {
            // Rows are freed here: readers need not wait for it.
            drop(removed);
            self.settle_hydrations();
        }
        self.announce(epoch, consumed);
        Ok(epoch_changes)
    }

    /// The next offset of every partition that is read, as it is visible.
    pub fn consumed(&self) -> BTreeMap<(Topic, Partition), Offset> {
        self.progress.lock().consumed.clone()
    }

    /// Refuses an epoch that does not follow, and offsets that go back: either would take back what readers were promised.
    fn check_progress(&self, epoch: Epoch, consumed: &BTreeMap<(Topic, Partition), Offset>) -> Result<(), ViewsError> {
        let progress = self.progress.lock();
        if let Some(published) = progress.epoch.filter(|published| *published >= epoch) {
            return Err(ViewsError::EpochNotAscending { epoch, published });
        }
        for (key, &offset) in consumed {
            if let Some(&consumed) = progress.consumed.get(key).filter(|consumed| **consumed > offset) {
                let (topic, partition) = key.clone();
                return Err(ViewsError::OffsetWentBack { epoch, topic, partition, offset, consumed });
            }
        }
        Ok(())
    }

    /// The changes of what is served, none of which makes a count negative, and those of what is staged.
    fn check_changes(&self, state: &ViewsState, epoch: Epoch, changes: Changes) -> Result<(Changes, Changes), ViewsError> {
        let (mut served, mut staged) = (Vec::with_capacity(changes.len()), Vec::new());
        for (index, changes) in changes {
            match state.indexes.get(&index) {
                Some(kept) => {
                    if let Some((row, count)) = kept.rows.first_negative(&changes) {
                        return Err(kept.negative(epoch, row, count));
                    }
                    served.push((index, changes));
                }
                None => {
                    state.catalogue.check_numbered(index)?;
                    staged.push((index, changes));
                }
            }
        }
        Ok((served, staged))
    }

    /// Brings what is staged to this epoch, and takes out what is shown with it.
    fn fill_staged(
        &self,
        epoch: Epoch,
        changes: Changes,
        switch: Option<&Switch>,
    ) -> Result<Vec<(IndexId, KeptIndex)>, ViewsError> {
        if changes.is_empty() && switch.is_none() {
            return Ok(Vec::new());
        }
        self.staged.lock().advance(epoch, changes, switch.map_or(&[], |switch| &switch.shown))
    }

    /// Replaces the catalogue; returns the rows that are no longer served.
    fn switch(&self, state: &mut ViewsState, switch: Switch, shown: Vec<(IndexId, KeptIndex)>) -> Vec<KeptIndex> {
        let Switch { catalogue, removed, .. } = switch;
        // A client may have rows of the view that was served under the name before.
        let epoch = state.epoch.unwrap_or(Epoch(0));
        state.indexes.extend(shown.into_iter().map(|(id, kept)| (id, KeptIndex { last_change: epoch, ..kept })));
        self.set_catalogue(state, catalogue);
        removed.iter().filter_map(|index| state.indexes.remove(index)).collect()
    }
}

impl ViewsState {
    /// Applies changes that were checked: no count becomes negative, and every index is served.
    fn apply(&mut self, epoch: Epoch, changes: &Changes) {
        for (index, changes) in changes.iter().filter(|(_, changes)| !changes.is_empty()) {
            if let Some(kept) = self.indexes.get_mut(index) {
                kept.last_change = epoch;
                kept.rows.apply(changes);
                kept.row_changes += changes.len() as u64;
            }
        }
    }
}

/// Refuses to take a letter off the list that never was.
fn check_dead_letters<'i>(
    state: &ViewsState,
    epoch: Epoch,
    letters: &[DeadLetter],
    mut leaving: impl Iterator<Item = &'i u64>,
) -> Result<(), ViewsError> {
    let count = state.dead_letters.count() + letters.len() as u64;
    match leaving.find(|id| !(1..=count).contains(*id)) {
        Some(&id) => Err(ViewsError::UnknownDeadLetter { epoch, id, count }),
        None => Ok(()),
    }
}

/// Refuses to take back an error more often than it is there.
fn check_row_errors(known: &RowErrors, epoch: Epoch, changes: &[(RowError, Diff)]) -> Result<(), ViewsError> {
    match known.first_negative(changes) {
        Some(RowError { relation, expression, .. }) => {
            Err(ViewsError::NegativeRowError { relation: relation.clone(), expression: expression.clone(), epoch })
        }
        None => Ok(()),
    }
}

/// Brings the parts of one index together, whatever order the workers handed them over in.
fn consolidate_by_index(changes: Changes) -> Changes {
    let mut by_index: BTreeMap<IndexId, Vec<(Row, Diff)>> = BTreeMap::new();
    for (index, mut changes) in changes {
        match by_index.entry(index) {
            // What one worker alone has changed is moved and not copied.
            Entry::Vacant(entry) => drop(entry.insert(changes)),
            Entry::Occupied(mut entry) => entry.get_mut().append(&mut changes),
        }
    }
    by_index.into_iter().map(|(index, changes)| (index, consolidate(changes))).collect()
}
