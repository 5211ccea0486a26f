//! `tidewater new`: a project that runs as it is, and the commands to try next.

use serde_json::json;

use super::arguments::{Format, NewArguments};
use super::failure::Failure;
use crate::project::{self, NewProject};
use crate::terminal::{print_json, print_lines};

/// Makes the project and says what is in it.
pub(super) fn run(arguments: &NewArguments) -> Result<(), Failure> {
    let made = project::create(&arguments.directory)?;
    match arguments.format {
        Format::Json => print_json(&json!({ "directory": made.directory.display().to_string(), "files": made.files })),
        Format::Text => print_lines(text(&made)),
    }
    Ok(())
}

fn text(made: &NewProject) -> Vec<String> {
    let directory = made.directory.display();
    vec![
        format!("created '{directory}' with {}", made.files.join(", ")),
        "next:".to_owned(),
        format!("  cd {directory}"),
        "  tidewater test .".to_owned(),
        "  tidewater run --topologies . --data data".to_owned(),
        "README.md says how to send events and read views".to_owned(),
    ]
}
