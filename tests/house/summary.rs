//! The last line of `./test`: counts, test programs with failed tests, and those that ended without a result.

use std::process::Command;

use super::crates::root;

/// Takes the function out of the script and calls it, since the script itself runs all tests.
const CALL: &str = r#"eval "$(sed -n '/^summary() {/,/^}/p' test)"; summary "$1""#;

/// An output of cargo in which one program crashes, one has failed tests, and one passes.
const OUTPUT: &str = "     Running unittests src/lib.rs (target/release/deps/language-0a)

running 2 tests
test a ... ok
error: test failed, to rerun pass `-p language --lib`

Caused by:
  process didn't exit successfully: `/target/release/deps/language-0a` (signal: 11, SIGSEGV: invalid memory reference)
     Running tests/main.rs (target/release/deps/end_to_end-0b)

running 3 tests
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass `-p tidewater --test end_to_end`
   Doc-tests schemas

running 4 tests
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

";

/// The last line for an output, and whether any test was run.
fn summary(output: &str) -> (String, bool) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), output).expect("the file can be written");
    let mut bash = Command::new("bash");
    let answer = bash.current_dir(root()).args(["-c", CALL, "test"]).arg(file.path()).output().expect("bash can be run");
    assert_eq!(String::from_utf8_lossy(&answer.stderr), "");
    (String::from_utf8_lossy(&answer.stdout).into_owned(), answer.status.success())
}

#[test]
fn a_test_program_that_crashes_is_named_in_the_last_line() {
    let failures = "error: 2 targets failed:\n    `-p language --lib`\n    `-p tidewater --test end_to_end`\n";
    let expected =
        "5 passed, 2 failed in -p tidewater --test end_to_end, 1 test program ended without a result: -p language --lib\n";
    assert_eq!(summary(&format!("{OUTPUT}{failures}")), (expected.to_owned(), true));
}

#[test]
fn an_output_without_failures_is_counted_alone() {
    let passed = OUTPUT.split_once("   Doc-tests").expect("a part that passes").1;
    assert_eq!(summary(&format!("   Doc-tests{passed}")), ("4 passed, 0 failed\n".to_owned(), true));
}

#[test]
fn crashes_alone_are_no_lack_of_tests() {
    let crash = OUTPUT.split_once("     Running tests").expect("a part that crashes").0;
    let (line, any) = summary(&format!("{crash}error: 1 target failed:\n    `-p language --lib`\n"));
    assert_eq!((line.as_str(), any), ("0 passed, 0 failed, 1 test program ended without a result: -p language --lib\n", true));
    assert_eq!(summary("error: could not compile `api`\n"), ("0 passed, 0 failed\n".to_owned(), false));
}
