//! Changes of the topology that operators may make in a running process, as the process offers them.
//!
//! Owns the trait and the words of requests and reports. A request enters as JSON and leaves to the process; its answers come back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::host::future::BoxFuture;

/// The part of the process that changes what is derived.
pub trait Deployments: Send + Sync + 'static {
    /// Begins a deployment for whoever asks; its generation is returned at once, and how it goes by [`report`](Self::report).
    fn begin(&self, request: DeployRequest, by: String) -> BoxFuture<'_, Result<u64, DeployRefusal>>;

    /// Returns the changes that a deployment would make; makes none.
    fn plan(&self, request: DeployRequest) -> BoxFuture<'_, Result<Value, DeployRefusal>>;

    /// Returns the generation in force and the state of the last deployment. May not block for long.
    fn report(&self) -> DeploymentsReport;
}

/// A request to deploy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeployRequest {
    /// the topology that takes over
    #[serde(flatten)]
    pub action: DeployAction,
    /// true if rows are compared first
    #[serde(default)]
    pub verify: VerifyMode,
    /// true if states are computed also from a log whose beginning is gone
    #[serde(default)]
    pub accept_missing_history: bool,
    /// true if readers may see more than before
    #[serde(default)]
    pub accept_wider_access: bool,
}

/// The topology that takes over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum DeployAction {
    /// these statements
    Deploy {
        /// files of statements
        files: Vec<StatementFile>,
    },
    /// an earlier generation
    Rollback {
        /// number of the generation; without it the one before
        to: Option<u64>,
    },
    /// the same, with the state behind a view computed once more from the log
    Replay {
        /// the view
        view: String,
    },
    /// the same without a view or a sink
    Drop {
        /// the view or sink
        #[serde(flatten)]
        dropped: Dropped,
    },
}

/// A view or a sink that is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// a view or a table
    View(String),
    /// a sink, or a full-text index as `search:NAME`
    Sink(String),
    /// a view, or a sink when no view has the name
    Name(String),
}

/// A file of statements.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementFile {
    /// its path, for error messages
    pub path: String,
    /// its text
    pub text: String,
}

/// True if old and new rows are compared before the switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyMode {
    /// they are not
    #[default]
    None,
    /// the difference is reported, then the new topology takes over
    Report,
    /// a difference leaves everything as it was
    Refuse,
}

/// Reason why a deployment did not begin.
#[derive(Clone, Debug, PartialEq)]
pub enum DeployRefusal {
    /// the statements have errors
    Invalid {
        /// for people
        text: String,
        /// for programs
        diagnostics: Value,
        /// number of errors
        errors: usize,
    },
    /// there is no such view or generation
    NotFound {
        /// the version that was looked for and the one there is
        detail: String,
    },
    /// it does not fit what is there
    Conflict {
        /// the reason, in words
        detail: String,
    },
    /// readers would see more than before
    WiderAccess {
        /// the changes, in words
        detail: String,
        /// the changes, for programs
        access: Vec<ReaderChange>,
    },
    /// the disk or the engine
    Storage {
        /// the failure, in words
        detail: String,
    },
}

/// The generations, and the one in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeploymentsReport {
    /// the generation that readers see
    pub in_force: u64,
    /// all that are kept, oldest first
    pub generations: Vec<GenerationInfo>,
    /// epochs as of which states are kept that only earlier generations have: going back to one reads what was bound since
    pub retained_epochs: Vec<u64>,
    /// the deployment that is under way, or the last one since the start
    pub last: Option<DeploymentState>,
}

/// A generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GenerationInfo {
    /// its number
    pub generation: u64,
    /// origin of its statements
    pub origin: String,
    /// number of its files of statements
    pub files: usize,
    /// true if readers see it
    pub in_force: bool,
    /// `deploying`, `in_force`, `replaced` (it was in force), `refused`, `failed`, `interrupted` (the process ended before it took over) or
    /// `unrecorded` (it never was in force, and an earlier version did not record why)
    pub state: &'static str,
    /// begin of the deployment; a version that did not record it has none
    pub begun_at: Option<String>,
    /// account that began it: the subject of a token, or `local` where no token is asked for
    pub by: Option<String>,
    /// end of its time: it was replaced, refused or failed
    pub ended_at: Option<String>,
    /// reason of its end
    pub reason: Option<String>,
}

