//! The crates of this workspace and their source files.

use std::fs;
use std::path::{Path, PathBuf};

/// Helpers of tests, which no crate may name but for its tests.
pub const TESTKIT: &str = "testkit";

/// A crate of this workspace.
pub struct HouseCrate {
    /// name of the package
    pub package: &'static str,
    /// its folder, from the root
    pub folder: &'static str,
    /// packages of this workspace that it may name, beside [`TESTKIT`] for its tests
    pub may_name: &'static [&'static str],
}

/// Every crate of this workspace. Those that a crate may name stand before it.
pub static CRATES: [HouseCrate; 10] = [
    HouseCrate { package: TESTKIT, folder: "testkit", may_name: &[] },
    HouseCrate { package: "schemas", folder: "schemas", may_name: &[] },
    HouseCrate { package: "sources", folder: "sources", may_name: &["schemas"] },
    HouseCrate { package: "operators", folder: "operators", may_name: &["schemas"] },
    HouseCrate { package: "sinks", folder: "sinks", may_name: &["schemas"] },
    HouseCrate { package: "epochs", folder: "topologies/epochs", may_name: &["schemas", "sources", "sinks"] },
    HouseCrate { package: "language", folder: "topologies/language", may_name: &["schemas"] },
    HouseCrate {
        package: "engine",
        folder: "topologies/engine",
        may_name: &["schemas", "sources", "operators", "sinks", "epochs", "language"],
    },
    HouseCrate { package: "api", folder: "api", may_name: &["schemas", "sinks"] },
    HouseCrate {
        package: "tidewater",
        folder: ".",
        may_name: &["schemas", "sources", "operators", "sinks", "epochs", "language", "engine", "api"],
    },
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
