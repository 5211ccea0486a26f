//! Limits of one event: its length, its nesting, and how far its time may lie ahead.
//!
//! Owns the numbers alone. The readers of every encoding and the checks of events hold events to them.

/// The longest event, in bytes of its line or record.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// The deepest nesting of arrays and objects in an event's JSON.
pub const NESTING_DEPTH_MAX: usize = 128;

/// Most microseconds by which an event may lie ahead of the clock: a day, so that a wrong time zone passes and a wrong year does not.
pub const EVENT_FUTURE_MICROS_MAX: i64 = 24 * 3_600 * 1_000_000;
