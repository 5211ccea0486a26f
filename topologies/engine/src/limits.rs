//! Limits and intervals that the parts of a running topology share.

use std::time::Duration;

/// Most epochs that are bound and not yet visible: timely has no backpressure of its own.
pub const EPOCHS_IN_FLIGHT_MAX: usize = 2;
/// Most workers of a process.
pub const WORKERS_MAX: usize = 64;
/// Interval at which the wall clock advances while no events come, so that rows of temporal filters leave in time.
pub const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// Longest wait of the driver for one thing before it looks at the others.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(50);
/// Different errors of rows that a deployment may have: they are in memory until it takes over.
pub const ROW_ERRORS_MAX: usize = 100_000;
