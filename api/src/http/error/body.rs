//! Bodies of requests that are not as they have to be.

/// Reason why a body is refused before it is looked into.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum BodyError {
    #[error(
        "the body is longer than the {bytes_max} bytes that one request may have, also when it is expanded: send less at a time"
    )]
    TooLarge { bytes_max: usize },
    #[error("the body has {lines} lines, and one request may have {lines_max}: send fewer events at a time")]
    TooManyLines { lines: usize, lines_max: usize },
    #[error("the body is empty: send one event as a JSON object, or one a line")]
    Empty,
    #[error("the body has {lines} lines: send one event in place of a dead letter, as a JSON object or a line")]
    NotOneLine { lines: usize },
    #[error("the body does not say what the ticket is for: {detail}; send none, or {{\"view\":\"name\"}}")]
    NotATicket { detail: String },
    #[error("the body could not be read: {detail}")]
    Broken { detail: String },
    #[error("'{found}' is not accepted: send 'Content-Type: application/json' or 'application/x-ndjson'")]
    UnsupportedMediaType { found: String },
    #[error("a body with 'Content-Encoding: {found}' is not read: send it with one of {accepted}")]
    UnsupportedEncoding { found: String, accepted: String },
}
