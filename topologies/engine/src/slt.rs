//! Tests of a topology: events in, rows expected, in sqllogictest's format.
//!
//! Owns the running of the `.slt` files beside a topology's `.sql` files. A `statement` holds events as JSON lines, as `ingest` takes
//! them; a `query` is any SELECT that a view could have, and is planned as one before the first event. The wall clock is the latest
//! event's. No server is needed and nothing is written.

mod difference;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use epochs::disk::simulated::SimulatedDisk;
use schemas::event::parse_line;
use schemas::position::Topic;
use schemas::topic::TopicSet;
use sinks::views::Views;
use sources::log::{Log, LogReader};
use sources::memory::MemoryLog;
use sources::record::Record;
use sqllogictest::{
    Control, DB, DBOutput, DefaultColumnType, QueryExpect, Record as Step, Runner, SortMode, TestError, TestErrorKind,
};

use crate::rows::rows_as_text;
use crate::run::{Clock, Options, Running, start};
use crate::start_error::StartError;
use language::diagnostic::{Diagnostic, SourceFile};
use language::load::{LoadError, build, read_folder};
use language::topology::Topology;

/// Part of an expected result that stands for anything: such a result is no list of rows.
const IGNORE_MARK: &str = "<slt:ignore>";
/// Longest wait of a query for the events before it.
pub const CATCH_UP_MAX: Duration = Duration::from_secs(30);
/// The clock against which events of a test are too far in the future: the year 2100.
const TEST_NOW_MICROS: i64 = 4_102_444_800_000_000;

/// Result of one file.
#[derive(Debug)]
pub struct Report {
    /// the file
    pub path: PathBuf,
    /// number of its queries
    pub queries: usize,
    /// the failure, with the line
    pub failure: Option<SltFailure>,
    /// its duration
    pub took: Duration,
}

/// Reason why a file fails.
#[derive(Debug, thiserror::Error)]
pub enum SltFailure {
    /// the file can't be read
    #[error("{path}: {error}")]
    Unreadable {
        /// the file
        path: String,
        /// the system's error
        error: std::io::Error,
    },
    /// the file is not in sqllogictest's format
    #[error("{0}")]
    Format(sqllogictest::ParseError),
    /// a step that a test of a topology may not have
    #[error("{path}: 'system' and 'include' are not allowed in the test of a topology")]
    Forbidden {
        /// the file
        path: String,
    },
    /// a query can't be planned
    #[error("{}", .diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Unplanned {
        /// the refusals
        diagnostics: Vec<Diagnostic>,
    },
    /// the topology can't be started
    #[error(transparent)]
    Start(#[from] StartError),
    /// a step has another result than expected, or failed
    #[error("{0}")]
    Step(String),
}

/// Reason why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum SltError {
    /// an event was refused
    #[error("line {line} of the statement was rejected: {detail}")]
    Rejected {
        /// from 1
        line: usize,
        /// the reason
        detail: String,
    },
    /// the log refused
    #[error("the event could not be appended: {detail}")]
    Log {
        /// its message
        detail: String,
    },
    /// the query was not planned
    #[error("the query was not planned: {sql}")]
    Unplanned {
        /// its text
        sql: String,
    },
    /// the events took too long
    #[error("the events before this query were not processed within {CATCH_UP_MAX:?}")]
    TooSlow,
}

/// Runs every `.slt` file of a folder, in the order of their names.
pub fn run(folder: &Path) -> Result<Vec<Report>, LoadError> {
    let files = read_folder(folder)?;
    let mut tests: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|error| LoadError::Unreadable { path: folder.display().to_string(), error })?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    tests.sort();
    build(&files).map_err(|diagnostics| LoadError::Invalid { diagnostics })?;
    Ok(tests.into_iter().map(|path| run_file(&files, path)).collect())
}

fn run_file(files: &[SourceFile], path: PathBuf) -> Report {
    let started = Instant::now();
    let outcome = steps(&path).and_then(|steps| run_steps(files, &path, steps));
    let (queries, failure) = match outcome {
        Ok(queries) => (queries, None),
        Err(failure) => (0, Some(failure)),
    };
    Report { path, queries, failure, took: started.elapsed() }
}

type Steps = Vec<Step<DefaultColumnType>>;

fn steps(path: &Path) -> Result<Steps, SltFailure> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| SltFailure::Unreadable { path: name(), error })?;
    let steps = sqllogictest::parse_with_name(&text, name()).map_err(SltFailure::Format)?;
    match steps.iter().find(|step| matches!(step, Step::System { .. } | Step::Include { .. })) {
        Some(_) => Err(SltFailure::Forbidden { path: name() }),
        None => Ok(steps),
    }
}

