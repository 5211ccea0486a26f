//! The generations of a data directory: the statements of every topology that was in force, and which one is.
//!
//! Owns the folder `deployments`: a file for each generation, never changed, and `current`, replaced as a whole by rename. A start that
//! finds the same statements in its directory as the start before goes on with what was deployed since.

use std::collections::BTreeMap;
use std::fmt;

use epochs::binding::fingerprint;
use epochs::disk::{Disk, DiskAction, DiskCause, DiskError};
use serde::{Deserialize, Serialize};
use topologies::diagnostic::SourceFile;
use topologies::run::Storage;

/// The format of the files.
const FORMAT: u64 = 1;
const FOLDER: &str = "deployments";
const CURRENT: &str = "deployments/current";
const ASIDE: &str = "deployments/new";
const SUFFIX: &str = ".json";
/// Generations that are kept, the one in force not counted.
pub const GENERATIONS_KEPT: usize = 50;

/// Where a generation came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// the directory that the process was started with
    Start,
    /// an operator deployed it
    Deploy,
    /// the statements of an earlier one
    Rollback {
        /// that one
        to: u64,
    },
    /// a view was computed once more
    Replay {
        /// the view
        view: String,
    },
    /// a view was dropped
    Drop {
        /// the view
        view: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Deploy => f.write_str("deploy"),
            Self::Rollback { to } => write!(f, "rollback to {to}"),
            Self::Replay { view } => write!(f, "replay of {view}"),
            Self::Drop { view } => write!(f, "drop of {view}"),
        }
    }
}

/// A file of statements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// its path, as diagnostics name it
    pub path: String,
    /// its text
    pub text: String,
}

/// The statements of a topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    format: u64,
    /// its number, from 1
    pub generation: u64,
    /// where it came from
    pub origin: Origin,
    /// what the directory held that the process was started with
    pub directory: String,
    /// the statements
    pub files: Vec<File>,
}

#[derive(Serialize, Deserialize)]
struct Current {
    format: u64,
    /// those that were in force, oldest first; the last one is
    in_force: Vec<u64>,
}

impl Generation {
    /// The statements, for planning.
    pub fn source_files(&self) -> Vec<SourceFile> {
        let file = |file: &File| SourceFile { path: file.path.as_str().into(), text: file.text.as_str().into() };
        self.files.iter().map(file).collect()
    }
}

/// No generation has this number any more, or ever had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {wanted} to go back to; there are the generations {known}: see 'tidewater status'")]
pub struct UnknownGeneration {
    wanted: String,
    known: String,
}

/// The generations of a data directory.
pub struct Store {
    disk: Storage,
    generations: BTreeMap<u64, Generation>,
    /// those that were in force, oldest first; the last one is
    in_force: Vec<u64>,
}

