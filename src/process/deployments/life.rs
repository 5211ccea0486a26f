//! Life of a generation: who began it and when, its state, and why it ended.
//!
//! Owns [`Life`], which the store keeps for each generation, and its words for people and programs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Target of the lines of the log that say who changed what is served. They are shown unless `--log` says otherwise.
pub const AUDIT: &str = "tidewater::audit";

/// State of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationState {
    /// it is on its way
    Deploying,
    /// readers see it
    InForce,
    /// readers saw it, until another one took over
    Replaced,
    /// it would have changed rows, or lost some, and nobody accepted that
    Refused,
    /// it could not be computed
    Failed,
    /// the process ended before it took over
    Interrupted,
    /// it never was in force; the version that kept it did not say why
    Unrecorded,
}

impl GenerationState {
    /// The word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deploying => "deploying",
            Self::InForce => "in_force",
            Self::Replaced => "replaced",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Unrecorded => "unrecorded",
        }
    }

    /// Returns true if readers ever saw it.
    pub fn was_in_force(self) -> bool {
        matches!(self, Self::InForce | Self::Replaced)
    }
}

impl fmt::Display for GenerationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('_', " "))
    }
}

/// Account and time of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// microseconds since 1970
    pub at_micros: i64,
    /// the subject of a token, or `local`
    pub by: String,
}

/// Life of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// its state
    pub state: GenerationState,
    /// begin, microseconds since 1970; an earlier version did not record it
    pub begun_micros: Option<i64>,
    /// account that began it
    pub by: Option<String>,
    /// end, microseconds since 1970
    pub ended_micros: Option<i64>,
    /// reason of its end
    pub reason: Option<String>,
    /// states of it were computed, or may be, from a log whose beginning is gone
    pub accept_missing_history: bool,
}

impl Life {
    /// The life of a generation which begins now.
    pub fn begun(state: GenerationState, stamp: Stamp, accept_missing_history: bool) -> Self {
        let Stamp { at_micros, by } = stamp;
        let (begun_micros, by) = (Some(at_micros), Some(by));
        Self { state, begun_micros, by, ended_micros: None, reason: None, accept_missing_history }
    }

    /// The life of a generation of which nothing else is known.
    pub fn of_state(state: GenerationState) -> Self {
        Self { state, begun_micros: None, by: None, ended_micros: None, reason: None, accept_missing_history: false }
    }

    /// Ends the generation.
    pub fn end(&mut self, state: GenerationState, reason: String, at_micros: i64) {
        (self.state, self.reason, self.ended_micros) = (state, Some(reason), Some(at_micros));
    }
}
