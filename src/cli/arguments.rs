//! Arguments of every command, as a person types them, and the options of the process that they stand for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use engine::event_limits::{EVENT_BYTES_MAX, EVENT_ROWS_MAX};
use engine::run::{Clock, WORKERS_MAX};
use epochs::coordinator::RETAINED_GENERATION_BYTES;
use schemas::secret_text::SecretText;

use super::duration;
use super::failure::EXIT_CODES_HELP;
use super::values::{FirstRecord, RowCondition};
use crate::process::auth::AuthOptions;
use crate::process::options::{INGEST_LAG_BYTES_DEFAULT, INGEST_LAG_RECORDS_DEFAULT, ServerSettings};

/// Address of the API when none is given.
const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
/// Time that the views may be behind the log when nothing else is said.
const INGEST_LAG_TIME_DEFAULT: &str = "30s";
/// The server that is asked when nothing else is said.
pub(super) const SERVER_DEFAULT: &str = "http://127.0.0.1:8080";

/// Declarative SQL topologies that keep feeds, counts and searches current from event streams.
#[derive(Debug, Parser)]
#[command(name = "tidewater", version, after_help = EXIT_CODES_HELP, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    /// Log level on stderr: error, warn, info, debug or trace, also by module as in "tidewater=debug"
    #[arg(long, global = true, default_value = "warn", value_name = "FILTER")]
    pub(super) log: String,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start everything on this machine with a social network that is made up as it goes
    Demo(DemoArguments),
    /// Serve the views of a topology from an event log
    Run(RunArguments),
    /// Send a file of events, one JSON object per line, to a server
    Ingest(IngestArguments),
    /// Look at events that were refused, and send them again
    DeadLetters(DeadLettersArguments),
    /// Print the records of a derived topic, or the changes of a view, as they come
    Tap(TapArguments),
    /// Show which events made a row of a view
    Why(WhyArguments),
    /// Look for problems, in a data directory or at a server
    Doctor(DoctorArguments),
    /// Copy a data directory that no process uses
    Backup(BackupArguments),
    /// Make a data directory of a backup
    Restore(RestoreArguments),
    /// Show what deploying a topology would change, at a server or at a start on a data directory
    Plan(PlanArguments),
    /// Have a topology take over at a running server, beside the one that runs until it is as far
    Deploy(DeployArguments),
    /// Show what a server has in force, and how the last deployment goes
    Status(RemoteArguments),
    /// Have an earlier topology take over again
    Rollback(RollbackArguments),
    /// Compute the state behind a view once more from the log, while it is served as it is
    Replay(ViewArguments),
    /// Take a view away
    Drop(ViewArguments),
    /// Check a topology without running it
    Validate(DirectoryArguments),
    /// Show what is computed from what, or how a view is computed and what it keeps
    Explain(ExplainArguments),
    /// Run the tests (.slt) beside a topology's statements; needs no server
    Test(DirectoryArguments),
}

/// `tidewater plan`
#[derive(Clone, Debug, Args)]
pub struct PlanArguments {
    /// The topology: a directory of .sql files
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// A data directory, which no process may be using, instead of a server
    #[arg(long, value_name = "DIR", conflicts_with_all = ["server", "token_file"])]
    pub data: Option<PathBuf>,
    /// The server
    #[arg(long, value_name = "URL", default_value = SERVER_DEFAULT)]
    pub server: String,
    /// File with the bearer token to send
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

impl PlanArguments {
    /// The server, as the other commands name it.
    pub(super) fn remote(&self) -> RemoteArguments {
        RemoteArguments { server: self.server.clone(), token_file: self.token_file.clone(), format: self.format }
    }
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
    #[command(flatten)]
    pub(super) remote: RemoteArguments,
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
    #[command(flatten)]
    pub(super) remote: RemoteArguments,
}

/// `tidewater replay` and `tidewater drop`
#[derive(Clone, Debug, Args)]
pub struct ViewArguments {
    /// The view
    #[arg(value_name = "VIEW")]
    pub view: String,
    #[command(flatten)]
    pub(super) remote: RemoteArguments,
}

/// `tidewater demo`
#[derive(Clone, Debug, Args)]
pub struct DemoArguments {
    /// People in the social network
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=5_000_000))]
    pub users: u32,
    /// Events per second, after the network's past; 0 for none
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub rate: u32,
    /// A file of events to begin with instead of a made up past (JSON lines, also compressed as .zst)
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// The topology
    #[arg(long, value_name = "DIR", default_value = "topologies/social")]
    pub topologies: PathBuf,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u64>,
    /// Directory of the event log and the demo's secret; a second start goes on with them
    #[arg(long, value_name = "DIR", default_value = "tidewater-demo")]
    pub data: PathBuf,
    /// Address, workers and clock
    #[command(flatten)]
    pub server: ServerArguments,
}