fn run_steps(files: &[SourceFile], path: &Path, steps: Steps) -> Result<usize, SltFailure> {
    let mut queries = BTreeMap::new();
    for step in &steps {
        if let Step::Query { sql, .. } = step {
            let name = format!("query {}", queries.len() + 1);
            queries.entry(sql.clone()).or_insert(name);
        }
    }
    let text: String = queries.iter().map(|(sql, name)| format!("CREATE MATERIALIZED VIEW \"{name}\" AS\n{sql};\n")).collect();
    let mut files = files.to_vec();
    files.push(SourceFile { path: path.display().to_string().into(), text: text.into() });
    let mut topology = build(&files).map_err(|diagnostics| SltFailure::Unplanned { diagnostics })?;
    // Only what the file asks for is computed.
    topology.served.retain(|served| queries.values().any(|name| *name == served.view.name));
    let database = Database::start(topology, queries.clone())?;
    let mut database = Some(database);
    let mut runner = Runner::new(move || {
        let database = database.take().ok_or(SltError::TooSlow);
        async move { database }
    });
    let mut sorting = SortMode::NoSort;
    for step in steps {
        if let Step::Control(Control::SortMode(mode)) = &step {
            sorting = *mode;
        }
        let mode = match &step {
            Step::Query { expected: QueryExpect::Results { sort_mode: Some(mode), .. }, .. } => *mode,
            _ => sorting,
        };
        runner.run(step).map_err(|error| SltFailure::Step(step_text(&error, mode != SortMode::NoSort)))?;
    }
    Ok(queries.len())
}

/// Describes the failure of a step; of rows, those that differ.
fn step_text(error: &TestError, is_sorted: bool) -> String {
    match error.kind() {
        TestErrorKind::QueryResultMismatch { sql, expected, actual } if !expected.contains(IGNORE_MARK) => {
            format!("{sql}\n{}\nat {}\n", difference::describe(&expected, &actual, is_sorted), error.location())
        }
        _ => error.display(false).to_string(),
    }
}

/// A running topology as sqllogictest sees it.
struct Database {
    topology: Arc<Topology>,
    /// those that the sources read
    topics: TopicSet,
    log: Arc<dyn Log>,
    running: Running,
    queries: BTreeMap<String, String>,
}

impl Database {
    fn start(topology: Topology, queries: BTreeMap<String, String>) -> Result<Self, StartError> {
        let topology = Arc::new(topology);
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new());
        let options = Options { clock: Clock::Event, epoch_interval: Duration::ZERO, ..Options::default() };
        let running = start(Arc::clone(&topology), Arc::clone(&log), Arc::new(SimulatedDisk::new(0)), options)?;
        let topics = topology.topics();
        Ok(Self { topology, topics, log, running, queries })
    }

    fn ingest(&self, lines: &str) -> Result<u64, SltError> {
        let mut count = 0;
        for (number, line) in lines.lines().enumerate() {
            let rejected = |detail: String| SltError::Rejected { line: number + 1, detail };
            let incoming = parse_line(&self.topics, line.as_bytes(), TEST_NOW_MICROS);
            let Some(incoming) = incoming.map_err(|refusal| rejected(refusal.fault.to_string()))? else { continue };
            let topic = incoming.topic.as_str();
            let source = self.topology.source_of_topic(topic);
            let source = source.unwrap_or_else(|| panic!("no source reads topic '{topic}', whose events are taken"));
            let value = incoming.event.encode(source.encoding);
            let record = Record { key: incoming.key, value, timestamp: TEST_NOW_MICROS };
            let appended = self.log.append(&Topic::new(topic), vec![record]);
            appended.map_err(|error| SltError::Log { detail: error.to_string() })?;
            count += 1;
        }
        Ok(count)
    }

    fn catch_up(&self) -> Result<(), SltError> {
        let deadline = Instant::now() + CATCH_UP_MAX;
        while !all_visible(&self.topology, self.log.as_ref(), &self.running.views) {
            if Instant::now() > deadline {
                return Err(SltError::TooSlow);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }
}

/// Returns true if everything that was appended to the topics of a topology is visible.
pub fn all_visible(topology: &Topology, log: &dyn LogReader, views: &Views) -> bool {
    use schemas::position::{LogPosition, Offset, Partition, Token};
    let mut records = Vec::new();
    for source in &topology.sources {
        let topic = Topic::new(source.schema.topic());
        for partition in (0..source.partitions).map(Partition) {
            if let Ok(Some(last)) = log.last_before(&topic, partition, Offset(u64::MAX)) {
                records.push(LogPosition { topic: topic.clone(), partition, offset: last.offset });
            }
        }
    }
    views.reached(&Token::Records(records)).unwrap_or(false)
}

impl DB for Database {
    type Error = SltError;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, SltError> {
        if let Some(view) = self.queries.get(sql) {
            self.catch_up()?;
            let rows = rows_as_text(&self.running.views, view);
            let width = self.running.views.view(view).map_or(0, |served| served.view.columns.len());
            return Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; width], rows });
        }
        if sql.trim_start().starts_with('{') {
            return Ok(DBOutput::StatementComplete(self.ingest(sql)?));
        }
        Err(SltError::Unplanned { sql: sql.to_owned() })
    }
}
