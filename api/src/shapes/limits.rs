//! Limits of shapes by name.

use std::time::Duration;

/// Shapes that are followed at the same time. The one that was used the longest time ago goes when there would be more, if nobody waits at it
/// and its last use is longer ago than [`SHAPE_WAIT`].
pub const SHAPES_MAX: usize = 1_000;
/// Shapes that one client may have opened of those that are followed, so that it leaves the others room.
pub const SHAPES_OF_CLIENT_MAX: usize = 250;
/// Bytes that all shapes hold together before each log that goes on is cut to [`SHAPE_SHARE_BYTES`].
pub const SHAPES_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of messages that every log may remember, however much the others do.
pub const SHAPE_SHARE_BYTES: usize = SHAPES_BYTES_MAX / SHAPES_MAX;
/// The most bytes of messages that the log of one shape remembers; a reader that is behind them reads the rows again. A log that misses more
/// begins again.
pub const SHAPE_LOG_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of messages after which an answer ends; the next one begins there.
pub const SHAPE_CHUNK_BYTES: usize = 1024 * 1024;
/// The most messages of one epoch; beyond, all readers read the rows again.
pub const SHAPE_EPOCH_MESSAGES_MAX: usize = 10_000;
/// Steps of the history that the lookups of one continuation of a log may go through: one that would take more begins again. A row without a
/// key is looked up for each of its changes, through all steps since.
pub const SHAPE_LOOKUP_STEPS_MAX: u64 = 250_000;
/// Bytes of the beginnings of parts that one snapshot keeps; a reader at a part whose beginning was dropped begins again.
pub const SHAPE_BEGINNINGS_BYTES_MAX: usize = 64 * 1024;
/// The most terms of `where`.
pub const SHAPE_TERMS_MAX: usize = 32;
/// Longest wait of a live request for a change, and the time for which a shape stays after its last use.
pub const SHAPE_WAIT: Duration = Duration::from_secs(20);
/// Time after which new readers get the rows of a later epoch, if any have changed since.
pub const SHAPE_SNAPSHOT_TIME: Duration = Duration::from_secs(60);
/// Epochs whose rows readers may be in the middle of.
pub const SHAPE_SNAPSHOTS_MAX: usize = 4;
/// Time for which a cache may keep a part that never changes. It is not longer because a view may stop being public.
pub const SHAPE_FIXED_TIME: Duration = Duration::from_secs(3_600);
/// Time for which a cache may keep a part that ends where the log ended.
pub const SHAPE_LATEST_TIME: Duration = Duration::from_secs(5);
