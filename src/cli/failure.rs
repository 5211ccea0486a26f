//! Reason why a command failed, and its exit code.
//!
//! Owns [`Failure`], what a person reads, and [`Exit`], what a program reads. The exit codes are a contract; `--help` lists them.

use std::path::PathBuf;
use std::process::ExitCode;

use engine::run::StartError;
use epochs::error::EpochError;
use language::load::LoadError;

use crate::client::connection::NoResponse;
use crate::client::error::ClientError;
use crate::demo::error::DemoError;
use crate::file_error::FileError;
use crate::process::deployments::choose::ChooseError;
use crate::process::error::ProcessError;
use crate::project::ProjectError;

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
    /// rows would be missing, or readers would see more, and nobody accepted that
    Unaccepted = 10,
    /// a signal stopped the command before its end
    Stopped = 130,
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
  10 not done without being accepted: the log no longer has the beginning of what would be computed, or readers would see more than before
  130 stopped by a signal before the end; 'ingest' prints what was taken";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// the filter of the log is none
    #[error("--log '{filter}' is not a filter: {source}")]
    LogFilter {
        /// the text that was given
        filter: String,
        /// its fault
        source: tracing_subscriber::filter::ParseError,
    },
    /// a file or directory
    #[error(transparent)]
    File(#[from] FileError),
    /// the process, or its data directory
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// the server that was asked, or a file for it
    #[error(transparent)]
    Client(#[from] ClientError),
    /// the demo
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// a project that was to be made
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// signals of the system can't be watched
    #[error("cannot watch for the signal to stop: {source}")]
    Signals {
        /// the reason
        source: std::io::Error,
    },
    /// an offset of a view
    #[error(
        "'--from {offset}' is an offset of a topic, and '{view}' is a view: it begins with 'earliest' (its rows) or 'latest' (their changes)"
    )]
    OffsetOfView {
        /// the offset
        offset: u64,
        /// the view
        view: String,
    },
    /// a line that would replace several letters
    #[error("'--with' replaces one dead letter, and {letters} are named: name one")]
    ReplacedLetters {
        /// number of letters
        letters: usize,
    },
    /// some lines were no events
    #[error(
        "{rejected} of {lines} lines were rejected: 'tidewater dead-letters list' has those that the token may send"
    )]
    EventsRejected {
        /// rejected lines
        rejected: u64,
        /// all lines
        lines: u64,
    },
    /// some dead letters are still no events
    #[error("{rejected} of {letters} dead letters were rejected and stay as they were")]
    LettersRejected {
        /// rejected letters
        rejected: u64,
        /// all that were sent again
        letters: u64,
    },
    /// `doctor` found problems; they have been printed
    #[error("{problems} {} found", if *problems == 1 { "problem was" } else { "problems were" })]
    Unhealthy {
        /// number of problems
        problems: usize,
    },
    /// a topology that is planned would be refused
    #[error("{reason}")]
    Unaccepted {
        /// the states or readers, and the remedy
        reason: String,
    },
    /// a deployment did not begin, because readers would see more
    #[error("{reason}")]
    WiderAccess {
        /// the readers, and the remedy
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

impl From<NoResponse> for Failure {
    fn from(reason: NoResponse) -> Self {
        Self::Client(reason.into())
    }
}

fn meant(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |near| format!("; did you mean '{near}'?"))
}

impl Failure {
    /// The exit code of this failure.
    pub fn exit(&self) -> Exit {
        match self {
            Self::LogFilter { .. } | Self::UnknownView { .. } | Self::OffsetOfView { .. } | Self::ReplacedLetters { .. } => {
                Exit::Usage
            }
            Self::InvalidTopology { .. } | Self::Load(LoadError::Empty { .. } | LoadError::Invalid { .. }) => {
                Exit::InvalidTopology
            }
            Self::Client(
                ClientError::Unreachable { .. }
                | ClientError::Untrusted { .. }
                | ClientError::Refused { .. }
                | ClientError::Unexpected { .. },
            ) => Exit::Server,
            Self::Client(ClientError::Stopped) => Exit::Stopped,
            Self::EventsRejected { .. } | Self::LettersRejected { .. } => Exit::EventsRejected,
            Self::NotDeployed { .. } | Self::WiderAccess { .. } => Exit::NotDeployed,
            Self::Unaccepted { .. } => Exit::Unaccepted,
            Self::Process(error) | Self::Demo(DemoError::Process(error)) => process_exit(error),
            Self::Project(ProjectError::BadName { .. }) => Exit::Usage,
            Self::Unhealthy { .. } => Exit::Unhealthy,
            Self::TestsFailed { .. } => Exit::TestsFailed,
            Self::Client(ClientError::File(_) | ClientError::Trust(_)) => Exit::Failure,
            Self::File(_) | Self::Demo(_) | Self::Load(_) | Self::Signals { .. } | Self::Project(_) => Exit::Failure,
        }
    }
}

fn process_exit(error: &ProcessError) -> Exit {
    match error {
        ProcessError::OpenToTheNetwork { .. } | ProcessError::ActorClaimWithoutKeys { .. } | ProcessError::AnySiteWithoutKeys => {
            Exit::Usage
        }
        ProcessError::Epochs(EpochError::MissingHistory(_))
        | ProcessError::Engine(StartError::Epochs(EpochError::MissingHistory(_)))
        | ProcessError::Choose(ChooseError::WiderAccess(_) | ChooseError::Incomparable(_)) => Exit::Unaccepted,
        ProcessError::Fenced { .. } => Exit::Fenced,
        _ => Exit::Failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_key_and_a_lost_data_directory_have_codes_of_their_own() {
        let open = ProcessError::OpenToTheNetwork { address: "0.0.0.0:80".parse().unwrap() };
        assert_eq!(Failure::from(open).exit(), Exit::Usage);
        let fenced = || ProcessError::Fenced { reason: "a newer start".into() };
        assert_eq!(Failure::from(fenced()).exit(), Exit::Fenced);
        assert_eq!(Failure::from(DemoError::from(fenced())).exit(), Exit::Fenced, "the demo exits as 'run' does");
    }
}
