//! Arguments of the commands that send, follow and explain events: `ingest`, `dead-letters`, `tap` and `why`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::common::RemoteArguments;
use crate::cli::values::RowCondition;
use crate::client::topic_records::FirstRecord;

/// `tidewater ingest`
#[derive(Clone, Debug, Args)]
pub struct IngestArguments {
    /// The events, one JSON object per line, also compressed as .zst; "-" reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) remote: RemoteArguments,
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
    List {
        #[command(flatten)]
        filter: LetterFilterArguments,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Show one with its bytes
    Show {
        /// Its id
        #[arg(value_name = "ID")]
        id: u64,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Send them again as they are, or one with another line; those that are taken now leave the list
    Retry {
        #[command(flatten)]
        chosen: ChosenLetters,
        /// Send the event in this file in place of the one letter that is named; "-" reads standard input
        #[arg(long, value_name = "FILE", conflicts_with = "all")]
        with: Option<PathBuf>,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Take them off the list for good
    Discard {
        #[command(flatten)]
        chosen: ChosenLetters,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// List the rows on which an expression fails now, with their relation, the expression and the row
    RowErrors(RemoteArguments),
}

/// Letters that are named, or all that meet conditions.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct ChosenLetters {
    /// Their ids
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with_all = ["all", "reason", "topic", "since", "until"])]
    pub ids: Vec<u64>,
    /// All that are listed, or those that meet the conditions
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub filter: LetterFilterArguments,
}

/// Conditions on dead letters; all that are given have to be met.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct LetterFilterArguments {
    /// Only those with this reason, such as not_json
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only those that were sent to this topic, or whose records are in it
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Only those that arrived at this time or later, such as 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only those that arrived before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

impl LetterFilterArguments {
    /// The conditions as the API names them.
    pub fn conditions(&self) -> Vec<(&str, &str)> {
        let all = [("reason", &self.reason), ("topic", &self.topic), ("since", &self.since), ("until", &self.until)];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

/// `tidewater tap`
#[derive(Clone, Debug, Args)]
pub struct TapArguments {
    /// A derived topic, or a view
    #[arg(value_name = "TOPIC|VIEW")]
    pub name: String,
    /// Begin a topic at: earliest, latest, or an offset. A view begins with the rows that it has (earliest) or with their changes (latest)
    #[arg(long, value_name = "OFFSET", default_value = "earliest")]
    pub from: FirstRecord,
    /// Stop after so many records or changes
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Stop at the end of a topic, or behind the rows that a view has, instead of waiting for more
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
