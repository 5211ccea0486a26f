//! The made-up businesses and the topologies that they send events to: every view has rows, and every line of the READMEs works.

use std::collections::BTreeSet;
use std::path::Path;

use engine::run::Options;
use language::load::load;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidewater::world::{BusinessKind, Producer};

use crate::answers::Views;
use crate::harness::{Harness, topologies_folder};
use crate::operate::ask;
use crate::process::{Launch, Process, SECRET, Server, eventually, operator, shell, tidewater};

const START: i64 = 1_704_067_200_000_000;
const HOUR: i64 = 3_600_000_000;
/// Events that are made up, within [`PAST`].
const EVENTS: u64 = 3_000;
const PAST: i64 = 3 * HOUR;
/// Views that are empty as long as all goes well, or most of the time.
const MAY_BE_EMPTY: [&str; 3] = ["order_disagreements", "low_stock", "flash_sales"];
/// Services whose tokens the READMEs make.
const SERVICES: [&str; 9] = ["auth", "cdn", "events", "shop", "warehouse", "fraud", "devices", "dashboard", "training"];

/// Lets a business make up a past, and returns the topology that has had it.
fn after_a_past(name: &str, kind: BusinessKind) -> Harness {
    let lines = Producer::new(kind, 1, START).past(EVENTS, START + PAST);
    let harness = Harness::of(name, Options { workers: 2, epoch_records: 300, ..Options::default() });
    harness.ingest(lines.iter().map(String::as_str));
    harness
}

fn assert_every_view_has_rows(name: &str, kind: BusinessKind) -> Harness {
    let harness = after_a_past(name, kind);
    let served: Vec<String> = harness.topology().served.iter().map(|served| served.view.name.clone()).collect();
    let is_empty = |view: &&String| !MAY_BE_EMPTY.contains(&view.as_str()) && harness.rows(view).is_empty();
    let empty: Vec<&String> = served.iter().filter(is_empty).collect();
    assert!(empty.is_empty(), "no rows in {empty:?}");
    let errors = harness.running().views.snapshot().row_errors(10);
    assert!(errors.is_empty(), "{errors:?}");
    harness
}

#[test]
fn a_made_up_shop_fills_every_view_and_its_database_agrees_with_its_events() {
    let shop = assert_every_view_has_rows("commerce", BusinessKind::Commerce);
    let stock = shop.rows("stock");
    assert!(stock.iter().all(|row| row["available"].as_i64().is_some_and(|pieces| pieces >= 0)), "{stock:?}");
    // The last change of the database may still be on its way.
    assert!(shop.rows("order_disagreements").len() <= 1, "{:?}", shop.rows("order_disagreements"));
}

#[test]
fn a_made_up_to_do_list_fills_every_view() {
    assert_every_view_has_rows("tasks", BusinessKind::Tasks);
}

#[test]
fn a_made_up_assistant_fills_every_view() {
    // Presence, typing and logs are of the last minutes; whether somebody is there then is chance.
    let harness = after_a_past("agents", BusinessKind::Agents);
    for view in
        ["agent_conversations", "agent_messages", "agent_tasks", "agent_strategy_stats", "dashboard_stats", "dashboard_tasks"]
    {
        assert!(!harness.rows(view).is_empty(), "no rows in {view}");
    }
    for view in ["recent_activity", "repositories", "pull_requests", "repository_fix_rates", "training_examples"] {
        assert!(!harness.rows(view).is_empty(), "no rows in {view}");
    }
    let errors = harness.running().views.snapshot().row_errors(10);
    assert!(errors.is_empty(), "{errors:?}");
}

/// Views of orders.
const OF_ORDERS: [&str; 7] = [
    "order_states",
    "orders_by_customer",
    "order_disagreements",
    "best_sellers",
    "revenue_per_minute",
    "revenue_hop_1h_5min",
    "saga_timeouts",
];
/// Files of the shop that read no orders.
const WITHOUT_ORDERS: [&str; 6] = ["sources", "products", "carts", "flash_sales", "stock", "telemetry"];

/// A token with the claims of a service.
fn service_token(service: &str, secret: &[u8]) -> String {
    let claims = json!({ "sub": "0", "service": service, "exp": 4_102_444_800_u64 });
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &jsonwebtoken::EncodingKey::from_secret(secret)).unwrap()
}

