//! The views of the shop against real orders and real change events, whose views were computed elsewhere.
//!
//! Runs wherever `TIDEWATER_DATA` names the folder of the real data, and says so where it does not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::run::Options;
use schemas::dead_letter::{DeadLetter, Reason};
use serde_json::{Value, json};

use crate::answers::{JsonRow, Views};
use crate::harness::Harness;
use crate::oracle::expected::{data_folder, read_text};

/// The five states that refuse a step.
const STATES: [&str; 5] = ["PENDING", "CONFIRMED", "PAID", "FULFILLED", "CANCELLED"];

fn folder() -> Option<PathBuf> {
    let folder = data_folder();
    if folder.is_none() {
        eprintln!("TIDEWATER_DATA is not set: the views of the shop are not compared with real data");
    }
    folder.map(|folder| folder.join("commerce"))
}

/// A shop that has had all of its orders, and the files to compare it with.
struct Invoices {
    shop: Harness,
    expected: PathBuf,
    compared: usize,
}

impl Invoices {
    fn open(options: Options) -> Option<Self> {
        let folder = folder()?;
        let text = read_text(&folder.join("invoices.jsonl"));
        let shop = Harness::of("commerce", options);
        shop.ingest(text.lines());
        Some(Self { shop, expected: folder.join("invoices_expected"), compared: 0 })
    }

    fn expected(&self, file: &str) -> Vec<JsonRow> {
        let text = read_text(&self.expected.join(format!("{file}.jsonl")));
        text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
    }

    /// Compares the columns that the file has; the file's order is that of its key.
    fn compare(&mut self, view: &str, file: &str, key: &str, wanted: impl Fn(&JsonRow) -> bool) {
        let expected = self.expected(file);
        let columns: Vec<String> = expected[0].keys().cloned().collect();
        let mut rows: Vec<JsonRow> = self.shop.rows(view).into_iter().filter(wanted).collect();
        rows.iter_mut().for_each(|row| row.retain(|column, _| columns.contains(column)));
        assert_rows(view, rows, expected, key);
        self.compared += 1;
    }

    /// Illegal steps are in no view: they are the dead letters that the table of orders raised.
    fn compare_illegal_transitions(&mut self) {
        let expected = self.expected("illegal_transitions");
        let letters = self.shop.running().views.snapshot().dead_letters(None, usize::MAX);
        let mut rows: Vec<(String, JsonRow)> = letters.iter().map(|(_, letter)| illegal_transition(letter)).collect();
        rows.sort_by(|(left, left_row), (right, right_row)| {
            (left_row["order_id"].as_str(), left).cmp(&(right_row["order_id"].as_str(), right))
        });
        let rows: Vec<JsonRow> = rows.into_iter().map(|(_, row)| row).collect();
        assert_eq!(rows, expected);
        self.compared += 1;
    }

    /// Each time-out is told once and never taken back, also when the order goes on afterwards.
    fn compare_compensations(&self) {
        let records = self.shop.derived("commerce.compensation");
        let told = records.iter().filter(|record| record["headers"]["op"] != "reset");
        let mut orders: Vec<&str> = Vec::new();
        for record in told {
            assert_eq!((&record["headers"]["op"], &record["diff"]), (&json!("insert"), &json!(1)), "{record}");
            orders.push(record["row"]["order_id"].as_str().expect("an order"));
        }
        orders.sort_unstable();
        let expected = self.expected("saga_timeouts");
        assert_eq!(orders, expected.iter().filter_map(|row| row["order_id"].as_str()).collect::<Vec<_>>());
    }

    fn compare_all(mut self) {
        self.compare("order_states", "order_states", "order_id", |_| true);
        self.compare("orders_by_customer", "orders_by_customer", "customer_id", |_| true);
        self.compare("revenue_per_minute", "revenue_per_minute", "window_start", |_| true);
        self.compare("revenue_per_hour", "revenue_per_hour", "window_start", |_| true);
        self.compare("revenue_hop_1h_5min", "revenue_hop_1h_5min_2010-12-02", "window_start", |row| {
            row["window_start"].as_str().is_some_and(|start| start.starts_with("2010-12-02T"))
        });
        self.compare("best_sellers", "best_sellers_top100", "rank", |_| true);
        self.compare("saga_timeouts", "saga_timeouts", "order_id", |_| true);
        self.compare_illegal_transitions();
        self.compare_compensations();
        assert_eq!(self.compared, 8);
        let errors = self.shop.running().views.snapshot().row_errors(10);
        assert!(errors.is_empty(), "{errors:?}");
    }
}

