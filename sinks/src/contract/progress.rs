//! Progress of a sink, stored by the sink in the same atomic unit as its data.
//!
//! Owns [`Progress`], and [`History`], the identities of the epochs that can still be told apart.

use std::collections::BTreeMap;

use schemas::chain::{Chain, HASH_BYTES};
use schemas::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};

/// Progress of a sink. Two are compared by timeline and chain: an epoch's number says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// the history
    pub timeline: u64,
    /// the last epoch that is in the data
    pub epoch: u64,
    /// its identity
    pub chain: [u8; HASH_BYTES],
    /// the run of the process that wrote
    pub incarnation: u64,
    /// the plan whose output it is
    pub plan: [u8; HASH_BYTES],
    /// counts how often the sink was rebuilt
    pub generation: u64,
}

/// The identities of epochs, from the first that is retained on.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// the timeline that is written now
    pub timeline: u64,
    /// identities by epoch, without gaps from the first that is retained
    chains: BTreeMap<u64, Chain>,
}

impl History {
    /// A history on this timeline without epochs.
    pub fn new(timeline: u64) -> Self {
        Self { timeline, ..Self::default() }
    }

    /// Adds an epoch.
    pub fn push(&mut self, epoch: u64, chain: Chain) {
        self.chains.insert(epoch, chain);
    }

    /// The identity of a retained epoch.
    pub fn chain(&self, epoch: u64) -> Option<Chain> {
        self.chains.get(&epoch).copied()
    }

    /// The first retained epoch.
    pub fn first(&self) -> Option<u64> {
        self.chains.keys().next().copied()
    }

    /// Forgets epochs before this one.
    pub fn trim(&mut self, epoch: u64) {
        self.chains = self.chains.split_off(&epoch);
    }

    /// Returns true if a sink with this progress holds a state of this history, made by this plan, that is still retained. A
    /// timeline is no criterion beside the chain: the epochs before a timeline branched off have the same identity on both.
    pub fn is_good(&self, progress: &Progress, plan: Fingerprint) -> bool {
        self.chain(progress.epoch).is_some_and(|chain| chain.0 == progress.chain) && progress.plan == plan.0
    }
}