impl Store {
    /// What a data directory remembers.
    pub fn open(disk: Storage) -> Result<Self, DiskError> {
        disk.create_directory(FOLDER)?;
        disk.sync_directory("")?;
        let mut store = Self { disk, generations: BTreeMap::new(), in_force: Vec::new() };
        for name in store.disk.list(FOLDER)?.iter().filter(|name| name.ends_with(SUFFIX)) {
            let generation: Generation = store.read(&format!("{FOLDER}/{name}"))?;
            store.generations.insert(generation.generation, generation);
        }
        match store.read::<Current>(CURRENT) {
            Ok(current) => store.in_force = current.in_force,
            Err(error) if error.cause == DiskCause::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(store)
    }

    /// The generation in force, unless nothing was ever started here.
    pub fn in_force(&self) -> Option<&Generation> {
        self.in_force.last().and_then(|current| self.generations.get(current))
    }

    /// The generation in force, of a process that has chosen one.
    pub fn current(&self) -> &Generation {
        self.in_force().unwrap_or_else(|| panic!("a topology runs that is no generation"))
    }

    /// All that are kept, oldest first.
    pub fn list(&self) -> impl Iterator<Item = &Generation> {
        self.generations.values()
    }

    /// A generation by its number.
    pub fn load(&self, generation: u64) -> Result<&Generation, UnknownGeneration> {
        self.generations.get(&generation).ok_or_else(|| self.unknown(format!("generation {generation}")))
    }

    /// The last one that was in force before the one that is, and has other statements.
    pub fn before(&self) -> Result<u64, UnknownGeneration> {
        let files = &self.current().files;
        let mut earlier = self.in_force.iter().rev().filter_map(|number| self.generations.get(number));
        let found = earlier.find(|earlier| earlier.files != *files);
        found.map(|earlier| earlier.generation).ok_or_else(|| self.unknown("earlier generation".to_owned()))
    }

    fn unknown(&self, wanted: String) -> UnknownGeneration {
        let known: Vec<String> = self.generations.keys().map(ToString::to_string).collect();
        UnknownGeneration { wanted, known: known.join(", ") }
    }

    /// Puts what a directory holds in force.
    pub fn start(&mut self, files: &[SourceFile], directory: String) -> Result<(), DiskError> {
        let generation = self.write(Origin::Start, files, directory)?;
        self.put_in_force(generation)
    }

    /// Keeps statements that are to be deployed, durably; the number they got.
    pub fn add(&mut self, origin: Origin, files: &[SourceFile]) -> Result<u64, DiskError> {
        let directory = self.current().directory.clone();
        self.write(origin, files, directory)
    }

    fn write(&mut self, origin: Origin, files: &[SourceFile], directory: String) -> Result<u64, DiskError> {
        let number = self.generations.keys().next_back().map_or(1, |last| last + 1);
        let files = files.iter().map(|file| File { path: file.path.to_string(), text: file.text.to_string() });
        let generation = Generation { format: FORMAT, generation: number, origin, directory, files: files.collect() };
        self.replace(&path_of(number), &generation)?;
        self.generations.insert(number, generation);
        self.forget()?;
        Ok(number)
    }

    /// Which one is in force from now on, durably.
    pub fn put_in_force(&mut self, generation: u64) -> Result<(), DiskError> {
        let mut in_force = self.in_force.clone();
        in_force.retain(|earlier| self.generations.contains_key(earlier) && *earlier != generation);
        in_force.push(generation);
        self.replace(CURRENT, &Current { format: FORMAT, in_force: in_force.clone() })?;
        self.in_force = in_force;
        Ok(())
    }

    fn forget(&mut self) -> Result<(), DiskError> {
        while self.generations.len() > GENERATIONS_KEPT + 1 {
            let in_force = self.in_force.last().copied();
            let Some(oldest) = self.generations.keys().copied().find(|generation| Some(*generation) != in_force) else { break };
            self.disk.remove(&path_of(oldest))?;
            self.generations.remove(&oldest);
        }
        Ok(())
    }

    fn replace(&self, path: &str, content: &impl Serialize) -> Result<(), DiskError> {
        match self.disk.remove(ASIDE) {
            Err(error) if error.cause != DiskCause::NotFound => return Err(error),
            _ => {}
        }
        let bytes = serde_json::to_vec(content).map_err(|error| bad(DiskAction::Write, path, error.to_string()))?;
        self.disk.append(ASIDE, &bytes)?;
        self.disk.sync(ASIDE)?;
        self.disk.rename(ASIDE, path)?;
        self.disk.sync_directory(FOLDER)
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, DiskError> {
        #[derive(Deserialize)]
        struct Format {
            format: u64,
        }
        let length = usize::try_from(self.disk.length(path)?).unwrap_or(usize::MAX);
        let bytes = self.disk.read(path, 0, length)?;
        let damaged =
            |error: serde_json::Error| bad(DiskAction::Read, path, format!("it is damaged: {error}; restore it from a backup"));
        let Format { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if format != FORMAT {
            let detail = format!("it has format {format}, and this version knows {FORMAT}: use the version that wrote it");
            return Err(bad(DiskAction::Read, path, detail));
        }
        serde_json::from_slice(&bytes).map_err(damaged)
    }
}

fn bad(action: DiskAction, path: &str, detail: String) -> DiskError {
    DiskError { action, path: path.to_owned(), cause: DiskCause::Other, detail }
}

fn path_of(generation: u64) -> String {
    format!("{FOLDER}/{generation:010}{SUFFIX}")
}

/// What a directory holds, whatever its path is.
pub fn directory_fingerprint(files: &[SourceFile]) -> String {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let contents: Vec<(String, &str)> = files.iter().map(|file| (name(&file.path), file.text.as_ref())).collect();
    fingerprint(&format!("{contents:?}")).to_string()
}

/// A file that drops a view or a table, behind the others.
pub fn drop_statement(current: &Generation, name: &str, is_table: bool) -> SourceFile {
    let number = current.files.len();
    let quoted = name.replace('"', "\"\"");
    let kind = if is_table { "TABLE" } else { "MATERIALIZED VIEW" };
    SourceFile { path: format!("drop-{number}.sql").into(), text: format!("DROP {kind} \"{quoted}\";\n").into() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use epochs::disk::simulated::SimulatedDisk;

    use super::*;

    fn files(text: &str) -> Vec<SourceFile> {
        vec![SourceFile { path: "a/b.sql".into(), text: text.into() }]
    }

    #[test]
    fn what_was_in_force_is_found_again_and_gone_back_to() {
        let disk: Storage = Arc::new(SimulatedDisk::new(0));
        let mut store = Store::open(Arc::clone(&disk)).unwrap();
        assert!(store.in_force().is_none());
        store.start(&files("one"), "d".into()).unwrap();
        assert!(store.before().is_err());
        let two = store.add(Origin::Deploy, &files("two")).unwrap();
        store.put_in_force(two).unwrap();
        let refused = store.add(Origin::Deploy, &files("three")).unwrap();
        let mut store = Store::open(disk).unwrap();
        assert_eq!((store.current().generation, store.current().directory.as_str(), refused), (2, "d", 3));
        assert_eq!(store.before().unwrap(), 1, "the third never was in force");
        let back = store.add(Origin::Rollback { to: 1 }, &files("one")).unwrap();
        store.put_in_force(back).unwrap();
        assert_eq!(store.before().unwrap(), 2);
        assert!(store.load(9).unwrap_err().to_string().contains("1, 2, 3, 4"));
    }

    #[test]
    fn only_so_many_generations_are_kept() {
        let mut store = Store::open(Arc::new(SimulatedDisk::new(0))).unwrap();
        store.start(&files("one"), "d".into()).unwrap();
        for number in 0..2 * GENERATIONS_KEPT {
            store.add(Origin::Deploy, &files(&number.to_string())).unwrap();
        }
        assert_eq!((store.list().count(), store.current().generation), (GENERATIONS_KEPT + 1, 1));
    }

    #[test]
    fn a_directory_is_the_same_wherever_it_lies() {
        let moved = vec![SourceFile { path: "/elsewhere/b.sql".into(), text: "one".into() }];
        assert_eq!(directory_fingerprint(&files("one")), directory_fingerprint(&moved));
        assert_ne!(directory_fingerprint(&files("one")), directory_fingerprint(&files("two")));
    }
}
