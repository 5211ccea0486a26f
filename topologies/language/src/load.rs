//! From a folder of statements to a topology.
//!
//! Owns the reading of files and the choice of the errors that are told. Statements enter and take effect in the order of their
//! dependencies; a [`Topology`] leaves, or every error that was found, each with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use schemas::connector::OptionValue;
use schemas::event::Encoding;
use schemas::position::Topic;
use schemas::topic::message::ProtoFile;

use crate::builder::{Builder, Cause, StatementError};
use crate::diagnostic::{Diagnostic, Location, SourceFile};
use crate::order::Order;
use crate::parse::{SourceEvents, Statement, StatementKind, parse};
use crate::plan::limits::patience::Patience;
use crate::stack::on_deep_stack;
use crate::topology::Topology;

/// Most bytes of one `.sql` or `.proto` file.
pub const SQL_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Most `.proto` files beside the statements.
pub const PROTO_FILES_MAX: usize = 256;
/// End of the names of files with messages.
const PROTO_EXTENSION: &str = "proto";

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
    let planned = on_deep_stack(|| plan_files(files, patience));
    planned.unwrap_or_else(|error| Err(vec![without_a_stack(files, &error)]))
}

/// The error of statements for which the system has no thread, at the beginning of the first file.
fn without_a_stack(files: &[SourceFile], error: &std::io::Error) -> Diagnostic {
    let file = files.first().map_or_else(|| Arc::from("topology"), |file| Arc::clone(&file.path));
    Diagnostic::new(beginning(file), format!("the statements can't be planned now: there is no thread for it: {error}"))
        .with_help("try again in a moment, or give the process more threads or memory")
}

fn beginning(file: Arc<str>) -> Location {
    Location { file, line: 1, column: 1, length: 1, line_text: Arc::from("") }
}

/// Topics that some files declare.
#[derive(Debug, Default)]
pub struct DeclaredTopics {
    /// the encodings of those that sources read
    pub encodings: BTreeMap<Topic, Encoding>,
    /// those that sinks write
    pub derived: BTreeSet<Topic>,
}

/// The topics that the sources and sinks of some files declare, those that are dropped again not left out. Files that this version can't read
/// declare none.
///
/// # Errors
/// The system has no thread left to read them on.
pub fn declared_topics(files: &[SourceFile]) -> io::Result<DeclaredTopics> {
    let statement_files: Vec<SourceFile> = files.iter().filter(|file| !is_proto(&file.path)).cloned().collect();
    let declared = || {
        let mut topics = DeclaredTopics::default();
        for statement in parse(&statement_files).iter().flatten() {
            match &statement.kind {
                StatementKind::CreateSource { topic, encoding, .. } => {
                    topics.encodings.insert(Topic::new(topic), (*encoding).into());
                }
                // Changes of rows are JSON.
                StatementKind::CreateTable { topic: Some(of), .. } => {
                    topics.encodings.insert(Topic::new(&of.topic.text), Encoding::Json);
                }
                StatementKind::CreateSink { options, .. } => {
                    let topic = options.iter().find(|given| given.option.name == "topic");
                    if let Some(OptionValue::Text(name)) = topic.map(|given| &given.value) {
                        topics.derived.insert(Topic::new(name));
                    }
                }
                _ => {}
            }
        }
        topics
    };
    on_deep_stack(declared)
}

/// Returns true if a source of some files names a message, and none of the files has messages. An earlier version had messages built in, so
/// its files are such. Files that this version can't read name none.
pub fn lack_messages(files: &[SourceFile]) -> bool {
    let names_message = |statement: &Statement| {
        matches!(&statement.kind, StatementKind::CreateSource { events: SourceEvents::Schema(_), .. })
    };
    let has_messages = files.iter().any(|file| is_proto(&file.path));
    let names = || parse(files).is_ok_and(|statements| statements.iter().any(names_message));
    !has_messages && on_deep_stack(names).is_ok_and(|names| names)
}

/// Plans the statements of some files; the messages of their events may be in others of them.
fn plan_files(files: &[SourceFile], patience: Patience) -> Result<Topology, Vec<Diagnostic>> {
    let (proto_files, statement_files): (Vec<SourceFile>, Vec<SourceFile>) =
        files.iter().cloned().partition(|file| is_proto(&file.path));
    check_proto_files(&proto_files)?;
    let statements = parse(&statement_files)?;
    plan_statements(&statements, Builder::new(patience).with_proto_files(proto_files.iter().map(proto_file).collect()))
}

