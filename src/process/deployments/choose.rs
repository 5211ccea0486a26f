//! Choice of the topology that a process starts with: that of its directory, or what was deployed since.

use epochs::disk::DiskError;
use language::diagnostic::SourceFile;
use language::load::LoadError;

use super::declared::Declared;
use super::life::Stamp;
use super::store::{self, Store};
use crate::process::clock::wall_micros;

/// Account that starts a process.
const LOCAL: &str = "local";

/// Topology that a process starts with.
pub struct Chosen {
    /// the topology
    pub declared: Declared,
    /// a directory that is in force from now on, because it is not what it was at the start before; its fingerprint
    pub directory: Option<String>,
    /// true if states are computed also from a log whose beginning is gone: for a topology that was accepted so before
    pub accept_missing_history: bool,
}

/// Chooses between what a directory says and what was deployed since it was last looked at. Nothing is remembered before the start has
/// succeeded: see [`remember_start`].
pub fn choose(declared: Declared, store: &Store) -> Result<Chosen, ChooseError> {
    let fingerprint = store::directory_fingerprint(&declared.files);
    match store.in_force() {
        Some(current) if current.directory == fingerprint => {
            let accept_missing_history = store.life(current.generation).accept_missing_history;
            Ok(Chosen { declared: Declared::of(current.source_files())?, directory: None, accept_missing_history })
        }
        _ => Ok(Chosen { declared, directory: Some(fingerprint), accept_missing_history: false }),
    }
}

/// The engine goes on with these files: a directory that is new is in force.
pub fn remember_start(
    files: &[SourceFile],
    directory: Option<String>,
    store: &mut Store,
    accept_missing_history: bool,
) -> Result<(), DiskError> {
    let Some(directory) = directory else { return Ok(()) };
    let stamp = Stamp { at_micros: wall_micros(), by: LOCAL.to_owned() };
    store.start(files, directory, stamp, accept_missing_history)
}

/// Reason why a start does not know which topology to run.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// the deployed statements can't be planned
    #[error("the topology that was deployed last can't be planned by this version: {0}")]
    Load(#[from] LoadError),
}
