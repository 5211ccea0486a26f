//! The machine's clock.

use std::time::SystemTime;

use schemas::time::unix_micros;

/// Microseconds since 1970 by the machine's clock; 0 while it stands before 1970.
pub fn wall_micros() -> i64 {
    unix_micros(SystemTime::now())
}
