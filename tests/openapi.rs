//! The OpenAPI document of a server with the social views, held against the server by schemathesis, and the page to try it in a real browser.
//!
//! `TIDEWATER_SCHEMATHESIS_EXAMPLES` is the number of cases that are made up for each operation beside those of its limits.
//! `tests/clients/schemathesis.toml` says what is widened of the checks, and why.

use std::process::Command;

use serde_json::Value;
use testkit::packages::{python, scripts};

use crate::console::browser::Browser;
use crate::lines::world;
use crate::process::{Server, operator, token};

/// Cases that are made up, unless the environment says otherwise.
const EXAMPLES: &str = "3";
const PHONE: u32 = 390;
/// The most bytes of what is printed that a failure shows: the first failures.
const PRINTED_MAX: usize = 20_000;

/// A server with a small world, of which there are rows in most views.
fn social() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::run(folder.path(), &[]);
    server.ingest(&world(7, 20, 60));
    (folder, server)
}

/// Runs schemathesis as whoever has this token, with some of the operations; every check of every phase has to pass.
fn check(server: &Server, token: &str, chosen: &[&str]) {
    let examples = std::env::var("TIDEWATER_SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let authorization = format!("Authorization: Bearer {token}");
    let mut command = Command::new(python().with_file_name("st"));
    command.arg("--config-file").arg(scripts().join("schemathesis.toml")).args(["run", &server.url("/openapi.json")]);
    command.args(["--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", &examples]);
    command.args(["--generation-deterministic", "--continue-on-failure", "--no-color"]);
    command.args(["--header", &authorization]).args(chosen);
    command.env("SCHEMATHESIS_HOOKS", "openapi_formats").env("PYTHONPATH", scripts()).env("PYTHONDONTWRITEBYTECODE", "1");
    // Whatever it keeps lies beside the packages, not in the sources.
    command.current_dir(python().parent().unwrap());
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed: String = String::from_utf8_lossy(&output.stdout).chars().take(PRINTED_MAX).collect();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "schemathesis found something, {}:\n{printed}{complaint}", output.status);
    assert!(printed.contains("Fuzzing"), "schemathesis ended early:\n{printed}{complaint}");
}

#[test]
fn the_document_is_true_of_everything_that_an_operator_may_do() {
    let (_folder, server) = social();
    // A deployment that is made up may take the views away that are checked here: it has a server of its own below.
    check(&server, &operator(), &["--exclude-operation-id", "deploy"]);
}

#[test]
fn the_document_is_true_of_deployments() {
    let (_folder, server) = social();
    check(&server, &operator(), &["--include-operation-id", "deploy"]);
}

#[test]
fn the_document_is_true_of_what_a_reader_may_not_do() {
    let (_folder, server) = social();
    // What readers may do is what operators may do too, who are readers above.
    let kept = ["events", "dead letters", "deployments", "topics", "process"];
    let chosen: Vec<&str> = kept.iter().flat_map(|tag| ["--include-tag", tag]).collect();
    check(&server, &token(7, ""), &chosen);
}

#[test]
fn a_person_finds_an_operation_and_tries_it() {
    let (_folder, server) = social();
    let browser = Browser::start();
    browser.open(&server.url("/docs"));
    browser.text_with("h1", "Tidewater");
    let listed = "return [...document.querySelectorAll('#groups a')].map((link) => link.dataset.id)";
    let has = |found: &Value, id: &str| found.as_array().is_some_and(|ids| ids.iter().any(|known| known == id));
    browser.until("the operations of everybody", listed, |found| has(found, "read_posts") && !has(found, "read_following_feed"));

    browser.type_into("#token", &format!("Authorization: Bearer {}", token(7, "")));
    browser.click("#token-form button[type=submit]");
    browser.until("the operations of a reader", listed, |found| has(found, "read_following_feed"));
    assert_eq!(browser.run("return sessionStorage.length + localStorage.length"), 0, "the token is kept in memory alone");

    browser.type_into("#filter", "views/posts");
    browser.click("#groups a[data-id=read_posts]");
    browser.text_with("h1", "Rows of posts");
    browser.type_into("#parameter-query-limit", "2");
    browser.text_with(".curl code", "limit=2");
    assert!(!browser.run("return document.querySelector('.curl code').textContent").to_string().contains(&token(7, "")));
    browser.click("form.parameters button[type=submit]");
    browser.text_with(".sent .status", "200");
    browser.text_with(".sent pre", "\"position\"");
    let headers = browser.run("return document.querySelector('.sent .result table').textContent").to_string();
    assert!(headers.contains("tidewater-position"), "{headers}");

    browser.resize(PHONE);
    browser.prefer("dark");
    let width = browser.run("return document.documentElement.scrollWidth").as_u64().unwrap();
    assert!(width <= u64::from(PHONE), "the page is {width} pixels wide on a phone");
}
