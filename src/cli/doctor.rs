//! `tidewater doctor`: what there is to know of a data directory or of a server, and what is wrong with it.

use super::arguments::{DoctorArguments, Format, SERVER_DEFAULT};
use super::failure::Failure;
use crate::doctor::{offline, online};
use crate::terminal::{print_json, print_lines};

/// Looks, and fails when there is a problem.
pub(super) fn run(arguments: &DoctorArguments) -> Result<(), Failure> {
    let report = match (&arguments.data, &arguments.server) {
        (Some(data), _) => offline::report(data)?,
        (None, server) => {
            let server = server.as_deref().unwrap_or(SERVER_DEFAULT);
            online::report(server, arguments.token_file.as_deref(), arguments.ca_cert.as_deref())?
        }
    };
    match arguments.format {
        Format::Json => print_json(&report.json()),
        Format::Text => print_lines(report.text()),
    }
    match report.problems.len() {
        0 => Ok(()),
        problems => Err(Failure::Unhealthy { problems }),
    }
}
