//! Position of the views: the epoch that is visible, and the records that it covers.
//!
//! Owns [`VisibleProgress`].

use std::collections::BTreeMap;

use schemas::position::{Epoch, LogPosition, Offset, Partition, Topic};

use super::error::WaitError;

/// The visible state: the epoch, and the records it covers.
#[derive(Default)]
pub(super) struct VisibleProgress {
    /// `None` until the first publish
    pub epoch: Option<Epoch>,
    /// the next offset of every partition that is read
    pub consumed: BTreeMap<(Topic, Partition), Offset>,
}

impl VisibleProgress {
    /// Returns true if the record is in the visible epoch or an earlier one; an error when no topology reads its partition.
    pub fn shows(&self, record: &LogPosition) -> Result<bool, WaitError> {
        let key = (record.topic.clone(), record.partition);
        match self.consumed.get(&key) {
            Some(next) => Ok(record.offset < *next),
            None => Err(WaitError::UnknownPartition { topic: key.0, partition: key.1 }),
        }
    }
}
