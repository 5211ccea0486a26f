//! The border of the views: what those who compute rows see of them, and what those who read rows see.
//!
//! Owns two traits. Whoever holds one of them does not learn how rows are kept, so views may be sharded by a serving key or kept on a disk
//! without a change of the driver, of a sink task or of a reader. [`Views`] implements both, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use schemas::position::{Offset, Partition, Position, Token, Topic};
use schemas::row::{Diff, Row};
use schemas::serving::View;

use super::commit::{Commit, EpochChanges};
use super::error::{ViewsError, WaitError};
use super::hydration::Hydration;
use super::ids::{IndexId, ServedView};
use super::read::Snapshot;
use super::store::Views;

/// Write half of the views, which a driver and its workers hold.
///
/// One caller publishes; any thread may stage and hydrate. No method waits for readers longer than the application of one commit takes.
pub trait ViewPublisher: Send + Sync {
    /// Makes a commit visible as a whole over all views, or refuses it as a whole. Epochs ascend. An error is a fault of the program:
    /// the process ends, and the next one computes the epoch again.
    fn publish(&self, commit: Commit) -> Result<Arc<EpochChanges>, ViewsError>;

    /// Makes room for a view that nobody reads yet.
    fn stage(&self, view: View) -> Result<Arc<ServedView>, ViewsError>;

    /// Gives up a staged view; false when none has this name.
    fn unstage(&self, name: &str) -> bool;

    /// Adds to the rows of a staged view, in any order.
    fn hydrate(&self, index: IndexId, changes: Vec<(Row, Diff)>) -> Result<(), ViewsError>;

    /// Reports the progress of every served view after a restart; `None` when all are whole.
    fn set_hydration_of_all(&self, hydration: Option<Hydration>);

    /// Reports the progress of a staged view.
    fn set_staged_hydration(&self, name: &str, hydration: Hydration);
}

/// Read half of the views, for any number of threads.
pub trait ViewReader: Send + Sync {
    /// The epoch that a snapshot taken now shows at least.
    fn position(&self) -> Position;

    /// Returns true if a snapshot taken now shows what the token stands for.
    fn reached(&self, token: &Token) -> Result<bool, WaitError>;

    /// Blocks until the token is reached, and returns the position then visible.
    fn wait_until(&self, token: &Token, deadline: Instant) -> Result<Position, WaitError>;

    /// The next offset of every partition that is read, as it is visible.
    fn consumed(&self) -> BTreeMap<(Topic, Partition), Offset>;

    /// The view that is served under this name now.
    fn view(&self, name: &str) -> Option<Arc<ServedView>>;

    /// All views at one epoch. While it is held nothing is published.
    fn snapshot(&self) -> Snapshot<'_>;
}

impl ViewPublisher for Views {
    fn publish(&self, commit: Commit) -> Result<Arc<EpochChanges>, ViewsError> {
        Self::publish(self, commit)
    }

    fn stage(&self, view: View) -> Result<Arc<ServedView>, ViewsError> {
        Self::stage(self, view)
    }

    fn unstage(&self, name: &str) -> bool {
        Self::unstage(self, name)
    }

    fn hydrate(&self, index: IndexId, changes: Vec<(Row, Diff)>) -> Result<(), ViewsError> {
        Self::hydrate(self, index, changes)
    }

    fn set_hydration_of_all(&self, hydration: Option<Hydration>) {
        Self::set_hydration_of_all(self, hydration);
    }

    fn set_staged_hydration(&self, name: &str, hydration: Hydration) {
        Self::set_staged_hydration(self, name, hydration);
    }
}

impl ViewReader for Views {
    fn position(&self) -> Position {
        Self::position(self)
    }

    fn reached(&self, token: &Token) -> Result<bool, WaitError> {
        Self::reached(self, token)
    }

    fn wait_until(&self, token: &Token, deadline: Instant) -> Result<Position, WaitError> {
        Self::wait_until(self, token, deadline)
    }

    fn consumed(&self) -> BTreeMap<(Topic, Partition), Offset> {
        Self::consumed(self)
    }

    fn view(&self, name: &str) -> Option<Arc<ServedView>> {
        Self::view(self, name)
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Self::snapshot(self)
    }
}
