//! Arguments of every command, as a person types them, and the options of the process that they stand for.
//!
//! A file holds the commands of one subject.

mod answers;
mod auth;
mod check;
mod common;
mod deployments;
mod events;
mod files;
mod limits;
mod project;
mod server;
mod tls;

use clap::{Parser, Subcommand};

use crate::cli::failure::EXIT_CODES_HELP;

pub use check::{DirectoryArguments, ExplainArguments, ExplainFormat};
pub(in crate::cli) use common::SERVER_DEFAULT;
pub use common::{Format, RemoteArguments};
pub use deployments::{DeployArguments, DropArguments, PlanArguments, RollbackArguments, ViewArguments};
pub(in crate::cli) use events::{ChosenLetters, LettersAction};
pub use events::{DeadLettersArguments, IngestArguments, TapArguments, WhyArguments};
pub use files::{BackupArguments, DoctorArguments, RestoreArguments};
pub use project::NewArguments;
pub use server::{DemoArguments, DemoDomain, RunArguments};

/// Log level when nothing else is said: warnings, and the lines that say who changed what is served.
const LOG_DEFAULT: &str = "warn,tidewater::audit=info";

/// Declarative SQL topologies that keep feeds, counts and searches current from event streams.
#[derive(Debug, Parser)]
#[command(name = "tidewater", version, after_help = EXIT_CODES_HELP, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub(in crate::cli) command: Command,
    /// Log level on stderr: error, warn, info, debug or trace, also by module as in "tidewater=debug"; tidewater::audit is the module of the
    /// lines that say who changed what is served, and with "tidewater::requests=info" there is a line for each request
    #[arg(long, global = true, default_value = LOG_DEFAULT, value_name = "FILTER")]
    pub(in crate::cli) log: String,
    /// Form of the log: lines for people, or a JSON object a line
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORM")]
    pub(in crate::cli) log_format: Format,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Make a small project that runs as it is: a topology, its test, and events to try it with
    New(NewArguments),
    /// Start everything on this machine with a domain that is made up as it goes: a social network, a shop, a to-do list, a coding assistant
    Demo(DemoArguments),
    /// Serve the views of a topology from an event log
    Run(RunArguments),
    /// Send a file of events, one JSON object per line, to a server
    Ingest(IngestArguments),
    /// Look at events that were refused, send them again or discard them
    DeadLetters(DeadLettersArguments),
    /// Print the records of a derived topic, or the changes of a view, as they come
    Tap(TapArguments),
    /// Show which events made a row of a view
    Why(WhyArguments),
    /// Look for problems, in a data directory or at a server
    Doctor(DoctorArguments),
    /// Copy a data directory that no process uses
    Backup(BackupArguments),
    /// Make a data directory of a backup
    Restore(RestoreArguments),
    /// Show what deploying a topology would change, at a server or at a start on a data directory
    Plan(PlanArguments),
    /// Have a topology take over at a running server, beside the one that runs until it is as far
    Deploy(DeployArguments),
    /// Show what a server has in force, and how the last deployment goes
    Status(RemoteArguments),
    /// Have an earlier topology take over again
    Rollback(RollbackArguments),
    /// Compute the state behind a view once more from the log, while it is served as it is
    Replay(ViewArguments),
    /// Take a view or a sink away
    Drop(DropArguments),
    /// Check a topology without running it
    Validate(DirectoryArguments),
    /// Show what is computed from what, or how a view is computed and what it keeps
    Explain(ExplainArguments),
    /// Run the tests (.slt) beside a topology's statements; needs no server
    Test(DirectoryArguments),
}

#[cfg(test)]
mod tests {
    use schemas::secret_text::SecretText;

    use super::*;

    #[test]
    fn no_printed_form_of_arguments_or_settings_shows_the_password_of_an_address() {
        let url = "redis://user:hunter2@h";
        let cli = Cli::try_parse_from(["tidewater", "run", "--topologies", "t", "--data", "d", "--redis-url", url]);
        let cli = cli.expect("arguments of a server");
        let Command::Run(run) = &cli.command else { panic!("another command than run: {cli:?}") };
        let settings = run.server.settings();
        for printed in [format!("{cli:?}"), format!("{settings:?}")] {
            assert!(printed.contains("redis_url: Some(***)") && !printed.contains("hunter2"), "{printed}");
        }
        assert_eq!(settings.redis_url.as_ref().map(SecretText::secret), Some(url));
    }

    #[test]
    fn the_address_of_a_key_set_is_printed_without_its_password_also_when_it_is_refused() {
        let parse = |url: &str| Cli::try_parse_from(["tidewater", "run", "--topologies", "t", "--data", "d", "--auth-jwks", url]);
        let accepted = parse("http://user:hunter2@127.0.0.1/keys").expect("an address of this machine");
        let refused = parse("http://user:hunter2@login.example/keys").expect_err("an address of another machine without TLS");
        assert_eq!(refused.exit_code(), 2);
        let said = refused.to_string();
        assert!(said.contains("'--auth-jwks <FILE|URL>'") && said.contains("login.example"), "{said}");
        for printed in [format!("{accepted:?}"), format!("{refused:?}"), said] {
            assert!(!printed.contains("hunter2"), "{printed}");
        }
    }
}
