//! The reference of the language, `docs/LANGUAGE.md`, against the language: every example is planned, every refused one is refused with the words
//! below it, every statement has its section, and every option its line.
//!
//! `UPDATE_GOLDEN=1 cargo test --release --workspace --lib reference_tests` writes the words of refusals and the lists of other statements again,
//! to be read as a diff. In the page `sql given` is part of every example, `proto file=NAME` lies beside each, `text said` are the words about the
//! `sql refused` before it, and what is `shown` is for people alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use schemas::connector::{SinkOption, declarable};
use schemas::source_connector::SOURCE_LOG;

use super::unsupported::{LATER, OTHER_STATEMENTS, STATEMENTS};
use super::*;
use crate::load::{build, inline};

/// A fenced block of the page.
struct PageBlock {
    info: String,
    text: String,
    /// number of its first line
    line: usize,
}

/// Statements with an option that there is not: the advice about it lists those that there are.
const PROBES: [(&str, &str); 7] = [
    ("a source", "CREATE SOURCE s (a BIGINT) WITH (zzzzzzzz = 1) FORMAT PLAIN ENCODE JSON"),
    ("an encoding", "CREATE SOURCE s WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE PROTOBUF (zzzzzzzz = 1)"),
    ("a table", "CREATE TABLE t (a BIGINT PRIMARY KEY) WITH (zzzzzzzz = 1)"),
    ("a view", "CREATE MATERIALIZED VIEW v WITH (zzzzzzzz = 1) AS SELECT 1"),
    ("an index", "CREATE INDEX ON v (a) WITH (zzzzzzzz = 1)"),
    ("a full-text index", "CREATE INDEX ON v USING FULLTEXT (a) WITH (zzzzzzzz = 1)"),
    ("a sink", "CREATE SINK s FROM v WITH (zzzzzzzz = 1)"),
];

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/LANGUAGE.md"))
}

fn page() -> String {
    std::fs::read_to_string(path()).expect("the page can be read")
}

fn blocks(page: &str) -> Vec<PageBlock> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(page.lines());
    while let Some((line, text)) = lines.next() {
        let Some(info) = text.strip_prefix("```") else { continue };
        let inside = lines.by_ref().map(|(_, text)| text).take_while(|text| *text != "```");
        let text = inside.flat_map(|text| [text, "\n"]).collect();
        blocks.push(PageBlock { info: info.to_owned(), text, line });
    }
    blocks
}

/// The statements that are part of every example, and the files beside it.
fn given(blocks: &[PageBlock]) -> Vec<SourceFile> {
    let file = |block: &PageBlock| match block.info.split_once(" file=") {
        Some((_, name)) => Some(inline(name, &block.text)),
        None => (block.info == "sql given").then(|| inline("given.sql", &block.text)),
    };
    blocks.iter().filter_map(file).collect()
}

/// Plans an example; returns what is said about it.
fn said(given: &[SourceFile], example: &str) -> Option<String> {
    let mut files = given.to_vec();
    files.push(inline("example.sql", example));
    let refusals = build(&files).err()?;
    let mut said = String::new();
    for Diagnostic { message, help, .. } in refusals {
        writeln!(said, "error: {message}").expect("a text takes more");
        if let Some(help) = help {
            writeln!(said, "help: {help}").expect("a text takes more");
        }
    }
    Some(said)
}

/// The page with the words that are said now, and with the lists as they are.
fn written(page: &str) -> String {
    let blocks = blocks(page);
    let given = given(&blocks);
    let by_line: BTreeMap<usize, &PageBlock> = blocks.iter().map(|block| (block.line, block)).collect();
    let (mut out, mut refused) = (String::new(), None);
    let mut lines = (1..).zip(page.lines());
    while let Some((number, line)) = lines.next() {
        writeln!(out, "{line}").expect("a text takes more");
        let info = by_line.get(&number).map(|block| block.info.as_str());
        if info == Some("sql refused") {
            let words = said(&given, &by_line[&number].text);
            refused = Some(words.unwrap_or_else(|| panic!("line {number}: the example is not refused")));
        }
        let (generated, end) = match (info, line) {
            (Some("text said"), _) => (refused.take().unwrap_or_else(|| panic!("line {number}: nothing was refused")), "```"),
            (_, "<!-- other statements -->") => (other_statements(), "<!-- end -->"),
            (_, "<!-- later -->") => (later(), "<!-- end -->"),
            _ => continue,
        };
        out.push_str(&generated);
        let closing = lines.by_ref().find(|(_, line)| *line == end);
        writeln!(out, "{}", closing.unwrap_or_else(|| panic!("line {number}: nothing ends it")).1).expect("a text takes more");
    }
    out
}

