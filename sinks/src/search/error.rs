//! Errors of a full-text index: keeping it, and asking it.

use tantivy::TantivyError;

use super::limits::{EXPANSIONS_MAX, NESTING_MAX, PARTS_MAX, QUERY_BYTES_MAX, SEARCH_TIME_MAX};

/// Reason why an index could not be opened or changed. The last commit stays readable.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// a file or folder could not be used
    #[error("the folder '{path}' of the full-text index '{index}' could not be used: {error}")]
    Folder {
        /// the index
        index: String,
        /// the folder
        path: String,
        /// the system's error
        error: std::io::Error,
    },
    /// the engine of the index refused
    #[error("the full-text index '{index}' could not {attempt}: {error}")]
    Engine {
        /// the index
        index: String,
        /// the attempt
        attempt: &'static str,
        /// the engine's error
        error: TantivyError,
    },
    /// files whose content is not what was written
    #[error("the full-text index '{index}' is damaged: {files} of its files are not what was written")]
    Damaged {
        /// the index
        index: String,
        /// number of files
        files: usize,
    },
    /// somebody else writes it
    #[error("the full-text index '{index}' is being written by somebody else")]
    Locked {
        /// the index
        index: String,
    },
    /// the thread that writes has given up
    #[error("the full-text index '{index}' can't be written: {reason}")]
    Failed {
        /// the index
        index: String,
        /// the reason
        reason: String,
    },
}

impl SearchError {
    /// For an error of the engine while it did something.
    pub(super) fn engine<E: Into<TantivyError>>(index: &str, attempt: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Engine { index: index.to_owned(), attempt, error: error.into() }
    }
}

/// Reason why a search was not done as asked. Each names the part of the request that is to blame.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// more text than is read
    #[error("the query has {bytes} bytes, and {QUERY_BYTES_MAX} are read: ask for less")]
    TooLong {
        /// number of bytes
        bytes: usize,
    },
    /// more words, phrases and prefixes than are looked up
    #[error("the query has more than {PARTS_MAX} words: ask for fewer at a time")]
    TooManyParts,
    /// parentheses in parentheses
    #[error("the parentheses are nested more than {NESTING_MAX} deep at '{part}'")]
    TooDeep {
        /// the query from there on
        part: String,
    },
    /// not the grammar
    #[error("the query can't be read at '{part}': expected {expected}")]
    Syntax {
        /// the query from there on
        part: String,
        /// the expected value
        expected: &'static str,
    },
    /// nothing is looked for
    #[error("'{part}' only says what is not wanted: add a word that is")]
    OnlyNegative {
        /// the part
        part: String,
    },
    /// too few letters before `*`
    #[error("the prefix '{part}' is too short: write at least {letters} letters before the '*'")]
    ShortPrefix {
        /// the prefix
        part: String,
        /// number of letters that it needs
        letters: usize,
    },
    /// too many words begin so
    #[error("more than {EXPANSIONS_MAX} words begin with '{part}': write more of it")]
    ManyExpansions {
        /// the prefix
        part: String,
    },
    /// too many rows to look at
    #[error(
        "'{part}' is too common: the search would look at {documents} rows, and {documents_max} are looked at; add rarer words"
    )]
    TooCommon {
        /// the costliest part
        part: String,
        /// rows that would be looked at
        documents: u64,
        /// most that are allowed
        documents_max: u64,
    },
    /// too many values to count
    #[error("'{column}' has more than {values_max} values among the hits: narrow the search to count them")]
    ManyFacetValues {
        /// the column
        column: String,
        /// most values that are counted
        values_max: usize,
    },
    /// it takes too long
    #[error("the search took more than {} ms: ask for fewer or rarer words", SEARCH_TIME_MAX.as_millis())]
    TooSlow,
    /// the engine of the index refused
    #[error("the index could not be read: {0}")]
    Engine(#[from] TantivyError),
}

impl From<std::io::Error> for QueryError {
    fn from(error: std::io::Error) -> Self {
        Self::Engine(error.into())
    }
}
