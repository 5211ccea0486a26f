//! Reasons why the demo ends.

use crate::file_error::FileError;
use crate::process::error::ProcessError;

/// Reason why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// a file or directory
    #[error(transparent)]
    File(#[from] FileError),
    /// the server of the demo
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// a token could not be signed
    #[error("cannot sign a token for the demo: {source}")]
    SignToken {
        /// the reason
        source: jsonwebtoken::errors::Error,
    },
    /// events could not be appended
    #[error(transparent)]
    Ingest(#[from] api::IngestError),
}
