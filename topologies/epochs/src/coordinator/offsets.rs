//! Positions in the log as a checkpoint's header stores them.

use schemas::position::{Offset, Partition, Topic};
use sources::record::TopicId;

use crate::checkpoint::CheckpointHeader;
use crate::reader::Offsets;

/// Returns the positions from which the log is read on after a checkpoint.
pub fn offsets_of(header: &CheckpointHeader) -> Offsets {
    let offset = |(topic, id, partition, next): &(String, u128, u32, u64)| {
        ((Topic::new(topic), Partition(*partition)), (TopicId(*id), Offset(*next)))
    };
    Offsets(header.offsets.iter().map(offset).collect())
}

/// Returns one position in the form of a header.
pub(super) fn stored_offset(
    ((topic, partition), (id, next)): (&(Topic, Partition), &(TopicId, Offset)),
) -> (String, u128, u32, u64) {
    (topic.as_str().to_owned(), id.0, partition.0, next.0)
}
