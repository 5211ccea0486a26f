//! Progress and end of a deployment, as operators see them.
//!
//! Owns [`DeployReport`]. The driver and the candidate write it; status pages and tests read it.

use std::collections::BTreeMap;

use sinks::views::{CompareError, Difference};

use super::access_change::{AccessChange, AccessSubject};
use super::view_change::ViewChange;

/// Rows of a difference that are listed, on each side of each view.
pub const DIFFERENCE_ROWS_MAX: usize = 20;

/// Phase of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeployPhase {
    /// there was none since the start
    #[default]
    None,
    /// it waits until the views are whole
    Waiting,
    /// a checkpoint to begin from is being written
    Checkpointing,
    /// the kept state is being read
    Restoring,
    /// new state is being computed from the log
    Backfilling,
    /// the new views are being filled, up to what readers see
    CatchingUp,
    /// it takes over
    Switching,
    /// it is over
    Finished,
}

/// End of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployOutcome {
    /// it took over
    Switched {
        /// the first epoch that is its own
        epoch: u64,
    },
    /// rows differ, and everything is as it was
    Differs,
    /// rows would be missing for ever, and everything is as it was
    Refused {
        /// the states, and the remedy
        reason: String,
    },
    /// it could not take over, and everything is as it was
    Failed {
        /// the reason
        reason: String,
    },
}

/// Change of a view's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewDifference {
    /// the view
    pub view: String,
    /// rows on both sides, only in the old, only in the new; or why they can't be compared
    pub counts: Result<(u64, u64, u64), CompareError>,
    /// the first rows that would go, value by value
    pub goes: Vec<Vec<String>>,
    /// the first rows that would come
    pub comes: Vec<Vec<String>>,
}

impl ViewDifference {
    /// Describes views whose rows can't be compared.
    pub fn incomparable(view: &str, error: CompareError) -> Self {
        Self { view: view.to_owned(), counts: Err(error), goes: Vec::new(), comes: Vec::new() }
    }

    /// Describes a difference; `text` gives the values of a stored row.
    pub fn of(view: String, difference: &Difference, text: impl Fn(&[u8]) -> Vec<String>) -> Self {
        let rows = |rows: &[(schemas::row::Row, schemas::row::Diff)]| rows.iter().map(|(row, _)| text(row.as_bytes())).collect();
        let counts = Ok((difference.equal_count, difference.only_old_count, difference.only_new_count));
        Self { view, counts, goes: rows(&difference.only_old), comes: rows(&difference.only_new) }
    }

    /// Returns true if the rows are not the same.
    pub fn differs(&self) -> bool {
        self.counts.as_ref().map_or(true, |(_, old, new)| old + new > 0)
    }
}

/// Progress of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeployReport {
    /// its number
    pub generation: u64,
    /// its phase
    pub phase: DeployPhase,
    /// records that were read for its new state, and how many there are
    pub backfill: (u64, u64),
    /// rows of all its views that were computed
    pub rows: u64,
    /// epochs that it is behind what readers see
    pub behind: u64,
    /// change of every view
    pub views: BTreeMap<String, ViewChange>,
    /// change of every sink and full-text index, by the name that the status has for it
    pub sinks: BTreeMap<String, ViewChange>,
    /// readers that change, and those of what is new
    pub access: BTreeMap<AccessSubject, AccessChange>,
    /// differences that the comparison found
    pub differences: Vec<ViewDifference>,
    /// its end
    pub outcome: Option<DeployOutcome>,
}
