//! Plan of a sink task: the view that it follows, its sink, and the connections that sinks are opened with.

use std::sync::Arc;

use schemas::fingerprint::Fingerprint;
use schemas::position::Position;
use schemas::row::{Diff, Row};
use sinks::contract::Sink;
use sinks::invalidations::Invalidations;
use sinks::search::{Place, SearchIndexes};
use sources::log::Log;

use super::cache::RedisUrl;

/// Somebody who is told at once what an epoch changed, in memory and for this run only: after the views have it, before the sink does.
pub trait Effect: Send {
    /// An epoch changed these rows, which have the columns of the view in their order.
    fn epoch(&mut self, position: Position, changes: &[(Row, Diff)]);

    /// Forgets which keys became stale up to this position.
    fn reset(&mut self, position: Position);
}

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
    /// the sink
    pub sink: Box<dyn Sink + Send>,
    /// effect after each commit, made when it begins
    pub effect: Option<MakeEffect>,
}

/// Makes an effect when its sink task begins.
pub type MakeEffect = Box<dyn FnOnce() -> Box<dyn Effect> + Send>;

/// Connections that sinks are opened with.
#[derive(Clone)]
pub struct SinkConnections {
    /// log of derived topics
    pub log: Arc<dyn Log>,
    /// address of caches
    pub redis: Option<RedisUrl>,
    /// listeners for stale keys
    pub invalidations: Arc<Invalidations>,
    /// location of full-text indexes
    pub place: Place,
    /// the full-text indexes that answer
    pub search: Arc<SearchIndexes>,
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
