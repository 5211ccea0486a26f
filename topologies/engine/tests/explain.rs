//! The plan of every view of the social network, as `explain` shows it: `plans/<view>.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test --release --workspace --test topologies` writes the plans again. A change of a plan is a change
//! of what is kept in memory.

use std::path::Path;

use language::explain::explain;
use language::load::load;

use crate::golden;

#[test]
fn plans_are_as_they_were_reviewed() {
    let topology = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../social")).unwrap_or_else(|error| panic!("{error}"));
    let mut files = Vec::new();
    for served in &topology.served {
        let plan = explain(&topology, &served.view.name).unwrap_or_else(|| panic!("'{}' has no plan", served.view.name));
        let file = format!("{}.txt", served.view.name);
        golden::check(&format!("plans/{file}"), &plan);
        files.push(file);
    }
    files.sort();
    let stale: Vec<String> = golden::files("plans").into_iter().filter(|file| !files.contains(file)).collect();
    if golden::is_updating() {
        stale.iter().for_each(|file| golden::remove(&format!("plans/{file}")));
    } else {
        assert!(stale.is_empty(), "plans of views that are gone: {stale:?}");
    }
}
