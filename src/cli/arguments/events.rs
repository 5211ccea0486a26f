//! Arguments of the commands that send, follow and explain events: `ingest`, `dead-letters`, `tap` and `why`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::common::{Format, RemoteArguments, SERVER_DEFAULT};
use crate::cli::values::{FirstRecord, RowCondition};

/// `tidewater ingest`
#[derive(Clone, Debug, Args)]
pub struct IngestArguments {
    /// The events, one JSON object per line, also compressed as .zst; "-" reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The server
    #[arg(long, value_name = "URL", default_value = SERVER_DEFAULT)]
    pub server: String,
    /// File with the bearer token to send
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Format of the summary
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `tidewater dead-letters`
#[derive(Clone, Debug, Args)]
pub struct DeadLettersArguments {
    #[command(subcommand)]
    pub(in crate::cli) action: LettersAction,
}

/// Actions on dead letters.
#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum LettersAction {
    /// List them, a line each
    List(RemoteArguments),
    /// Show one with its bytes
    Show {
        /// Its id
        #[arg(value_name = "ID")]
        id: u64,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Send them again as they are; those that are taken now leave the list
    Retry {
        /// Their ids
        #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<u64>,
        /// All that are listed
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        remote: RemoteArguments,
    },
}

/// `tidewater tap`
#[derive(Clone, Debug, Args)]
pub struct TapArguments {
    /// A derived topic, or a view
    #[arg(value_name = "TOPIC|VIEW")]
    pub name: String,
    /// First position in a topic: earliest, latest, or an offset. A view begins with the rows that it has
    #[arg(long, value_name = "OFFSET", default_value = "earliest")]
    pub from: FirstRecord,
    /// Stop after so many records or changes
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Stop at the end of a topic instead of waiting for more
    #[arg(long)]
    pub no_follow: bool,
    #[command(flatten)]
    pub(in crate::cli) remote: RemoteArguments,
}

/// `tidewater why`
#[derive(Clone, Debug, Args)]
pub struct WhyArguments {
    /// The view
    pub view: String,
    /// Condition on the row: post_id=5, or with an operator of the API as in created_at=gt.2024-01-01
    #[arg(value_name = "COLUMN=VALUE", required = true)]
    pub conditions: Vec<RowCondition>,
    /// Rows that are explained when more are like that
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub limit: usize,
    /// Events that are named for each
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub events: usize,
    #[command(flatten)]
    pub(in crate::cli) remote: RemoteArguments,
}
