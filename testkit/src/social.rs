//! The messages of the social network, for tests that send its events: they lie beside its statements.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of its statements.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../topologies/social");

/// The names and the texts of its `.proto` files, by name.
///
/// # Panics
/// A file can't be read.
pub fn proto_files() -> Vec<(String, String)> {
    let read = |path: PathBuf| {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (name, text)
    };
    paths().into_iter().map(read).collect()
}

/// Puts its `.proto` files into a folder, beside statements that name them.
///
/// # Panics
/// A file can't be read or written.
pub fn copy_proto_files(folder: &Path) {
    for (name, text) in proto_files() {
        let path = folder.join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn paths() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).unwrap_or_else(|error| panic!("{FOLDER}: {error}"));
    let entries = entries.map(|entry| entry.unwrap_or_else(|error| panic!("{FOLDER}: {error}")).path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "proto")).collect();
    paths.sort();
    paths
}
