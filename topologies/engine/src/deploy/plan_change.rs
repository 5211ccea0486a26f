//! Comparison of a topology with a data directory: changed views, kept state, and what is read once more.
//!
//! Owns [`TopologyChange`]. A topology, the newest checkpoint and the log enter; nothing is written but what every opening of a data directory
//! tidies up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use epochs::checkpoint::error::CheckpointError;
use epochs::checkpoint::{CheckpointHeader, Checkpoints};
use epochs::coordinator::CHECKPOINTS;
use epochs::error::EpochError;
use epochs::lost_history::{LostHistory, lost_history};
use schemas::position::{Partition, Topic};
use sources::log::LogReader;

use super::access_change::{AccessChange, AccessSubject, access_changes};
use super::handle::DeploymentHandle;
use super::max_age_change::{MaxAgeChange, max_age_changes};
use super::view_change::{RetainedStates, ViewChange};
use crate::follow::{identities, name_of};
use crate::state::dead_letters::Meta;
use crate::storage::Storage;
use language::plan::graph::{NodeId, Operator, TableScan};
use language::plan::kept::{Kept, KeptStates, view_fingerprints};
use language::topology::Topology;

/// Records of a backfill that one worker takes in a second, measured with the social topology on one core; for estimates only.
pub const BACKFILL_RECORDS_PER_SECOND: u64 = 150_000;

/// A topic that is read once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicBackfill {
    /// the topic
    pub topic: String,
    /// records that are read
    pub records: u64,
    /// records at its beginning that the log no longer has
    pub gone: u64,
}

/// Changes that starting a topology would make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyChange {
    /// the epoch of the checkpoint that it is compared with; `None` when there is none, so that everything is computed from the log
    pub checkpoint: Option<u64>,
    /// every view, by name
    pub views: BTreeMap<String, ViewChange>,
    /// every sink and full-text index, by the name that the status has for it
    pub sinks: BTreeMap<String, ViewChange>,
    /// readers that change, and those of what is new
    pub access: BTreeMap<AccessSubject, AccessChange>,
    /// views whose pages may be used for another time without asking again
    pub max_ages: BTreeMap<String, MaxAgeChange>,
    /// kept state that goes on
    pub kept: Vec<String>,
    /// state of an earlier topology that is brought up to date, and the epoch that it is of
    pub restored: Vec<(String, u64)>,
    /// state that is computed from the log
    pub computed: Vec<String>,
    /// state that can't be computed in full, because the log no longer has the beginning: it is refused unless the loss is accepted
    pub lost: Vec<LostHistory>,
    /// kept state that nothing reads any more
    pub dropped: Vec<String>,
    /// records that are read for it
    pub backfill: Vec<TopicBackfill>,
}

impl TopologyChange {
    /// Records that are read once more.
    pub fn records(&self) -> u64 {
        self.backfill.iter().map(|topic| topic.records).sum()
    }

    /// About how long reading them takes.
    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.records().div_ceil(BACKFILL_RECORDS_PER_SECOND))
    }
}

/// The topology before, for comparison.
#[derive(Default)]
struct Before {
    checkpoint: Option<u64>,
    /// fingerprints and names
    states: Vec<([u8; 32], String)>,
    views: BTreeMap<String, String>,
    /// identities of sinks by name
    sinks: BTreeMap<String, String>,
    /// states of earlier topologies
    retained: Vec<RetainedStates>,
}

impl Before {
    fn checkpoint(header: &CheckpointHeader) -> Result<Self, CheckpointError> {
        let meta = Meta::read(header)?;
        let states = header.states.iter().map(|(_, fingerprint, name)| (*fingerprint, name.clone()));
        let sinks = meta.sink_tasks.into_iter().map(|identity| (name_of(&identity).to_owned(), identity)).collect();
        let (checkpoint, states) = (Some(header.epoch), states.collect());
        Ok(Self { checkpoint, states, views: meta.views, sinks, retained: Vec::new() })
    }

    fn running(deployment_handle: &DeploymentHandle) -> Self {
        let topology = &deployment_handle.topology();
        let states = KeptStates::of(topology).specs.into_iter().map(|spec| (spec.fingerprint.0, spec.name));
        let views = view_fingerprints(topology).into_iter().map(|(name, identity)| (name, identity.to_string()));
        let (sinks, retained) = (identities(topology), deployment_handle.retained());
        Self { checkpoint: None, states: states.collect(), views: views.collect(), sinks, retained }
    }
}

/// Compares a topology with what a data directory holds. Readers are compared with those of `in_force`, the topology that a process served
/// from there last; without it all of them are new.
pub fn plan_change(
    topology: &Topology,
    in_force: Option<&Topology>,
    log: &dyn LogReader,
    storage: &Storage,
) -> Result<TopologyChange, EpochError> {
    let (_, opened) = Checkpoints::open(Arc::new(Arc::clone(storage)), CHECKPOINTS)?;
    let newest = opened.headers.first().map(Before::checkpoint).transpose()?.unwrap_or_default();
    let before = Before { retained: opened.headers.iter().map(RetainedStates::of).collect(), ..newest };
    let (access, max_ages) = (access_changes(in_force, topology, log)?, max_age_changes(in_force, topology));
    Ok(TopologyChange { access, max_ages, ..compare(topology, &before, log, &BTreeSet::new())? })
}

/// Compares a topology with the one that is running; the state behind the views of `replay` is computed once more.
pub fn plan_switch(
    topology: &Topology,
    running: &DeploymentHandle,
    log: &dyn LogReader,
    replay: &BTreeSet<String>,
) -> Result<TopologyChange, EpochError> {
    let before = running.topology();
    let (access, max_ages) = (access_changes(Some(&before), topology, log)?, max_age_changes(Some(&before), topology));
    Ok(TopologyChange { access, max_ages, ..compare(topology, &Before::running(running), log, replay)? })
}