/// `tidewater run`
#[derive(Clone, Debug, Args)]
pub struct RunArguments {
    /// The topology: a directory of .sql files
    #[arg(long, value_name = "DIR")]
    pub topologies: PathBuf,
    /// Directory of the event log
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Address, workers and clock
    #[command(flatten)]
    pub server: ServerArguments,
    /// Keys of tokens
    #[command(flatten)]
    pub auth: AuthArguments,
}

/// Arguments that `demo` and `run` share.
#[derive(Clone, Debug, Args)]
pub struct ServerArguments {
    /// Address and port of the API; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = LISTEN_DEFAULT)]
    pub listen: SocketAddr,
    /// Threads that compute; half of the cores when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=WORKERS_MAX as i64))]
    pub workers: Option<u16>,
    /// Source of NOW(): the wall clock, or the largest occurred_at of the events, for a past that is replayed
    #[arg(long, value_enum, default_value_t = ClockArgument::System)]
    pub clock: ClockArgument,
    /// Interval at which the state is kept, so that a restart begins from there, such as 500ms, 10s or 5m
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    pub checkpoint_interval: Duration,
    /// Bytes above which the log forgets the oldest events, if no restart needs them; without it everything is kept
    #[arg(long, value_name = "BYTES")]
    pub log_retention_bytes: Option<u64>,
    /// Bytes of events that the log may keep beyond that, so that a rollback gives the rows back exactly although older events are gone
    #[arg(long, value_name = "BYTES", default_value_t = RETAINED_GENERATION_BYTES)]
    pub rollback_log_bytes: u64,
    /// Start although the beginning of the log is gone that states of the topology are computed from: their earlier rows are missing then
    #[arg(long)]
    pub accept_missing_history: bool,
    /// Records that the views may be behind the log: beyond it events are refused with 429 and Retry-After, from half of it on answers are delayed
    #[arg(long, value_name = "RECORDS", default_value_t = INGEST_LAG_RECORDS_DEFAULT, value_parser = clap::value_parser!(u64).range(1..))]
    pub ingest_lag_records: u64,
    /// The same in bytes of their keys and values
    #[arg(long, value_name = "BYTES", default_value_t = INGEST_LAG_BYTES_DEFAULT, value_parser = clap::value_parser!(u64).range(1..))]
    pub ingest_lag_bytes: u64,
    /// The same in time: how long ago the oldest record was appended that no view shows, such as 500ms, 10s or 5m
    #[arg(long, value_name = "DURATION", default_value = INGEST_LAG_TIME_DEFAULT, value_parser = duration::parse)]
    pub ingest_lag_time: Duration,
    /// Bytes of memory of which the process may use four fifths before it refuses events for the moment; what the machine has when not
    /// given. The work that is under way may take more: --event-bytes-max limits that
    #[arg(long, value_name = "BYTES", alias = "memory-limit-bytes")]
    pub ingest_memory_bytes: Option<u64>,
    /// The most rows that the joins and lists of all views may make of one event; past it the event is a dead letter. An epoch of many
    /// events may make four times that. What was computed already is measured with twice that: lower it by more only after a checkpoint
    #[arg(long, value_name = "ROWS", default_value_t = EVENT_ROWS_MAX, value_parser = clap::value_parser!(u64).range(1..))]
    pub event_rows_max: u64,
    /// The same in bytes of those rows
    #[arg(long, value_name = "BYTES", default_value_t = EVENT_BYTES_MAX, value_parser = clap::value_parser!(u64).range(1..))]
    pub event_bytes_max: u64,
    /// Address of the Redis for sinks with connector = 'redis' that have no option 'url': redis://[user:password@]host[:port][/database];
    /// TIDEWATER_REDIS_URL when not given
    #[arg(long, value_name = "URL")]
    pub redis_url: Option<SecretText>,
}

impl ServerArguments {
    /// The settings of the server that they describe.
    pub(super) fn settings(&self) -> ServerSettings {
        ServerSettings {
            listen: self.listen,
            workers: self.workers,
            clock: match self.clock {
                ClockArgument::System => Clock::System,
                ClockArgument::Event => Clock::Event,
            },
            checkpoint_interval: self.checkpoint_interval,
            log_retention_bytes: self.log_retention_bytes,
            rollback_log_bytes: self.rollback_log_bytes,
            accept_missing_history: self.accept_missing_history,
            ingest_lag_records: self.ingest_lag_records,
            ingest_lag_bytes: self.ingest_lag_bytes,
            ingest_lag_time: self.ingest_lag_time,
            ingest_memory_bytes: self.ingest_memory_bytes,
            event_rows_max: self.event_rows_max,
            event_bytes_max: self.event_bytes_max,
            redis_url: self.redis_url.clone(),
        }
    }
}

