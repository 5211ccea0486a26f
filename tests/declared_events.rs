//! A company's own events: a topology that nothing in the program knows of, from the first event to a deployment that changes the source.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::deploys::ask;
use crate::oracle::expected::{data_folder, read_text};
use crate::process::{Launch, Server, eventually, operator, token};

/// Bids as the company's services write them.
const BIDS: &str = "
CREATE SOURCE bids (auction BIGINT NOT NULL, bidder BIGINT, price NUMERIC(18,2), at TIMESTAMPTZ, extra JSONB)
  WITH (connector = 'log', topic = 'bids', event_time = 'at') FORMAT PLAIN ENCODE JSON;
";

const VIEWS: &str = "
CREATE MATERIALIZED VIEW highest_bids AS
  SELECT auction, max(price) AS price, count(*) AS bids FROM bids GROUP BY auction;
CREATE INDEX ON highest_bids (auction);
GRANT SELECT ON highest_bids TO PUBLIC;
CREATE MATERIALIZED VIEW bids_per_minute AS
  SELECT window_start, count(*) AS bids FROM TUMBLE(bids, at, INTERVAL '1 minute') GROUP BY window_start;
CREATE INDEX ON bids_per_minute (window_start);
GRANT SELECT ON bids_per_minute TO PUBLIC;
";

/// Statements that the next version adds: a view of a new column, and a source.
const CHANNELS: &str = "
CREATE MATERIALIZED VIEW channels AS SELECT channel, count(*) AS bids FROM bids GROUP BY channel;
CREATE INDEX ON channels (channel);
GRANT SELECT ON channels TO PUBLIC;
CREATE SOURCE offers (id BIGINT NOT NULL, seller TEXT) WITH (connector = 'log', topic = 'offers') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (id) WITHIN INTERVAL '1 hour';
CREATE MATERIALIZED VIEW sellers AS SELECT seller, count(*) AS offers FROM offers GROUP BY seller;
CREATE INDEX ON sellers (seller);
GRANT SELECT ON sellers TO PUBLIC;
";

fn directory(folder: &TempDir, name: &str, sql: &[&str]) -> PathBuf {
    let directory = folder.path().join(name);
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("topology.sql"), sql.concat()).unwrap();
    directory
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn start(data: &Path, topologies: &Path) -> Server {
    Server::run_ready(&Launch { data, topologies: text(topologies), ..Launch::default() })
}

fn bid(auction: u64, price: &str, second: u32, more: &str) -> String {
    format!(
        r#"{{"topic":"bids","event":{{"auction":{auction},"bidder":7,"price":{price},"at":"2024-01-01T00:{:02}:{:02}Z"{more}}}}}"#,
        second / 60,
        second % 60
    )
}

/// Sends lines and returns the answer.
fn send(server: &Server, lines: &[String]) -> Value {
    let answer = server.try_post(lines.join("\n").as_bytes(), Some(&operator())).unwrap();
    assert!(matches!(answer.status, 200 | 422), "{}", answer.text);
    answer.json()
}

/// The rows of a view once a position is visible.
fn rows_after(server: &Server, view: &str, sent: &Value) -> Value {
    let after = sent["position"].as_str().map_or_else(String::new, |position| format!("&wait=30000&after={position}"));
    let answer = server.get(&format!("/v1/views/{view}?limit=100{after}"), None);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["rows"].clone()
}

