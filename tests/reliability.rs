//! The table of faults in `docs/RELIABILITY.md` is true: every row is there, every test that it names exists where it says, and every
//! test that is named after a fault is in the row of that fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/RELIABILITY.md";
const NO_TEST: &str = "No test: ";

/// A test: its name and its file.
type Test = (String, String);

/// A row of the table.
struct Row {
    tests: Vec<Test>,
    says_why_not: bool,
}

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> BTreeMap<u32, Row> {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let rows = rows.filter_map(|row| Some((row.split_once(' ')?.0.parse().ok()?, row)));
    rows.map(|(number, row)| (number, read_row(row))).collect()
}

fn read_row(row: &str) -> Row {
    let shown_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
    let says_why_not = shown_by.strip_prefix(NO_TEST).is_some_and(|why| why.len() > 30);
    let quoted: Vec<&str> = shown_by.split('`').skip(1).step_by(2).collect();
    let tests =
        if says_why_not { Vec::new() } else { quoted.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect() };
    Row { tests, says_why_not }
}

/// The tests of a file: what is `#[test]` or `#[tokio::test]`, and not ignored.
pub fn tests_of(text: &str) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        match line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split_once('(')) {
            Some((name, _)) if is_test => drop(tests.insert(name.to_owned())),
            _ if matches!(line, "#[test]" | "#[tokio::test]") || line.starts_with("#[tokio::test(") => is_test = true,
            _ if line.starts_with("#[ignore") => is_test = false,
            _ => {}
        }
        is_test &= line.starts_with("#[") || line.starts_with("//");
    }
    tests
}

/// The tests of every source file below the root, by its path from there.
pub fn tests_by_file() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root().to_path_buf()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !matches!(name, "target" | ".git") {
                open.push(path);
            } else if name.ends_with(".rs") {
                let file = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.insert(file, tests_of(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// Every test of the sources that is named after a fault, with the number of that fault.
fn fault_tests() -> BTreeSet<(u32, Test)> {
    let tests = tests_by_file().into_iter().flat_map(|(file, tests)| tests.into_iter().map(move |test| (test, file.clone())));
    tests.filter_map(|test| Some((fault_of(&test.0)?, test))).collect()
}

fn fault_of(test: &str) -> Option<u32> {
    test.strip_prefix("fault_")?.split_once('_')?.0.parse().ok()
}

#[test]
fn every_fault_that_is_promised_has_a_row() {
    let table = table();
    let missing: Vec<u32> = (1..=24).chain(46..=50).filter(|row| !table.contains_key(row)).collect();
    assert!(missing.is_empty(), "{PAGE} has no row {missing:?}");
    let empty: Vec<&u32> =
        table.iter().filter(|(_, row)| row.tests.is_empty() != row.says_why_not).map(|(number, _)| number).collect();
    assert!(empty.is_empty(), "rows {empty:?} of {PAGE} name neither a test nor say '{NO_TEST}<why>'");
}

#[test]
fn every_test_that_the_table_names_exists() {
    for (number, row) in table() {
        for (test, file) in row.tests {
            let text = fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("row {number}: '{file}': {error}"));
            assert!(tests_of(&text).contains(&test), "row {number} names '{test}', which is no test in '{file}'");
        }
    }
}

#[test]
fn every_test_that_is_named_after_a_fault_is_in_its_row() {
    let table = table();
    let found = fault_tests();
    assert!(found.len() > 30, "only {} tests are named after a fault", found.len());
    for (number, test) in found {
        let is_listed = table.get(&number).is_some_and(|row| row.tests.contains(&test));
        assert!(is_listed, "'{}' in '{}' is not in row {number} of {PAGE}", test.0, test.1);
    }
}
