//! Provenance: the events of the log that joined into a row of a view, found when somebody asks.
//!
//! Owns [`explain`]. Rows that a view shows at a position enter; for each the places of the events that made it leave, with the events
//! themselves. Nothing is kept for that while views are computed: the log is read once more, up to the position, and the plan is evaluated
//! for the rows that are asked about alone ([`interpreter`]), by the same code that computes the views ([`local`], [`fold`]). What is found
//! is compared with what the view shows: an answer that can't be whole says why.

mod demand;
mod fold;
mod interpreter;
mod local;
mod origins;
mod scan;
mod stateful;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use datafusion_common::DataFusionError;
use epochs::disk::DiskError;
use schemas::event::{Encoding, ParsedEvent};
use schemas::position::{Offset, Partition, Topic};
use schemas::row::Row;
use schemas::serving::View;
use sources::error::LogError;
use sources::log::Log;

use self::demand::Demand;
use self::interpreter::Interpreter;
pub use self::origins::{ORIGINS_MAX, Origin, Origins};
pub use self::scan::Consumed;
use self::scan::Scans;
use crate::run::quarantine::Quarantine;
use crate::run::{DeploymentHandle, Storage};
use language::plan::graph::{NodeId, Operator};
use language::topology::{Source, Topology};

/// Most records that are read for one question; a source that is read again counts again.
pub const RECORDS_MAX: u64 = 20_000_000;
/// Most rows that are held for one question, those in between included.
pub const ROWS_MAX: usize = 500_000;
/// Most time for a question: less than for a request.
pub const DURATION_MAX: Duration = Duration::from_secs(50);

/// Rows of a view that are asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// the view, as it is served
    pub view: View,
    /// the rows, their fields in the order of the view's columns
    pub rows: Vec<Row>,
    /// up to where the view has read the log
    pub consumed: Consumed,
    /// the wall clock of the view, microseconds since 1970
    pub wall_micros: i64,
    /// most events that are named for a row, at most [`ORIGINS_MAX`]
    pub events_max: usize,
}

/// Answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// one for each row of the question, in its order
    pub rows: Vec<RowAnswer>,
    /// records of the log that were read
    pub records: u64,
    /// partitions that have lost their beginning, and where they begin now: what came before can't be named
    pub gaps: BTreeMap<(Topic, Partition), Offset>,
    /// reason why the search was not finished
    pub unfinished: Option<Unfinished>,
}

/// Answer for one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowAnswer {
    /// true if these events give the row as the view shows it
    pub is_found: bool,
    /// the events, by topic, partition and offset
    pub events: Vec<NamedEvent>,
    /// true if there are more
    pub is_cut: bool,
}

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedEvent {
    /// its topic
    pub topic: Topic,
    /// its partition
    pub partition: Partition,
    /// its place there
    pub offset: Offset,
    /// its identity
    pub event_id: String,
    /// its type
    pub event_type: String,
    /// event time, microseconds since 1970
    pub occurred_at: i64,
    /// all of it, as JSON
    pub json: String,
}

/// Limits of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// records that are read
    pub records: u64,
    /// rows that are held
    pub rows: usize,
    /// its duration
    pub duration: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { records: RECORDS_MAX, rows: ROWS_MAX, duration: DURATION_MAX }
    }
}

/// Limit that ended a search.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// [`Limits::records`]
    #[error("more than {records_max} records would have to be read")]
    Records {
        /// the limit
        records_max: u64,
    },
    /// [`Limits::rows`]
    #[error("more than {rows_max} rows would have to be held for '{relation}'")]
    Rows {
        /// the view or table
        relation: String,
        /// the limit
        rows_max: usize,
    },
    /// [`Limits::duration`]
    #[error("it takes longer than {} s", duration_max.as_secs())]
    Time {
        /// the limit
        duration_max: Duration,
    },
}

/// Reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// the view is not served, or not as it was when the question was asked
    #[error("the view '{view}' is no longer served as it was: ask again")]
    Replaced {
        /// the view
        view: String,
    },
    /// the log can't be read
    #[error("the event log could not be read: {0}")]
    Log(#[from] LogError),
    /// quarantined records can't be read
    #[error("the quarantined records could not be read: {0}")]
    Disk(#[from] DiskError),
    /// a limit was reached
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// the plan could not be evaluated
    #[error("the plan of the view could not be evaluated: {detail}")]
    Plan {
        /// the refusal
        detail: String,
    },
}

impl From<DataFusionError> for WhyError {
    fn from(error: DataFusionError) -> Self {
        Self::Plan { detail: language::plan::wording::message(&error).0 }
    }
}

/// Answers questions about a running topology; clones share it.
#[derive(Clone)]
pub struct LineageQuery {
    deployment_handle: Arc<DeploymentHandle>,
    log: Arc<dyn Log>,
    storage: Storage,
}

impl LineageQuery {
    /// For what `board` has in force.
    pub fn new(deployment_handle: Arc<DeploymentHandle>, log: Arc<dyn Log>, storage: Storage) -> Self {
        Self { deployment_handle, log, storage }
    }

    /// Answers a question. Reads the log and computes: call it from a thread that may.
    pub fn explain(&self, question: &Question, limits: Limits) -> Result<Answer, WhyError> {
        let quarantine = Quarantine::open(Arc::clone(&self.storage))?;
        explain(&self.deployment_handle.topology(), (self.log.as_ref(), &quarantine), question, limits)
    }
}

/// Finds the events that made rows of a view.
fn explain(
    topology: &Topology,
    (log, quarantine): (&dyn Log, &Quarantine),
    question: &Question,
    limits: Limits,
) -> Result<Answer, WhyError> {
    let served = topology.served.iter().find(|served| served.view.name == question.view.name);
    let served = served.filter(|served| served.view.columns == question.view.columns);
    let node = served.ok_or_else(|| WhyError::Replaced { view: question.view.name.clone() })?.node;
    let decoded = decoded_columns(topology, node);
    let scans = Scans::new(topology, (log, quarantine), &question.consumed, decoded, limits);
    let mut interpreter = Interpreter::new(topology, scans, question.wall_micros);
    let columns: Vec<usize> = (0..question.view.columns.len()).collect();
    let demand = Demand::default().with(&columns, question.rows.iter().cloned().collect());
    let (found, unfinished) = match interpreter.rows(node, &demand) {
        Ok(found) => (found, None),
        Err(WhyError::Unfinished(limit)) => (std::rc::Rc::default(), Some(limit)),
        Err(error) => return Err(error),
    };
    let answer = |row: &Row| {
        let derived: Vec<_> = found.iter().filter(|derived| derived.row == *row).map(|derived| &derived.origins).collect();
        let origins = Origins::union(derived.iter().copied());
        let named = origins.places().iter().take(question.events_max.min(ORIGINS_MAX));
        Ok(RowAnswer {
            is_found: !derived.is_empty(),
            is_cut: origins.is_cut() || origins.places().len() > question.events_max,
            events: named.map(|origin| name(topology, log, *origin)).collect::<Result<_, WhyError>>()?,
        })
    };
    let rows = question.rows.iter().map(answer).collect::<Result<_, WhyError>>()?;
    Ok(Answer { rows, records: interpreter.scans.records, gaps: interpreter.scans.gaps, unfinished })
}

/// The columns of each source that are read on the way to a node.
fn decoded_columns(topology: &Topology, node: NodeId) -> Vec<Vec<usize>> {
    let mut nodes = BTreeSet::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if nodes.insert(node) {
            open.extend(topology.graph.nodes[node].operator.inputs());
        }
    }
    let table = |node: &NodeId| match topology.graph.nodes[*node].operator {
        Operator::Table(number) => Some(number),
        _ => None,
    };
    let tables: BTreeSet<usize> = nodes.iter().filter_map(table).collect();
    let of_source = |(number, source): (usize, &Source)| match topology.graph.nodes[node].operator {
        Operator::Source(own) if own == number => (0..source.schema.columns.len()).collect(),
        _ => crate::render::columns_read(topology, number, &nodes, &tables),
    };
    topology.sources.iter().enumerate().map(of_source).collect()
}

/// Reads an event that was found before.
fn name(topology: &Topology, log: &dyn Log, origin: Origin) -> Result<NamedEvent, WhyError> {
    let source = &topology.sources[origin.source];
    let Origin { partition, offset, .. } = origin;
    let topic = Topic::new(&source.schema.topic);
    let record = log.read(&topic, partition, offset, 1, 1)?.into_iter().next();
    let gone = || WhyError::Plan { detail: format!("the event at {topic} {partition} {offset} is gone meanwhile") };
    let record = record.ok_or_else(gone)?;
    let event = ParsedEvent::read(source.schema, source.encoding, &record.value, record.timestamp).map_err(|_| gone())?;
    Ok(NamedEvent {
        partition,
        offset,
        event_id: event.event_id().to_string(),
        event_type: event.event_type().to_owned(),
        occurred_at: event.occurred_at(),
        json: String::from_utf8_lossy(&event.encode(Encoding::Json)).into_owned(),
        topic,
    })
}
