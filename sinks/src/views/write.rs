//! The write half: an epoch's changes enter and become visible at once.
//!
//! A commit is checked against what is there first, while readers go on, and then applied under the write lock; so it is applied
//! whole or refused whole, and no reader ever sees a part of an epoch or a row that is there less than no times.

use std::collections::BTreeMap;

use schemas::dead_letter::{DeadLetter, RowError};
use schemas::position::{Epoch, Offset, Partition, Topic};
use schemas::row::{Diff, Row};

use super::{IndexId, Slot, State, Views, ViewsError};

/// All that one epoch changes (or several, when they become visible together; `epoch` is then the last).
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// the epoch
    pub epoch: Epoch,
    /// the wall clock the epoch was bound to, microseconds since 1970
    pub wall_micros: i64,
    /// the next offset of partitions read so far; those left out stay where they were. The first commit names every partition
    /// that is read, with offset 0 when nothing of it is consumed: a token that names another partition is refused.
    pub consumed: BTreeMap<(Topic, Partition), Offset>,
    /// changes of rows in the stored form of the index; in any order, a row or an index may occur several times
    pub changes: Vec<(IndexId, Vec<(Row, Diff)>)>,
    /// events put aside, in the order of the log
    pub dead_letters: Vec<DeadLetter>,
    /// errors of rows that came or went
    pub row_errors: Vec<(RowError, Diff)>,
}

impl Views {
    /// Makes a commit visible, all of it at once, and tells waiters and the listener. For one caller, the driver; epochs ascend.
    ///
    /// An error means that nothing of the commit was applied: readers keep the last epoch. It is a fault of the program
    /// ([`ViewsError`]), so the driver should stop the process.
    pub fn publish(&self, commit: Commit) -> Result<(), ViewsError> {
        let _publishing = self.publishing.lock();
        let Commit { epoch, wall_micros, consumed, changes, dead_letters, row_errors } = commit;
        let changes = consolidate_by_index(changes);
        let row_errors = consolidate(row_errors);
        self.check_progress(epoch, &consumed)?;
        {
            let state = self.state.read();
            check_changes(&state, &self.slots, epoch, &changes)?;
            check_row_errors(&state, epoch, &row_errors)?;
        }
        {
            let mut state = self.state.write();
            state.epoch = Some(epoch);
            state.wall_micros = wall_micros;
            for (index, changes) in &changes {
                state.indexes[index.0].apply(changes);
            }
            state.dead_letters.extend(dead_letters);
            state.row_errors.apply(row_errors);
        }
        self.announce(epoch, consumed);
        Ok(())
    }

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
}

fn check_changes(
    state: &State,
    slots: &[Slot],
    epoch: Epoch,
    changes: &BTreeMap<IndexId, Vec<(Row, Diff)>>,
) -> Result<(), ViewsError> {
    for (&IndexId(index), changes) in changes {
        let (Some(rows), Some(slot)) = (state.indexes.get(index), slots.get(index)) else {
            return Err(ViewsError::UnknownIndex { epoch, index, indexes: slots.len() });
        };
        if let Some((row, count)) = rows.first_negative(changes) {
            let (view, index) = (slot.view.clone(), slot.index.clone());
            return Err(ViewsError::NegativeCount { view, index, row: row.clone(), count, epoch });
        }
    }
    Ok(())
}

fn check_row_errors(state: &State, epoch: Epoch, changes: &[(RowError, Diff)]) -> Result<(), ViewsError> {
    match state.row_errors.first_negative(changes) {
        Some(RowError { relation, expression, .. }) => {
            Err(ViewsError::NegativeRowError { relation: relation.clone(), expression: expression.clone(), epoch })
        }
        None => Ok(()),
    }
}

fn consolidate_by_index(changes: Vec<(IndexId, Vec<(Row, Diff)>)>) -> BTreeMap<IndexId, Vec<(Row, Diff)>> {
    let mut by_index: BTreeMap<IndexId, Vec<(Row, Diff)>> = BTreeMap::new();
    for (index, mut changes) in changes {
        by_index.entry(index).or_default().append(&mut changes);
    }
    by_index.into_iter().map(|(index, changes)| (index, consolidate(changes))).collect()
}

/// Sorts, adds up what is about the same thing, and drops what cancels out.
fn consolidate<T: Ord>(mut changes: Vec<(T, Diff)>) -> Vec<(T, Diff)> {
    // Stable: workers hand over sorted runs, which it merges; and the order of equals does not matter to a sum.
    changes.sort_by(|left, right| left.0.cmp(&right.0));
    changes.dedup_by(|next, first| {
        let same = next.0 == first.0;
        if same {
            first.1 += next.1;
        }
        same
    });
    changes.retain(|(_, diff)| *diff != 0);
    changes
}
