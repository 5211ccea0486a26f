//! The social topology: it is valid, and every file beside it holds.

use std::path::Path;

use engine::slt;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../social"))
}

#[test]
fn every_statement_is_valid() {
    let topology = language::load::load(folder()).unwrap_or_else(|error| panic!("{error}"));
    assert!(topology.served.len() >= 20, "only {} views are served", topology.served.len());
}

#[test]
fn every_test_beside_it_holds() {
    let reports = slt::run(folder()).unwrap_or_else(|error| panic!("{error}"));
    let failures: Vec<String> = reports.iter().filter_map(|report| report.failure.as_ref().map(ToString::to_string)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