/// Sends events and waits until they are visible; the number of events of orders that were taken.
fn send(server: &Server, lines: &[String]) -> usize {
    let answer = server.try_post(lines.join("\n").as_bytes(), Some(&operator())).unwrap();
    let sent = answer.json();
    assert_eq!((answer.status, &sent["rejected"], &sent["refused"]), (200, &json!(0), &json!(0)), "{}", answer.text);
    let position = sent["position"].as_str().unwrap();
    let visible = server.get(&format!("/v1/views/stock?limit=1&wait=30000&after={position}"), None);
    assert_eq!(visible.status, 200, "{}", visible.text);
    let results = sent["results"].as_array().unwrap().iter().zip(lines);
    results.filter(|(result, line)| result["status"] == "accepted" && line.contains(r#""topic":"commerce.order""#)).count()
}

/// Everything that is derived of orders: the rows of the views, and the steps that were refused.
fn derived_of_orders(server: &Server, folder: &TempDir) -> Vec<Value> {
    let token = service_token("shop", SECRET);
    let rows = OF_ORDERS.iter().map(|view| json!(server.pages(&format!("/v1/views/{view}"), 500, Some(&token))));
    let letters = ask(server, folder.path(), &["dead-letters", "list"]).json()["dead_letters"].clone();
    assert!(letters[0].is_object(), "no step was refused");
    rows.chain([letters]).collect()
}

/// Waits until the orders that timed out, and no others, are in the topic, each once.
fn assert_compensated(server: &Server, folder: &TempDir) {
    let rows = server.pages("/v1/views/saga_timeouts", 500, Some(&service_token("shop", SECRET)));
    let mut expected: Vec<String> = rows.iter().map(|row| row["order_id"].to_string()).collect();
    expected.sort_unstable();
    assert!(!expected.is_empty(), "no order timed out");
    eventually("the time-outs in the topic", || {
        let tapped = ask(server, folder.path(), &["tap", "commerce.compensation", "--no-follow"]).printed;
        let records = tapped.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["value"].clone());
        let mut told: Vec<String> = records
            .filter(|record| !matches!(record["headers"]["op"].as_str(), Some("reset" | "commit")))
            .map(|record| format!("{}{}", if record["diff"] == 1 { "" } else { "not " }, record["row"]["order_id"]))
            .collect();
        told.sort_unstable();
        assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "an order was told twice: {told:?}");
        (told == expected).then_some(())
    });
}

#[test]
fn the_orders_of_a_shop_are_rebuilt_from_the_first_event_and_equal_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (data, without) = (folder.path().join("data"), folder.path().join("without"));
    let launch =
        Launch { data: &data, topologies: "topologies/commerce", more: &["--clock", "event", "--workers", "2"], ..Launch::default() };
    let mut server = Server::run_ready(&launch);
    let lines = Producer::new(BusinessKind::Commerce, 1, START).past(EVENTS, START + PAST);
    let (first, rest) = lines.split_at(lines.len() / 2);
    let of_orders = send(&server, first);
    let old = derived_of_orders(&server, &folder);
    assert_compensated(&server, &folder);

    // Computed once more beside the old rows, from every event of orders that the log has.
    let replayed = ask(&server, folder.path(), &["replay", "order_states"]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.complaint);
    assert_eq!(replayed.json()["backfill_records"], json!(of_orders));
    assert_eq!(derived_of_orders(&server, &folder), old, "after a replay");
    send(&server, rest);
    assert_compensated(&server, &folder);
    let old = derived_of_orders(&server, &folder);

    // Dropped with all that reads them, and declared again.
    std::fs::create_dir(&without).unwrap();
    for name in WITHOUT_ORDERS.map(|name| format!("{name}.sql")) {
        std::fs::copy(topologies_folder().join("commerce").join(&name), without.join(&name)).unwrap();
    }
    for (topology, status) in [(without.to_str().unwrap(), 404), ("topologies/commerce", 200)] {
        let deployed = ask(&server, folder.path(), &["deploy", topology, "--accept-wider-access"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.complaint);
        let token = service_token("shop", SECRET);
        assert_eq!(server.get("/v1/views/order_states?limit=1", Some(&token)).status, status, "{topology}");
    }
    assert_eq!(derived_of_orders(&server, &folder), old, "after they were dropped");

    server.process.kill();
    let server = Server::run_ready(&launch);
    assert_eq!(derived_of_orders(&server, &folder), old, "after a restart");
    let replayed = ask(&server, folder.path(), &["replay", "order_states"]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.complaint);
    assert_eq!(derived_of_orders(&server, &folder), old, "from the first event once more");
}

