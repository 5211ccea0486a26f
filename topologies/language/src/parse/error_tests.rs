//! The errors as a person reads them: `errors.sql` is wrong in every statement, `errors.txt` is what is said about it.
//!
//! `UPDATE_GOLDEN=1 cargo test --release --workspace --lib error_tests` writes `errors.txt` again, to be read as a diff.

use std::path::Path;

use super::*;

const WRONG: &str = include_str!("errors.sql");
const SAID: &str = include_str!("errors.txt");

#[test]
fn errors_read_as_they_were_reviewed() {
    let file = SourceFile { path: "errors.sql".into(), text: WRONG.into() };
    let errors = parse(&[file]).expect_err("every statement is wrong");
    let said: String = errors.iter().map(|error| format!("{error}\n\n")).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/parse/errors.txt");
        std::fs::write(path, &said).expect("the golden file can be written");
        return;
    }
    for (said, expected) in said.split("\n\n").zip(SAID.split("\n\n")) {
        assert_eq!(said, expected);
    }
    assert_eq!(said, SAID);
    let statements = WRONG.matches(";\n").count() + 1;
    assert_eq!(errors.len(), statements, "each statement has one error");
}

#[test]
fn messages_are_lower_case_sentences_without_a_full_stop() {
    for text in SAID.lines().filter_map(|line| line.strip_prefix("error: ").or(line.trim_start().strip_prefix("= help: "))) {
        let mut characters = text.chars();
        let capital = characters.next().is_some_and(char::is_uppercase) && characters.next().is_some_and(char::is_lowercase);
        assert!(!capital && !text.ends_with('.') || text.ends_with("..."), "{text}");
    }
}
