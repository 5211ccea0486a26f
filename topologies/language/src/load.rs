//! From a folder of statements to a topology.
//!
//! Owns the order in which statements take effect. Statements enter; a [`Topology`] leaves, or every error that was found, each with its
//! place.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::builder::Builder;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::parse::{Statement, StatementKind, parse};
use crate::plan::patience::Patience;
use crate::topology::Topology;

/// Most bytes of one `.sql` file.
pub const SQL_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Reason why a folder could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// the folder or a file can't be read
    #[error("'{path}' could not be read: {error}")]
    Unreadable {
        /// the path
        path: String,
        /// the system's error
        error: std::io::Error,
    },
    /// no statements
    #[error("'{path}' has no .sql files: a topology is a folder of .sql files")]
    Empty {
        /// the folder
        path: String,
    },
    /// the statements are wrong
    #[error("{}", diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))]
    Invalid {
        /// every error
        diagnostics: Vec<Diagnostic>,
    },
}

/// Loads every `.sql` file of a folder, in the order of their names.
pub fn load(folder: &Path) -> Result<Topology, LoadError> {
    build(&read_folder(folder)?).map_err(|diagnostics| LoadError::Invalid { diagnostics })
}

/// Plans the statements of some files.
pub fn build(files: &[SourceFile]) -> Result<Topology, Vec<Diagnostic>> {
    build_within(files, Patience::default())
}

/// Plans the statements of some files as long as someone has patience for it.
pub fn build_within(files: &[SourceFile], patience: Patience) -> Result<Topology, Vec<Diagnostic>> {
    let statements = parse(files)?;
    let mut builder = Builder::new(patience);
    let mut open: Vec<&Statement> = statements.iter().collect();
    // Files may come in any order: a statement that fails is tried again after the others, for as long as that helps.
    loop {
        let mut failed = Vec::new();
        let mut diagnostics = Vec::new();
        for &statement in &open {
            if let Err(diagnostic) = builder.add(statement) {
                failed.push(statement);
                diagnostics.push(*diagnostic);
            }
        }
        if failed.is_empty() {
            return Ok(builder.finish());
        }
        if failed.len() == open.len() {
            return Err(without_consequences(&failed, diagnostics));
        }
        open = failed;
    }
}

/// The errors without those that only say that a relation is missing whose own statement failed.
fn without_consequences(failed: &[&Statement], diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let missing: Vec<String> = failed
        .iter()
        .filter_map(|statement| match &statement.kind {
            StatementKind::CreateSource { name, .. }
            | StatementKind::CreateTable { name, .. }
            | StatementKind::CreateView { name, .. } => Some(format!("relation '{}' does not exist", name.text)),
            _ => None,
        })
        .collect();
    let is_cause = |diagnostic: &Diagnostic| !missing.iter().any(|text| diagnostic.message.starts_with(text));
    if diagnostics.iter().any(is_cause) { diagnostics.into_iter().filter(is_cause).collect() } else { diagnostics }
}

/// The `.sql` files of a folder, by name.
pub fn read_folder(folder: &Path) -> Result<Vec<SourceFile>, LoadError> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |error| LoadError::Unreadable { path, error }
    };
    let mut paths = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            paths.insert(path);
        }
    }
    if paths.is_empty() {
        return Err(LoadError::Empty { path: folder.display().to_string() });
    }
    paths.iter().map(|path| read_file(path)).collect()
}

fn read_file(path: &Path) -> Result<SourceFile, LoadError> {
    let unreadable = |error| LoadError::Unreadable { path: path.display().to_string(), error };
    if std::fs::metadata(path).map_err(unreadable)?.len() > SQL_FILE_BYTES_MAX {
        return Err(unreadable(std::io::Error::other(format!("it is larger than {SQL_FILE_BYTES_MAX} bytes"))));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    Ok(SourceFile { path: path.display().to_string().into(), text: text.into() })
}

/// Files given as text, for tests and tools.
pub fn inline(path: &str, text: &str) -> SourceFile {
    SourceFile { path: Arc::from(path), text: Arc::from(text) }
}
