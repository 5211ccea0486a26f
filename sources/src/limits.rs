//! Limits of what a log takes: records, appends and partitions. Every implementation holds its callers to them.

/// The most bytes of one record, key and value together.
pub const RECORD_BYTES_MAX: usize = 2 << 20;
/// The most records of one append.
pub const APPEND_RECORDS_MAX: usize = 16_384;
/// The most bytes of one append, all keys and values together.
pub const APPEND_BYTES_MAX: usize = 64 << 20;
/// The latest append time that a caller may give, microseconds since 1970: a later one counts as this one. So there is always a later one
/// for the next record.
pub const TIMESTAMP_MAX: i64 = i64::MAX / 2;
