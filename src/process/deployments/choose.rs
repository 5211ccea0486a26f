//! Choice of the topology that a process starts with: that of its directory, or what was deployed since.

use engine::run::{WiderAccess, access_changes};
use epochs::disk::DiskError;
use language::diagnostic::SourceFile;
use language::load::LoadError;
use language::topology::Topology;
use sources::error::LogError;
use sources::log::LogReader;

use super::declared::{Declared, with_messages};
use super::life::{AUDIT, Stamp};
use super::store::{self, Generation, Store};
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
pub fn check_readers(
    (topology, files): (&Topology, &[SourceFile]),
    store: &Store,
    log: &dyn LogReader,
) -> Result<(), ChooseError> {
    let Some(before) = in_force(store, files)? else { return Ok(()) };
    match WiderAccess::of(&access_changes(Some(&before.topology), topology, log)?) {
        None => Ok(()),
        Some(wider) => Err(ChooseError::WiderAccess(wider)),
    }
}

/// Plans the statements in force once more, to compare these files with them; `None` when nothing was ever started here. Statements of a version
/// with messages built in have those of these files.
///
/// # Errors
/// This version can't plan them.
pub fn in_force(store: &Store, files: &[SourceFile]) -> Result<Option<Declared>, ChooseError> {
    let planned = |current: &Generation| Declared::of(with_messages(current.source_files(), files)).map_err(ChooseError::Incomparable);
    store.in_force().map(planned).transpose()
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
    #[error(
        "the topology that was deployed last can't be planned by this version: {0}\nstart with a directory of these statements that is \
         corrected: it is in force then"
    )]
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::run::Storage;
    use epochs::disk::simulated::SimulatedDisk;
    use language::load::{inline, inline_beside};

    use super::*;
    use crate::process::deployments::store::{Origin, directory_fingerprint};

    const BIDS: &str = "CREATE SOURCE bids (a BIGINT) WITH (connector = 'log', topic = 'bids') FORMAT PLAIN ENCODE JSON;";
    /// Statements of a version that had the message built in.
    const EARLIER: &str = "CREATE SOURCE users WITH (connector = 'log', topic = 'social.user')
                             FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent');";

    fn stamp() -> Stamp {
        Stamp { at_micros: 1, by: "olga".to_owned() }
    }

    /// A store of a directory, and of what was deployed since.
    fn store(directory: &[SourceFile], deployed: Option<&[SourceFile]>) -> Store {
        let disk: Storage = Arc::new(SimulatedDisk::new(0));
        let mut store = Store::open(disk).unwrap();
        store.start(directory, directory_fingerprint(directory), stamp(), false).unwrap();
        if let Some(deployed) = deployed {
            let generation = store.add(Origin::Deploy, deployed, stamp(), false).unwrap();
            store.put_in_force(generation, 2).unwrap();
        }
        store
    }

    #[test]
    fn statements_of_a_version_with_messages_built_in_are_compared_with_those_that_bring_them_along() {
        let store = store(&[inline("users.sql", EARLIER)], None);
        let now = inline_beside("users.sql", EARLIER, &testkit::social::proto_files());
        let before = in_force(&store, &now).unwrap_or_else(|error| panic!("{error}")).unwrap();
        assert_eq!(before.topology.sources[0].schema.message(), Some("social.v1.UserEvent"));
        assert!(matches!(in_force(&store, &[inline("bids.sql", BIDS)]), Err(ChooseError::Incomparable(_))));
        // The directory has changed, so it is in force.
        let chosen = choose(Declared::of(now).unwrap_or_else(|error| panic!("{error}")), &store);
        assert!(chosen.is_ok_and(|chosen| chosen.directory.is_some()));
    }

    #[test]
    fn what_was_deployed_and_lacks_its_messages_is_refused_with_what_to_do() {
        let directory = [inline("bids.sql", BIDS)];
        let store = store(&directory, Some(&[inline("users.sql", EARLIER)]));
        let refused = choose(Declared::of(directory.to_vec()).unwrap_or_else(|error| panic!("{error}")), &store);
        let said = refused.err().unwrap().to_string();
        assert!(said.contains("put its .proto file beside") && said.contains("start with a directory of these statements"), "{said}");
    }
}
