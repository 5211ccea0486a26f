//! The tables of threats in `docs/SECURITY.md` are true: every row makes a promise, and every test that it names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::reliability::{root, tests_by_file};

const PAGE: &str = "docs/SECURITY.md";
const HEAD: &str = "| threat | promise | test |";
/// Beginning of every head of a table of threats, whatever its other columns are called.
const ANY_HEAD: &str = "| threat";
const NO_TEST: &str = "No test: ";
/// A row that is shown by the tests of the row above.
const THE_SAME: &str = "the same";

/// The tests of each file.
type Tests = BTreeMap<String, BTreeSet<String>>;

/// A row of a table.
struct Threat {
    text: String,
    promise: String,
    shown_by: String,
}

/// The rows of all tables of threats of a page.
fn threats(page: &str) -> Vec<Threat> {
    let mut found = Vec::new();
    let mut is_inside = false;
    for line in page.lines() {
        is_inside = line == HEAD || (is_inside && line.starts_with("| "));
        if !is_inside || line == HEAD || line.starts_with("| ---") {
            continue;
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [text, promise, shown_by] = cells[..] else { panic!("{PAGE}: a row of {} cells: {line}", cells.len()) };
        found.push(Threat { text: text.to_owned(), promise: promise.to_owned(), shown_by: shown_by.to_owned() });
    }
    found
}

/// The heads of tables of threats that are not read, because they differ from the one that is expected.
fn other_heads(page: &str) -> Vec<&str> {
    page.lines().filter(|line| line.to_lowercase().starts_with(ANY_HEAD) && *line != HEAD).collect()
}

/// The names of tests and the files that a cell has, each in backquotes.
fn named(shown_by: &str) -> (Vec<&str>, Vec<&str>) {
    shown_by.split('`').skip(1).step_by(2).partition(|name| !name.ends_with(".rs"))
}

/// Describes the fault of a row, if it has one.
fn fault(threat: &Threat, tests: &Tests) -> Option<String> {
    let Threat { text, promise, shown_by } = threat;
    if promise.is_empty() {
        return Some(format!("'{text}' has no promise"));
    }
    if let Some(why) = shown_by.strip_prefix(NO_TEST) {
        return (why.len() < 30).then(|| format!("'{text}' has no test, and hardly a reason"));
    }
    let (names, files) = named(shown_by);
    if names.is_empty() {
        let is_known = shown_by.starts_with(THE_SAME);
        return (!is_known).then(|| format!("'{text}' names neither a test nor says '{NO_TEST}<why>'"));
    }
    if let Some(file) = files.iter().find(|file| !tests.contains_key(**file)) {
        return Some(format!("'{text}' names '{file}', which is no file"));
    }
    let is_there = |name: &&str| {
        let mut places = tests.iter().filter(|(file, _)| files.is_empty() || files.contains(&file.as_str()));
        places.any(|(_, tests)| tests.contains(*name))
    };
    names.into_iter().find(|name| !is_there(name)).map(|name| format!("'{text}' names '{name}', which is no test of {files:?}"))
}

#[test]
fn every_test_that_the_page_names_exists() {
    let (page, tests) = (fs::read_to_string(root().join(PAGE)).unwrap(), tests_by_file());
    assert_eq!(other_heads(&page), [""; 0], "{PAGE}: the head of a table of threats is '{HEAD}'");
    let threats = threats(&page);
    assert!(threats.len() > 15, "only {} rows were read", threats.len());
    let faults: Vec<String> = threats.iter().filter_map(|threat| fault(threat, &tests)).collect();
    assert!(faults.is_empty(), "{PAGE}:\n{}", faults.join("\n"));
}

#[test]
fn every_file_of_attacks_is_on_the_page() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let threats = threats(&page);
    let named: BTreeSet<&str> = threats.iter().flat_map(|threat| named(&threat.shown_by).0).collect();
    for (file, tests) in
        tests_by_file().into_iter().filter(|(file, tests)| file.starts_with("tests/attack/") && !tests.is_empty())
    {
        assert!(tests.iter().any(|test| named.contains(test.as_str())), "{PAGE} names no test of {file}");
    }
}

#[test]
fn a_table_with_another_head_is_found() {
    let page = format!("{HEAD}\n| --- | --- | --- |\n\n| Threat | promise | tests |\n| threat | test |\n| thread | promise |\n");
    assert_eq!(other_heads(&page), ["| Threat | promise | tests |", "| threat | test |"]);
}

#[test]
fn a_row_without_a_test_or_with_one_that_is_not_there_is_found() {
    let tests = Tests::from([
        ("a.rs".to_owned(), BTreeSet::from(["known".to_owned()])),
        ("b.rs".to_owned(), BTreeSet::from(["other".to_owned()])),
    ]);
    let faulty = |cell: &str| {
        let table = format!("{HEAD}\n| --- | --- | --- |\n| a threat | a promise | {cell} |\n\n| other | table |\n");
        let threats = threats(&table);
        assert_eq!(threats.len(), 1);
        fault(&threats[0], &tests).is_some()
    };
    for cell in [
        "`known` `a.rs`",
        "`a.rs`: `known`; `b.rs`: `other`",
        "`known`",
        "the same",
        "No test: it would need a second machine to be shown",
    ] {
        assert!(!faulty(cell), "{cell}");
    }
    for cell in ["`unknown` `a.rs`", "`known` `b.rs`", "`known` `c.rs`", "`known`, `unknown`", "`a.rs`", "soon", "No test: hard"]
    {
        assert!(faulty(cell), "{cell}");
    }
}
