//! Arguments and values that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::client::connection::Connection;
use crate::client::error::ClientError;

/// The server that is asked when nothing else is said.
pub(in crate::cli) const SERVER_DEFAULT: &str = "http://127.0.0.1:8080";

/// A server that is asked as an operator.
#[derive(Clone, Debug, Args)]
pub struct RemoteArguments {
    /// The server, as http:// or https://
    #[arg(long, value_name = "URL", default_value = SERVER_DEFAULT)]
    pub server: String,
    /// File with the certificates (PEM) of the authorities that are trusted to say who a server with https:// is; TIDEWATER_CA_CERT when not
    /// given, and the public ones without either
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    /// File with the bearer token to send
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

impl RemoteArguments {
    /// A connection to the server.
    pub(in crate::cli) fn connection(&self) -> Result<Connection, ClientError> {
        Connection::trusting(&self.server, self.token_file.as_deref(), self.ca_cert.as_deref())
    }
}

/// For whom output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// people
    Text,
    /// programs
    Json,
}
