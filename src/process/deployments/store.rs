//! The generations of a data directory: the statements of every topology that was in force, and which one is.
//!
//! Owns the folder `deployments`: a file for each generation, never changed, and `current`, replaced as a whole by rename, which says what
//! became of each. A start that finds the same statements in its directory as the start before goes on with what was deployed since.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use engine::run::Storage;
use epochs::disk::{Disk, DiskAction, DiskCause, DiskError, replace};
use language::diagnostic::SourceFile;
use schemas::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};

use super::life::{GenerationState, Life, Stamp};

/// The format of the files with statements.
const FORMAT: u64 = 1;
/// The format of `current`.
const CURRENT_FORMAT: u64 = 2;
/// The formats of `current` that are read: the first says only which generations were in force.
const CURRENT_FORMATS: RangeInclusive<u64> = 1..=CURRENT_FORMAT;
const FOLDER: &str = "deployments";
const CURRENT: &str = "deployments/current";
const TEMPORARY: &str = "deployments/new";
const SUFFIX: &str = ".json";
/// Generations that are kept, the one in force not counted.
pub const GENERATIONS_KEPT: usize = 50;

/// Origin of a generation.
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
    /// a view or a sink was dropped
    Drop {
        /// its name; the field is called after what an earlier version could drop
        #[serde(rename = "view")]
        name: String,
        /// kind of it
        #[serde(default, skip_serializing_if = "DroppedKind::is_relation")]
        kind: DroppedKind,
    },
}

/// Kind of something that is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DroppedKind {
    /// a materialized view
    #[default]
    View,
    /// a table
    Table,
    /// a sink
    Sink,
    /// a full-text index
    Index,
}

impl DroppedKind {
    /// Returns true for what an earlier version could drop too: it reads no other kind.
    fn is_relation(&self) -> bool {
        matches!(self, Self::View | Self::Table)
    }

    /// Returns the kind as a statement has it.
    fn sql(self) -> &'static str {
        match self {
            Self::View => "MATERIALIZED VIEW",
            Self::Table => "TABLE",
            Self::Sink => "SINK",
            Self::Index => "INDEX",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Deploy => f.write_str("deploy"),
            Self::Rollback { to } => write!(f, "rollback to {to}"),
            Self::Replay { view } => write!(f, "replay of {view}"),
            Self::Drop { name, kind: DroppedKind::View | DroppedKind::Table } => write!(f, "drop of {name}"),
            Self::Drop { name, kind } => write!(f, "drop of {} {name}", kind.sql().to_lowercase()),
        }
    }
}

/// A file of statements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
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
    /// origin of its statements
    pub origin: Origin,
    /// fingerprint of the directory that the process was started with
    pub directory: String,
    /// the statements
    pub files: Vec<StoredFile>,
}

#[derive(Serialize, Deserialize)]
struct Current {
    format: u64,
    /// those that were in force, oldest first; the last one is
    in_force: Vec<u64>,
    /// life of each generation; the first format has none
    #[serde(default)]
    lives: BTreeMap<u64, Life>,
}

impl Generation {
    /// The statements, for planning.
    pub fn source_files(&self) -> Vec<SourceFile> {
        let file = |file: &StoredFile| SourceFile { path: file.path.as_str().into(), text: file.text.as_str().into() };
        self.files.iter().map(file).collect()
    }
}

/// Reason why there is nothing to go back to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGeneration {
    /// no generation has this number any more, or ever had
    #[error("there is no {wanted} to go back to; those that were in force are {known}: see 'tidewater status'")]
    Unknown {
        /// the number asked for
        wanted: String,
        /// those that were in force
        known: String,
    },
    /// readers never saw it
    #[error(
        "generation {generation} never was in force: it is {state}{}, so there is nothing to go back to; go back to one of {known}, or \
         deploy its statements",
        reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"))
    )]
    NeverInForce {
        /// its number
        generation: u64,
        /// its state instead
        state: GenerationState,
        /// the reason of its end
        reason: Option<String>,
        /// those that were in force
        known: String,
    },
}

/// The generations of a data directory.
pub struct Store {
    disk: Storage,
    generations: BTreeMap<u64, Generation>,
    /// those that were in force, oldest first; the last one is
    in_force: Vec<u64>,
    lives: BTreeMap<u64, Life>,
}