#[test]
fn events_of_ones_own_are_taken_served_and_explained_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let (data, topologies) = (folder.path().join("data"), directory(&folder, "bids", &[BIDS, VIEWS]));
    let mut server = start(&data, &topologies);
    let sent = send(
        &server,
        &[
            bid(1, "10", 1, r#","extra":{"from": "mail"}"#),
            bid(1, "\"12.50\"", 2, r#","not_declared":[1]"#),
            bid(2, "3", 61, ""),
            // Nothing tells it apart from the one before: it counts.
            bid(2, "3", 61, ""),
        ],
    );
    assert_eq!((&sent["accepted"], &sent["duplicate"]), (&json!(4), &json!(0)), "{sent}");
    let highest = json!([{ "auction": 1, "price": "12.50", "bids": 2 }, { "auction": 2, "price": "3.00", "bids": 2 }]);
    let minutes = json!([
        { "window_start": "2024-01-01T00:00:00.000000Z", "bids": 2 },
        { "window_start": "2024-01-01T00:01:00.000000Z", "bids": 2 },
    ]);
    assert_eq!(rows_after(&server, "highest_bids", &sent), highest);
    assert_eq!(rows_after(&server, "bids_per_minute", &sent), minutes);

    let topics = server.get("/v1/topics", Some(&operator())).json();
    let topic = topics["topics"].as_array().unwrap().iter().find(|topic| topic["name"] == "bids").unwrap().clone();
    assert_eq!(topic["message"], Value::Null);
    let why = server.get("/v1/views/highest_bids/why?auction=eq.1", Some(&operator())).json();
    let events = why["rows"][0]["events"].as_array().unwrap_or_else(|| panic!("{why}")).clone();
    let kept: Vec<&Value> = events.iter().map(|event| &event["event"]["not_declared"]).collect();
    assert!(events.len() == 2 && kept.contains(&&json!([1])), "what is not declared is kept: {why}");
    assert_eq!((&events[0]["event_id"], &events[0]["event_type"]), (&Value::Null, &Value::Null));

    server.process.kill();
    let server = start(&data, &topologies);
    assert_eq!(rows_after(&server, "highest_bids", &json!({})), highest);
    let (code, _, complaint) = ask(&server, &folder, &["replay", "highest_bids"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert_eq!(rows_after(&server, "highest_bids", &json!({})), highest);
}

#[test]
fn an_event_that_does_not_fit_is_a_dead_letter_that_can_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder.path().join("data"), &directory(&folder, "bids", &[BIDS, VIEWS]));
    let too_exact = json!({ "auction": 1, "price": "1.005", "at": "2024-01-01T00:00:00Z" });
    let bare = server.post_json("/v1/topics/bids", &too_exact, Some(&operator()));
    assert_eq!((bare.status, &bare.json()["results"][0]["field"]), (422, &json!("price")), "{}", bare.text);
    let sent = send(&server, &[bid(1, "1", 1, ""), r#"{"topic":"bids","event":{"at":"2024-01-01T00:00:00Z"}}"#.to_owned()]);
    assert_eq!(sent["results"][1]["reason"], "missing_field", "{sent}");
    rows_after(&server, "highest_bids", &sent);
    let letters = eventually("both letters", || {
        let page = server.get("/v1/dead-letters", Some(&operator())).json();
        (page["dead_letters_total"] == 2).then(|| page["dead_letters"].as_array().unwrap().clone())
    });
    let told: Vec<(&str, &str)> =
        letters.iter().map(|letter| (letter["reason"].as_str().unwrap(), letter["field"].as_str().unwrap())).collect();
    assert!(told.contains(&("wrong_type", "price")) && told.contains(&("missing_field", "auction")), "{told:?}");
    let id = letters.iter().find(|letter| letter["field"] == "price").map(|letter| letter["id"].clone()).unwrap();
    let replacement: Value = serde_json::from_str(&bid(1, "1.01", 2, "")).unwrap();
    let retried = server.post_json(&format!("/v1/dead-letters/{id}/retry"), &replacement, Some(&operator()));
    assert_eq!(retried.status, 200, "{}", retried.text);
    eventually("the bid that was corrected", || {
        (rows_after(&server, "highest_bids", &json!({})) == json!([{ "auction": 1, "price": "1.01", "bids": 2 }])).then_some(())
    });
    let unknown = server.post_json("/v1/topics/nothing", &json!({}), Some(&operator()));
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    assert_eq!(server.post_json("/v1/topics/bids", &json!({}), Some(&token(1, ""))).status, 403);
}

#[test]
fn a_deployment_adds_a_column_and_a_source_and_takes_them_away() {
    let folder = tempfile::tempdir().unwrap();
    let before = directory(&folder, "before", &[BIDS, VIEWS]);
    let with_channel = BIDS.replace("extra JSONB", "extra JSONB, channel TEXT");
    let after = directory(&folder, "after", &[&with_channel, VIEWS, CHANNELS]);
    let server = start(&folder.path().join("data"), &before);
    let unread = r#"{"topic":"offers","event":{"id":1,"seller":"a"}}"#.to_owned();
    assert_eq!(send(&server, std::slice::from_ref(&unread))["results"][0]["reason"], "unknown_topic");
    // Nobody has declared the channel yet; one of them is no text.
    let channels = [r#","channel":"mail""#, r#","channel":"mail""#, "", r#","channel":7"#];
    let sent = send(&server, &channels.map(|channel| bid(1, "5", 1, channel)));
    assert_eq!(sent["accepted"], 4, "{sent}");
    assert_eq!(rows_after(&server, "highest_bids", &sent), json!([{ "auction": 1, "price": "5.00", "bids": 4 }]));

    let (code, _, complaint) = ask(&server, &folder, &["deploy", text(&after)]);
    assert_eq!(code, Some(0), "{complaint}");
    // The log has kept what nobody had asked for, and the event that does not fit any more is told.
    let by_channel = json!([{ "channel": "mail", "bids": 2 }, { "channel": null, "bids": 1 }]);
    assert_eq!(rows_after(&server, "channels", &json!({})), by_channel);
    assert_eq!(rows_after(&server, "highest_bids", &json!({})), json!([{ "auction": 1, "price": "5.00", "bids": 3 }]));
    let letters = server.get("/v1/dead-letters", Some(&operator())).json();
    let fields: Vec<(&Value, &Value)> =
        letters["dead_letters"].as_array().unwrap().iter().map(|letter| (&letter["topic"], &letter["field"])).collect();
    assert!(fields.contains(&(&json!("bids"), &json!("channel"))), "{letters}");
    assert_eq!(send(&server, &[bid(1, "5", 2, r#","channel":7"#)])["results"][0]["field"], "channel");

    // The new source takes events at once, and knows one that is sent twice.
    let offer = |id: u64| format!(r#"{{"topic":"offers","event":{{"id":{id},"seller":"a"}}}}"#);
    let sent = send(&server, &[offer(1), offer(2), offer(1)]);
    assert_eq!(rows_after(&server, "sellers", &sent), json!([{ "seller": "a", "offers": 2 }]), "{sent}");

    let (code, _, complaint) = ask(&server, &folder, &["deploy", text(&before)]);
    assert_eq!(code, Some(0), "{complaint}");
    assert_eq!(send(&server, &[offer(3)])["results"][0]["reason"], "unknown_topic");
    assert_eq!(rows_after(&server, "highest_bids", &json!({})), json!([{ "auction": 1, "price": "5.00", "bids": 4 }]));
}

/// Messages of a file that lies beside the statements.
const ORDERS_PROTO: &str = r#"
syntax = "proto3";
package shop.v1;
message Order { int64 id = 1; string customer = 2; int64 cents = 3; }
"#;

const ORDERS: &str = "
CREATE SOURCE orders WITH (connector = 'log', topic = 'orders')
  FORMAT PLAIN ENCODE PROTOBUF (message = 'shop.v1.Order', schema.location = 'orders.proto');
CREATE MATERIALIZED VIEW customers AS SELECT customer, count(*) AS orders FROM orders GROUP BY customer;
CREATE INDEX ON customers (customer);
GRANT SELECT ON customers TO PUBLIC;
";

#[test]
fn messages_of_a_file_travel_with_what_is_deployed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let before = directory(&folder, "before", &[BIDS, VIEWS]);
    let after = directory(&folder, "after", &[BIDS, VIEWS, ORDERS]);
    let mut server = start(&data, &before);
    let (code, _, complaint) = ask(&server, &folder, &["deploy", text(&after)]);
    assert_ne!(code, Some(0), "there is no such file yet: {complaint}");
    std::fs::write(after.join("orders.proto"), ORDERS_PROTO).unwrap();
    let (code, _, complaint) = ask(&server, &folder, &["deploy", text(&after)]);
    assert_eq!(code, Some(0), "{complaint}");
    let order = |event: &str| format!(r#"{{"topic":"orders","event":{event}}}"#);
    // The last one is the message { id: 3, customer: "b" } itself.
    let sent = send(
        &server,
        &[order(r#"{"id":1,"customer":"a","cents":"5"}"#), order(r#"{"id":2,"customer":"a"}"#), order(r#""CAMSAWI=""#)],
    );
    assert_eq!(sent["accepted"], 3, "{sent}");
    let customers = json!([{ "customer": "a", "orders": 2 }, { "customer": "b", "orders": 1 }]);
    assert_eq!(rows_after(&server, "customers", &sent), customers);
    let why = server.get("/v1/views/customers/why?customer=eq.b", Some(&operator())).json();
    assert_eq!(why["rows"][0]["events"][0]["event"]["customer"], "b", "{why}");

    // What was deployed is all that a start needs.
    server.process.kill();
    std::fs::remove_dir_all(&after).unwrap();
    let server = start(&data, &before);
    assert_eq!(rows_after(&server, "customers", &json!({})), customers);
}

/// A table of the company's own database, and one whose records have keys.
const TABLES: &str = "
CREATE TABLE products (sku TEXT PRIMARY KEY, price_cents BIGINT NOT NULL)
  WITH (connector = 'log', topic = 'products') FORMAT UPSERT ENCODE JSON;
CREATE TABLE pg_orders (id BIGINT PRIMARY KEY, customer_name TEXT, product_name TEXT, quantity INTEGER, price NUMERIC(10,2),
    order_date BIGINT, status TEXT)
  WITH (connector = 'log', topic = 'pg.orders') FORMAT DEBEZIUM ENCODE JSON;
CREATE MATERIALIZED VIEW by_product AS
  SELECT product_name AS product, count(*) AS orders, sum(quantity) AS units, sum(price) AS price_total FROM pg_orders GROUP BY product_name;
CREATE INDEX ON products (sku);
CREATE INDEX ON pg_orders (id);
CREATE INDEX ON by_product (product);
GRANT SELECT ON products TO PUBLIC;
GRANT SELECT ON pg_orders TO PUBLIC;
GRANT SELECT ON by_product TO PUBLIC;
";

#[test]
fn rows_with_keys_are_replaced_and_deleted_by_records_of_their_topic() {
    let folder = tempfile::tempdir().unwrap();
    let (data, topologies) = (folder.path().join("data"), directory(&folder, "shop", &[TABLES]));
    let mut server = start(&data, &topologies);
    let line = |rest: &str| format!(r#"{{"topic":"products",{rest}}}"#);
    let sent = send(
        &server,
        &[
            line(r#""event":{"sku":"A1","price_cents":5}"#),
            line(r#""key":"A2","event":{"price_cents":6}"#),
            line(r#""key":"A1","event":{"sku":"A1","price_cents":7}"#),
            line(r#""key":"A3","event":{"sku":"A1","price_cents":8}"#),
            line(r#""event":null"#),
        ],
    );
    assert_eq!((&sent["accepted"], &sent["rejected"]), (&json!(3), &json!(2)), "{sent}");
    let reasons = [3, 4].map(|line: usize| (&sent["results"][line]["reason"], &sent["results"][line]["field"]));
    assert_eq!(reasons, [(&json!("key_mismatch"), &json!("key")), (&json!("missing_field"), &json!("key"))], "{sent}");
    let both = json!([{ "sku": "A1", "price_cents": 7 }, { "sku": "A2", "price_cents": 6 }]);
    assert_eq!(rows_after(&server, "products", &sent), both);

    let deleted = server.post_json("/v1/topics/products?key=A1", &Value::Null, Some(&operator()));
    assert_eq!((deleted.status, &deleted.json()["accepted"]), (200, &json!(1)), "{}", deleted.text);
    let left = json!([{ "sku": "A2", "price_cents": 6 }]);
    assert_eq!(rows_after(&server, "products", &deleted.json()), left);
    let sent = server.post_json("/v1/topics/products?key=A9", &json!({ "price_cents": 9 }), Some(&operator()));
    assert_eq!(sent.status, 200, "{}", sent.text);
    let unknown = server.post_json("/v1/topics/products?id=A1", &Value::Null, Some(&operator()));
    assert_eq!(unknown.status, 400, "{}", unknown.text);
    let two = json!([{ "sku": "A2", "price_cents": 6 }, { "sku": "A9", "price_cents": 9 }]);
    assert_eq!(rows_after(&server, "products", &sent.json()), two);

    server.process.kill();
    let server = start(&data, &topologies);
    assert_eq!(rows_after(&server, "products", &json!({})), two);
    let without = directory(&folder, "without", &[BIDS, VIEWS]);
    let (code, _, complaint) = ask(&server, &folder, &["deploy", text(&without)]);
    assert_eq!(code, Some(0), "{complaint}");
    assert_eq!(send(&server, &[line(r#""key":"A2","event":null"#)])["results"][0]["reason"], "unknown_topic");
}

/// The rows of the published table, which a program of its own has computed from the same envelopes.
#[test]
fn the_changes_of_a_real_table_lead_to_its_rows() {
    let Some(data) = data_folder() else {
        eprintln!("TIDEWATER_DATA is not set: nothing is compared with orders_cdc_expected.json");
        return;
    };
    let envelopes = read_text(&data.join("commerce/orders_cdc.jsonl"));
    let expected: Value = serde_json::from_str(&read_text(&data.join("commerce/orders_cdc_expected.json"))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder.path().join("data"), &directory(&folder, "shop", &[TABLES]));
    let lines: Vec<String> = envelopes.lines().map(|envelope| format!(r#"{{"topic":"pg.orders","event":{envelope}}}"#)).collect();
    let sent = send(&server, &lines);
    assert_eq!(sent["accepted"], lines.len(), "{sent}");
    // NUMERIC is a text in an answer.
    let price = |value: &Value| json!(format!("{:.2}", value.as_f64().unwrap()));
    let mut rows = expected["rows"].as_array().unwrap().clone();
    rows.iter_mut().for_each(|row| row["price"] = price(&row["price"]));
    let after = sent["position"].as_str().unwrap();
    let page = |more: &str| server.get(&format!("/v1/views/pg_orders?limit=1000&wait=30000&after={after}{more}"), None).json();
    assert_eq!(page("")["rows"].as_array().unwrap(), &rows);

    // The connector begins once more with changes that it has sent already.
    let sent = send(&server, &lines[lines.len() - 200..]);
    let products = rows_after(&server, "by_product", &sent).as_array().unwrap().len();
    assert_eq!(products, expected["by_product"].as_array().unwrap().len());
    assert_eq!(page("")["rows"].as_array().unwrap(), &rows);
    assert_eq!(server.get("/v1/dead-letters", Some(&operator())).json()["dead_letters_total"], 0);
}
