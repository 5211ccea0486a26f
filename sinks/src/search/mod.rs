//! Full-text indexes of views: words, phrases and prefixes are found, hits are sorted, counted and shown with what matched.
//!
//! Owns the index of one view in two halves. [`SearchWriter`] takes the changes of each epoch and commits them with how far it got;
//! [`SearchReader`] answers [`Search`]es and suggestions from the last commit, at any time and from any thread. [`SearchIndexes`] holds
//! the readers by name.
//!
//! `document` says how a row is indexed, `normal` and `analysis` how a text becomes words, `generation` where the files are; `grammar` reads what
//! people ask, `scope` says which rows it is about, `compile` makes it a query and says what it costs, `collect` finds the best hits, `filter`
//! compares columns, `highlight` and `suggest` do what they are named after. Where nothing is hidden, scores depend on how the engine has split its
//! files, so they are no part of an answer.

mod analysis;
mod collect;
mod columns;
mod compile;
mod document;
mod error;
mod filter;
mod generation;
mod grammar;
mod highlight;
mod kept;
mod limits;
mod normal;
mod number;
mod read;
mod scope;
mod sink;
mod suggest;
#[cfg(test)]
mod tests;
mod visible;
mod write;

pub use analysis::WORD_BYTES_MAX;
pub use collect::{Order, OrderBy};
pub use document::{Definition, SUGGESTED_BYTES_MAX, VALUE_BYTES_MAX};
pub use error::{QueryError, SearchError};
pub use filter::Filter;
pub use generation::{Place, Stored, remove_undeclared};
pub use limits::{
    COMMIT_INTERVAL, DEPTH_MAX, DOCUMENTS_MAX, EXPANSIONS_MAX, FACET_VALUES_MAX, FACET_VALUES_SHOWN, FACETS_MAX,
    HEARTBEAT_INTERVAL, HITS_MAX, MERGE_THREADS, NESTING_MAX, PARTS_MAX, QUERY_BYTES_MAX, SEARCH_TIME_MAX, SUGGESTIONS_MAX,
    WRITER_BYTES, WRITER_THREADS,
};
pub use read::{Answer, Facet, Hit, Search, SearchIndexes, SearchReader};
pub use sink::{SearchConnector, SearchSink};
pub use suggest::{Popularity, Suggestion};
pub use write::SearchWriter;
