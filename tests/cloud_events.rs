//! CloudEvents of their own package for Python, sent to a source with declared columns in each form of HTTP, and read from a view.

use std::process::Command;

use serde_json::{Value, json};
use testkit::packages::{python, scripts};

use crate::process::{Launch, Server, eventually, operator, shell};

/// The attributes that the view shows, as columns of their own; an event that is sent again counts once.
const ORDERS: &str = "
CREATE SOURCE order_events (id TEXT NOT NULL, source TEXT NOT NULL, type TEXT NOT NULL, subject TEXT, time TIMESTAMPTZ, data JSONB)
  WITH (connector = 'log', topic = 'orders', event_time = 'time', retention = '30 days') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (source, id) WITHIN INTERVAL '1 day';
CREATE MATERIALIZED VIEW orders AS SELECT id, source, type, subject, time, data FROM order_events;
CREATE INDEX ON orders (id);
GRANT SELECT ON orders TO PUBLIC;
";

fn start(folder: &tempfile::TempDir) -> Server {
    let topologies = folder.path().join("orders");
    std::fs::create_dir(&topologies).unwrap();
    std::fs::write(topologies.join("orders.sql"), ORDERS).unwrap();
    let data = folder.path().join("data");
    // The events are of January: their own clock says what is older than a month.
    let more = ["--clock", "event"];
    Server::run_ready(&Launch { data: &data, topologies: topologies.to_str().unwrap(), more: &more, ..Launch::default() })
}

/// Runs the script that sends events; returns the position of the last.
fn send(server: &Server) -> String {
    let mut command = Command::new(python());
    let output = command.arg(scripts().join("cloud_events.py")).args([server.url(""), operator()]).output().unwrap();
    let (printed, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{printed}{complaint}", output.status);
    printed.trim().to_owned()
}

#[test]
fn events_of_the_package_of_cloudevents_are_rows_of_a_view() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    let position = send(&server);
    let rows = server.get(&format!("/v1/views/orders?limit=100&wait=30000&after={position}"), None).rows();
    let ids: Vec<&Value> = rows.iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6"], "each event is there once");
    for row in &rows {
        let number = row["id"].as_str().unwrap();
        let rest = ["source", "type", "subject", "time"].map(|name| row[name].as_str().unwrap());
        let time = format!("2026-01-05T09:0{number}:00.000000Z");
        assert_eq!(rest, ["/shop/b\u{f6}xes", "shop.order.placed", "order \"7\" 100%", &time]);
    }
    let found: Vec<&Value> = rows.iter().map(|row| &row["data"]).collect();
    let amount = |amount: Value| json!({ "amount": amount });
    let expected =
        [amount(json!("20.00")), amount(json!(7.5)), amount(json!(3)), amount(json!(4)), amount(json!(5)), json!("a note")];
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_cloud_event_that_does_not_fit_its_source_is_a_dead_letter_as_every_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    let event = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t", "time": "yesterday", "topic": "orders" });
    let headers = format!("-H 'Authorization: Bearer {}' -H 'Content-Type: application/cloudevents+json'", operator());
    let answer = shell(&format!("curl -sS {headers} -d '{event}' {}", server.url("/v1/events")));
    let refused: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&refused["status"], &refused["reason"]), (&json!(422), &json!("bad_time")), "{answer}");
    let letters = eventually("the letter", || {
        let page = server.get("/v1/dead-letters", Some(&operator())).json();
        (page["dead_letters_total"] == 1).then(|| page["dead_letters"].clone())
    });
    assert_eq!((&letters[0]["sent_to"], &letters[0]["field"]), (&json!("orders"), &json!("time")), "{letters}");
}
