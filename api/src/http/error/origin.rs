//! Requests that a page of another site may have sent to a server that asks for no token.

/// Reason why a request is taken for one of another site.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum OriginError {
    #[error(
        "'{host}' is not a name of this machine, and a server without keys answers no other: ask for localhost or 127.0.0.1, or start the \
         server with a key"
    )]
    ForeignHost { host: String },
    #[error(
        "a page from '{page}' may not do this at a server without keys: ask from the server's own page, or start the server with a key"
    )]
    ForeignPage { page: String },
    #[error("a page from '{page}' may not open a WebSocket here: start the server with --cors-origin for the origins that may")]
    ForeignSocket { page: String },
}
