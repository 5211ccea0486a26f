//! Limits of reading by name, whatever the protocol.

pub use sinks::search::{DEPTH_MAX, FACETS_MAX, HITS_MAX, SUGGESTIONS_MAX};

/// The most rows of one page.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// The most bytes of the rows of one answer, unless configured: a page that would have more ends before, and `next` goes on there. One row
/// alone may have more.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most bytes of rows that are compared to find the one that a page goes on behind, where many rows begin alike.
pub const RESUME_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Rows of a page when the request does not say.
pub const PAGE_ROWS_DEFAULT: usize = 100;
/// The most rows one request may look at, those it does not return included.
pub const SCAN_ROWS_MAX: usize = 10_000;
/// The most keys of an index that one request may name by `in.(...)`.
pub const RANGES_MAX: usize = 1_000;
/// Hits of a search when the request does not say.
pub const HITS_DEFAULT: usize = 20;
/// Suggestions when the request does not say.
pub const SUGGESTIONS_DEFAULT: usize = 10;
/// Reads with filters or an order of their own that run at the same time; further ones wait for their turn.
pub const READS_AT_ONCE: usize = 16;
/// Searches that run at the same time; further ones wait for their turn.
pub const SEARCHES_AT_ONCE: usize = 16;
/// Milliseconds that a reader waits for a position when the request does not say.
pub const AFTER_WAIT_MILLIS: usize = 5_000;
/// The most milliseconds that a reader waits for a position.
pub const AFTER_WAIT_MILLIS_MAX: usize = 30_000;
/// Rows that are explained when the request does not say how many.
pub const WHY_ROWS_DEFAULT: usize = 1;
/// The most rows that one request may have explained.
pub const WHY_ROWS_MAX: usize = 10;
/// Events that are named for a row when the request does not say how many.
pub const WHY_EVENTS_DEFAULT: usize = 100;
/// The most events that are named for a row.
pub const WHY_EVENTS_MAX: usize = 1_000;
/// The most bytes of rows that one request with filters or an order that no index serves may look at; those of a row count once more for
/// each place in JSON, several times for each pattern and each comparison of lists, and keys that are sorted count too.
pub const WORK_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of work that each test of a row counts as, however short the row is.
pub const TEST_WORK_BYTES: usize = 16;
/// The most milliseconds that one such request may read for: the views do not change meanwhile.
pub const READ_MILLIS_MAX: u64 = 2_000;
/// The most tests of a row that one request may have; each value of `(any)` and `(all)` is one.
pub const FILTER_TESTS_MAX: usize = 100;
/// The most values of all `in` lists of one request.
pub const FILTER_VALUES_MAX: usize = 1_000;
/// The most values that one request may order by.
pub const ORDER_VALUES_MAX: usize = 32;
/// The most bytes of one compiled pattern.
pub const PATTERN_BYTES_MAX: usize = 64 * 1024;
/// The most bytes of all compiled patterns of one request.
pub const PATTERN_BYTES_TOTAL_MAX: usize = 128 * 1024;
/// The most bytes that a pattern keeps while it matches in one direction.
pub const PATTERN_CACHE_BYTES_MAX: usize = 128 * 1024;
/// The most times that one request may select a column, or places in it: one row alone may have any number of bytes, and an answer has one.
pub const SELECTED_TIMES_MAX: usize = 8;
