//! The border of the views: what those who compute rows see of them, and what those who read rows see.
//!
//! Owns two traits. Whoever holds one of them does not learn how rows are kept, so views may be sharded by a serving key or kept on a disk
//! without a change of the driver, of a sink task or of a reader. [`Views`] implements both, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::position::{Epoch, Offset, Partition, Position, Timeline, Token, Topic};
use schemas::row::{Diff, Row};
use schemas::serving::View;

use super::commit::{Commit, EpochChanges};
use super::error::{ViewsError, WaitError};
use super::history::{Forgotten, Step};
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

/// Read half of the views, for any number of threads. The API holds nothing else of them.
///
/// A request makes a few calls through this trait and none per row: it takes one [`Snapshot`], which stays at its epoch for as long as it is
/// held, and reads its rows from there. No method blocks for longer than the application of one commit takes.
pub trait ViewReader: Send + Sync {
    /// The history whose epochs are published. It never changes.
    fn timeline(&self) -> Timeline;

    /// The epoch that a snapshot taken now shows at least; epoch 0 before the first publish.
    fn position(&self) -> Position;

    /// Returns true if a snapshot taken now shows what the token stands for; an error when none ever will.
    fn reached(&self, token: &Token) -> Result<bool, WaitError>;

    /// The next offset of every partition that is read, as it is visible.
    fn consumed(&self) -> BTreeMap<(Topic, Partition), Offset>;

    /// Calls `listener` after each publish, on the publisher's thread; it replaces an earlier listener. It must return at once: the dataflow
    /// waits for it.
    fn set_listener(&self, listener: Box<dyn Fn(Position) + Send + Sync>);

    /// The view that is served under this name now. A commit may replace it at any time: whoever reads rows compares it with
    /// [`Snapshot::view`].
    fn view(&self, name: &str) -> Option<Arc<ServedView>>;

    /// All views that are served now, by name.
    fn views(&self) -> Vec<Arc<ServedView>>;

    /// The view that is staged under this name.
    fn staged(&self, name: &str) -> Option<Arc<ServedView>>;

    /// Returns the progress of the view that is served under this name; `None` when it is whole.
    fn hydration(&self, name: &str) -> Option<Hydration>;

    /// Returns the progress of the view that is staged under this name.
    fn staged_hydration(&self, name: &str) -> Option<Hydration>;

    /// The served views that are not whole, by name.
    fn hydrating(&self) -> Vec<(String, Hydration)>;

    /// The staged views, by name.
    fn staged_hydrations(&self) -> Vec<(String, Hydration)>;

    /// All views at one epoch. While it is held nothing is published, and a thread takes one at a time.
    fn snapshot(&self) -> Snapshot<'_>;

    /// The next step of the rows of an index after an epoch; `None` when the epoch is the one that is visible. An error means that the steps
    /// after the epoch are no longer known: read the rows again.
    fn step_after(&self, index: IndexId, epoch: Epoch) -> Result<Option<Step>, Forgotten>;
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
    fn timeline(&self) -> Timeline {
        Self::timeline(self)
    }

    fn position(&self) -> Position {
        Self::position(self)
    }

    fn reached(&self, token: &Token) -> Result<bool, WaitError> {
        Self::reached(self, token)
    }

    fn consumed(&self) -> BTreeMap<(Topic, Partition), Offset> {
        Self::consumed(self)
    }

    fn set_listener(&self, listener: Box<dyn Fn(Position) + Send + Sync>) {
        Self::set_listener(self, listener);
    }

    fn view(&self, name: &str) -> Option<Arc<ServedView>> {
        Self::view(self, name)
    }

    fn views(&self) -> Vec<Arc<ServedView>> {
        Self::views(self).collect()
    }

    fn staged(&self, name: &str) -> Option<Arc<ServedView>> {
        Self::staged(self, name)
    }

    fn hydration(&self, name: &str) -> Option<Hydration> {
        Self::hydration(self, name)
    }

    fn staged_hydration(&self, name: &str) -> Option<Hydration> {
        Self::staged_hydration(self, name)
    }

    fn hydrating(&self) -> Vec<(String, Hydration)> {
        Self::hydrating(self)
    }

    fn staged_hydrations(&self) -> Vec<(String, Hydration)> {
        Self::staged_hydrations(self)
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Self::snapshot(self)
    }

    fn step_after(&self, index: IndexId, epoch: Epoch) -> Result<Option<Step>, Forgotten> {
        Self::step_after(self, index, epoch)
    }
}