/// Returns true for the path of a file with messages.
pub fn is_proto(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == PROTO_EXTENSION)
}

/// Refuses more files than are compiled, and two of one name: who imports it could mean either.
fn check_proto_files(files: &[SourceFile]) -> Result<(), Vec<Diagnostic>> {
    let refused = |file: &SourceFile, text: String, help: &str| {
        Err(vec![Diagnostic::new(beginning(Arc::clone(&file.path)), text).with_help(help)])
    };
    if let Some(file) = files.get(PROTO_FILES_MAX) {
        let text = format!("there are {} .proto files, and at most {PROTO_FILES_MAX} are read", files.len());
        return refused(file, text, "leave out those that no source needs, or put several into one");
    }
    let mut paths: BTreeMap<String, &str> = BTreeMap::new();
    for file in files {
        let name = proto_name(&file.path);
        if let Some(other) = paths.get(&name) {
            let text = format!("'{other}' has the name '{name}' too, and files are imported by their names alone");
            return refused(file, text, "give one of them another name, also where it is imported");
        }
        paths.insert(name, &file.path);
    }
    Ok(())
}

/// A file as others import it: by its name alone.
fn proto_file(file: &SourceFile) -> ProtoFile {
    ProtoFile { name: proto_name(&file.path), text: file.text.to_string() }
}

fn proto_name(path: &str) -> String {
    Path::new(path).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn plan_statements(statements: &[Statement], mut builder: Builder) -> Result<Topology, Vec<Diagnostic>> {
    let Order { ready, waiting } = Order::of(statements);
    let mut failures: BTreeMap<usize, StatementError> = BTreeMap::new();
    // What waits in vain is planned last, so that its error knows everything that is there.
    for number in ready.into_iter().chain(waiting) {
        if let Err(error) = builder.add(&statements[number]) {
            failures.insert(number, *error);
        }
    }
    if failures.is_empty() { Ok(builder.finish()) } else { Err(without_consequences(statements, failures)) }
}

/// The errors in the order of their statements, without those that only say that a relation is missing whose own statement failed. Views
/// that need one another are such: they are told where nothing else is.
fn without_consequences(statements: &[Statement], failures: BTreeMap<usize, StatementError>) -> Vec<Diagnostic> {
    let created = |number: &usize| match &statements[*number].kind {
        StatementKind::CreateSource { name, .. }
        | StatementKind::CreateTable { name, .. }
        | StatementKind::CreateView { name, .. } => Some(name.text.as_str()),
        _ => None,
    };
    let failed: BTreeSet<&str> = failures.keys().filter_map(created).collect();
    let is_consequence = |error: &StatementError| match &error.cause {
        Cause::MissingRelation(missing) => failed.contains(missing.relation.as_str()),
        Cause::Refused => false,
    };
    let (consequences, causes): (Vec<_>, Vec<_>) = failures.into_values().partition(is_consequence);
    let told = if causes.is_empty() { consequences } else { causes };
    told.into_iter().map(|error| error.diagnostic).collect()
}

/// The `.sql` files of a folder and the `.proto` files beside them, by name.
pub fn read_folder(folder: &Path) -> Result<Vec<SourceFile>, LoadError> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |error| LoadError::Unreadable { path, error }
    };
    let mut paths = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "sql" || extension == PROTO_EXTENSION) {
            paths.insert(path);
        }
    }
    if paths.iter().all(|path| path.extension().is_some_and(|extension| extension == PROTO_EXTENSION)) {
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

/// A file of statements given as text, with files beside it by their names and texts, for tests and tools.
pub fn inline_beside(path: &str, text: &str, beside: &[(String, String)]) -> Vec<SourceFile> {
    let mut files = vec![inline(path, text)];
    files.extend(beside.iter().map(|(name, text)| inline(name, text)));
    files
}

/// Files given as text, for tests and tools.
pub fn inline(path: &str, text: &str) -> SourceFile {
    SourceFile { path: Arc::from(path), text: Arc::from(text) }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
