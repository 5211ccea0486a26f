//! Lineage: the events of the log that joined into a row of a view, found when somebody asks.
//!
//! Owns [`LineageQuery`]. Rows that a view shows at a position enter; for each the places of the events that made it leave, with the events
//! themselves. Nothing is kept for that while views are computed: the log is read once more, up to the position, and the plan is evaluated
//! by the table of operators ([`crate::nodes`]). What is found is compared with what the view shows: an answer that can't be whole says why.

use std::collections::BTreeSet;
use std::sync::Arc;

use schemas::event::{Encoding, ParsedEvent};
use schemas::position::Topic;
use schemas::row::Row;
use sources::log::LogReader;

pub use crate::provenance::error::{LineageError, Unfinished};
pub use crate::provenance::limits::{DURATION_MAX, LineageLimits, RECORDS_MAX, ROWS_MAX};
pub use crate::provenance::origins::{ORIGINS_MAX, Origin, Origins};
pub use crate::provenance::question::{Answer, Consumed, NamedEvent, Question, RowAnswer};

use crate::deploy::handle::DeploymentHandle;
use crate::epoch_clock::Clock;
use crate::nodes::NODES;
use crate::provenance::demand::Demand;
use crate::provenance::interpreter::Interpreter;
use crate::provenance::scan::Scans;
use crate::render::columns::columns_read;
use crate::state::quarantine::Quarantine;
use crate::storage::Storage;
use language::plan::graph::{NodeId, Operator, SourceScan, TableScan};
use language::topology::{Source, Topology};

/// Answers questions about a running topology; clones share it.
#[derive(Clone)]
pub struct LineageQuery {
    deployment_handle: Arc<DeploymentHandle>,
    log: Arc<dyn LogReader>,
    storage: Storage,
}

impl LineageQuery {
    /// Answers questions about the topology that `deployment_handle` has in force.
    pub fn new(deployment_handle: Arc<DeploymentHandle>, log: Arc<dyn LogReader>, storage: Storage) -> Self {
        Self { deployment_handle, log, storage }
    }

    /// Answers a question. Reads the log and computes: call it from a thread that may.
    pub fn explain(&self, question: &Question, limits: LineageLimits) -> Result<Answer, LineageError> {
        let quarantine = Quarantine::open(Arc::clone(&self.storage))?;
        let clock = self.deployment_handle.clock();
        explain(&self.deployment_handle.topology(), (self.log.as_ref(), &quarantine), (question, clock), limits)
    }
}

/// Finds the events that made rows of a view.
fn explain(
    topology: &Topology,
    (log, quarantine): (&dyn LogReader, &Quarantine),
    (question, clock): (&Question, Clock),
    limits: LineageLimits,
) -> Result<Answer, LineageError> {
    let served = topology.served.iter().find(|served| served.view.name == question.view.name);
    let served = served.filter(|served| served.view.columns == question.view.columns);
    let node = served.ok_or_else(|| LineageError::Replaced { view: question.view.name.clone() })?.node;
    let decoded = decoded_columns(topology, node);
    let scans = Scans::new(topology, (log, quarantine), (&question.consumed, clock), decoded, limits);
    let mut interpreter = Interpreter::new(topology, scans, question.wall_micros, NODES);
    let columns: Vec<usize> = (0..question.view.columns.len()).collect();
    let demand = Demand::default().with(&columns, question.rows.iter().cloned().collect());
    let (found, unfinished) = match interpreter.rows(node, &demand) {
        Ok(found) => (found, None),
        Err(LineageError::Unfinished(limit)) => (std::rc::Rc::default(), Some(limit)),
        Err(error) => return Err(error),
    };
    let answer = |row: &Row| {
        let derived: Vec<_> = found.iter().filter(|derived| derived.row == *row).map(|derived| &derived.origins).collect();
        let origins = Origins::union(derived.iter().copied());
        let named = origins.places().iter().take(question.events_max.min(ORIGINS_MAX));
        Ok(RowAnswer {
            is_found: !derived.is_empty(),
            is_cut: origins.is_cut() || origins.places().len() > question.events_max,
            events: named.map(|origin| name(topology, log, *origin)).collect::<Result<_, LineageError>>()?,
        })
    };
    let rows = question.rows.iter().map(answer).collect::<Result<_, LineageError>>()?;
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
        Operator::Table(TableScan { table: number }) => Some(number),
        _ => None,
    };
    let tables: BTreeSet<usize> = nodes.iter().filter_map(table).collect();
    let of_source = |(number, source): (usize, &Source)| match topology.graph.nodes[node].operator {
        Operator::Source(SourceScan { source: own, .. }) if own == number => (0..source.schema.columns().len()).collect(),
        _ => columns_read(topology, number, &nodes, &tables),
    };
    topology.sources.iter().enumerate().map(of_source).collect()
}

