//! `validate`, `explain` and `test`: what can be said about a topology without a server.
//!
//! A directory enters; what is wrong with it, how a view is computed, or which tests fail leaves, for people or for programs.

use std::path::{Path, PathBuf};

use engine::slt::{self, Report};
use language::diagnostic::suggestion;
use language::diagram::Diagram;
use language::explain;
use language::lineage::{self, lineage};
use language::load::{LoadError, load};
use language::topology::{Served, Topology};
use schemas::serving::Access;
use serde_json::json;

use super::arguments::{DirectoryArguments, ExplainArguments, ExplainFormat, Format};
use super::failure::Failure;
use crate::process::deployments::declared::Declared;
use crate::terminal::{counted, json_line, print_error_text, print_json, print_line, print_text};

/// Loads a topology and says what it has.
pub(super) fn validate(arguments: &DirectoryArguments) -> Result<(), Failure> {
    let topology = load_or_report(&arguments.directory, arguments.format)?;
    let (sources, tables, views) = (topology.sources.len(), topology.tables.len(), topology.served.len());
    let is_closed = |served: &&Served| served.view.access == Access::Denied;
    let closed: Vec<&str> = topology.served.iter().filter(is_closed).map(|served| served.view.name.as_str()).collect();
    match arguments.format {
        Format::Json => {
            print_json(&json!({ "errors": [], "sources": sources, "tables": tables, "views": views, "closed": closed }));
        }
        Format::Text => {
            let directory = arguments.directory.display();
            let (sources, tables, views) = (counted(sources, "source"), counted(tables, "table"), counted(views, "view"));
            print_line(&format!("'{directory}' is valid: {sources}, {tables}, {views} served"));
            if !closed.is_empty() {
                let names = closed.join(", ");
                print_line(&format!("note: nobody may read {names}: GRANT SELECT ON name TO PUBLIC, or a POLICY, says who may"));
            }
        }
    }
    Ok(())
}

/// Prints how everything hangs together, or the plan of one view.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<(), Failure> {
    let errors = if arguments.format == ExplainFormat::Json { Format::Json } else { Format::Text };
    let topology = load_or_report(&arguments.directory, errors)?;
    let text = match &arguments.view {
        None => explain_all(&topology, arguments.format),
        Some(view) => explain_view(&topology, view, arguments)?,
    };
    print_text(text.trim_end());
    Ok(())
}

fn explain_all(topology: &Topology, format: ExplainFormat) -> String {
    let lineage = lineage(topology);
    match format {
        ExplainFormat::Text => lineage::text(&lineage),
        ExplainFormat::Json => json_line(&json!(lineage)),
        ExplainFormat::Dot => Diagram::of(&lineage).to_dot(),
        ExplainFormat::Mermaid => Diagram::of(&lineage).to_mermaid(),
    }
}

fn explain_view(topology: &Topology, view: &str, arguments: &ExplainArguments) -> Result<String, Failure> {
    let unknown = || {
        let suggestion = suggestion(view, topology.relations.keys().map(String::as_str));
        Failure::UnknownView { view: view.to_owned(), directory: arguments.directory.clone(), suggestion }
    };
    let plan = || explain::explain(topology, view).ok_or_else(unknown);
    let diagram = || explain::diagram(topology, view).ok_or_else(unknown);
    Ok(match arguments.format {
        ExplainFormat::Text => plan()?,
        ExplainFormat::Json => json_line(&json!({ "view": view, "plan": plan()? })),
        ExplainFormat::Dot => diagram()?.to_dot(),
        ExplainFormat::Mermaid => diagram()?.to_mermaid(),
    })
}

/// Runs the tests of a topology.
pub(super) fn test(arguments: &DirectoryArguments) -> Result<(), Failure> {
    let reports = slt::run(&arguments.directory).map_err(|error| report_errors(&arguments.directory, arguments.format, error))?;
    match arguments.format {
        Format::Json => print_json(&json!({ "tests": reports.iter().map(report_json).collect::<Vec<_>>() })),
        Format::Text => reports.iter().for_each(|report| print_text(&report_text(report))),
    }
    match reports.iter().filter(|report| report.failure.is_some()).count() {
        0 => Ok(()),
        failed => Err(Failure::TestsFailed { failed, tests: reports.len() }),
    }
}

fn report_text(report: &Report) -> String {
    let path = report.path.display();
    let milliseconds = report.took.as_millis();
    match &report.failure {
        None if report.queries == 1 => format!("ok      {path}  1 query, {milliseconds} ms"),
        None => format!("ok      {path}  {} queries, {milliseconds} ms", report.queries),
        Some(failure) => format!("FAILED  {path}\n{failure}\n"),
    }
}

fn report_json(report: &Report) -> serde_json::Value {
    json!({
        "path": report.path.display().to_string(),
        "queries": report.queries,
        "failure": report.failure.as_ref().map(ToString::to_string),
        "took_ms": report.took.as_millis() as u64,
    })
}

/// Loads a topology; its errors are printed, all of them.
pub(super) fn load_or_report(directory: &Path, format: Format) -> Result<Topology, Failure> {
    load(directory).map_err(|error| report_errors(directory, format, error))
}

/// Loads a topology with its statements; its errors are printed, all of them.
pub(super) fn declare_or_report(directory: &Path, format: Format) -> Result<Declared, Failure> {
    Declared::load(directory).map_err(|error| report_errors(directory, format, error))
}

/// Loads the statements of several directories, at least one, as one topology; a failure is reported with the first.
pub(super) fn declare_all_or_report(directories: &[PathBuf], format: Format) -> Result<Declared, Failure> {
    let first = directories.first().expect("a topology has a directory");
    Declared::load_all(directories).map_err(|error| report_errors(first, format, error))
}

fn report_errors(directory: &Path, format: Format, error: LoadError) -> Failure {
    let LoadError::Invalid { diagnostics } = error else { return Failure::Load(error) };
    match format {
        Format::Json => print_json(&json!({ "errors": diagnostics })),
        Format::Text => diagnostics.iter().for_each(|diagnostic| print_error_text(&format!("{diagnostic}\n"))),
    }
    Failure::InvalidTopology { directory: directory.to_owned(), errors: diagnostics.len() }
}
