//! The rules that can be removed, and what then goes wrong.
//!
//! Owns [`Rule`] and two tables: the twelve holes that the protocol closes, and rules of detail that were found to matter.

use crate::properties::{BOUNDED, CACHE, DURABLE, MONOTONE, NO_OUTAGE, NOT_LOST, ONCE, ONE_BINDING, PURE, UNHARMED_SINK};
use crate::scenarios::{
    BACKLOG, CRASHES, DEPLOYS, LOST_PROGRESS, OUTAGES, REGRESSIONS, RESTORES, SOURCES, Scenario, TIME_OUTS, VERDICTS, ZOMBIES,
};

/// A rule of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    MatchByHash,
    HoldBack,
    VerifyBoundRanges,
    StoreVerdicts,
    OrderByRecords,
    OutagesAreNoData,
    CheckIncarnationInside,
    ComparePlans,
    GuardApply,
    AskAfterTimeout,
    InvalidateAfterStore,
    CapEpochs,
    SyncBeforeUse,
    SyncWhatIsFound,
    ClampWall,
    MissingProgressIsNoBeginning,
    UnansweredSinksHoldBack,
}

/// A protocol without one of its rules.
pub struct Mutant {
    pub removed: Rule,
    /// the hole that the rule closes
    pub hole: &'static str,
    pub scenario: Scenario,
    /// the property that must fail
    pub fails: &'static str,
}

const fn mutant(removed: Rule, hole: &'static str, scenario: Scenario, fails: &'static str) -> Mutant {
    Mutant { removed, hole, scenario, fails }
}

/// A mutant for every hole.
pub const HOLES: [Mutant; 12] = [
    mutant(Rule::MatchByHash, "an epoch number is no identity", RESTORES, NOT_LOST),
    mutant(Rule::HoldBack, "state compacted past a sink's epoch", CRASHES, UNHARMED_SINK),
    mutant(Rule::VerifyBoundRanges, "offsets are not immutable", SOURCES, PURE),
    mutant(Rule::StoreVerdicts, "compaction forgets arrival epochs", VERDICTS, PURE),
    mutant(Rule::OrderByRecords, "non-determinism", CRASHES, PURE),
    mutant(Rule::OutagesAreNoData, "a passing outage stored as a bad record", OUTAGES, NO_OUTAGE),
    mutant(Rule::CheckIncarnationInside, "a paused zombie wakes up and writes", ZOMBIES, ONE_BINDING),
    mutant(Rule::ComparePlans, "a new plan over published outputs", DEPLOYS, PURE),
    mutant(Rule::GuardApply, "the sink itself rolls back", REGRESSIONS, PURE),
    mutant(Rule::AskAfterTimeout, "a write repeated blindly", TIME_OUTS, ONCE),
    mutant(Rule::InvalidateAfterStore, "an invalidation before the store", TIME_OUTS, CACHE),
    mutant(Rule::CapEpochs, "a huge catch-up epoch", BACKLOG, BOUNDED),
];

/// Mutants for rules of detail.
pub const DETAILS: [Mutant; 6] = [
    mutant(Rule::SyncBeforeUse, "an epoch computed before it is durable", CRASHES, DURABLE),
    mutant(Rule::SyncBeforeUse, "an epoch lost and bound again", CRASHES, ONE_BINDING),
    mutant(Rule::SyncWhatIsFound, "a binding that a dead process left unsynced", CRASHES, ONE_BINDING),
    mutant(Rule::ClampWall, "a clock that goes back", OUTAGES, MONOTONE),
    mutant(Rule::MissingProgressIsNoBeginning, "a missing progress taken for epoch 0", LOST_PROGRESS, PURE),
    mutant(Rule::UnansweredSinksHoldBack, "compaction past a sink that did not answer", TIME_OUTS, UNHARMED_SINK),
];