/// Reads an event that was found before.
fn name(topology: &Topology, log: &dyn LogReader, origin: Origin) -> Result<NamedEvent, LineageError> {
    let source = &topology.sources[origin.source];
    let Origin { partition, offset, .. } = origin;
    let topic = Topic::new(source.schema.topic());
    // Offsets have gaps: a read gives the next record when there is none at this one, and that is another event.
    let record = log.read(&topic, partition, offset, 1, 1)?.records.into_iter().find(|record| record.offset == offset);
    let gone = || LineageError::Plan { detail: format!("the event at {topic} {partition} {offset} is gone meanwhile") };
    let record = record.ok_or_else(gone)?;
    let event = ParsedEvent::read(&source.schema, source.encoding, record.raw()).map_err(|_| gone())?;
    Ok(NamedEvent {
        partition,
        offset,
        event_id: event.event_id().map(|id| id.to_string()),
        event_type: event.event_type().map(str::to_owned),
        occurred_at: event.occurred_at(),
        json: String::from_utf8_lossy(&event.encode(Encoding::Json)).into_owned(),
        topic,
    })
}

#[cfg(test)]
mod tests {
    use language::load::{build, inline_beside};
    use schemas::event::parse_line;
    use schemas::position::Offset;
    use sources::log::LogAppender;
    use sources::memory::MemoryLog;
    use sources::record::Record;

    use super::*;

    const SOURCE: &str = "\
CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent', schema.location = 'user.proto');
CREATE MATERIALIZED VIEW counts AS SELECT event_type, count(*) AS events FROM user_events GROUP BY event_type;
";
    const EVENT: &str = r#"{"topic":"social.user","event":{"event_id":"018cc251-f402-7000-8000-000000000001","event_type":"user.followed","schema_version":1,"aggregate_id":"1","occurred_at":"2024-01-01T00:00:00Z","actor_id":"1","payload":{"follower_id":"1","followee_id":"2"}}}"#;
    const WALL_MICROS: i64 = 1_704_067_200_000_000;

    #[test]
    fn the_event_behind_a_gap_is_not_named_for_the_gap() {
        let files = inline_beside("test.sql", SOURCE, &testkit::social::proto_files());
        let topology = build(&files).unwrap_or_else(|refused| panic!("{refused:?}"));
        let (log, topic) = (MemoryLog::with_gaps(), Topic::new("social.user"));
        log.create_topic(&topic, topology.sources[0].partitions).unwrap();
        let incoming = parse_line(&topology.topics(), EVENT.as_bytes(), WALL_MICROS)
            .unwrap_or_else(|refusal| panic!("{}", refusal.fault))
            .unwrap();
        let value = incoming.event.encode(topology.sources[0].encoding);
        let record = Record { key: incoming.key, value, timestamp: WALL_MICROS };
        let (partition, offset) = log.append(&topic, vec![record]).unwrap()[0];
        assert!(offset > Offset(0), "the log begins with a gap");
        let named = name(&topology, &log, Origin { source: 0, partition, offset }).unwrap();
        assert_eq!((named.partition, named.offset, named.event_type.as_deref()), (partition, offset, Some("user.followed")));
        let gap = name(&topology, &log, Origin { source: 0, partition, offset: Offset(0) });
        assert!(matches!(&gap, Err(LineageError::Plan { detail }) if detail.ends_with("is gone meanwhile")), "{gap:?}");
    }
}
