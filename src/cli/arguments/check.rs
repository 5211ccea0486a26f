//! Arguments of the commands that read a folder of statements: `validate`, `explain` and `test`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::common::Format;

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
