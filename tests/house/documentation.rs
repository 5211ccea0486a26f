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
        let counted = lines(name);
        assert!(counted.1 > 1_000, "only {} lines of '{name}' were read", counted.1);
        poor.extend(too_little(name, least, counted));
    }
    assert!(poor.is_empty(), "{}", poor.join("\n"));
}

/// Returns what to say of a crate that has less documentation than it should.
fn too_little(name: &str, least: usize, (documentation, all): (usize, usize)) -> Option<String> {
    let share = documentation * 100 / all;
    let found = format!("{name}: {documentation} of {all} lines, {share} %, are documentation; at least {least} % should be");
    (share < least).then_some(found)
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
        let (of_file, all_of_file) = count(&text);
        documentation += of_file;
        all += all_of_file;
    }
    (documentation, all)
}

/// Lines of documentation and all lines that are not blank, up to the module of tests of a file. Other items that are compiled for tests
/// alone, such as `#[cfg(test)] mod tests;`, do not end the file.
fn count(text: &str) -> (usize, usize) {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let end = (0..lines.len()).find(|&at| begins_tests(&lines[at..])).unwrap_or(lines.len());
    let documentation = lines[..end].iter().filter(|line| line.starts_with("///") || line.starts_with("//!")).count();
    (documentation, end)
}

/// Returns true if these lines begin with a module in braces that is compiled for tests alone.
fn begins_tests(lines: &[&str]) -> bool {
    let Some(behind) = lines.first().and_then(|line| line.strip_prefix("#[cfg(test)]")) else { return false };
    let following = std::iter::once(behind.trim()).chain(lines[1..].iter().copied());
    let mut items = following.filter(|line| !line.is_empty() && !line.starts_with("#["));
    items.next().is_some_and(|item| item.ends_with('{') && item.split_whitespace().any(|word| word == "mod"))
}

#[test]
fn documentation_is_counted_up_to_the_tests_of_a_file() {
    let text = "//! Words.\n\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nuse std::fmt;\n/// A word.\npub struct Word; // mod {\n";
    assert_eq!(count(text), (2, 7));
    for tests in
        ["#[cfg(test)]\nmod tests {\n", "#[cfg(test)] mod tests {\n", "#[cfg(test)]\n#[allow(x)]\n\npub(crate) mod tests {\n"]
    {
        assert_eq!(count(&format!("{text}{tests}/// A helper.\nfn help() {{}}\n}}\n")), (2, 7), "{tests}");
    }
}

#[test]
fn a_crate_with_too_little_documentation_is_found() {
    assert_eq!(too_little("words", 20, (20, 100)), None);
    assert!(too_little("words", 20, (19, 100)).is_some_and(|found| found.contains("19 of 100 lines, 19 %")));
}
