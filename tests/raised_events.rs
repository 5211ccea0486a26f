//! Events that a table refuses, from outside: a letter with the reason, which is told once, and nothing of them in the table.

use std::path::Path;

use serde_json::{Value, json};

use crate::console::browser::Browser;
use crate::deploys::ask;
use crate::process::{Launch, Server, eventually, operator};

const ORDERS: &str = "
CREATE SOURCE order_events (order_id BIGINT NOT NULL, step TEXT NOT NULL, at TIMESTAMPTZ NOT NULL)
  WITH (connector = 'log', topic = 'orders', event_time = 'at') FORMAT PLAIN ENCODE JSON;
CREATE TABLE orders (order_id BIGINT PRIMARY KEY, state TEXT NOT NULL);
MERGE INTO orders o USING order_events e ON o.order_id = e.order_id
  WHEN NOT MATCHED AND e.step = 'created' THEN INSERT VALUES (e.order_id, 'PENDING')
  WHEN NOT MATCHED THEN RAISE 'there is no such order'
  WHEN MATCHED AND e.step = 'paid' AND o.state = 'PENDING' THEN UPDATE SET state = 'PAID'
  WHEN MATCHED THEN RAISE e.step || ' while ' || o.state;
CREATE INDEX ON orders (order_id);
GRANT SELECT ON orders TO PUBLIC;
CREATE MATERIALIZED VIEW steps AS SELECT step, count(*) AS events FROM order_events GROUP BY step;
CREATE INDEX ON steps (step);
GRANT SELECT ON steps TO PUBLIC;
";

fn step(order: u64, step: &str, second: u64) -> String {
    let event = json!({ "order_id": order, "step": step, "at": format!("2024-01-01T00:00:{second:02}Z") });
    json!({ "topic": "orders", "event": event }).to_string()
}

fn rows(server: &Server, view: &str) -> Value {
    let answer = server.get(&format!("/v1/views/{view}?limit=100"), None);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["rows"].clone()
}

/// The listed letters with their numbers, tables and reasons, and how many there were.
fn letters(server: &Server) -> (Vec<(u64, String, String)>, Value) {
    let page = server.get("/v1/dead-letters", Some(&operator())).json();
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let letter = |letter: &Value| {
        assert_eq!((&letter["reason"], &letter["topic"], &letter["sent_to"]), (&json!("raised"), &json!("orders"), &json!("orders")));
        assert!(letter["text"].as_str().is_some_and(|text| text.contains("order_id")), "the bytes of the event: {letter}");
        (letter["id"].as_u64().unwrap(), text(&letter["relation"]), text(&letter["detail"]))
    };
    (page["dead_letters"].as_array().unwrap().iter().map(letter).collect(), page["dead_letters_total"].clone())
}

#[test]
fn a_refused_step_is_a_letter_with_its_reason_once_and_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let (data, topologies) = (folder.path().join("data"), folder.path().join("orders"));
    std::fs::create_dir(&topologies).unwrap();
    std::fs::write(topologies.join("orders.sql"), ORDERS).unwrap();
    let start = |data: &Path| {
        Server::run_ready(&Launch { data, topologies: topologies.to_str().unwrap(), ..Launch::default() })
    };
    let mut server = start(&data);
    // A step of an order comes behind the one before, whatever partitions they lie in.
    let lines = [step(1, "created", 0), step(1, "paid", 1), step(1, "paid", 2), step(2, "paid", 3)].join("\n");
    let sent = server.try_post(lines.as_bytes(), Some(&operator())).unwrap().json();
    assert_eq!(sent["accepted"], 4, "{sent}");
    let position = sent["position"].as_str().unwrap();
    let visible = server.get(&format!("/v1/views/orders?limit=1&wait=30000&after={position}"), None);
    assert_eq!(visible.status, 200, "{}", visible.text);
    let told = |id, reason: &str| (id, "orders".to_owned(), reason.to_owned());
    let both = vec![told(1, "paid while PAID"), told(2, "there is no such order")];
    assert_eq!(letters(&server), (both.clone(), json!(2)));
    assert_eq!(rows(&server, "orders"), json!([{ "order_id": 1, "state": "PAID" }]));
    let steps = json!([{ "step": "created", "events": 1 }, { "step": "paid", "events": 3 }]);
    assert_eq!(rows(&server, "steps"), steps, "other views see what a table refuses");

    let retried = server.post_empty("/v1/dead-letters/1/retry", Some(&operator()));
    assert!(retried.status == 422 && retried.text.contains("raised"), "{}", retried.text);
    let (code, _, complaint) = ask(&server, &folder, &["replay", "orders"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert_eq!(letters(&server), (both, json!(2)), "what is computed once more is told once");
    let (code, _, complaint) = ask(&server, &folder, &["dead-letters", "discard", "1"]);
    assert_eq!(code, Some(0), "{complaint}");
    let left = (vec![told(2, "there is no such order")], json!(2));
    eventually("the letter to leave", || (letters(&server) == left).then_some(()));
    let (code, _, complaint) = ask(&server, &folder, &["replay", "orders"]);
    assert_eq!((code, letters(&server)), (Some(0), left.clone()), "{complaint}");

    // What was bound is computed again, and at last everything is read from the log.
    server.process.kill();
    let mut server = start(&data);
    assert_eq!((letters(&server), rows(&server, "steps")), (left.clone(), steps.clone()));
    server.process.kill();
    std::fs::remove_dir_all(data.join("checkpoints")).unwrap();
    let server = start(&data);
    assert_eq!((letters(&server), rows(&server, "steps")), (left, steps));
}

#[test]
fn the_page_says_which_table_refused_a_step_and_does_not_offer_to_send_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let (data, topologies) = (folder.path().join("data"), folder.path().join("orders"));
    std::fs::create_dir(&topologies).unwrap();
    std::fs::write(topologies.join("orders.sql"), ORDERS).unwrap();
    let server =
        Server::run_ready(&Launch { data: &data, topologies: topologies.to_str().unwrap(), ..Launch::default() });
    server.try_post([step(2, "paid", 3), "nonsense".to_owned()].join("\n").as_bytes(), Some(&operator())).unwrap();
    eventually("both letters", || {
        let page = server.get("/v1/dead-letters", Some(&operator())).json();
        (page["dead_letters_total"] == 2).then_some(())
    });
    let browser = Browser::start();
    browser.open(&server.url("/"));
    browser.click("#token-open");
    browser.type_into("#token", &operator());
    browser.click("#token-form button[type=submit]");
    browser.text_with("#state", "current");
    browser.click("nav a[data-page=letters]");
    let shown = browser.text_with("main ul.letter-list", "there is no such order");
    assert!(shown.contains("refused by orders"), "{shown}");
    // What could not be read may be sent again; what a table refused was taken.
    assert_eq!(browser.run("return document.querySelectorAll('button[data-retry]').length"), 1);
}
