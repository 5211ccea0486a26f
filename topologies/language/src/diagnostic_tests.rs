//! Printed errors, and suggestions of close names.

use super::*;

fn diagnostic(line_text: &str, column: usize, length: usize) -> Diagnostic {
    let location = Location { file: "a/b.sql".into(), line: 12, column, length, line_text: line_text.into() };
    Diagnostic::new(location, "no such column 'x'")
}

fn shown_lines(diagnostic: &Diagnostic) -> Vec<String> {
    diagnostic.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn carets_stand_below_what_they_mean_after_tabs_and_accents() {
    let lines = shown_lines(&diagnostic("\tä\tSELECT x", 11, 1).with_help("did you mean 'y'?"));
    let expected = [
        "error: no such column 'x'",
        "  --> a/b.sql:12:11",
        "   |",
        "12 |     ä    SELECT x",
        "   |                 ^",
        "   = help: did you mean 'y'?",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_end_of_a_line_and_an_empty_line_have_a_caret() {
    assert_eq!(shown_lines(&diagnostic("abc", 4, 1))[3..], ["12 | abc", "   |    ^"]);
    assert_eq!(shown_lines(&diagnostic("", 1, 1))[3..], ["12 |", "   | ^"]);
    assert_eq!(shown_lines(&diagnostic("abc", 2, 2))[3..], ["12 | abc", "   |  ^^"]);
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let lines = shown_lines(&diagnostic("\u{1b}[31mx", 6, 1));
    assert_eq!(lines[3..], ["12 | \u{fffd}[31mx", "   |      ^"]);
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let line = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
    let lines = shown_lines(&diagnostic(&line, 501, 4));
    let shown = lines[3].chars().count();
    assert_eq!(shown, "12 | ...".len() + SHOWN_CHARACTERS_MAX + "...".len());
    let caret = lines[4].find('^').unwrap();
    assert_eq!((&lines[3][caret..caret + 4], &lines[4][caret..]), ("HERE", "^^^^"));
    let start = shown_lines(&diagnostic(&line, 1, 1));
    assert!(start[3].starts_with("12 | aaa") && start[3].ends_with("a...") && start[4].ends_with("| ^"));
}

#[test]
fn tools_read_it_as_json() {
    let json = serde_json::to_value(diagnostic("SELECT x", 8, 1).with_help("write y")).unwrap();
    let expected = serde_json::json!({
        "file": "a/b.sql", "line": 12, "column": 8, "length": 1, "line_text": "SELECT x",
        "message": "no such column 'x'", "help": "write y",
    });
    assert_eq!(json, expected);
}

#[test]
fn suggestions_are_close_or_none() {
    let known = ["author_id", "created_at", "text", "id"];
    for (unknown, expected) in [
        ("autor_id", Some("author_id")),
        ("AUTHOR_ID", Some("author_id")),
        ("craeted_at", Some("created_at")),
        ("txet", Some("text")),
        ("di", Some("id")),
        ("body", None),
        ("", None),
    ] {
        assert_eq!(suggestion(unknown, known).as_deref(), expected, "{unknown}");
    }
    assert_eq!(suggestion("b", ["ab", "bc"]).as_deref(), Some("ab"));
    assert_eq!(did_you_mean("b", ["ab"]).as_deref(), Some("did you mean 'ab'?"));
    assert_eq!(suggestion(&"x".repeat(1_000_000), known), None);
}

#[test]
fn lists_are_read_aloud() {
    assert_eq!(one_of(["a"]), "a");
    assert_eq!(one_of(["a", "b"]), "a or b");
    assert_eq!(one_of(["a", "b", "c"]), "a, b or c");
    assert_eq!(one_of([]), "");
}
