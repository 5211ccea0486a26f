//! State of a dataflow that is being built on one worker.
//!
//! Owns [`Renderer`]: the nodes that are rendered so far, what they share, and how a node sees the state that was kept of it.

use std::collections::HashMap;

use datafusion_common::Result;
use differential_dataflow::AsCollection;
use operators::arrange::RowArrangement;
use operators::state::KeptState;
use operators::{Errors, Rows, Time};
use schemas::field::FieldKind;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator as _;
use timely::dataflow::operators::vec::Filter;
use timely::dataflow::{Scope, StreamVec};

use super::budget::Meter;
use super::drain::Drain;
use super::events::{Events, Records};
use super::restore_context::RestoreContext;
use language::plan::graph::NodeId;
use language::plan::kept::Kept;
use language::topology::Topology;

/// Builds the dataflow of a topology on one worker.
pub struct Renderer<'s, 't> {
    /// the topology
    pub topology: &'t Topology,
    /// the dataflow
    pub scope: Scope<'s, Time>,
    /// destination of what leaves the dataflow
    pub drain: Drain,
    /// the wall clock of each epoch
    pub clock: StreamVec<'s, Time, i64>,
    /// the records of each source
    pub records: Vec<StreamVec<'s, Time, Records>>,
    /// the decoded events of each source, and which columns they have
    pub events: Vec<(StreamVec<'s, Time, Events>, Vec<usize>)>,
    /// shapes of the columns of each node
    pub kinds: Vec<Vec<FieldKind>>,
    /// the rows of each node that is rendered
    pub rendered: Vec<Option<Rows<'s>>>,
    /// errors of rows
    pub errors: Vec<Errors<'s>>,
    /// errors of rows of streams
    pub stream_errors: Vec<Errors<'s>>,
    /// empty streams whose epochs are done when the letters of refused events are given out
    pub letters: Vec<StreamVec<'s, Time, ()>>,
    /// the state that nodes start from
    pub keeping: RestoreContext,
    /// arrangements by node, key and values
    pub arrangements: HashMap<(NodeId, Vec<usize>, Vec<usize>), RowArrangement<'s>>,
    /// sets of keys by node and key
    pub key_sets: HashMap<(NodeId, Vec<usize>), RowArrangement<'s>>,
    /// the view that each node belongs to
    pub owners: Vec<String>,
}

/// Renders a node whose inputs are rendered; the table of operators lies above.
pub type RenderNode = for<'s, 't> fn(&mut Renderer<'s, 't>, NodeId) -> Result<Rows<'s>>;

impl<'s> Renderer<'s, '_> {
    /// The rows of a node that was rendered, or of a source as rows.
    pub fn rows(&self, node: NodeId) -> Rows<'s> {
        match &self.rendered[node] {
            Some(rows) => rows.clone(),
            None => panic!("node {node} is read before it is rendered"),
        }
    }

    /// A meter for the rows that a node makes of others.
    pub fn meter(&self, node: NodeId) -> Meter {
        self.drain.budget().meter(&self.owners[node])
    }

    /// The view that a node belongs to.
    pub fn relation(&self, node: NodeId) -> &str {
        &self.owners[node]
    }

    /// The wall clock as a node sees it: one that was restored knows nothing of the times in which new states are computed.
    pub fn kept_clock(&self, node: NodeId) -> StreamVec<'s, Time, i64> {
        let start = self.keeping.start;
        if !self.keeping.is_restored(Kept::Node(node)) {
            return self.clock.clone();
        }
        self.clock.clone().unary(Pipeline, "clock since the start", move |_, _| {
            move |input, output| {
                input.for_each(|capability, ticks| {
                    if *capability.time() >= start {
                        output.session(&capability).give_container(ticks);
                    }
                });
            }
        })
    }

    /// The state of a node: kept when it reads a stream, because then nothing could compute it again.
    pub fn node_state(&mut self, node: NodeId) -> KeptState {
        if self.keeping.states.number(Kept::Node(node)).is_some() {
            self.keeping.state(Kept::Node(node), &self.drain)
        } else {
            KeptState::none(self.keeping.begin())
        }
    }

    /// Returns the rows that a node reads. A restored node holds the share of all rows until then: they must not come a second time.
    pub fn unkept_rows(&self, node: NodeId, input: NodeId) -> Rows<'s> {
        let start = self.keeping.start;
        if !self.keeping.is_restored(Kept::Node(node)) {
            return self.rows(input);
        }
        self.rows(input).inner.filter(move |(_, time, _)| *time > start).as_collection()
    }
}
