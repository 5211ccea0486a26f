//! The trait of every sink, what is handed to it, and how it fails.
//!
//! Owns [`Sink`]. An [`Outbox`](super::Outbox) is the only caller. A sink keeps its rows and its [`Progress`] in one atomic step:
//! after a crash it is either before a unit or after it, never in between.

use schemas::chain::Chain;
use schemas::row::{Diff, Row};

use super::progress::Progress;

/// The output of an epoch for one sink: at most one entry per row, sorted, none of them zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// the identity of the epoch before, which the sink must be at
    pub after: Chain,
    /// progress of the sink afterwards
    pub progress: Progress,
    /// rows that came (positive) and went
    pub changes: Vec<(Row, Diff)>,
}

/// A sink's data at one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// its progress
    pub progress: Progress,
    /// all rows
    pub rows: Vec<(Row, Diff)>,
}

/// Kind of a sink's data, by which it can or can't be taken back once written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// the data is the state at an epoch: it can be rebuilt beside the old one
    State,
    /// the data is a record of changes that others have read
    Append,
}

/// Reason why a sink did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// nothing was done; it may work later
    #[error("the sink can't be reached now: {0}")]
    Unavailable(String),
    /// it may have been done or not
    #[error("the sink did not answer: {0}")]
    Ambiguous(String),
    /// the sink is not where the unit begins; nothing was done
    #[error("the sink is not at the epoch that was expected")]
    Guard,
    /// a later incarnation writes to the sink; nothing was done
    #[error("FENCED: incarnation {0} took over the sink")]
    Fenced(u64),
    /// nothing was done, and trying again would not help: someone has to look
    #[error("{0}")]
    Refused(String),
}

/// A system that keeps rows and how far they are.
///
/// After [`SinkError::Ambiguous`] and [`SinkError::Guard`] the next call is [`fence`](Self::fence): an implementation may rely on the
/// place that it found there, and has to let nothing that was on its way before arrive afterwards.
pub trait Sink {
    /// Its name.
    fn name(&self) -> &str;

    /// Returns the kind of data that it keeps.
    fn kind(&self) -> SinkKind;

    /// Refuses from now on whatever an earlier incarnation still has on its way, and tells how far the sink truly is.
    ///
    /// It is the first call of a run, and the one after an answer that never came. The progress it returns is durable, and nothing that was
    /// sent earlier may arrive afterwards. `None` means that the sink holds nothing of ours, or no longer knows.
    fn fence(&mut self, incarnation: u64) -> Result<Option<Progress>, SinkError>;

    /// Applies a unit in one atomic step, if the sink is at `unit.after` by the plan of `unit.progress` and no later incarnation has fenced
    /// it. Without the plan, one that fell back behind a deployment could have the same epoch of the plan before.
    ///
    /// It returns when rows and progress are durable together. A sink that may lose its last commits without losing earlier ones may return
    /// earlier: the outbox retains what it acknowledged for [`RETAINED_EPOCHS`](super::RETAINED_EPOCHS) epochs.
    fn apply(&mut self, unit: &Unit) -> Result<(), SinkError>;

    /// Replaces everything in one atomic step, for readers too, unless a later incarnation has fenced it. Never called for
    /// [`SinkKind::Append`].
    ///
    /// A crash in between leaves the old contents, or a sink without progress, which is replaced again.
    fn replace(&mut self, contents: &Contents) -> Result<(), SinkError>;
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn name(&self) -> &str {
        self.as_ref().name()
    }

    fn kind(&self) -> SinkKind {
        self.as_ref().kind()
    }

    fn fence(&mut self, incarnation: u64) -> Result<Option<Progress>, SinkError> {
        self.as_mut().fence(incarnation)
    }

    fn apply(&mut self, unit: &Unit) -> Result<(), SinkError> {
        self.as_mut().apply(unit)
    }

    fn replace(&mut self, contents: &Contents) -> Result<(), SinkError> {
        self.as_mut().replace(contents)
    }
}
