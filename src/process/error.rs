//! Reasons why a process does not start, does not go on, or can't copy its data directory.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::certificates::CertificateError;
use super::deployments::choose::ChooseError;
use super::deployments::records::RecordsConflict;
use super::key_set::KeySetError;
use crate::file_error::FileError;

/// Reason why an operation of the process failed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// setting that names Redis
    #[error(transparent)]
    Redis(#[from] sinks::redis::BadRedisUrl),
    /// a file or directory
    #[error(transparent)]
    File(#[from] FileError),
    /// the event log
    #[error(transparent)]
    Log(#[from] sources::error::LogError),
    /// the address to listen on
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// the address
        address: SocketAddr,
        /// the reason
        source: io::Error,
    },
    /// anybody in the network could write
    #[error(
        "refusing to listen on {address} without a key: anybody could send events there; name a key with --auth-hs256-secret-file, \
             --auth-rs256-key-file, --auth-es256-key-file or --auth-jwks, or listen on 127.0.0.1"
    )]
    OpenToTheNetwork {
        /// the address
        address: SocketAddr,
    },
    /// a claim of tokens, and no tokens
    #[error("--ingest-actor-claim {claim} needs a key that tokens are verified with: without one nobody is known")]
    ActorClaimWithoutKeys {
        /// the claim
        claim: String,
    },
    /// pages of every site, and nobody who is known
    #[error(
        "refusing --cors-origin '*' without a key: the pages of every site could read and write everything; name the origins of your own \
         pages, or a key with --auth-hs256-secret-file, --auth-rs256-key-file, --auth-es256-key-file or --auth-jwks"
    )]
    AnySiteWithoutKeys,
    /// the keys to verify tokens with
    #[error(transparent)]
    TokenKeys(#[from] api::TokenConfigError),
    /// a set of keys that could not be fetched
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// keys of a set that can't be used
    #[error("cannot use the keys of {place}: {source}")]
    KeySetKeys {
        /// its file or address
        place: String,
        /// the fault
        source: api::TokenConfigError,
    },
    /// the certificate of the server
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// the threads of the process
    #[error("cannot start the process: {source}")]
    Start {
        /// the reason
        source: io::Error,
    },
    /// the system gives the process too few file descriptors
    #[error(
        "cannot start with at most {available} open files: at least {needed} are needed, half of them for connections; raise the limit, \
         with 'ulimit -n' or LimitNOFILE in a unit of systemd"
    )]
    Descriptors {
        /// the limit
        available: u64,
        /// the fewest
        needed: u64,
    },
    /// a topic has records that its source would not read
    #[error(transparent)]
    Records(#[from] RecordsConflict),
    /// the engine could not be started
    #[error(transparent)]
    Engine(#[from] engine::run::StartError),
    /// the process cannot resume from the data directory
    #[error(transparent)]
    Epochs(#[from] epochs::error::EpochError),
    /// the process lost its data directory
    #[error("another process took over: {reason}; what was acknowledged is in the log")]
    Fenced {
        /// the finding
        reason: String,
    },
    /// a restore was begun here and not finished
    #[error("'{}' was not restored to its end: remove it, then restore the backup again", directory.display())]
    HalfRestored {
        /// the data directory
        directory: PathBuf,
    },
    /// the directory that a backup or a restore writes to has something in it
    #[error("'{}' is not empty: nothing in it is overwritten, so name an empty directory or one that does not exist", directory.display())]
    NotEmpty {
        /// the directory
        directory: PathBuf,
    },
    /// no data directory
    #[error("'{}' is not a data directory of Tidewater: it has no file 'identity', which the first 'run' writes", directory.display())]
    NoData {
        /// the directory
        directory: PathBuf,
    },
    /// a backup that can't be relied on
    #[error("the backup in '{}' can't be restored: {detail}; use another backup", directory.display())]
    BadBackup {
        /// the backup
        directory: PathBuf,
        /// the fault
        detail: String,
    },
    /// choice of the topology to run
    #[error(transparent)]
    Choose(#[from] ChooseError),
}
