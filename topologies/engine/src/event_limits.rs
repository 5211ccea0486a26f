//! Limits of the rows that joins and lists may make of one event.

/// The most rows that joins and lists may make of one event unless an option says otherwise: a post of someone whom a million follow,
/// in several feeds.
pub const EVENT_ROWS_MAX: u64 = 10_000_000;
/// The most bytes of those rows unless an option says otherwise.
pub const EVENT_BYTES_MAX: u64 = 1 << 30;
/// An epoch with many records may make as much as this many events, which are allowed the most, do.
pub const EPOCH_EVENTS: u64 = 4;

/// Limits of the rows and bytes that may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// rows
    pub rows: u64,
    /// bytes of those rows
    pub bytes: u64,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self { rows: EVENT_ROWS_MAX, bytes: EVENT_BYTES_MAX }
    }
}

impl EventLimits {
    /// As much as so many events may make.
    pub fn times(self, events: u64) -> Self {
        Self { rows: self.rows.saturating_mul(events), bytes: self.bytes.saturating_mul(events) }
    }
}
