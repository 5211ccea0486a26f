//! Statements with the topology that they declare.

use std::path::Path;

use language::diagnostic::SourceFile;
use language::load::{LoadError, build_within, read_folder};
use language::plan::patience::Patience;
use language::topology::Topology;

/// Statements and what they declare.
pub struct Declared {
    /// the statements
    pub files: Vec<SourceFile>,
    /// the topology that they declare
    pub topology: Topology,
}

impl Declared {
    /// The statements of a directory.
    pub fn load(directory: &Path) -> Result<Self, LoadError> {
        Self::of(read_folder(directory)?)
    }

    /// Plans statements.
    pub fn of(files: Vec<SourceFile>) -> Result<Self, LoadError> {
        Self::within(files, Patience::default())
    }

    /// Plans statements as long as someone has patience for it.
    pub(super) fn within(files: Vec<SourceFile>, patience: Patience) -> Result<Self, LoadError> {
        let topology = build_within(&files, patience).map_err(|diagnostics| LoadError::Invalid { diagnostics })?;
        Ok(Self { files, topology })
    }
}