/// State of the current or last deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeploymentState {
    /// its generation
    pub generation: u64,
    /// `waiting`, `checkpointing`, `restoring`, `backfilling`, `catching_up`, `switching` or `finished`
    pub phase: &'static str,
    /// records of the log that were read for new state
    pub backfill_records: u64,
    /// and how many there are to read
    pub backfill_records_total: u64,
    /// rows of all its views that were computed
    pub rows: u64,
    /// epochs that it is behind what readers see
    pub behind_epochs: u64,
    /// views that were not there
    pub added: Vec<String>,
    /// views that are filled again
    pub changed: Vec<String>,
    /// views that go
    pub removed: Vec<String>,
    /// views that stay as they are
    pub kept: Vec<String>,
    /// the same of its sinks and full-text indexes
    pub sinks: SinkChanges,
    /// readers that change, and those of what is new
    pub access: Vec<ReaderChange>,
    /// differences that the comparison found, for each changed view
    pub differences: Vec<RowDifference>,
    /// `switched`, `differs`, `refused` or `failed`, when it is over
    pub outcome: Option<&'static str>,
    /// the first epoch of its own, when it took over
    pub epoch: Option<u64>,
    /// reason of its failure or refusal
    pub reason: Option<String>,
}

/// The change of sinks, by their names; a full-text index is `search:NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SinkChanges {
    /// those that were not there
    pub added: Vec<String>,
    /// those that are written again
    pub changed: Vec<String>,
    /// those that go
    pub removed: Vec<String>,
    /// those that stay as they are
    pub kept: Vec<String>,
}

/// The change of those who may read something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReaderChange {
    /// `view`, `derived_topic` or `invalidations`
    pub kind: &'static str,
    /// its name
    pub name: String,
    /// readers before, in words; none when it was not there
    pub before: Option<String>,
    /// readers then, in words
    pub after: String,
    /// true unless it is certain that nobody sees more than before
    pub wider: bool,
}

/// The change of a view's rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowDifference {
    /// the view
    pub view: String,
    /// rows on both sides
    pub rows_equal: Option<u64>,
    /// rows that would go
    pub rows_gone: Option<u64>,
    /// rows that would come
    pub rows_new: Option<u64>,
    /// reason why the rows can't be compared
    pub incomparable: Option<String>,
    /// the first rows that would go, value by value
    pub gone: Vec<Vec<String>>,
    /// the first rows that would come
    pub new: Vec<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_and_what_is_unknown_is_refused() {
        let read = |text: &str| serde_json::from_str::<DeployRequest>(text);
        let drop = read(r#"{"action":"drop","view":"v","verify":"refuse"}"#).unwrap();
        assert_eq!(
            drop,
            DeployRequest {
                action: DeployAction::Drop { dropped: Dropped::View("v".into()) },
                verify: VerifyMode::Refuse,
                accept_missing_history: false,
                accept_wider_access: false,
            }
        );
        for (text, dropped) in [("sink", Dropped::Sink("s".into())), ("name", Dropped::Name("s".into()))] {
            let drop = read(&format!(r#"{{"action":"drop","{text}":"s"}}"#)).unwrap();
            assert_eq!(drop.action, DeployAction::Drop { dropped });
        }
        assert!(read(r#"{"action":"rollback","accept_wider_access":true}"#).unwrap().accept_wider_access);
        assert!(read(r#"{"action":"rollback","accept_missing_history":true}"#).unwrap().accept_missing_history);
        assert_eq!(read(r#"{"action":"rollback"}"#).unwrap().action, DeployAction::Rollback { to: None });
        for bad in
            [r#"{"action":"explode"}"#, r#"{"view":"v"}"#, r#"{"action":"drop"}"#, r#"{"action":"rollback","verify":"maybe"}"#]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
