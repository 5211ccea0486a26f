//! Arguments of the commands that run a server: `demo` and `run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use engine::event_limits::{EVENT_BYTES_MAX, EVENT_ROWS_MAX};
use engine::run::{Clock, WORKERS_MAX};
use epochs::coordinator::RETAINED_GENERATION_BYTES;
use schemas::secret_text::SecretText;

use super::answers::AnswerArguments;
use super::auth::AuthArguments;
use super::limits::LimitArguments;
use super::tls::TlsArguments;
use crate::cli::duration;
use crate::process::listen::ListenAddresses;
use crate::process::options::{INGEST_LAG_BYTES_DEFAULT, INGEST_LAG_RECORDS_DEFAULT, ServerSettings};

/// Address of the API when none is given.
const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
/// Time that the views may be behind the log when nothing else is said.
const INGEST_LAG_TIME_DEFAULT: &str = "30s";

/// `tidewater demo`
#[derive(Clone, Debug, Args)]
pub struct DemoArguments {
    /// Domain that is made up and shown
    #[arg(value_enum, default_value_t = DemoDomain::Social)]
    pub domain: DemoDomain,
    /// People in the social network
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=5_000_000))]
    pub users: u32,
    /// Events per second of each domain, after its past; 0 for none. When not given, 200 of the social network and 20 of each other
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub rate: Option<u32>,
    /// A file of events to begin with instead of a made up past (JSON lines, also compressed as .zst)
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// The topology; when not given, topologies/ and the domain, of 'all' the four of them as one
    #[arg(long, value_name = "DIR")]
    pub topologies: Option<PathBuf>,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u64>,
    /// Directory of the event log and the demo's secret; a second start goes on with them. When not given, tidewater-demo, of another domain
    /// than social tidewater-demo- and its name
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address, workers and clock
    #[command(flatten)]
    pub server: ServerArguments,
}

/// Domains of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DemoDomain {
    /// a social network
    Social,
    /// a shop with orders, stock and devices
    Commerce,
    /// a to-do application
    Tasks,
    /// a coding assistant
    Agents,
    /// all four side by side in one process
    All,
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
    /// Form and size of answers
    #[command(flatten)]
    pub answers: AnswerArguments,
    /// Certificate of the server
    #[command(flatten)]
    pub tls: TlsArguments,
}

/// Arguments that `demo` and `run` share.
#[derive(Clone, Debug, Args)]
pub struct ServerArguments {
    /// Address or name, and port of the API, such as 127.0.0.1:8080 or localhost:8080: of a name every address is taken; port 0 takes a
    /// free one
    #[arg(long, value_name = "ADDRESS", default_value = LISTEN_DEFAULT)]
    pub listen: ListenAddresses,
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
    /// Start although the topology has changed and readers see more of it than before: see 'tidewater plan DIR --data DIR'
    #[arg(long)]
    pub accept_wider_access: bool,
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
    /// Limits of connections and clients
    #[command(flatten)]
    pub limits: LimitArguments,
}

impl ServerArguments {
    /// The settings of the server that they describe, over plain HTTP.
    pub(in crate::cli) fn settings(&self) -> ServerSettings {
        ServerSettings {
            listen: self.listen.clone(),
            tls: None,
            workers: self.workers,
            clock: match self.clock {
                ClockArgument::System => Clock::System,
                ClockArgument::Event => Clock::Event,
            },
            checkpoint_interval: self.checkpoint_interval,
            log_retention_bytes: self.log_retention_bytes,
            rollback_log_bytes: self.rollback_log_bytes,
            accept_missing_history: self.accept_missing_history,
            accept_wider_access: self.accept_wider_access,
            ingest_lag_records: self.ingest_lag_records,
            ingest_lag_bytes: self.ingest_lag_bytes,
            ingest_lag_time: self.ingest_lag_time,
            ingest_memory_bytes: self.ingest_memory_bytes,
            event_rows_max: self.event_rows_max,
            event_bytes_max: self.event_bytes_max,
            redis_url: self.redis_url.clone(),
            connections: self.limits.connections(),
            limits: self.limits.requests(),
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
