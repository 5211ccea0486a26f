//! Effects of an epoch inside this process, beside what a sink stores.

use schemas::position::Position;
use schemas::row::{Diff, Row};

/// Listener that is told at once what an epoch changed, in memory and for this run only.
///
/// It is called by the thread of the sink task, after the views show the epoch and before the sink has it. Nothing of it survives a crash: after a
/// start it begins with [`Self::reset`] or with the next epoch. It must not block.
pub trait Effect: Send {
    /// An epoch changed these rows, which have the columns of the view in their order. Epochs ascend.
    fn epoch(&mut self, position: Position, changes: &[(Row, Diff)]);

    /// Says that the changes up to this position are not known: anything may have changed.
    fn reset(&mut self, position: Position);
}

/// Makes an effect when its sink task begins.
pub type MakeEffect = Box<dyn FnOnce() -> Box<dyn Effect> + Send>;
