//! Limits of subscriptions by name.

use std::time::Duration;

/// Subscriptions open at the same time, unless configured.
pub const SUBSCRIPTIONS_MAX: usize = 2_000;
/// The most changes that one epoch may bring to a subscription, and the most values of the first column that it may change rows of, where the
/// index has a limit for each; beyond, its rows are sent from the beginning, which needs no more memory.
pub const SUBSCRIPTION_CHANGES_MAX: usize = 10_000;
/// Rows that a subscription reads at a time while it sends those that are there.
pub const SUBSCRIPTION_PAGE_ROWS: usize = 64;
/// Bytes of events after which they are handed to the connection, which holds about sixteen times as much while its client does not read.
pub const SUBSCRIPTION_BATCH_BYTES: usize = 2 * 1024;
/// Most times in a row that a subscription begins to send its rows before it ends because its client reads too slowly.
pub const SUBSCRIPTION_RESTARTS_MAX: usize = 5;
/// Interval at which a subscription sends the position while nothing changes for it; after a change it does so at once.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Longest silence of a subscription before it shows that it is alive, unless configured.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
