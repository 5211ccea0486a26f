//! A topology: everything that a folder of statements declares, planned and ready to be rendered.
//!
//! Owns [`Topology`] and the order in which statements take effect. Statements enter; sources, tables, the graph of nodes and the
//! views to serve leave, or every error that was found, each with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use datafusion_common::DataFusionError;
use datafusion_sql::sqlparser::tokenizer::Span;
use schemas::catalogue::TopicSchema;
use schemas::event::Encoding;
use schemas::serving::{Column, SearchIndex, View};
use schemas::source_connector::{ConnectorSpec, SOURCE_LOG};

use crate::builder::Builder;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::parse::{Statement, StatementKind, parse};
use crate::plan::graph::{Graph, NodeColumn, NodeId, Operator};
use crate::plan::merge::Merge;
use crate::plan::patience::Patience;
use schemas::sink::SinkDefinition;

/// Most bytes of one `.sql` file.
pub const SQL_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A stream of events that the topology reads.
#[derive(Clone, Debug)]
pub struct Source {
    /// its name in SQL
    pub name: String,
    /// connector of the log that it reads
    pub connector: &'static ConnectorSpec,
    /// the topic, its events and columns
    pub schema: &'static TopicSchema,
    /// encoding of its records
    pub encoding: Encoding,
    /// number of partitions that the topic is created with
    pub partitions: u32,
    /// time for which an event id is remembered, in microseconds of event time
    pub deduplication_micros: i64,
}

/// A table: what a stream folds into.
#[derive(Clone, Debug)]
pub struct Table {
    /// its name
    pub name: String,
    /// its columns
    pub columns: Vec<NodeColumn>,
    /// columns that may not be NULL
    pub not_null: Vec<bool>,
    /// numbers of the columns of its key
    pub primary_key: Vec<usize>,
    /// its fold; a table without one is empty
    pub merge: Option<Merge>,
}

/// A relation that can be read, and the node that produces it.
#[derive(Clone, Debug)]
pub struct Served {
    /// the served view
    pub view: View,
    /// its rows
    pub node: NodeId,
}

/// Kind of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// made by CREATE SOURCE
    Source,
    /// made by CREATE TABLE
    Table,
    /// made by CREATE VIEW: not kept
    View,
    /// made by CREATE MATERIALIZED VIEW
    MaterializedView,
}

/// A relation as its statement declares it, however it is computed.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// its kind
    pub kind: RelationKind,
    /// its columns
    pub columns: Vec<Column>,
    /// the relations that its statement names
    pub reads: BTreeSet<String>,
}

/// Everything that is deployed together.
#[derive(Debug, Default)]
pub struct Topology {
    /// the streams
    pub sources: Vec<Source>,
    /// the tables
    pub tables: Vec<Table>,
    /// nodes that compute the views
    pub graph: Graph,
    /// the views that are kept and served
    pub served: Vec<Served>,
    /// sinks of the served views' changes
    pub sinks: Vec<SinkDefinition>,
    /// the full-text indexes of what is served
    pub searches: Vec<SearchIndex>,
    /// every relation by name, for `explain`
    pub relations: BTreeMap<String, NodeId>,
    /// every relation by name, as declared
    pub declarations: BTreeMap<String, Declaration>,
}

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

/// A planning error at its place in the statement.
pub fn place(statement: &Statement, error: &DataFusionError) -> Box<Diagnostic> {
    let found = error.diagnostic();
    let span = found.and_then(|diagnostic| diagnostic.span).map(|span| {
        let location =
            |at: datafusion_common::Location| datafusion_sql::sqlparser::tokenizer::Location { line: at.line, column: at.column };
        Span::new(location(span.start), location(span.end))
    });
    let (message, help) = crate::plan::wording::message(error);
    let diagnostic = Diagnostic::new(statement.locate(span.unwrap_or(Span::empty())), message);
    Box::new(match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    })
}

impl Topology {
    /// Name of the connector of the log that the sources read, and derived topics are written to: they share one.
    pub fn log_connector(&self) -> &'static str {
        self.sources.first().map_or(SOURCE_LOG.name, |source| source.connector.name)
    }

    /// The source that reads a topic.
    pub fn source_of_topic(&self, topic: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.schema.topic == topic)
    }

    /// The nodes that something served needs, in order. A source is read by the maps above it, straight from the decoded events.
    pub fn used_nodes(&self) -> BTreeSet<NodeId> {
        let mut used = BTreeSet::new();
        let mut open: Vec<NodeId> = self.served.iter().map(|served| served.node).collect();
        while let Some(node) = open.pop() {
            if used.insert(node) {
                open.extend(self.graph.nodes[node].operator.inputs());
            }
        }
        let is_served = |node: NodeId| self.served.iter().any(|served| served.node == node);
        used.retain(|&node| !matches!(self.graph.nodes[node].operator, Operator::Source(_)) || is_served(node));
        used
    }

    /// The sources that a node reads, tables not counted.
    pub fn sources_of(&self, node: NodeId) -> BTreeSet<usize> {
        let mut sources = BTreeSet::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            match &self.graph.nodes[node].operator {
                Operator::Source(source) => drop(sources.insert(*source)),
                operator => open.extend(operator.inputs()),
            }
        }
        sources
    }

    /// For each node the served view that first needs it, to name it in errors; empty for a node that none needs.
    pub fn owners(&self) -> Vec<String> {
        let mut owners = vec![String::new(); self.graph.nodes.len()];
        for served in &self.served {
            let mut open = vec![served.node];
            while let Some(node) = open.pop() {
                if owners[node].is_empty() {
                    owners[node].clone_from(&served.view.name);
                    open.extend(self.graph.nodes[node].operator.inputs());
                }
            }
        }
        owners
    }

    /// The definitions of all served views.
    pub fn views(&self) -> Vec<View> {
        self.served.iter().map(|served| served.view.clone()).collect()
    }
}

/// Files given as text, for tests and tools.
pub fn inline(path: &str, text: &str) -> SourceFile {
    SourceFile { path: Arc::from(path), text: Arc::from(text) }
}
