//! The crates of this workspace and their source files.

use std::fs;
use std::path::{Path, PathBuf};

/// Each crate and the crates of this workspace that it may name.
pub const EDGES: [(&str, &[&str]); 10] = [
    ("testkit", &[]),
    ("schemas", &["testkit"]),
    ("sources", &["schemas", "testkit"]),
    ("operators", &["schemas", "testkit"]),
    ("sinks", &["schemas", "testkit"]),
    ("topologies/epochs", &["schemas", "sources", "sinks", "testkit"]),
    ("topologies/language", &["schemas", "testkit"]),
    ("topologies/engine", &["schemas", "sources", "operators", "sinks", "epochs", "language", "testkit"]),
    ("api", &["schemas", "sinks", "testkit"]),
    (".", &["schemas", "sources", "operators", "sinks", "epochs", "language", "engine", "api", "testkit"]),
];

/// Folders that hold no source of ours.
const FOREIGN: [&str; 2] = ["target", ".git"];

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file, by its path from the root.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The `.rs` files below a folder, in order.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(folder, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are UTF-8");
        if path.is_dir() && !FOREIGN.contains(&name) {
            collect(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}
