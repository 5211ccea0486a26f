//! Arguments of the command that makes a project: `new`.

use std::path::PathBuf;

use clap::Args;

use super::common::Format;

/// `tidewater new`
#[derive(Clone, Debug, Args)]
pub struct NewArguments {
    /// Name of the project, which is its directory; also a path that ends in the name. The directory is made, or has to be empty
    #[arg(value_name = "NAME")]
    pub directory: PathBuf,
    /// Format of the outcome
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}
