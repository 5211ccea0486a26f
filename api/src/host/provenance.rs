//! The part of the process that answers why a row is in a view: the events of the log that made it.
//!
//! Owns the trait that the front door implements, and the words for question and answer. Rows of a view at a position enter, events leave.

use std::collections::BTreeMap;

use schemas::position::{Offset, Partition, Topic};
use schemas::row::Row;
use schemas::serving::View;

use crate::host::future::BoxFuture;

/// Finder of the events that made rows of views.
pub trait Provenance: Send + Sync + 'static {
    /// Finds them. May take long; must not block the thread that polls it.
    fn why(&self, question: WhyQuestion) -> BoxFuture<'_, Result<WhyAnswer, WhyRefusal>>;
}

/// Rows of a view that are asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhyQuestion {
    /// the view, as it is served
    pub view: View,
    /// the rows, each once, their fields in the order of the view's columns
    pub rows: Vec<Row>,
    /// up to where the view has read the log: the next offset of every partition
    pub consumed: BTreeMap<(Topic, Partition), Offset>,
    /// the wall clock of the view, microseconds since 1970
    pub wall_micros: i64,
    /// the most events that are named for a row
    pub events_max: usize,
}

/// Answer to a question for provenance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhyAnswer {
    /// one for each row of the question, in its order
    pub rows: Vec<WhyRow>,
    /// records of the log that were read
    pub records: u64,
    /// partitions of which the log has lost the beginning, and the offset that they begin at now
    pub gaps: Vec<(Topic, Partition, Offset)>,
    /// the limit that ended the search, in words
    pub unfinished: Option<String>,
}

/// Answer for one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhyRow {
    /// true if these events give the row as the view shows it
    pub is_found: bool,
    /// the events, by topic, partition and offset
    pub events: Vec<WhyEvent>,
    /// true if there are more
    pub is_cut: bool,
}

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhyEvent {
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
    /// all of it, a JSON object
    pub json: String,
}

/// Reason why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyRefusal {
    /// the view is not served as it was when it was asked about
    Replaced,
    /// the log could not be read, or the plan not be followed
    Failed {
        /// the failure, in words
        detail: String,
    },
}
