//! The program as a person starts it: exit codes by cause, and words that say what to do.

use std::process::{Command, Output};

fn tidewater(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidewater")).args(arguments).output().unwrap()
}

fn directory(sql: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("topology.sql"), sql).unwrap();
    testkit::social::copy_proto_files(directory.path());
    directory
}

const SOURCE: &str = "CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF \
                      (message = 'social.v1.PostEvent', schema.location = 'post.proto');\n";

#[test]
fn a_wrong_topology_exits_with_3_and_names_the_place() {
    let wrong = directory(&format!("{SOURCE}CREATE MATERIALIZED VIEW v AS SELECT aggregate_id FROM post_evnts;\n"));
    let path = wrong.path().to_str().unwrap();
    let output = tidewater(&["validate", path]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("topology.sql:2:"), "{text}");
    let output = tidewater(&["validate", path, "--format", "json"]);
    let errors: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(errors["errors"][0]["line"], 2);
    assert_eq!(tidewater(&["test", path]).status.code(), Some(3));
    assert_eq!(tidewater(&["explain", path, "v"]).status.code(), Some(3));
}

#[test]
fn a_test_of_a_topology_that_fails_shows_only_the_rows_that_differ() {
    let topology = directory(&format!(
        "{SOURCE}CREATE VIEW v AS SELECT aggregate_id, max(actor_id) AS actor_id FROM post_events GROUP BY aggregate_id;\n"
    ));
    let event = |post: u64| {
        format!(
            r#"{{"topic":"social.post","event":{{"event_id":"018cc477-4500-7000-8000-{post:012x}","event_type":"post.deleted","schema_version":1,"aggregate_id":"{post}","occurred_at":"2024-01-01T10:00:00.000000Z","actor_id":"9","payload":{{}}}}}}"#
        )
    };
    let events: Vec<String> = (10..60).map(event).collect();
    let rows: Vec<String> = (10..60).map(|post| format!("{post}  {}", if post == 42 { 8 } else { 9 })).collect();
    let test = format!("statement ok\n{}\n\nquery II rowsort\nSELECT * FROM v\n----\n{}\n", events.join("\n"), rows.join("\n"));
    std::fs::write(topology.path().join("v.slt"), test).unwrap();
    let output = tidewater(&["test", topology.path().to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(6), "{text}");
    let signed: Vec<&str> = text.lines().filter(|line| line.starts_with(['-', '+'])).collect();
    assert_eq!(signed, ["- 42  8", "+ 42 9"], "{text}");
    assert!(
        text.contains("1 of 50 expected rows are missing") && text.contains("v.slt:53") && text.lines().count() < 12,
        "{text}"
    );
}

#[test]
fn an_unknown_view_exits_with_2_and_suggests_the_one_that_was_meant() {
    let good = directory(SOURCE);
    let path = good.path().to_str().unwrap();
    assert_eq!(tidewater(&["validate", path]).status.code(), Some(0));
    assert_eq!(tidewater(&["explain", path, "post_events"]).status.code(), Some(0));
    let output = tidewater(&["explain", path, "post_event"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("did you mean 'post_events'?"));
}

#[test]
fn everything_or_one_view_is_explained_in_every_format() {
    let view = "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS events FROM post_events;";
    let good = directory(&format!("{SOURCE}{view}"));
    let path = good.path().to_str().unwrap();
    let explained = |arguments: &[&str]| {
        let output = tidewater(&[["explain", path].as_slice(), arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(explained(&[]).contains("view    v  from post_events"), "{}", explained(&[]));
    let all: serde_json::Value = serde_json::from_str(&explained(&["--format", "json"])).unwrap();
    assert_eq!(all["edges"][0], serde_json::json!({ "from": "post_events", "to": "v" }));
    assert_eq!(all["nodes"][0]["topic"], "social.post");
    for view in [&[][..], &["v"]] {
        let dot = explained(&[view, &["--format", "dot"]].concat());
        assert!(dot.starts_with("digraph tidewater {\n") && dot.ends_with("}\n"), "{dot}");
        assert!(explained(&[view, &["--format", "mermaid"]].concat()).starts_with("flowchart LR\n"));
    }
    assert!(explained(&["v"]).contains("Reduce"), "{}", explained(&["v"]));
}

#[test]
fn a_missing_file_exits_with_1_and_a_wrong_option_with_2() {
    assert_eq!(tidewater(&["validate", "/nonexistent"]).status.code(), Some(1));
    assert_eq!(tidewater(&["ingest", "/nonexistent"]).status.code(), Some(1));
    assert_eq!(tidewater(&["demo", "--user", "3"]).status.code(), Some(2));
    let network = ["run", "--topologies", "/nonexistent", "--data", "/nonexistent", "--listen", "0.0.0.0:0"];
    assert_eq!(tidewater(&network).status.code(), Some(2), "without a key nobody else may send events");
}

#[test]
fn a_server_that_is_not_there_exits_with_4() {
    let events = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(events.path(), "{}\n").unwrap();
    // The port is taken and given back, so that nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = tidewater(&["ingest", events.path().to_str().unwrap(), "--server", &format!("http://127.0.0.1:{port}")]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("is the server running"), "{text}");
}

#[test]
fn logs_are_lines_for_people_or_objects_for_programs() {
    // A server that goes away is asked again, and each time that is a warning.
    let events = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(events.path(), "{}\n").unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let output = tidewater(&["ingest", events.path().to_str().unwrap(), "--server", &url, "--log-format", "json"]);
    let text = String::from_utf8(output.stderr).unwrap();
    let first: serde_json::Value =
        serde_json::from_str(text.lines().next().unwrap()).unwrap_or_else(|error| panic!("{error}: {text}"));
    let of = |name: &str| first[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (of("level"), of("message"), first["attempt"].as_u64()),
        ("WARN".into(), "sending events again".into(), Some(1)),
        "{first}"
    );
    assert!(of("timestamp").ends_with('Z') && of("failure").contains("is the server running"), "{first}");
}

/// A source of which nothing in the program knows.
const NOTES: &str = "CREATE SOURCE notes (id BIGINT NOT NULL, tags TEXT[], price NUMERIC(9,2), at TIMESTAMPTZ) \
                     WITH (connector = 'log', topic = 'notes') FORMAT PLAIN ENCODE JSON;\n";

#[test]
fn a_view_that_nobody_may_read_is_told_and_a_source_shows_its_columns() {
    let view = "CREATE MATERIALIZED VIEW v AS SELECT id, count(*) AS notes FROM notes GROUP BY id; CREATE INDEX ON v (id);\n";
    let closed = directory(&format!("{NOTES}{view}"));
    let path = closed.path().to_str().unwrap();
    let printed = |arguments: &[&str]| String::from_utf8(tidewater(arguments).stdout).unwrap();
    let valid = format!("'{path}' is valid: 1 source, 0 tables, 1 view served\n");
    let note = "note: nobody may read v: GRANT SELECT ON name TO PUBLIC, or a POLICY, says who may\n";
    assert_eq!(printed(&["validate", path]), format!("{valid}{note}"));
    let json: serde_json::Value = serde_json::from_str(&printed(&["validate", path, "--format", "json"])).unwrap();
    assert_eq!(json["closed"], serde_json::json!(["v"]));
    let columns = "Source notes\n  id BIGINT\n  tags TEXT[]\n  price NUMERIC\n  at TIMESTAMPTZ\n";
    assert_eq!(printed(&["explain", path, "notes"]), columns);
    let open = directory(&format!("{NOTES}{view}GRANT SELECT ON v TO PUBLIC;"));
    assert!(!printed(&["validate", open.path().to_str().unwrap()]).contains("note:"));
}

#[test]
fn a_column_whose_member_no_event_could_have_is_refused_with_the_quotes_that_it_needs() {
    let wrong = directory(&NOTES.replace("id BIGINT", "noteId BIGINT"));
    let output = tidewater(&["validate", wrong.path().to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the column noteId is the member 'noteid'") && said.contains("write \"noteId\""), "{said}");
    let quoted = directory(&NOTES.replace("id BIGINT", "\"noteId\" BIGINT"));
    assert_eq!(tidewater(&["validate", quoted.path().to_str().unwrap()]).status.code(), Some(0));
}
