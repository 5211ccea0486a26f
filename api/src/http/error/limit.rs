//! Limits that a request went beyond.

/// Limit that a request went beyond.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum LimitError {
    #[error("the address of {bytes} bytes is longer than the {bytes_max} that are accepted")]
    UriTooLong { bytes: usize, bytes_max: usize },
    #[error("{bytes} bytes of headers are more than the {bytes_max} that are accepted")]
    HeadersTooLarge { bytes: usize, bytes_max: usize },
    #[error("{requests_max} requests are being answered already: try again in a moment")]
    Busy { requests_max: usize },
    #[error("no answer was ready within {seconds} s: try again, and ask for less")]
    Timeout { seconds: u64 },
}
