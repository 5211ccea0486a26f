//! Settings of a server, and their defaults.

use std::time::Duration;

use api::{ConnectionLimits, Limits};
use engine::run::Clock;
use schemas::secret_text::SecretText;

use super::certificates::CertificateFiles;
use super::listen::ListenAddresses;

/// Records that the views may be behind the log when nothing else is said: two epochs of the largest size.
pub const INGEST_LAG_RECORDS_DEFAULT: u64 = 100_000;
/// Bytes that the views may be behind the log when nothing else is said.
pub const INGEST_LAG_BYTES_DEFAULT: u64 = 256 * 1024 * 1024;

/// Settings of a server.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// addresses of the API; port 0 takes a free one
    pub listen: ListenAddresses,
    /// certificate and key by which the server is known over TLS; none where it speaks plain HTTP
    pub tls: Option<CertificateFiles>,
    /// threads that compute; half of the cores without
    pub workers: Option<u16>,
    /// source of `NOW()`
    pub clock: Clock,
    /// interval at which the state is kept
    pub checkpoint_interval: Duration,
    /// bytes above which the log forgets the oldest events, if no restart needs them; without it everything is kept
    pub log_retention_bytes: Option<u64>,
    /// bytes of events that the log may keep beyond that for a rollback
    pub rollback_log_bytes: u64,
    /// true if the process starts although the beginning of the log is gone that states are computed from
    pub accept_missing_history: bool,
    /// true if the process starts although readers see more of a changed directory than of what was in force
    pub accept_wider_access: bool,
    /// records that the views may be behind the log before events are refused
    pub ingest_lag_records: u64,
    /// the same in bytes of keys and values
    pub ingest_lag_bytes: u64,
    /// the same in time
    pub ingest_lag_time: Duration,
    /// bytes of memory of which the process may use a part before it refuses events; what the machine has without
    pub ingest_memory_bytes: Option<u64>,
    /// the most rows that joins and lists may make of one event
    pub event_rows_max: u64,
    /// the same in bytes of those rows
    pub event_bytes_max: u64,
    /// address of the Redis of sinks, which may hold a password
    pub redis_url: Option<SecretText>,
    /// limits of connections
    pub connections: ConnectionLimits,
    /// limits of requests
    pub limits: Limits,
}