/// Compares everything but the readers and what they may keep.
fn compare(
    topology: &Topology,
    before: &Before,
    log: &dyn LogReader,
    replay: &BTreeSet<String>,
) -> Result<TopologyChange, EpochError> {
    let states = KeptStates::of(topology);
    let rebuilt = replayed_states(topology, &states, replay);
    let is_rebuilt = |number: usize| rebuilt.contains(&(number as u32));
    let is_known =
        |number: usize| before.states.iter().any(|(fingerprint, _)| *fingerprint == states.specs[number].fingerprint.0);
    let named = |number: usize| {
        (!matches!(states.kept[number], Kept::RowErrors | Kept::DeadLetters)).then(|| states.specs[number].name.clone())
    };
    let is_stored = |number: &usize| is_known(*number) && !is_rebuilt(*number);
    let (stored, missing): (Vec<usize>, Vec<usize>) = (0..states.specs.len()).partition(is_stored);
    let retained = before.retained.iter().find(|retained| {
        let is_held = |number: usize| is_rebuilt(number) || retained.states.contains(&states.specs[number].fingerprint.0);
        (0..states.specs.len()).all(is_held)
    });
    let is_restored = |number: &usize| retained.is_some() && !is_rebuilt(*number);
    let (restored, computed): (Vec<usize>, Vec<usize>) = missing.iter().partition(|number| is_restored(number));
    let numbers = |places: &[usize]| places.iter().map(|place| *place as u32).collect::<BTreeSet<u32>>();
    let topics = states.topics(topology, &numbers(&computed));
    let lost = computed.iter().map(|number| (states.specs[*number].name.as_str(), states.specs[*number].topics.as_slice()));
    Ok(TopologyChange {
        checkpoint: before.checkpoint,
        views: view_changes(topology, &before.views, &states, &numbers(&missing)),
        sinks: sink_changes(topology, &before.sinks),
        access: BTreeMap::new(),
        max_ages: BTreeMap::new(),
        kept: stored.into_iter().filter_map(named).collect(),
        restored: restored
            .into_iter()
            .filter_map(named)
            .zip(retained.map(|retained| retained.epoch).into_iter().cycle())
            .collect(),
        lost: lost_history(log, lost)?,
        computed: computed.into_iter().filter_map(named).collect(),
        dropped: dropped(before, &states),
        backfill: topics.iter().map(|topic| backfill(topic, log)).collect::<Result<_, _>>()?,
    })
}

/// Compares every view with those before, by identity; one whose state is computed once more is filled again.
pub(crate) fn view_changes(
    topology: &Topology,
    before: &BTreeMap<String, String>,
    states: &KeptStates,
    missing: &BTreeSet<u32>,
) -> BTreeMap<String, ViewChange> {
    let mut changes: BTreeMap<String, ViewChange> = before.keys().map(|name| (name.clone(), ViewChange::Removed)).collect();
    let identities = view_fingerprints(topology);
    for served in &topology.served {
        let name = &served.view.name;
        let is_same = before.get(name) == identities.get(name).map(ToString::to_string).as_ref();
        let change = match before.contains_key(name) {
            false => ViewChange::Added,
            true if is_same && states_of(topology, states, served.node).is_disjoint(missing) => ViewChange::Kept,
            true => ViewChange::Changed,
        };
        changes.insert(name.clone(), change);
    }
    changes
}

/// Compares every sink with those before, by identity.
pub(crate) fn sink_changes(topology: &Topology, before: &BTreeMap<String, String>) -> BTreeMap<String, ViewChange> {
    let mut changes: BTreeMap<String, ViewChange> = before.keys().map(|name| (name.clone(), ViewChange::Removed)).collect();
    changes.extend(identities(topology).into_iter().map(|(name, identity)| {
        let change = match before.get(&name) {
            None => ViewChange::Added,
            Some(known) if *known == identity => ViewChange::Kept,
            Some(_) => ViewChange::Changed,
        };
        (name, change)
    }));
    changes
}

/// The kept states that a node is computed from.
fn states_of(topology: &Topology, states: &KeptStates, node: NodeId) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        let operator = &topology.graph.nodes[node].operator;
        let kept = if let Operator::Table(TableScan { table }) = operator { Kept::Table(*table) } else { Kept::Node(node) };
        found.extend(states.number(kept));
        open.extend(operator.inputs());
    }
    found
}

/// The states behind some views, which are to be computed once more.
pub(crate) fn replayed_states(topology: &Topology, states: &KeptStates, replay: &BTreeSet<String>) -> BTreeSet<u32> {
    let views = topology.served.iter().filter(|served| replay.contains(&served.view.name));
    views.flat_map(|served| states_of(topology, states, served.node)).collect()
}

fn dropped(before: &Before, states: &KeptStates) -> Vec<String> {
    let is_kept = |fingerprint: &[u8; 32]| states.specs.iter().any(|state| state.fingerprint.0 == *fingerprint);
    before.states.iter().filter(|(fingerprint, _)| !is_kept(fingerprint)).map(|(_, name)| name.clone()).collect()
}

fn backfill(topic: &Topic, log: &dyn LogReader) -> Result<TopicBackfill, EpochError> {
    let partitions = log.topic(topic)?.map_or(0, |metadata| metadata.partitions);
    let mut backfill = TopicBackfill { topic: topic.as_str().to_owned(), records: 0, gone: 0 };
    for partition in (0..partitions).map(Partition) {
        let (earliest, _) = log.bounds(topic, partition)?;
        backfill.records += log.records_from(topic, partition, earliest)?;
        backfill.gone += earliest.0;
    }
    Ok(backfill)
}
