//! The trait of a connector, and what a process gives it to open sinks with.
//!
//! Owns [`Connector`]. A checked definition and the [`Connections`] of the process enter; a sink that is not connected yet leaves.

use std::sync::Arc;

use schemas::connector::SinkConnector;
use schemas::server_url::ServerUrl;
use schemas::serving::Column;
use schemas::sink::SinkDefinition;

use crate::contract::steps::StepReached;
use crate::contract::{MakeEffect, Sink};
use crate::invalidations::Invalidations;
use crate::search::{Place, SearchIndexes};
use crate::topic::log::TopicLog;

/// A system that sinks write to.
///
/// The registry is the only caller: [`Self::check`] before a topology starts or is deployed, [`Self::retain`] and then [`Self::open`] for
/// each of its sinks. None of them waits for the system: a sink connects when it is fenced, and reports an absent server there.
pub trait Connector: Sync {
    /// Its name and its options, as statements are validated by them.
    fn declaration(&self) -> &'static SinkConnector;

    /// Refuses a sink for which the process lacks something.
    fn check(&self, _definition: &SinkDefinition, _connections: &Connections) -> Result<(), OpenError> {
        Ok(())
    }

    /// Makes a sink of a view with these columns. It succeeds for every definition that [`Self::check`] accepts.
    fn open(&self, definition: &SinkDefinition, columns: &[Column], connections: &Connections) -> Result<OpenedSink, OpenError>;

    /// Removes what sinks of earlier topologies have left in this process and its data directory; `declared` are those of this connector
    /// that stay.
    fn retain(&self, _declared: &[&SinkDefinition], _connections: &Connections) {}
}

/// A sink that is open, and what it does inside the process.
pub struct OpenedSink {
    /// the sink
    pub sink: Box<dyn Sink + Send>,
    /// effect of each epoch, made when the sink task begins
    pub effect: Option<MakeEffect>,
}

/// Connections that sinks are opened with; clones share them.
#[derive(Clone)]
pub struct Connections {
    /// log of derived topics
    pub log: Arc<dyn TopicLog>,
    /// address of the Redis for sinks that give none
    pub redis: Option<ServerUrl>,
    /// listeners for stale keys
    pub invalidations: Arc<Invalidations>,
    /// location of full-text indexes
    pub place: Place,
    /// the full-text indexes that answer
    pub search: Arc<SearchIndexes>,
    /// told of the steps of a commit
    pub step: StepReached,
}

/// Reason why a sink can't be opened. It never quotes an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// the process has no default for what the sink does not give
    #[error("the sink '{sink}' writes to {system}, and it is not said where that is: {remedy}")]
    NoAddress {
        /// the sink
        sink: String,
        /// the system
        system: &'static str,
        /// the setting that gives it, for people
        remedy: &'static str,
    },
    /// an option that the client of the system refuses
    #[error("the option '{option}' of the sink '{sink}' can't be used: {detail}")]
    BadOption {
        /// the sink
        sink: String,
        /// the option
        option: &'static str,
        /// the fault
        detail: String,
    },
    /// content that the connector can't write; the language declares no such sink
    #[error("the sink '{sink}' has content that connector '{connector}' does not take")]
    Content {
        /// the sink
        sink: String,
        /// the connector
        connector: &'static str,
    },
}