fn other_statements() -> String {
    let row = |(word, help): &(&str, &str)| format!("| `{word}` | {} |\n", help.replace('|', "\\|"));
    let rows: String = OTHER_STATEMENTS.iter().map(row).collect();
    format!("| word | instead |\n| --- | --- |\n{rows}")
}

fn later() -> String {
    let row = |(_, feature, help): &(&str, &str, &str)| format!("| `{feature}` | {} |\n", help.replace('|', "\\|"));
    let mut rows: Vec<String> = LATER.iter().map(row).collect();
    // A feature may have several words one after the other.
    rows.dedup();
    format!("| words | instead |\n| --- | --- |\n{}", rows.concat())
}

/// The names in the first column of the table of options with this head.
fn options_of(page: &str, subject: &str) -> BTreeSet<String> {
    let head = format!("| option of {subject} |");
    let table = page.lines().skip_while(|line| !line.starts_with(&head)).skip(2).take_while(|line| line.starts_with('|'));
    table.map(|line| line.split('`').nth(1).unwrap_or_else(|| panic!("no option in '{line}'")).to_owned()).collect()
}

/// The options that the language lists for a statement with one that there is not.
fn listed(subject: &str, statement: &str) -> BTreeSet<String> {
    let errors = parse(&[inline("probe.sql", statement)]).expect_err("there is no such option");
    let help = errors[0].help.as_deref().unwrap_or_else(|| panic!("{}", errors[0]));
    let names = help.strip_prefix(&format!("the options of {subject} are "));
    names.unwrap_or_else(|| panic!("{subject}: {help}")).split(", ").map(ToOwned::to_owned).collect()
}

#[test]
fn every_example_is_planned() {
    let blocks = blocks(&page());
    let given = given(&blocks);
    let examples = || blocks.iter().filter(|block| block.info == "sql");
    let refused: Vec<String> = examples()
        .filter_map(|block| said(&given, &block.text).map(|said| format!("line {}:\n{}{said}", block.line, block.text)))
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(examples().count() > 20, "the page has only {} examples", examples().count());
}

#[test]
fn what_is_refused_is_refused_in_the_words_of_the_page() {
    let page = page();
    let written = written(&page);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return std::fs::write(path(), written).expect("the page can be written");
    }
    for (number, (found, expected)) in (1..).zip(page.lines().zip(written.lines())) {
        assert_eq!(found, expected, "line {number} of docs/LANGUAGE.md");
    }
    assert_eq!(page, written, "docs/LANGUAGE.md");
}

#[test]
fn every_statement_has_a_section_and_no_other_has() {
    let page = page();
    let creates = CREATE_KINDS.iter().map(|kind| format!("CREATE {kind}"));
    let others = STATEMENTS.iter().filter(|word| **word != "CREATE").map(|word| (*word).to_owned());
    let expected: BTreeSet<String> = creates.chain(others).collect();
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    let is_statement = |heading: &&str| heading.chars().all(|letter| letter.is_ascii_uppercase() || letter == ' ');
    let found: BTreeSet<String> = headings.filter(is_statement).map(ToOwned::to_owned).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_option_has_a_line_and_no_other_has() {
    let page = page();
    for (subject, statement) in PROBES {
        assert_eq!(options_of(&page, subject), listed(subject, statement), "options of {subject}");
    }
    let source: BTreeSet<String> = SOURCE_LOG.options.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(options_of(&page, "a source"), source);
    let sink = options_of(&page, "a sink");
    let declared = declarable().flat_map(|connector| connector.options).flat_map(SinkOption::names);
    assert!(declared.clone().count() > 0 && declared.clone().all(|name| sink.contains(name)), "{sink:?}");
}

#[test]
fn blocks_without_a_meaning_are_noticed() {
    for PageBlock { info, line, .. } in blocks(&page()) {
        let is_known = ["sql", "sql given", "sql refused", "text said"].contains(&info.as_str());
        assert!(is_known || info.contains(" file=") || info.ends_with(" shown"), "line {line}: nobody knows a block '{info}'");
    }
}