/// Compares rows one by one, both sides in the order of a column that tells them apart.
fn assert_rows(what: &str, mut rows: Vec<JsonRow>, mut expected: Vec<JsonRow>, key: &str) {
    for side in [&mut rows, &mut expected] {
        side.sort_by_key(|row| {
            row[key].as_str().map_or_else(|| format!("{:020}", row[key].as_u64().unwrap_or(0)), ToOwned::to_owned)
        });
    }
    for (place, (row, expected)) in rows.iter().zip(&expected).enumerate() {
        assert_eq!(row, expected, "{what}, row {}", place + 1);
    }
    assert_eq!(rows.len(), expected.len(), "rows of {what}");
}

/// The time and the row of a step that its order refused.
fn illegal_transition(letter: &DeadLetter) -> (String, JsonRow) {
    assert_eq!((letter.fault.reason, letter.relation.as_deref()), (Reason::Raised, Some("orders")), "{letter:?}");
    let event: Value = serde_json::from_slice(&letter.bytes).expect("an event");
    let state = STATES.into_iter().find(|state| letter.fault.detail.contains(state));
    assert!(state.is_some() || letter.fault.detail.contains("no such order"), "{}", letter.fault.detail);
    let row = BTreeMap::from([
        ("order_id".to_owned(), event["aggregate_id"].clone()),
        ("event_id".to_owned(), event["event_id"].clone()),
        ("event_type".to_owned(), event["event_type"].clone()),
        ("state".to_owned(), json!(state)),
    ]);
    (event["occurred_at"].as_str().expect("a time").to_owned(), row)
}

#[test]
fn five_thousand_invoices_lead_to_the_expected_views() {
    if let Some(invoices) = Invoices::open(Options::default()) {
        invoices.compare_all();
    }
}

#[test]
fn five_thousand_invoices_in_small_epochs_on_three_workers_lead_to_the_same_views() {
    if let Some(invoices) = Invoices::open(Options { workers: 3, epoch_records: 97, ..Options::default() }) {
        invoices.compare_all();
    }
}

/// A row with its sums in cents, as numbers: files write them as JSON numbers, views as exact decimals.
fn in_cents(mut row: JsonRow) -> JsonRow {
    for column in ["price", "price_total"] {
        if let Some(value) = row.get_mut(column) {
            let number = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            let (whole, cents) = number.split_once('.').unwrap_or((&number, ""));
            *value = json!(format!("{whole}{cents:0<2}").parse::<i64>().expect("a number with two decimals"));
        }
    }
    row
}

fn rows_of(value: &Value) -> Vec<JsonRow> {
    serde_json::from_value::<Vec<JsonRow>>(value.clone()).expect("rows").into_iter().map(in_cents).collect()
}

fn compare_changes(options: Options) {
    let Some(folder) = folder() else { return };
    let text = read_text(&folder.join("orders_cdc.jsonl"));
    let lines: Vec<String> =
        text.lines().map(|envelope| format!("{{\"topic\":\"cdc.public.orders\",\"event\":{envelope}}}")).collect();
    let shop = Harness::of("commerce", options);
    shop.ingest(lines.iter().map(String::as_str));
    let expected: Value = serde_json::from_str(&read_text(&folder.join("orders_cdc_expected.json"))).expect("the expected table");
    let total = json!([expected["total"]]);
    let compared = [
        ("database_orders", &expected["rows"], "id", None),
        ("database_orders_by_product", &expected["by_product"], "product_name", None),
        ("database_orders_by_status", &expected["by_status"], "status", None),
        ("database_orders_by_customer", &expected["by_customer"], "customer_name", Some("customer")),
        ("database_orders_total", &total, "orders", None),
    ];
    for (view, expected, key, renamed) in compared {
        let expected = rows_of(expected);
        let columns: Vec<String> = expected[0].keys().cloned().collect();
        let mut rows: Vec<JsonRow> = shop.rows(view).into_iter().map(in_cents).collect();
        for row in &mut rows {
            if let Some(name) = renamed.and_then(|name| row.remove(name)) {
                row.insert(key.to_owned(), name);
            }
            row.retain(|column, _| columns.contains(column));
        }
        assert_rows(view, rows, expected, key);
    }
    let snapshot = shop.running().views.snapshot();
    assert_eq!((snapshot.dead_letter_count(), snapshot.row_error_count()), (0, 0), "every envelope is a change");
}

#[test]
fn the_change_events_of_a_real_table_lead_to_its_rows() {
    compare_changes(Options::default());
}

#[test]
fn the_change_events_of_a_real_table_in_small_epochs_on_three_workers_lead_to_the_same_rows() {
    compare_changes(Options { workers: 3, epoch_records: 7, ..Options::default() });
}