/// The lines of a README that a person copies, and the views and indexes that they read.
fn lines(topology: &str) -> Vec<String> {
    let path = topologies_folder().join(topology).join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    text.split('`').filter(|part| part.starts_with("curl -s ")).map(ToOwned::to_owned).collect()
}

/// The view or index that a line reads.
fn subject(line: &str) -> String {
    let (_, rest) = line.split_once("\"$").unwrap_or_else(|| panic!("no address in {line}"));
    let (_, name) = rest.split_once('/').unwrap_or_else(|| panic!("no name in {line}"));
    name.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

#[test]
fn every_view_and_index_of_a_domain_has_a_line_in_its_readme() {
    for name in ["commerce", "tasks", "agents"] {
        let topology = load(&topologies_folder().join(name)).unwrap_or_else(|error| panic!("{error}"));
        let named: BTreeSet<String> = lines(name).iter().map(|line| subject(line)).collect();
        let views = topology.served.iter().map(|served| served.view.name.clone());
        let missing: Vec<String> = views.filter(|view| !named.contains(view)).collect();
        assert!(missing.is_empty(), "no line for {missing:?} in the README of {name}");
    }
}

/// Writes a header with a token of a service, as the READMEs do with the demo's secret.
fn write_header(data: &Path, service: &str) {
    let secret = std::fs::read(data.join("secret")).unwrap();
    let token = service_token(service, &secret);
    std::fs::write(data.join(service), format!("Authorization: Bearer {token}\n")).unwrap();
}

/// Variables that the READMEs set in the shell before their lines.
fn preamble(address: &str, data: &Path) -> String {
    let data = data.to_str().unwrap();
    let services = SERVICES.map(|service| format!("{service}='-H @{data}/{service}'; ")).concat();
    format!("api=http://{address}/v1/views; search=http://{address}/v1/search; me='-H @{data}/authorization'; {services}")
}

/// The rows, hits or suggestions of an answer; `None` while an index is being built.
fn found(answer: &str) -> Option<usize> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    let list = ["rows", "hits", "suggestions"].into_iter().find_map(|member| answer[member].as_array());
    if list.is_none() {
        assert_eq!(answer["type"], "urn:tidewater:problem:index_building", "{answer}");
    }
    list.map(Vec::len)
}

#[test]
fn the_four_domains_run_side_by_side_and_every_line_of_their_readmes_works() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let process =
        Process::start(&["demo", "all", "--data", folder, "--listen", "127.0.0.1:0", "--users", "60", "--seconds", "600"]);
    let mut page = None;
    let address = loop {
        let line = process.line().expect("the demo goes on until its lines are printed");
        page =
            page.or_else(|| line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')).map(ToOwned::to_owned));
        if line.contains("topologies/agents/README.md") {
            break page.expect("the page is named before the lines");
        }
    };
    SERVICES.iter().for_each(|service| write_header(data.path(), service));
    let token = data.path().join("authorization");
    let preamble = preamble(&address, data.path());
    let mut failures = Vec::new();
    for name in ["social", "commerce", "tasks", "agents"] {
        let example = format!("topologies/{name}/example.jsonl");
        let url = format!("http://{address}");
        let arguments = ["ingest", &example, "--server", &url, "--token-file", token.to_str().unwrap()];
        let output = tidewater(&arguments).output().unwrap();
        assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stdout));
        let lines = lines(name);
        assert!(lines.len() >= 15, "only {} lines in the README of {name}", lines.len());
        for line in lines {
            let answer = || found(&shell(&format!("{preamble}{line}")));
            match std::panic::catch_unwind(|| eventually("an index that is built", answer)) {
                Ok(_) => {}
                Err(_) => failures.push(line),
            }
        }
    }
    assert!(failures.is_empty(), "these lines do not work:\n{}", failures.join("\n"));
}
