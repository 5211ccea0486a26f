//! Expected texts that are files: compared as they are, and written again by
//! `UPDATE_GOLDEN=1 cargo test --release --workspace --test topologies`, to be read as a diff.

use std::path::Path;

/// Returns true if the expected texts are to be written.
pub fn is_updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Compares a text with the file that holds what is expected, paths being relative to this folder.
pub fn check(path: &str, text: &str) {
    let file = folder().join(path);
    if is_updating() {
        let written = file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&file, text));
        return written.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    let expected =
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", file.display()));
    let differs = text.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = differs.unwrap_or_else(|| text.lines().count().min(expected.lines().count()));
    let around = |text: &str| text.lines().skip(line.saturating_sub(3)).take(8).collect::<Vec<_>>().join("\n");
    assert!(text == expected, "{path} differs in line {}\nexpected\n{}\nfound\n{}", line + 1, around(&expected), around(text));
}

/// The names of the files in a folder of expected texts.
pub fn files(path: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("a folder can be listed").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Deletes an expected text that nothing stands for any more.
pub fn remove(path: &str) {
    std::fs::remove_file(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
}
