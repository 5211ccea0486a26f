//! Choice of the topology that a process starts with: that of its directory, or what was deployed since.

use engine::run::{WiderAccess, access_changes};
use epochs::disk::DiskError;
use language::diagnostic::SourceFile;
use language::load::LoadError;
use language::topology::Topology;
use sources::error::LogError;
use sources::log::LogReader;

use super::declared::Declared;
use super::life::{AUDIT, Stamp};
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
/// succeeded: see [`remember_start`]. Who may read a directory that has changed is not looked at here: see [`check_readers`].
///
/// # Errors
/// The topology that was deployed last can't be planned by this version.
pub fn choose(declared: Declared, store: &Store) -> Result<Chosen, ChooseError> {
    let fingerprint = store::directory_fingerprint(&declared.files);
    match store.in_force() {
        Some(current) if current.directory == fingerprint => {
            let accept_missing_history = store.life(current.generation).accept_missing_history;
            let declared = Declared::of(current.source_files()).map_err(ChooseError::Load)?;
            Ok(Chosen { declared, directory: None, accept_missing_history })
        }
        _ => Ok(Chosen { declared, directory: Some(fingerprint), accept_missing_history: false }),
    }
}

/// Refuses a topology of which readers would see more than of the one in force, or of the records that its topics have in the log.
///
/// # Errors
/// They would, or it can't be told: the statements in force can't be planned, or the log can't be read.
pub fn check_readers(topology: &Topology, store: &Store, log: &dyn LogReader) -> Result<(), ChooseError> {
    let Some(before) = in_force(store)? else { return Ok(()) };
    match WiderAccess::of(&access_changes(Some(&before.topology), topology, log)?) {
        None => Ok(()),
        Some(wider) => Err(ChooseError::WiderAccess(wider)),
    }
}

/// Plans the statements in force once more, to compare others with them; `None` when nothing was ever started here.
///
/// # Errors
/// This version can't plan them.
pub fn in_force(store: &Store) -> Result<Option<Declared>, ChooseError> {
    store.in_force().map(|current| Declared::of(current.source_files()).map_err(ChooseError::Incomparable)).transpose()
}

/// The engine goes on with these files: a directory that is new is in force.
pub fn remember_start(
    files: &[SourceFile],
    directory: Option<String>,
    store: &mut Store,
    accept_missing_history: bool,
) -> Result<(), DiskError> {
    let Some(directory) = directory else { return Ok(()) };
    let (before, stamp) = (store.in_force().is_some(), Stamp { at_micros: wall_micros(), by: LOCAL.to_owned() });
    store.start(files, directory, stamp, accept_missing_history)?;
    if before {
        let generation = store.current().generation;
        tracing::info!(target: AUDIT, generation, by = ?LOCAL, origin = ?"start", accept_missing_history, "a changed directory is in force");
    }
    Ok(())
}

/// Reason why a start does not know which topology to run.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// the deployed statements can't be planned
    #[error("the topology that was deployed last can't be planned by this version: {0}")]
    Load(LoadError),
    /// the deployed statements can't be planned, so that others can't be compared with them
    #[error(
        "the topology that was deployed last can't be planned by this version, so it is not known whether readers would see more of this \
         one: {0}; with --accept-wider-access it is started all the same"
    )]
    Incomparable(LoadError),
    /// readers would see more
    #[error(transparent)]
    WiderAccess(WiderAccess),
    /// it can't be told whether derived topics have records
    #[error(transparent)]
    Log(#[from] LogError),
}
