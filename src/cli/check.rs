//! `tidewater validate`: what can be said about a topology without a server.
//!
//! A directory enters; what it has, or everything that is wrong with it, leaves, for people or for programs.

use std::path::Path;

use serde_json::json;
use topologies::topology::{LoadError, Topology, load};

use super::{DirectoryArguments, Format};
use crate::error::Failure;

/// Loads a topology and says what it has.
pub(super) fn validate(arguments: &DirectoryArguments) -> Result<(), Failure> {
    let topology = load_or_report(&arguments.directory, arguments.format)?;
    let (sources, tables, views) = (topology.sources.len(), topology.tables.len(), topology.served.len());
    match arguments.format {
        Format::Json => println!("{}", json!({ "errors": [], "sources": sources, "tables": tables, "views": views })),
        Format::Text => println!("'{}' is valid: {sources} sources, {tables} tables, {views} views served", arguments.directory.display()),
    }
    Ok(())
}

/// Loads a topology; its errors are printed, all of them.
pub(super) fn load_or_report(directory: &Path, format: Format) -> Result<Topology, Failure> {
    let diagnostics = match load(directory) {
        Ok(topology) => return Ok(topology),
        Err(LoadError::Invalid { diagnostics }) => diagnostics,
        Err(other) => return Err(Failure::Load(other)),
    };
    match format {
        Format::Json => println!("{}", json!({ "errors": diagnostics })),
        Format::Text => diagnostics.iter().for_each(|diagnostic| eprintln!("{diagnostic}\n")),
    }
    Err(Failure::InvalidTopology { directory: directory.to_owned(), errors: diagnostics.len() })
}
