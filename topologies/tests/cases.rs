//! Questions that once had wrong answers: each folder of `cases` is a topology with its `.slt` files.

use std::path::Path;

use topologies::slt;

#[test]
fn every_case_has_the_answer_of_postgres() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<_> =
        std::fs::read_dir(&folder).expect("the cases are there").map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    assert!(cases.len() >= 7, "cases are missing: {cases:?}");
    let mut failures = Vec::new();
    for case in cases {
        let reports = slt::run(&case).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        assert!(!reports.is_empty(), "{} asks nothing", case.display());
        failures.extend(reports.into_iter().filter_map(|report| report.failure));
    }
    assert!(failures.is_empty(), "{} files failed\n\n{}", failures.len(), failures.join("\n\n"));
}
