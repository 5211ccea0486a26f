//! Entries of kept states as a worker restores them.

use std::collections::BTreeMap;

use schemas::row::Row;

/// The entries of one worker, by the number of the state.
pub type Restored = BTreeMap<u32, Vec<(Row, Row)>>;

/// The partition that the key of a deduplication entry begins with.
pub fn partition_of(key: &[u8]) -> u32 {
    key.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