/// Source of `NOW()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClockArgument {
    /// the machine's time
    System,
    /// the events' time
    Event,
}

/// Keys whose tokens are accepted. Secrets are read from files, so that no list of processes shows them.
#[derive(Clone, Debug, Default, Args)]
pub struct AuthArguments {
    /// File with the secret of tokens signed with HS256, at least 32 bytes; a line break at its end is not part of it
    #[arg(long, value_name = "FILE")]
    pub auth_hs256_secret_file: Option<PathBuf>,
    /// File with the public key (PEM) of tokens signed with RS256
    #[arg(long, value_name = "FILE")]
    pub auth_rs256_key_file: Option<PathBuf>,
    /// File with the public key (PEM) of tokens signed with ES256
    #[arg(long, value_name = "FILE")]
    pub auth_es256_key_file: Option<PathBuf>,
    /// The audience that tokens must name
    #[arg(long, value_name = "AUDIENCE")]
    pub auth_audience: Option<String>,
    /// The issuer that tokens must name
    #[arg(long, value_name = "ISSUER")]
    pub auth_issuer: Option<String>,
}

impl AuthArguments {
    /// The keys that they name.
    pub(super) fn options(&self) -> AuthOptions {
        AuthOptions {
            hs256_secret_file: self.auth_hs256_secret_file.clone(),
            rs256_key_file: self.auth_rs256_key_file.clone(),
            es256_key_file: self.auth_es256_key_file.clone(),
            audience: self.auth_audience.clone(),
            issuer: self.auth_issuer.clone(),
        }
    }
}

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
    pub(super) action: LettersAction,
}

/// Actions on dead letters.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum LettersAction {
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

/// A server that is asked as an operator.
#[derive(Clone, Debug, Args)]
pub struct RemoteArguments {
    /// The server
    #[arg(long, value_name = "URL", default_value = SERVER_DEFAULT)]
    pub server: String,
    /// File with the bearer token to send
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
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
    pub(super) remote: RemoteArguments,
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
    pub(super) remote: RemoteArguments,
}

/// `tidewater doctor`
#[derive(Clone, Debug, Args)]
pub struct DoctorArguments {
    /// A data directory that no process uses
    #[arg(long, value_name = "DIR", required_unless_present = "server", conflicts_with_all = ["server", "token_file"])]
    pub data: Option<PathBuf>,
    /// A server
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// File with the bearer token to send
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Format of the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `tidewater backup`
#[derive(Clone, Debug, Args)]
pub struct BackupArguments {
    /// The data directory; no process may use it meanwhile
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Directory of the backup: an empty one, or one that is made
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

/// `tidewater restore`
#[derive(Clone, Debug, Args)]
pub struct RestoreArguments {
    /// The backup
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The data directory to make: an empty directory, or one that is made
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

/// `tidewater validate` and `tidewater test`
#[derive(Clone, Debug, Args)]
pub struct DirectoryArguments {
    /// The topology: a directory of .sql files
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Format of the outcome
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `tidewater explain`
#[derive(Clone, Debug, Args)]
pub struct ExplainArguments {
    /// The topology: a directory of .sql files
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The view, or a table; without it all sources, tables, views and indexes are shown
    #[arg(value_name = "VIEW")]
    pub view: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub format: ExplainFormat,
}

/// Output format of `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// for people
    Text,
    /// for programs
    Json,
    /// for Graphviz, as in: tidewater explain DIR --format dot | dot -Tsvg
    Dot,
    /// for pages and editors that draw Mermaid
    Mermaid,
}

/// For whom output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// people
    Text,
    /// programs
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_printed_form_of_arguments_or_settings_shows_the_password_of_an_address() {
        let url = "redis://user:hunter2@h";
        let cli = Cli::try_parse_from(["tidewater", "run", "--topologies", "t", "--data", "d", "--redis-url", url]);
        let cli = cli.expect("arguments of a server");
        let Command::Run(run) = &cli.command else { panic!("another command than run: {cli:?}") };
        let settings = run.server.settings();
        for printed in [format!("{cli:?}"), format!("{settings:?}")] {
            assert!(printed.contains("redis_url: Some(***)") && !printed.contains("hunter2"), "{printed}");
        }
        assert_eq!(settings.redis_url.as_ref().map(SecretText::secret), Some(url));
    }
}
