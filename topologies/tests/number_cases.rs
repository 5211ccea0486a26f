//! Questions about numbers that were answered differently from PostgreSQL: each folder of `cases/numbers` is a topology with its tests.

use std::path::Path;

use topologies::slt;

#[test]
fn numbers_are_answered_as_postgresql_answers_them() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/numbers"));
    let mut cases: Vec<_> =
        std::fs::read_dir(folder).expect("there are cases").map(|entry| entry.expect("a folder").path()).collect();
    cases.sort();
    let mut failures = Vec::new();
    let mut files = 0;
    for case in cases {
        let reports = slt::run(&case).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        assert!(!reports.is_empty(), "{} has no tests", case.display());
        files += reports.len();
        failures.extend(reports.into_iter().filter_map(|report| Some(format!("{}: {}", report.path.display(), report.failure?))));
    }
    assert!(failures.is_empty(), "{} of {files} files fail\n\n{}", failures.len(), failures.join("\n\n"));
}
