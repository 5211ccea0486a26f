//! Questions about rows of a view, and their answers.

use std::collections::BTreeMap;

use schemas::position::{Offset, Partition, Topic};
use schemas::row::Row;
use schemas::serving::View;

use super::error::Unfinished;

/// The next offset of every partition that a view shows.
pub type Consumed = BTreeMap<(Topic, Partition), Offset>;

/// Rows of a view that are asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// the view, as it is served
    pub view: View,
    /// the rows, their fields in the order of the view's columns
    pub rows: Vec<Row>,
    /// up to where the view has read the log
    pub consumed: Consumed,
    /// the wall clock of the view, microseconds since 1970
    pub wall_micros: i64,
    /// most events that are named for a row, at most [`ORIGINS_MAX`](super::origins::ORIGINS_MAX)
    pub events_max: usize,
}

/// Answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// one for each row of the question, in its order
    pub rows: Vec<RowAnswer>,
    /// records of the log that were read
    pub records: u64,
    /// partitions that have lost their beginning, and where they begin now: what came before can't be named
    pub gaps: BTreeMap<(Topic, Partition), Offset>,
    /// reason why the search was not finished
    pub unfinished: Option<Unfinished>,
}

/// Answer for one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowAnswer {
    /// true if these events give the row as the view shows it
    pub is_found: bool,
    /// the events, by topic, partition and offset
    pub events: Vec<NamedEvent>,
    /// true if there are more
    pub is_cut: bool,
}

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedEvent {
    /// its topic
    pub topic: Topic,
    /// its partition
    pub partition: Partition,
    /// its place there
    pub offset: Offset,
    /// its identity; an event without an envelope has none
    pub event_id: Option<String>,
    /// its type; an event without an envelope has none
    pub event_type: Option<String>,
    /// event time, microseconds since 1970
    pub occurred_at: i64,
    /// all of it, as JSON
    pub json: String,
}
