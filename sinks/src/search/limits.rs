//! Limits of full-text indexes and of what is asked of them.

use std::time::Duration;

/// Threads that index documents, of each index.
pub const WRITER_THREADS: usize = 1;
/// Threads that merge files, of each index.
pub const MERGE_THREADS: usize = 1;
/// Bytes of memory that documents take, at most, before they are written; of each index.
pub const WRITER_BYTES: usize = 32 * 1024 * 1024;
/// The longest time between a change and the commit that shows it, unless a reader waits for it.
pub const COMMIT_INTERVAL: Duration = Duration::from_millis(250);
/// Longest time after which an index without changes stores its progress all the same.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of a query.
pub const QUERY_BYTES_MAX: usize = 1_024;
/// Words, phrases and prefixes of a query.
pub const PARTS_MAX: usize = 64;
/// Parentheses within parentheses.
pub const NESTING_MAX: usize = 16;
/// Words that a prefix stands for.
pub const EXPANSIONS_MAX: usize = 2_000;
/// Rows that one search looks at, by what its words are known to occur in.
pub const DOCUMENTS_MAX: u64 = 2_000_000;
/// Most time for one search.
pub const SEARCH_TIME_MAX: Duration = Duration::from_secs(2);
/// Hits of one answer.
pub const HITS_MAX: usize = 100;
/// Most hits that may lie before those of an answer.
pub const DEPTH_MAX: usize = 10_000;
/// Values of one column that are counted.
pub const FACET_VALUES_MAX: usize = 10_000;
/// Values of one column that an answer shows, those with the most hits.
pub const FACET_VALUES_SHOWN: usize = 20;
/// Columns whose values one search counts.
pub const FACETS_MAX: usize = 8;
/// Suggestions of one answer.
pub const SUGGESTIONS_MAX: usize = 50;
