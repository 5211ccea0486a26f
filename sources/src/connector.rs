//! A connector of sources: its line in the table of names and options, and how it opens a log.
//!
//! Owns the shape alone. Each connector's folder has one constant of it, and the registry lists them.

use std::path::Path;
use std::sync::Arc;

use schemas::source_connector::ConnectorSpec;

use crate::error::LogError;
use crate::log::Log;

/// The surroundings in which a log is opened.
#[derive(Clone, Copy, Debug)]
pub struct LogContext<'a> {
    /// the directory for logs that keep their records on a disk; created when it does not exist
    pub directory: &'a Path,
}

/// A kind of log.
pub struct Connector {
    /// its name and the options that statements may give it
    pub spec: &'static ConnectorSpec,
    /// opens a log, with what an earlier run left there
    pub open: fn(LogContext<'_>) -> Result<Arc<dyn Log>, LogError>,
}
