//! The tables of threats in `docs/SECURITY.md` are true: every row makes a promise, and every test that it names is there.

use std::fs;

use crate::reliability::{root, tests_of};

const PAGE: &str = "docs/SECURITY.md";
const HEAD: &str = "| threat | promise | test |";
const NO_TEST: &str = "No test: ";

/// A row: the threat, and the tests as name and file.
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

/// The tests that a cell names, as name and file.
fn named(shown_by: &str) -> Vec<(&str, &str)> {
    let quoted: Vec<&str> = shown_by.split('`').skip(1).step_by(2).collect();
    quoted.chunks(2).map(|pair| (pair[0], pair.get(1).copied().unwrap_or_default())).collect()
}

/// What is wrong with a row; `text_of` gives the text of a file.
fn fault(threat: &Threat, text_of: impl Fn(&str) -> Option<String>) -> Option<String> {
    let Threat { text, promise, shown_by } = threat;
    if promise.is_empty() {
        return Some(format!("'{text}' has no promise"));
    }
    if let Some(why) = shown_by.strip_prefix(NO_TEST) {
        return (why.len() < 30).then(|| format!("'{text}' has no test, and hardly a reason"));
    }
    let tests = named(shown_by);
    if tests.is_empty() {
        return Some(format!("'{text}' names neither a test nor says '{NO_TEST}<why>'"));
    }
    let missing = |(test, file): &(&str, &str)| !text_of(file).is_some_and(|text| tests_of(&text).contains(*test));
    tests.into_iter().find(missing).map(|(test, file)| format!("'{text}' names '{test}', which is no test in '{file}'"))
}

#[test]
fn every_test_that_the_page_names_exists() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let threats = threats(&page);
    assert!(threats.len() > 15, "only {} rows were read", threats.len());
    let faults: Vec<String> =
        threats.iter().filter_map(|threat| fault(threat, |file| fs::read_to_string(root().join(file)).ok())).collect();
    assert!(faults.is_empty(), "{PAGE}:\n{}", faults.join("\n"));
}

#[test]
fn every_file_of_attacks_stands_on_the_page() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    for entry in fs::read_dir(root().join("tests/attack")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap();
        let is_file_of_tests = !tests_of(&fs::read_to_string(&path).unwrap()).is_empty();
        assert!(
            !is_file_of_tests || page.contains(&format!("`tests/attack/{name}`")),
            "{PAGE} names no test of tests/attack/{name}"
        );
    }
}

#[test]
fn a_row_without_a_test_or_with_one_that_is_not_there_is_found() {
    let table = |cell: &str| format!("{HEAD}\n| --- | --- | --- |\n| a threat | a promise | {cell} |\n\n| other | table |\n");
    let faulty = |cell: &str| {
        let threats = threats(&table(cell));
        assert_eq!(threats.len(), 1);
        fault(&threats[0], |file| (file == "a.rs").then(|| "#[test]\nfn known() {}\n".to_owned())).is_some()
    };
    assert!(!faulty("`known` `a.rs`") && !faulty("No test: it would need a second machine to be shown"));
    for cell in ["`unknown` `a.rs`", "`known` `b.rs`", "`known` `a.rs`, `unknown` `a.rs`", "`known`", "soon", "No test: hard"] {
        assert!(faulty(cell), "{cell}");
    }
}