impl Store {
    /// Opens the store of a data directory.
    pub fn open(disk: Storage) -> Result<Self, DiskError> {
        disk.create_directory(FOLDER)?;
        disk.sync_directory("")?;
        let mut store = Self { disk, generations: BTreeMap::new(), in_force: Vec::new(), lives: BTreeMap::new() };
        for name in store.disk.list(FOLDER)?.iter().filter(|name| name.ends_with(SUFFIX)) {
            let generation: Generation = store.read(&format!("{FOLDER}/{name}"), FORMAT..=FORMAT)?;
            store.generations.insert(generation.generation, generation);
        }
        match store.read::<Current>(CURRENT, CURRENT_FORMATS) {
            Ok(current) => store.remember(current),
            Err(error) if error.cause == DiskCause::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(store)
    }

    /// Takes what `current` says; what it does not say of a generation follows from how far a process got with it.
    fn remember(&mut self, current: Current) {
        let Current { format, in_force, mut lives } = current;
        let otherwise = if format == 1 { GenerationState::Unrecorded } else { GenerationState::Interrupted };
        for generation in self.generations.keys() {
            let known = match (in_force.contains(generation), in_force.last() == Some(generation)) {
                (_, true) => GenerationState::InForce,
                (true, false) => GenerationState::Replaced,
                (false, _) => otherwise,
            };
            lives.entry(*generation).or_insert_with(|| Life::of_state(known));
        }
        for life in lives.values_mut().filter(|life| life.state == GenerationState::Deploying) {
            life.state = GenerationState::Interrupted;
            life.reason = Some("the process ended before it took over".to_owned());
        }
        (self.in_force, self.lives) = (in_force, lives);
    }

    /// The generation in force, unless nothing was ever started here.
    pub fn in_force(&self) -> Option<&Generation> {
        self.in_force.last().and_then(|current| self.generations.get(current))
    }

    /// The generation in force, of a process that has chosen one.
    pub fn current(&self) -> &Generation {
        self.in_force().unwrap_or_else(|| panic!("a topology runs that is not a generation"))
    }

    /// All that are kept, oldest first.
    pub fn list(&self) -> impl Iterator<Item = &Generation> {
        self.generations.values()
    }

    /// Returns the life of a generation.
    pub fn life(&self, generation: u64) -> Life {
        self.lives.get(&generation).cloned().unwrap_or_else(|| Life::of_state(GenerationState::Unrecorded))
    }

    /// A generation that was in force, by its number.
    pub fn load(&self, generation: u64) -> Result<&Generation, NoGeneration> {
        let found = self.generations.get(&generation).ok_or_else(|| self.unknown(format!("generation {generation}")))?;
        let Life { state, reason, .. } = self.life(generation);
        if state.was_in_force() {
            return Ok(found);
        }
        Err(NoGeneration::NeverInForce { generation, state, reason, known: self.known() })
    }

    /// The last one that was in force before the one that is, and has other statements.
    pub fn before(&self) -> Result<u64, NoGeneration> {
        let files = &self.current().files;
        let mut earlier = self.in_force.iter().rev().filter_map(|number| self.generations.get(number));
        let found = earlier.find(|earlier| earlier.files != *files && self.life(earlier.generation).state.was_in_force());
        found.map(|earlier| earlier.generation).ok_or_else(|| self.unknown("earlier generation".to_owned()))
    }

    fn unknown(&self, wanted: String) -> NoGeneration {
        NoGeneration::Unknown { wanted, known: self.known() }
    }

    fn known(&self) -> String {
        let known = self.generations.keys().filter(|number| self.life(**number).state.was_in_force());
        known.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Puts what a directory holds in force.
    pub fn start(
        &mut self,
        files: &[SourceFile],
        directory: String,
        stamp: Stamp,
        accept_missing_history: bool,
    ) -> Result<(), DiskError> {
        let at_micros = stamp.at_micros;
        let generation = self.write(Origin::Start, files, directory)?;
        self.lives.insert(generation, Life::begun(GenerationState::Deploying, stamp, accept_missing_history));
        self.put_in_force(generation, at_micros)
    }

    /// Keeps statements that are to be deployed, durably; the number they got.
    pub fn add(
        &mut self,
        origin: Origin,
        files: &[SourceFile],
        stamp: Stamp,
        accept_missing_history: bool,
    ) -> Result<u64, DiskError> {
        let directory = self.current().directory.clone();
        let generation = self.write(origin, files, directory)?;
        let mut lives = self.lives.clone();
        lives.insert(generation, Life::begun(GenerationState::Deploying, stamp, accept_missing_history));
        self.replace_current(self.in_force.clone(), lives)?;
        Ok(generation)
    }

    fn write(&mut self, origin: Origin, files: &[SourceFile], directory: String) -> Result<u64, DiskError> {
        let number = self.generations.keys().next_back().map_or(1, |last| last + 1);
        let files = files.iter().map(|file| StoredFile { path: file.path.to_string(), text: file.text.to_string() });
        let generation = Generation { format: FORMAT, generation: number, origin, directory, files: files.collect() };
        self.replace(&path_of(number), &generation)?;
        self.generations.insert(number, generation);
        self.forget()?;
        Ok(number)
    }

    /// Records durably which generation is in force from now on.
    pub fn put_in_force(&mut self, generation: u64, at_micros: i64) -> Result<(), DiskError> {
        let (mut in_force, mut lives) = (self.in_force.clone(), self.lives.clone());
        if let Some(before) = in_force.last().filter(|before| **before != generation).and_then(|before| lives.get_mut(before)) {
            before.end(GenerationState::Replaced, format!("generation {generation} took over"), at_micros);
        }
        in_force.retain(|earlier| *earlier != generation);
        in_force.push(generation);
        let life = lives.entry(generation).or_insert_with(|| Life::of_state(GenerationState::InForce));
        (life.state, life.ended_micros, life.reason) = (GenerationState::InForce, None, None);
        self.replace_current(in_force, lives)
    }

    /// A generation that was deployed ended before readers saw it, durably; the one before is in force.
    pub fn end(&mut self, generation: u64, state: GenerationState, reason: String, at_micros: i64) -> Result<(), DiskError> {
        let (mut in_force, mut lives) = (self.in_force.clone(), self.lives.clone());
        in_force.retain(|earlier| *earlier != generation);
        if let Some(life) = lives.get_mut(&generation) {
            life.end(state, reason, at_micros);
        }
        if let Some(life) = in_force.last().and_then(|before| lives.get_mut(before)) {
            (life.state, life.ended_micros, life.reason) = (GenerationState::InForce, None, None);
        }
        self.replace_current(in_force, lives)
    }

    fn replace_current(&mut self, mut in_force: Vec<u64>, mut lives: BTreeMap<u64, Life>) -> Result<(), DiskError> {
        in_force.retain(|earlier| self.generations.contains_key(earlier));
        lives.retain(|generation, _| self.generations.contains_key(generation));
        let current = Current { format: CURRENT_FORMAT, in_force, lives };
        self.replace(CURRENT, &current)?;
        (self.in_force, self.lives) = (current.in_force, current.lives);
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
        let bytes = serde_json::to_vec(content).map_err(|error| bad(DiskAction::Write, path, error.to_string()))?;
        replace(&self.disk, FOLDER, TEMPORARY, path, &bytes)
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, path: &str, formats: RangeInclusive<u64>) -> Result<T, DiskError> {
        #[derive(Deserialize)]
        struct FormatOnly {
            format: u64,
        }
        let length = usize::try_from(self.disk.length(path)?).unwrap_or(usize::MAX);
        let bytes = self.disk.read(path, 0, length)?;
        let damaged =
            |error: serde_json::Error| bad(DiskAction::Read, path, format!("it is damaged: {error}; restore it from a backup"));
        let FormatOnly { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if !formats.contains(&format) {
            let known = formats.end();
            let detail = format!("it has format {format}, and this version knows {known}: use the version that wrote it");
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

/// Returns the fingerprint of a directory's content, whatever its path is.
pub fn directory_fingerprint(files: &[SourceFile]) -> String {
    let name = |path: &str| path.rsplit_once('/').map_or(path, |(_, name)| name).to_owned();
    let contents: Vec<(String, &str)> = files.iter().map(|file| (name(&file.path), file.text.as_ref())).collect();
    Fingerprint::of(&format!("{contents:?}")).to_string()
}

/// A file that drops something, behind the others.
pub fn drop_statement(current: &Generation, name: &str, kind: DroppedKind) -> SourceFile {
    let number = current.files.len();
    let quoted = name.replace('"', "\"\"");
    let kind = kind.sql();
    SourceFile { path: format!("drop-{number}.sql").into(), text: format!("DROP {kind} \"{quoted}\";\n").into() }
}

#[cfg(test)]
mod tests;
