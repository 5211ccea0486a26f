//! Reason why a command failed, and its exit code.
//!
//! Owns [`Failure`], what a person reads, and [`Exit`], what a program reads. The exit codes are a contract; `--help` lists them.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use engine::run::StartError;
use epochs::error::EpochError;
use language::topology::LoadError;

/// Exit codes by cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// all went well
    Success = 0,
    /// something else failed: a file, the disk, the event log
    Failure = 1,
    /// the command line is wrong
    Usage = 2,
    /// the topology has errors
    InvalidTopology = 3,
    /// the server can't be reached, or refuses the request
    Server = 4,
    /// the server rejected some of the events
    EventsRejected = 5,
    /// a test of a topology failed
    TestsFailed = 6,
    /// another process took over the data directory
    Fenced = 7,
    /// `doctor` found a problem
    Unhealthy = 8,
    /// a deployment did not take over
    NotDeployed = 9,
    /// states would be computed from a log whose beginning is gone
    MissingHistory = 10,
}

/// Text of `--help` on the exit codes.
pub const EXIT_CODES_HELP: &str = "Exit codes:
  0  success
  1  failure: a file, the disk, the event log
  2  the command line is wrong
  3  the topology has errors
  4  the server can't be reached or refuses the request
  5  some events were rejected, the others were taken
  6  a test of a topology failed
  7  another process took over the data directory
  8  'doctor' found a problem
  9  a deployment did not take over: everything is as it was
  10 the log no longer has the beginning of what would be computed: rows would be missing";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Operation on a file that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// reading
    Read,
    /// writing, or creating a directory
    Write,
}

impl std::fmt::Display for FileAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// Reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// setting that names Redis
    #[error(transparent)]
    Redis {
        /// its fault
        source: engine::follow::BadRedisUrl,
    },
    /// a file or directory
    #[error("cannot {action} '{}': {source}", path.display())]
    File {
        /// the operation
        action: FileAction,
        /// the file
        path: PathBuf,
        /// the reason
        source: io::Error,
    },
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
             --auth-rs256-key-file or --auth-es256-key-file, or listen on 127.0.0.1"
    )]
    OpenToTheNetwork {
        /// the address
        address: SocketAddr,
    },
    /// the keys to verify tokens with
    #[error(transparent)]
    TokenKeys(#[from] api::TokenConfigError),
    /// a token could not be signed
    #[error("cannot sign a token for the demo: {source}")]
    SignToken {
        /// the reason
        source: jsonwebtoken::errors::Error,
    },
    /// the threads of the process
    #[error("cannot start the process: {source}")]
    Start {
        /// the reason
        source: io::Error,
    },
    /// the engine could not be started
    #[error(transparent)]
    Engine(#[from] engine::run::StartError),
    /// the data directory can't be gone on with
    #[error(transparent)]
    Epochs(#[from] epochs::error::EpochError),
    /// events of the demo could not be appended
    #[error(transparent)]
    Ingest(#[from] api::IngestError),
    /// nobody answers
    #[error("cannot reach {server}: {detail}; is the server running, and is --server its address?")]
    Unreachable {
        /// the server's address
        server: String,
        /// the attempt and its failure
        detail: String,
    },
    /// the server does not take the request
    #[error("{server} answered {status}: {detail}{}", token_hint(*.status))]
    Refused {
        /// the server's address
        server: String,
        /// HTTP status
        status: u16,
        /// the problem, in its words
        detail: String,
    },
    /// some lines were no events
    #[error("{rejected} of {lines} lines were rejected; the server keeps them, see GET /v1/dead-letters")]
    EventsRejected {
        /// rejected lines
        rejected: u64,
        /// all lines
        lines: u64,
    },
    /// some dead letters are still no events
    #[error("{rejected} of {letters} dead letters were rejected again and stay on the list")]
    LettersRejected {
        /// rejected letters
        rejected: u64,
        /// all that were sent again
        letters: u64,
    },
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
    /// `doctor` found problems; they have been printed
    #[error("{problems} {} found", if *problems == 1 { "problem was" } else { "problems were" })]
    Unhealthy {
        /// number of problems
        problems: usize,
    },
    /// choice of the topology to run
    #[error(transparent)]
    Choose(#[from] crate::deployments::ChooseError),
    /// a topology that is planned would be refused
    #[error("{reason}")]
    MissingHistory {
        /// the states, and the remedy
        reason: String,
    },
    /// a deployment ended, and everything is as it was
    #[error("generation {generation} did not take over, and everything is as it was: {reason}")]
    NotDeployed {
        /// its number
        generation: u64,
        /// the reason
        reason: String,
    },
    /// the topology can't be read
    #[error(transparent)]
    Load(#[from] LoadError),
    /// the topology can't be deployed; its errors have been printed
    #[error("the topology in '{}' has {errors} {}", directory.display(), if *errors == 1 { "error" } else { "errors" })]
    InvalidTopology {
        /// its directory
        directory: PathBuf,
        /// number of errors
        errors: usize,
    },
    /// no such view
    #[error("there is no view or table '{view}' in '{}'{}", directory.display(), meant(.suggestion))]
    UnknownView {
        /// the name that was given
        view: String,
        /// directory of the topology
        directory: PathBuf,
        /// the name that was meant, perhaps
        suggestion: Option<String>,
    },
    /// tests of a topology failed; what differs has been printed
    #[error("{failed} of {tests} tests failed")]
    TestsFailed {
        /// number of failures
        failed: usize,
        /// number of them
        tests: usize,
    },
}

/// Advice for a client that was refused for want of rights.
fn token_hint(status: u16) -> &'static str {
    if matches!(status, 401 | 403) { "; name a file with a token that has the right by --token-file" } else { "" }
}

fn meant(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|near| format!("; did you mean '{near}'?")).unwrap_or_default()
}

impl Failure {
    /// The exit code of this failure.
    pub fn exit(&self) -> Exit {
        match self {
            Self::OpenToTheNetwork { .. } | Self::UnknownView { .. } => Exit::Usage,
            Self::InvalidTopology { .. } | Self::Load(LoadError::Empty { .. } | LoadError::Invalid { .. }) => {
                Exit::InvalidTopology
            }
            Self::Unreachable { .. } | Self::Refused { .. } => Exit::Server,
            Self::EventsRejected { .. } | Self::LettersRejected { .. } => Exit::EventsRejected,
            Self::NotDeployed { .. } => Exit::NotDeployed,
            Self::MissingHistory { .. }
            | Self::Epochs(EpochError::MissingHistory(_))
            | Self::Engine(StartError::Epochs(EpochError::MissingHistory(_))) => Exit::MissingHistory,
            Self::Fenced { .. } => Exit::Fenced,
            Self::Unhealthy { .. } => Exit::Unhealthy,
            Self::TestsFailed { .. } => Exit::TestsFailed,
            _ => Exit::Failure,
        }
    }

    /// A failure of a file that is read.
    pub fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action: FileAction::Read, path, source }
    }

    /// A failure of a file that is written.
    pub fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action: FileAction::Write, path, source }
    }
}
