//! A record of a log as decoders see it: its place, its time, and the bytes of its key and its value.
//!
//! Owns the type alone. It borrows from the record, so that reading one copies nothing.

use crate::position::{Offset, Partition};

/// A record to be decoded.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    /// its partition
    pub partition: Partition,
    /// its place there
    pub offset: Offset,
    /// time it was appended at, microseconds since 1970
    pub appended_at: i64,
    /// its key
    pub key: &'a [u8],
    /// its value; empty in a record that says that its key is gone
    pub value: &'a [u8],
}

impl<'a> RawRecord<'a> {
    /// An event that is in no log yet, and has neither a key nor a place.
    pub(crate) fn unplaced(value: &'a [u8], now_micros: i64) -> Self {
        Self { partition: Partition(0), offset: Offset(0), appended_at: now_micros, key: &[], value }
    }
}

/// A record without its key.
impl<'a> From<(Partition, Offset, i64, &'a [u8])> for RawRecord<'a> {
    fn from((partition, offset, appended_at, value): (Partition, Offset, i64, &'a [u8])) -> Self {
        Self { partition, offset, appended_at, key: &[], value }
    }
}
