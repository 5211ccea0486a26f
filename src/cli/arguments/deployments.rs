//! Arguments of the commands that change a topology: `plan`, `deploy`, `rollback`, `replay` and `drop`.

use std::path::PathBuf;

use clap::Args;

use super::common::RemoteArguments;

/// `tidewater plan`
#[derive(Clone, Debug, Args)]
pub struct PlanArguments {
    /// The topology: a directory of .sql files
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// A data directory, which no process may be using, instead of a server
    #[arg(long, value_name = "DIR", conflicts_with_all = ["server", "token_file", "ca_cert"])]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) remote: RemoteArguments,
}

/// `tidewater deploy`
#[derive(Clone, Debug, Args)]
pub struct DeployArguments {
    /// The topology: a directory of .sql files
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Compare the rows of changed views first, print the difference, and leave everything as it was if there is one
    #[arg(long)]
    pub verify: bool,
    /// Take over all the same when rows differ
    #[arg(long, requires = "verify")]
    pub accept_differences: bool,
    /// Take over although the beginning of the log is gone that new states are computed from: their earlier rows are missing then
    #[arg(long)]
    pub accept_missing_history: bool,
    /// Take over although readers would see more than before, as 'tidewater plan' lists it
    #[arg(long)]
    pub accept_wider_access: bool,
    #[command(flatten)]
    pub(in crate::cli) remote: RemoteArguments,
}

/// `tidewater rollback`
#[derive(Clone, Debug, Args)]
pub struct RollbackArguments {
    /// The generation to go back to; the one before when not given
    #[arg(long, value_name = "GENERATION")]
    pub to: Option<u64>,
    /// Take over although neither its states are kept nor the beginning of the log: their earlier rows are missing then
    #[arg(long)]
    pub accept_missing_history: bool,
    /// Take over although readers would see more than now
    #[arg(long)]
    pub accept_wider_access: bool,
    #[command(flatten)]
    pub(in crate::cli) remote: RemoteArguments,
}

/// `tidewater replay`
#[derive(Clone, Debug, Args)]
pub struct ViewArguments {
    /// The view
    #[arg(value_name = "VIEW")]
    pub view: String,
    #[command(flatten)]
    pub(in crate::cli) remote: RemoteArguments,
}

/// `tidewater drop`
#[derive(Clone, Debug, Args)]
pub struct DropArguments {
    /// The view, or a sink when no view has the name
    #[arg(value_name = "NAME", required_unless_present = "sink")]
    pub name: Option<String>,
    /// The sink; a full-text index is 'search:NAME'
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    pub sink: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) remote: RemoteArguments,
}
