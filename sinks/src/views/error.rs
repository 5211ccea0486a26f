//! Errors of views: a commit that can't be applied, a wait that can't be satisfied.

use schemas::position::{Epoch, Offset, Partition, Position, Timeline, Token, Topic};
use schemas::row::{Diff, Row};

/// A commit that was refused whole. Each is a fault of the program: the process should stop, since what follows would be wrong too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewsError {
    /// a row would be there less than no times
    #[error(
        "can't publish epoch {epoch}: in index '{index}' of view '{view}' the count of {row:?} would become {count}; this is a fault of the dataflow, please report it"
    )]
    NegativeCount {
        /// the view
        view: String,
        /// its index
        index: String,
        /// the row in stored form
        row: Row,
        /// the count that it would have
        count: Diff,
        /// the epoch refused
        epoch: Epoch,
    },
    /// more row errors were taken back than there are
    #[error(
        "can't publish epoch {epoch}: an error of '{expression}' in '{relation}' was taken back that is not there; this is a fault of the dataflow, please report it"
    )]
    NegativeRowError {
        /// the view or table
        relation: String,
        /// the expression
        expression: String,
        /// the epoch refused
        epoch: Epoch,
    },
    /// an epoch that is not after the one published
    #[error("can't publish epoch {epoch}: epoch {published} is already published, and epochs ascend")]
    EpochNotAscending {
        /// the epoch refused
        epoch: Epoch,
        /// the last one published
        published: Epoch,
    },
    /// a partition that was read further already
    #[error("can't publish epoch {epoch}: it consumed {topic}:{partition} up to {offset}, an earlier epoch up to {consumed}")]
    OffsetWentBack {
        /// the epoch refused
        epoch: Epoch,
        /// the topic
        topic: Topic,
        /// the partition
        partition: Partition,
        /// the next offset according to the commit
        offset: Offset,
        /// the next offset that is already published
        consumed: Offset,
    },
    /// an index that no view has or had
    #[error("can't change index {index}: only {indexes} were ever numbered; this is a fault of the program, please report it")]
    UnknownIndex {
        /// the number of the index
        index: usize,
        /// number of indexes that were numbered
        indexes: usize,
    },
    /// an index that is read already was to be staged
    #[error("can't stage index {index}: it is served already, so its changes belong into a commit")]
    AlreadyServed {
        /// the number of the index
        index: usize,
    },
    /// a view that is to change or go away and is not there
    #[error("can't change view '{view}' at epoch {epoch}: it is not served")]
    UnknownView {
        /// the epoch refused
        epoch: Epoch,
        /// its name
        view: String,
    },
    /// a view that is to be shown and was never staged
    #[error("can't show view '{view}' at epoch {epoch}: it was not staged")]
    NotStaged {
        /// the epoch refused
        epoch: Epoch,
        /// its name
        view: String,
    },
    /// a second definition for a name
    #[error("can't stage view '{view}': another definition of it is being filled; show it or give it up first")]
    AlreadyStaged {
        /// its name
        view: String,
    },
    /// a view that can't be read
    #[error("can't stage view '{view}': it has no index to be served from")]
    NoIndex {
        /// its name
        view: String,
    },
    /// a dead letter that never was
    #[error("can't publish epoch {epoch}: it retried or discarded dead letter {id}, and there were {count}")]
    UnknownDeadLetter {
        /// the epoch refused
        epoch: Epoch,
        /// the id
        id: u64,
        /// number of dead letters
        count: u64,
    },
    /// dead letters that can't be those of an earlier process
    #[error("can't restore the dead letters: {reason}; the checkpoint they are from is damaged or of another version")]
    BadSeed {
        /// the fault
        reason: &'static str,
    },
}

/// A token that can't be waited for, or not any longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// a position of another history
    #[error("position {token} is of another timeline: the views are of timeline {:x}; read without a position to get a current one", timeline.0)]
    OtherTimeline {
        /// the token
        token: Token,
        /// the timeline of the views
        timeline: Timeline,
    },
    /// a record that no view will ever show
    #[error("can't wait for {topic}:{partition}: no topology reads this partition; use a position that an ingest answer gave")]
    UnknownPartition {
        /// the topic
        topic: Topic,
        /// the partition
        partition: Partition,
    },
    /// the deadline passed first
    #[error("position {token} was not visible in time, the views are at {position}; try again")]
    Timeout {
        /// the token
        token: Token,
        /// the visible position
        position: Position,
    },
}
