//! Limits of a search for the origins of rows.

use std::time::Duration;

/// Most records that are read for one question; a source that is read again counts again.
pub const RECORDS_MAX: u64 = 20_000_000;
/// Most rows that are held for one question, those in between included.
pub const ROWS_MAX: usize = 500_000;
/// Most time for a question: less than for a request.
pub const DURATION_MAX: Duration = Duration::from_secs(50);

/// Limits of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineageLimits {
    /// records that are read
    pub records: u64,
    /// rows that are held
    pub rows: usize,
    /// its duration
    pub duration: Duration,
}

impl Default for LineageLimits {
    fn default() -> Self {
        Self { records: RECORDS_MAX, rows: ROWS_MAX, duration: DURATION_MAX }
    }
}
