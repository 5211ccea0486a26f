//! The part of the process that reads derived topics.
//!
//! Owns the trait that the process implements. A topic and an offset leave, records of complete epochs enter.

use schemas::position::Offset;

use crate::host::future::BoxFuture;
use crate::host::ingest::IngestError;

/// Topics that are derived beside the views.
pub trait Derived: Send + Sync + 'static {
    /// The view that a derived topic follows; `None` when the topic is none.
    fn view_of(&self, topic: &str) -> Option<String>;

    /// Records of complete epochs of a derived topic, from an offset on or from the first that is kept. An offset that the topic does not
    /// have gives none.
    fn records(
        &self,
        topic: &str,
        from: Option<Offset>,
        limit: usize,
        bytes_max: usize,
    ) -> BoxFuture<'_, Result<RecordPage, IngestError>>;
}

/// Records of a derived topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordPage {
    /// the first offset that is kept
    pub earliest: Offset,
    /// end of the records of complete epochs
    pub end: Offset,
    /// in order
    pub records: Vec<TopicRecord>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// its place
    pub offset: Offset,
    /// append time, microseconds since 1970
    pub timestamp: i64,
    /// its key
    pub key: Vec<u8>,
    /// a JSON object
    pub value: Vec<u8>,
}
