//! Reasons why a server did not do what a command asked for.

use crate::file_error::FileError;
use crate::tls_trust::TrustError;

/// Reason why a server did not answer, or not as asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// a file with a token or events
    #[error(transparent)]
    File(#[from] FileError),
    /// a file with the certificate of an authority
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// nobody answers who can be trusted to be the server
    #[error("cannot trust {server}: {detail}")]
    Untrusted {
        /// the server's address
        server: String,
        /// the fault of its certificate, with advice
        detail: String,
    },
    /// nobody answers
    #[error("cannot reach {server}: {detail}; is the server running, and is --server its address?")]
    Unreachable {
        /// the server's address
        server: String,
        /// the attempt and its failure
        detail: String,
    },
    /// the server does not take the request
    #[error("{server} answered {status}: {detail}{}", token_hint(*.status))]
    Refused {
        /// the server's address
        server: String,
        /// HTTP status
        status: u16,
        /// the problem, in its words
        detail: String,
    },
    /// the server answers what no server of this version does
    #[error("{server} does not answer as this version expects: {detail}")]
    Unexpected {
        /// the server's address
        server: String,
        /// the answer, in words
        detail: String,
    },
    /// the user asked to stop (SIGINT, SIGTERM)
    #[error("stopped before the end, as a signal asked for")]
    Stopped,
}

/// Advice for a client that was refused for want of rights.
fn token_hint(status: u16) -> &'static str {
    if matches!(status, 401 | 403) { "; name a file with a token that has the right by --token-file" } else { "" }
}
