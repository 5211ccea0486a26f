//! The machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 by the machine's clock; 0 while it stands before 1970.
pub fn wall_micros() -> i64 {
    // A machine without a battery starts in 1970 or before, and counts from there until it learns the time.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
