//! Documentation has its share of the library crates: units, ranges, errors and invariants want lines.

use std::fs;

use super::crates::{root, rust_files};
use super::modules::Modules;

/// Crates that others build on, and the least share of documentation lines in percent.
const SHARES: [(&str, usize); 4] = [("operators", 20), ("topologies/epochs", 20), ("sources", 20), ("sinks", 20)];

#[test]
fn the_library_crates_are_documented() {
    let mut poor = Vec::new();
    for (name, least) in SHARES {
        let (documentation, all) = lines(name);
        assert!(all > 1_000, "only {all} lines of '{name}' were read");
        let share = documentation * 100 / all;
        if share < least {
            poor.push(format!(
                "{name}: {documentation} of {all} lines, {share} %, are documentation; at least {least} % should be"
            ));
        }
    }
    assert!(poor.is_empty(), "{}", poor.join("\n"));
}

/// Lines of documentation and all lines that are not blank, outside of files that hold tests alone.
fn lines(name: &str) -> (usize, usize) {
    let source = root().join(name).join("src");
    let modules = Modules::read(&source);
    let (mut documentation, mut all) = (0, 0);
    for file in rust_files(&source) {
        let mut module: Vec<String> = file
            .strip_prefix(&source)
            .expect("it is below")
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        if !modules.tokens.contains_key(&module) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("sources are text");
        for line in text.lines().map(str::trim).take_while(|line| *line != "#[cfg(test)]").filter(|line| !line.is_empty()) {
            documentation += usize::from(line.starts_with("///") || line.starts_with("//!"));
            all += 1;
        }
    }
    (documentation, all)
}
