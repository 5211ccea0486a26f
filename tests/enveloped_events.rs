//! A company's own messages with the envelope: from a file beside the statements to a version of it that knows more of old events.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::deploys::ask;
use crate::process::{Launch, Server, operator, tidewater};

const PROTO: &str = r#"syntax = "proto3";
package shop.v1;
import "tidewater/v1/options.proto";
message OrderEvent {
  string event_id = 1;
  string event_type = 2;
  int32 schema_version = 3;
  int64 aggregate_id = 4 [(tidewater.v1.meaning) = MEANING_ID];
  int64 occurred_at = 5 [(tidewater.v1.meaning) = MEANING_TIME];
  int64 actor_id = 6 [(tidewater.v1.meaning) = MEANING_ID];
  optional string trace_parent = 7;
  oneof payload {
    OrderPlaced placed = 10 [(tidewater.v1.event_type) = "order.placed"];
  }
}
message OrderPlaced {
  string customer = 1;
}
"#;

const CUSTOMERS: &str = "
CREATE SOURCE order_events WITH (connector = 'log', topic = 'shop.order')
  FORMAT PLAIN ENCODE PROTOBUF (message = 'shop.v1.OrderEvent', schema.location = 'order.proto');
CREATE MATERIALIZED VIEW customers AS
  SELECT e.placed.customer AS customer, count(*) AS orders FROM order_events e GROUP BY e.placed.customer;
CREATE INDEX ON customers (customer);
GRANT SELECT ON customers TO PUBLIC;
";

/// A view of the field that the next version of the file has.
const COUPONS: &str = "
CREATE MATERIALIZED VIEW coupons AS
  SELECT e.placed.coupon AS coupon, count(*) AS orders FROM order_events e GROUP BY e.placed.coupon;
CREATE INDEX ON coupons (coupon);
GRANT SELECT ON coupons TO PUBLIC;
";

fn directory(folder: &TempDir, name: &str, sql: &[&str], proto: &str) -> PathBuf {
    let directory = folder.path().join(name);
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("topology.sql"), sql.concat()).unwrap();
    std::fs::write(directory.join("order.proto"), proto).unwrap();
    directory
}

fn start(data: &Path, topologies: &Path) -> Server {
    Server::run_ready(&Launch { data, topologies: topologies.to_str().unwrap(), ..Launch::default() })
}

fn placed(order: u64, payload: &Value) -> Value {
    json!({ "topic": "shop.order", "event": {
        "event_id": format!("018cc251-f402-7000-8000-{order:012}"), "event_type": "order.placed", "schema_version": 1,
        "aggregate_id": order.to_string(), "occurred_at": "2024-01-01T00:00:00Z", "actor_id": "7", "payload": payload,
    } })
}

fn send(server: &Server, lines: &[Value]) -> Value {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    server.try_post(body.as_bytes(), Some(&operator())).unwrap().json()
}

fn rows(server: &Server, view: &str, sent: &Value) -> Value {
    let after = sent["position"].as_str().map_or_else(String::new, |position| format!("&wait=30000&after={position}"));
    let answer = server.get(&format!("/v1/views/{view}?limit=100{after}"), None);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["rows"].clone()
}

#[test]
fn a_later_file_finds_its_fields_in_events_that_were_sent_before() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let before = directory(&folder, "before", &[CUSTOMERS], PROTO);
    let coupon = PROTO.replace("string customer = 1;", "string customer = 1; optional string coupon = 2;");
    let after = directory(&folder, "after", &[CUSTOMERS, COUPONS], &coupon);
    let mut server = start(&data, &before);
    let first = placed(1, &json!({ "customer": "a", "coupon": "spring" }));
    let other = json!({ "topic": "social.user", "event": {} });
    let sent = send(&server, &[first.clone(), placed(2, &json!({ "customer": "a" })), first, other]);
    let told = ["accepted", "duplicate", "rejected"].map(|name| sent[name].clone());
    assert_eq!(told, [json!(2), json!(1), json!(1)], "{sent}");
    assert_eq!(sent["results"][3]["reason"], "unknown_topic", "{sent}");
    let customers = json!([{ "customer": "a", "orders": 2 }]);
    assert_eq!(rows(&server, "customers", &sent), customers);

    let (code, _, complaint) = ask(&server, &folder, &["deploy", after.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{complaint}");
    let coupons = json!([{ "coupon": "spring", "orders": 1 }, { "coupon": null, "orders": 1 }]);
    assert_eq!((rows(&server, "coupons", &json!({})), rows(&server, "customers", &json!({}))), (coupons.clone(), customers.clone()));
    let why = server.get("/v1/views/coupons/why?coupon=eq.spring", Some(&operator())).json();
    assert_eq!(why["rows"][0]["events"][0]["event"]["payload"]["coupon"], "spring", "{why}");

    // What was deployed is all that a start needs.
    server.process.kill();
    let server = start(&data, &before);
    assert_eq!((rows(&server, "coupons", &json!({})), rows(&server, "customers", &json!({}))), (coupons, customers.clone()));
    let (code, _, complaint) = ask(&server, &folder, &["rollback"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert_eq!(rows(&server, "customers", &json!({})), customers);
}

#[test]
fn a_file_with_a_wrong_envelope_is_refused_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = PROTO.replace("int64 occurred_at = 5 [(tidewater.v1.meaning) = MEANING_TIME]", "int64 occurred_at = 5");
    let wrong = directory(&folder, "wrong", &[CUSTOMERS], &wrong);
    let output = tidewater(&["validate", wrong.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    for part in ["topology.sql:3:", "order.proto:9:3: 'occurred_at' is not declared as the envelope has it", "MEANING_TIME"] {
        assert!(said.contains(part), "'{part}' is missing: {said}");
    }
}
