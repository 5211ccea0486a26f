//! Plan of a sink task: the view that it follows, and its sink.

use std::collections::BTreeMap;

use language::plan::kept::row_fingerprints;
use language::plan::sink::{definitions, fingerprint};
use language::topology::Topology;
use schemas::connector::SinkOptions;
use schemas::fingerprint::Fingerprint;
use schemas::sink::SinkDefinition;
use sinks::connector::Connections;
use sinks::contract::{MakeEffect, Sink};
use sinks::registry;

/// A sink task that is to be.
pub struct SinkTaskPlan {
    /// its name
    pub name: String,
    /// the view that it follows; rows have its columns in their order
    pub view: String,
    /// destination, for people
    pub target: String,
    /// the derived topic that it writes, if it writes one
    pub topic: Option<String>,
    /// the identity of what it writes: of the view and of its own definition
    pub plan: Fingerprint,
    /// the options of its connector: a task with others can't go on with its connection
    pub options: SinkOptions,
    /// the sink
    pub sink: Box<dyn Sink + Send>,
    /// effect after each commit, made when it begins
    pub effect: Option<MakeEffect>,
}

impl SinkTaskPlan {
    /// Returns its stable id across runs.
    pub fn identity(&self) -> String {
        identity(&self.name, self.plan)
    }
}

/// Returns the stable id of a sink task: its name and what it writes.
pub fn identity(name: &str, plan: Fingerprint) -> String {
    format!("{name} {plan}")
}

/// The identities of the sink tasks of a topology, by name.
pub fn identities(topology: &Topology) -> BTreeMap<String, String> {
    let rows = row_fingerprints(topology);
    let named = |sink: SinkDefinition| {
        let plan = fingerprint(&sink, *rows.get(&sink.view)?);
        Some((sink.name.clone(), identity(&sink.name, plan)))
    };
    definitions(topology).filter_map(named).collect()
}

/// Returns the sink tasks of a topology. Every sink of it passed [`registry::check`] with these connections.
pub fn plans(topology: &Topology, connections: &Connections) -> Vec<SinkTaskPlan> {
    let rows = row_fingerprints(topology);
    let sinks: Vec<SinkDefinition> = definitions(topology).collect();
    registry::retain(&sinks, connections);
    let plan = |sink: SinkDefinition| {
        let view = &topology.served.iter().find(|served| served.view.name == sink.view)?.view;
        let plan = fingerprint(&sink, *rows.get(&sink.view)?);
        let opened = registry::open(&sink, &view.columns, connections);
        let opened = opened.unwrap_or_else(|error| panic!("a sink that was checked can't be opened: {error}"));
        Some(SinkTaskPlan {
            target: sink.target_text(),
            topic: sink.topic().map(str::to_owned),
            plan,
            name: sink.name,
            view: sink.view,
            options: sink.options,
            sink: opened.sink,
            effect: opened.effect,
        })
    };
    sinks.into_iter().filter_map(plan).collect()
}
