//! The command line: a person's arguments, and the output of the command.
//!
//! Arguments enter and are translated into options of [`process`](crate::process) or questions to a server; an exit code leaves. Each
//! command has a file of its own.

mod arguments;
mod backup;
mod changes;
mod check;
mod dead_letters;
mod demo;
mod deploy;
mod doctor;
mod duration;
mod failure;
mod ingest;
mod json_log;
mod new;
mod plan;
mod run;
mod tap;
mod values;
mod why;

use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Cli, Command, Format};
use self::failure::{Exit, Failure};
use self::json_log::{JsonFields, JsonLines};
use crate::terminal::print_error_text;

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(failure) = start_logging(&cli.log, cli.log_format) {
        return report(&failure);
    }
    let outcome = match &cli.command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Ingest(arguments) => ingest::run(arguments),
        Command::DeadLetters(arguments) => dead_letters::run(arguments),
        Command::Tap(arguments) => tap::run(arguments),
        Command::Why(arguments) => why::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Backup(arguments) => backup::backup(arguments),
        Command::Restore(arguments) => backup::restore(arguments),
        Command::Plan(arguments) => plan::plan(arguments),
        Command::Deploy(arguments) => deploy::deploy(arguments),
        Command::Status(remote) => deploy::status(remote),
        Command::Rollback(arguments) => deploy::rollback(arguments),
        Command::Replay(arguments) => deploy::replay(arguments),
        Command::Drop(arguments) => deploy::drop(arguments),
        Command::New(arguments) => new::run(arguments),
        Command::Validate(arguments) => check::validate(arguments),
        Command::Explain(arguments) => check::explain(arguments),
        Command::Test(arguments) => check::test(arguments),
    };
    match outcome {
        Ok(()) => Exit::Success.into(),
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    print_error_text(&format!("error: {failure}"));
    failure.exit().into()
}

fn start_logging(filter: &str, format: Format) -> Result<(), Failure> {
    let bad = |source| Failure::LogFilter { filter: filter.to_owned(), source };
    let filter = tracing_subscriber::EnvFilter::try_new(filter).map_err(bad)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        Format::Text => log.init(),
        Format::Json => log.fmt_fields(JsonFields).event_format(JsonLines).init(),
    }
    Ok(())
}
