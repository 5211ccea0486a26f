//! Questions that once had wrong answers: each folder below `cases` with statements is a topology with its `.slt` files.

use std::path::{Path, PathBuf};

use engine::slt;

/// The folders below this one that hold statements, by path.
fn topologies_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("the cases are there");
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    if entries.iter().any(|entry| entry.extension().is_some_and(|extension| extension == "sql")) {
        found.push(folder.to_owned());
    }
    entries.iter().filter(|entry| entry.is_dir()).for_each(|entry| topologies_below(entry, found));
}

#[test]
fn every_case_has_the_answer_of_postgres() {
    let mut cases = Vec::new();
    topologies_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"), &mut cases);
    assert!(cases.len() >= 18, "cases are missing: {cases:?}");
    let (mut failures, mut files) = (Vec::new(), 0);
    for case in cases {
        let reports = slt::run(&case).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        assert!(!reports.is_empty(), "{} asks nothing", case.display());
        for report in reports {
            files += 1;
            match report.failure {
                Some(failure) => failures.push(format!("{}: {failure}", report.path.display())),
                None => assert!(report.queries > 0, "{} asks nothing", report.path.display()),
            }
        }
    }
    assert!(failures.is_empty(), "{} of {files} files fail\n\n{}", failures.len(), failures.join("\n\n"));
}
