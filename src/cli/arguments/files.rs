//! Arguments of the commands that work on a data directory: `doctor`, `backup` and `restore`.

use std::path::PathBuf;

use clap::Args;

use super::common::Format;

/// `tidewater doctor`
#[derive(Clone, Debug, Args)]
pub struct DoctorArguments {
    /// A data directory that no process uses
    #[arg(long, value_name = "DIR", required_unless_present = "server", conflicts_with_all = ["server", "token_file", "ca_cert"])]
    pub data: Option<PathBuf>,
    /// A server
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// File with the certificates (PEM) of the authorities that are trusted to say who a server with https:// is; TIDEWATER_CA_CERT when not
    /// given, and the public ones without either
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
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
