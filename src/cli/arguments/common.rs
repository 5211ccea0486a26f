//! Arguments and values that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The server that is asked when nothing else is said.
pub(in crate::cli) const SERVER_DEFAULT: &str = "http://127.0.0.1:8080";

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

/// For whom output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// people
    Text,
    /// programs
    Json,
}
