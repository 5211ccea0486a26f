//! MERGE beyond one statement of one source: refused events are dead letters once, several statements and rows of queries fold in the order of
//! appending, rows are there before the first event, and rows end. What is expected is folded here, event by event.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::run::{Clock, DeployOutcome, Options, Verify};
use language::plan::kept::KeptStates;
use language::topology::Topology;
use schemas::dead_letter::Reason;
use schemas::field::Value;
use schemas::time::timestamp_text;
use serde_json::{Value as Json, json};
use testkit::random::Random;

use crate::evolution::checkpointed;
use crate::harness::{Deployment, START_MICROS, options, topology};
use crate::restarts::{Starts, restarted};

type Rows = Vec<Vec<Value<'static>>>;

const DAY_MICROS: i64 = 86_400_000_000;
/// Workers, and the most records of an epoch.
const CUTS: [(usize, usize); 4] = [(1, 1), (2, 3), (3, 17), (1, 1_000)];

fn planned(sql: &str) -> Arc<Topology> {
    Arc::new(topology(sql))
}

fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}

fn int(number: i64) -> Value<'static> {
    Value::Int(number)
}

fn at(second: i64) -> String {
    timestamp_text(START_MICROS + second * 1_000_000)
}

fn line(topic: &str, event: &Json) -> String {
    json!({ "topic": topic, "event": event }).to_string()
}

/// Appends lines one by one, so that lines of several topics keep their order.
fn append(deployment: &Deployment, lines: &[String]) {
    lines.iter().for_each(|line| deployment.append(std::slice::from_ref(line)));
}

fn switched(deployment: &mut Deployment, sql: &str, replay: &[&str]) {
    let report = deployment.deploy(sql, replay, Verify::Not);
    assert!(matches!(report.outcome, Some(DeployOutcome::Switched { .. })), "{report:?}");
    deployment.catch_up();
}

const ORDERS: &str = "
CREATE SOURCE order_events (n BIGINT NOT NULL, order_id BIGINT NOT NULL, step TEXT NOT NULL, at TIMESTAMPTZ NOT NULL)
  WITH (connector = 'log', topic = 'orders', event_time = 'at', partitions = 5) FORMAT PLAIN ENCODE JSON;
CREATE TABLE orders (order_id BIGINT PRIMARY KEY, state TEXT NOT NULL, steps BIGINT NOT NULL DEFAULT 1);
MERGE INTO orders o USING order_events e ON o.order_id = e.order_id
  WHEN NOT MATCHED AND e.step = 'created' THEN INSERT (order_id, state) VALUES (e.order_id, 'PENDING')
  WHEN NOT MATCHED THEN RAISE 'there is no such order'
  WHEN MATCHED AND e.step = 'confirmed' AND o.state = 'PENDING' THEN UPDATE SET state = 'CONFIRMED', steps = o.steps + 1
  WHEN MATCHED AND e.step = 'paid' AND o.state = 'CONFIRMED' THEN UPDATE SET state = 'PAID', steps = o.steps + 1
  WHEN MATCHED AND e.step = 'cancelled' AND o.state = 'PENDING' THEN DELETE
  WHEN MATCHED THEN RAISE e.step || ' while ' || o.state;
CREATE INDEX ON orders (order_id);
CREATE MATERIALIZED VIEW seen AS SELECT step, count(*) AS events FROM order_events GROUP BY step;
CREATE INDEX ON seen (step);
";

const STEPS: [&str; 4] = ["created", "confirmed", "paid", "cancelled"];

/// A step of an order, with its number.
type OrderStep = (i64, i64, &'static str);

fn order_steps(random: &mut Random, first: i64, count: usize) -> Vec<OrderStep> {
    (first..).take(count).map(|n| (n, random.below(9_i64), *random.pick(&STEPS))).collect()
}

fn order_lines(steps: &[OrderStep]) -> Vec<String> {
    let event = |&(n, order_id, step): &OrderStep| json!({ "n": n, "order_id": order_id, "step": step, "at": at(n) });
    steps.iter().map(|step| line("orders", &event(step))).collect()
}

/// The orders, and the refused steps with their reasons, in the order of appending.
fn naive_orders(steps: &[OrderStep]) -> (Rows, Vec<(i64, String)>) {
    let mut orders: BTreeMap<i64, (&str, i64)> = BTreeMap::new();
    let mut refused = Vec::new();
    for &(n, order, step) in steps {
        match (orders.get(&order).copied(), step) {
            (None, "created") => {
                orders.insert(order, ("PENDING", 1));
            }
            (None, _) => refused.push((n, "there is no such order".to_owned())),
            (Some(("PENDING", steps)), "confirmed") => {
                orders.insert(order, ("CONFIRMED", steps + 1));
            }
            (Some(("CONFIRMED", steps)), "paid") => {
                orders.insert(order, ("PAID", steps + 1));
            }
            (Some(("PENDING", _)), "cancelled") => {
                orders.remove(&order);
            }
            (Some((state, _)), step) => refused.push((n, format!("{step} while {state}"))),
        }
    }
    let rows = orders.iter().map(|(order, (state, steps))| vec![int(*order), text(state), int(*steps)]).collect();
    (rows, refused)
}

/// The refused steps with their reasons, as the letters tell them.
fn raised(deployment: &Deployment) -> Vec<(i64, String)> {
    let letters = deployment.dead_letters().into_iter().map(|(_, letter)| {
        assert_eq!((letter.fault.reason, letter.relation.as_deref()), (Reason::Raised, Some("orders")), "{letter:?}");
        let event: Json = serde_json::from_slice(&letter.bytes).expect("the bytes of the event");
        (event["n"].as_i64().expect("a number"), letter.fault.detail.clone())
    });
    letters.collect()
}

fn check_orders(deployment: &Deployment, steps: &[OrderStep], when: &str) {
    let (rows, refused) = naive_orders(steps);
    assert!(!rows.is_empty() && !refused.is_empty(), "{when}: the steps show too little");
    assert_eq!(deployment.rows("orders"), rows, "{when}");
    assert_eq!(raised(deployment), refused, "{when}");
    let numbers: Vec<u64> = deployment.dead_letters().iter().map(|(id, _)| *id).collect();
    assert_eq!(numbers, (1..=refused.len() as u64).collect::<Vec<_>>(), "{when}");
    // Whatever the table refuses, other views have seen.
    let seen = |step: &&str| steps.iter().filter(|(_, _, other)| other == step).count() as i64;
    let mut expected: Rows = STEPS.iter().map(|step| vec![text(step), int(seen(step))]).collect();
    expected.sort_by_key(|row| format!("{row:?}"));
    assert_eq!(deployment.rows("seen"), expected, "{when}");
}

#[test]
fn a_raised_step_is_a_letter_in_the_order_of_appending_and_changes_nothing() {
    let steps = order_steps(&mut Random::new(1), 0, 300);
    for (workers, epoch_records) in CUTS {
        let options = Options { workers, epoch_records, ..options() };
        let deployment = Deployment::replay(planned(ORDERS), &order_lines(&steps), options);
        deployment.catch_up();
        check_orders(&deployment, &steps, &format!("{workers} workers, epochs of {epoch_records}"));
    }
}

#[test]
fn restarts_and_replays_tell_no_raised_step_twice() {
    let mut random = Random::new(2);
    let mut deployment = Deployment::replay(planned(ORDERS), &[], checkpointed(1, 7));
    let mut steps = Vec::new();
    for (workers, epoch_records) in [(2, 5), (3, 40), (1, 1)] {
        let more = order_steps(&mut random, steps.len() as i64, 70);
        deployment.ingest(&order_lines(&more));
        steps.extend(more);
        deployment = deployment.restart(planned(ORDERS), checkpointed(workers, epoch_records));
        check_orders(&deployment, &steps, "after a restart");
    }
    switched(&mut deployment, ORDERS, &["orders"]);
    check_orders(&deployment, &steps, "after a replay");
    // Another table, which refuses the same: they are on the list.
    let nullable = ORDERS.replace("state TEXT NOT NULL", "state TEXT");
    switched(&mut deployment, &nullable, &[]);
    check_orders(&deployment, &steps, "after a deployment of another table");
    let deployment = deployment.restart(planned(ORDERS), checkpointed(2, 9));
    check_orders(&deployment, &steps, "after a start with another table");
}

#[test]
fn a_reason_that_changes_is_told_for_all_events() {
    let steps = order_steps(&mut Random::new(3), 0, 120);
    let mut deployment = Deployment::replay(planned(ORDERS), &order_lines(&steps), checkpointed(2, 9));
    deployment.catch_up();
    let refused = naive_orders(&steps).1;
    switched(&mut deployment, &ORDERS.replace("there is no such order", "no order"), &[]);
    let told = raised(&deployment);
    assert_eq!(told[..refused.len()], refused, "what was told stays");
    let again = refused.iter().filter(|(_, reason)| reason == "there is no such order");
    let again: Vec<_> = again.map(|(n, _)| (*n, "no order".to_owned())).collect();
    assert_eq!(told[refused.len()..], again);
}

#[test]
fn the_steps_of_an_order_are_found_and_refused_ones_are_not_among_them() {
    let steps = [(0, 7, "created"), (1, 7, "paid"), (2, 7, "confirmed")];
    let deployment = Deployment::replay(planned(ORDERS), &order_lines(&steps), options());
    deployment.catch_up();
    let answer = deployment.why("orders", deployment.encoded_rows("orders"));
    assert_eq!((answer.rows.len(), answer.rows[0].is_found, answer.rows[0].events.len()), (1, true, 2), "{answer:?}");
}

const TRAILS: &str = "
CREATE SOURCE a (n BIGINT NOT NULL, k BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL)
  WITH (connector = 'log', topic = 'z.first', event_time = 'at', partitions = 3) FORMAT PLAIN ENCODE JSON;
CREATE SOURCE b (n BIGINT NOT NULL, k BIGINT NOT NULL, other BIGINT, at TIMESTAMPTZ NOT NULL)
  WITH (connector = 'log', topic = 'a.second', event_time = 'at', partitions = 2) FORMAT PLAIN ENCODE JSON;
CREATE TABLE trails (k BIGINT PRIMARY KEY, trail TEXT NOT NULL);
-- It takes effect later than the next one, because of its view, and comes before it all the same.
MERGE INTO trails t USING of_b e ON t.k = e.k
  WHEN MATCHED AND e.n % 10 = 9 THEN DELETE
  WHEN MATCHED THEN UPDATE SET trail = t.trail || e.label
  WHEN NOT MATCHED THEN INSERT VALUES (e.k, e.label);
MERGE INTO trails t USING a e ON t.k = e.k
  WHEN MATCHED THEN UPDATE SET trail = t.trail || '/a' || CAST(e.n AS TEXT)
  WHEN NOT MATCHED THEN INSERT VALUES (e.k, 'a' || CAST(e.n AS TEXT));
-- The second key of an event.
MERGE INTO trails t USING b e ON t.k = e.other
  WHEN MATCHED THEN UPDATE SET trail = t.trail || '/o' || CAST(e.n AS TEXT)
  WHEN NOT MATCHED AND e.other > 0 THEN INSERT VALUES (e.other, 'o' || CAST(e.n AS TEXT));
CREATE VIEW of_b AS SELECT k, n, '/b' || CAST(n AS TEXT) AS label FROM b WHERE n % 7 <> 0;
CREATE INDEX ON trails (k);
";

/// An event of `a`, or of `b` with a second key.
type TrailEvent = (i64, i64, Option<i64>);

fn trail_events(random: &mut Random, count: i64) -> Vec<TrailEvent> {
    let mut event = |n| {
        let key = random.below(5_i64);
        (n, key, random.one_in(2).then(|| random.below(5_i64)))
    };
    (0..count).map(&mut event).collect()
}

fn trail_lines(events: &[TrailEvent]) -> Vec<String> {
    let event = |&(n, k, other): &TrailEvent| match other {
        None => line("z.first", &json!({ "n": n, "k": k, "at": at(n) })),
        Some(other) => line("a.second", &json!({ "n": n, "k": k, "other": other, "at": at(n) })),
    };
    events.iter().map(event).collect()
}

fn naive_trails(events: &[TrailEvent]) -> Rows {
    let mut trails: BTreeMap<i64, String> = BTreeMap::new();
    for &(n, k, other) in events {
        let Some(other) = other else {
            match trails.get_mut(&k) {
                Some(trail) => *trail += &format!("/a{n}"),
                None => drop(trails.insert(k, format!("a{n}"))),
            }
            continue;
        };
        if n % 7 != 0 {
            match trails.get_mut(&k) {
                Some(_) if n % 10 == 9 => drop(trails.remove(&k)),
                Some(trail) => *trail += &format!("/b{n}"),
                None => drop(trails.insert(k, format!("/b{n}"))),
            }
        }
        match trails.get_mut(&other) {
            Some(trail) => *trail += &format!("/o{n}"),
            None if other > 0 => drop(trails.insert(other, format!("o{n}"))),
            None => {}
        }
    }
    trails.into_iter().map(|(k, trail)| vec![int(k), text(&trail)]).collect()
}

#[test]
fn several_statements_fold_in_the_order_of_appending_and_then_of_their_text() {
    for seed in 1..4 {
        let events = trail_events(&mut Random::new(seed), 160);
        let expected = naive_trails(&events);
        for (workers, epoch_records) in CUTS {
            let when = format!("seed {seed}, {workers} workers, epochs of {epoch_records}");
            let mut deployment = Deployment::replay(planned(TRAILS), &[], checkpointed(workers, epoch_records));
            append(&deployment, &trail_lines(&events[..100]));
            deployment.catch_up();
            deployment = deployment.restart(planned(TRAILS), checkpointed(4 - workers, epoch_records));
            append(&deployment, &trail_lines(&events[100..]));
            deployment.catch_up();
            assert_eq!(deployment.rows("trails"), expected, "{when}");
            switched(&mut deployment, TRAILS, &["trails"]);
            assert_eq!(deployment.rows("trails"), expected, "{when}, after a replay");
            let answer = deployment.why("trails", deployment.encoded_rows("trails"));
            assert!(answer.rows.iter().all(|row| row.is_found), "{when}: {answer:?}");
        }
    }
}

const STOCK: &str = "
CREATE SOURCE carts (n BIGINT NOT NULL, buyer TEXT, skus TEXT[], gifts TEXT[], at TIMESTAMPTZ NOT NULL)
  WITH (connector = 'log', topic = 'carts', event_time = 'at', partitions = 4, retention = '1 day') FORMAT PLAIN ENCODE JSON;
CREATE TABLE stock (sku TEXT PRIMARY KEY, trail TEXT NOT NULL, units BIGINT NOT NULL DEFAULT 100 - 99);
MERGE INTO stock s USING (
    SELECT e.n, l.sku, 'bought' AS how FROM carts e, UNNEST(e.skus) AS l(sku) WHERE e.buyer <> 'nobody'
    UNION ALL
    SELECT e.n * 1000, l.sku, 'given' FROM carts e, UNNEST(e.gifts) AS l(sku)
  ) AS x ON s.sku = x.sku
  WHEN MATCHED AND s.units > 5 THEN RAISE x.sku || ' is sold out'
  WHEN MATCHED THEN UPDATE SET trail = s.trail || ',' || x.how || CAST(x.n AS TEXT), units = s.units + 1
  WHEN NOT MATCHED THEN INSERT (sku, trail) VALUES (x.sku, CAST(x.n AS TEXT));
CREATE INDEX ON stock (sku);
";

/// A cart with what is bought and what comes with it.
type Cart = (i64, &'static str, Vec<&'static str>, Vec<&'static str>);

fn skus(random: &mut Random) -> Vec<&'static str> {
    (0..random.below(4)).map(|_| *random.pick(&["a", "b", "c", "d"])).collect()
}

fn carts(random: &mut Random, count: i64) -> Vec<Cart> {
    let mut cart = |n| {
        let (bought, given) = (skus(&mut *random), skus(&mut *random));
        (n, *random.pick(&["nobody", "x", "y"]), bought, given)
    };
    (0..count).map(&mut cart).collect()
}

fn cart_lines(carts: &[Cart]) -> Vec<String> {
    let event = |(n, buyer, skus, gifts): &Cart| json!({ "n": n, "buyer": buyer, "skus": skus, "gifts": gifts, "at": at(*n) });
    carts.iter().map(|cart| line("carts", &event(cart))).collect()
}

fn naive_stock(carts: &[Cart]) -> (Rows, Vec<(i64, String)>) {
    let mut stock: BTreeMap<&str, (String, i64)> = BTreeMap::new();
    let mut refused: Vec<(i64, String)> = Vec::new();
    for (n, buyer, skus, gifts) in carts {
        let bought = skus.iter().filter(|_| *buyer != "nobody").map(|sku| (sku, *n, "bought"));
        for (sku, number, how) in bought.chain(gifts.iter().map(|sku| (sku, n * 1000, "given"))) {
            match stock.get_mut(sku) {
                Some((_, units)) if *units > 5 => {
                    let letter = (*n, format!("{sku} is sold out"));
                    // An event is a letter once for each reason.
                    if !refused.contains(&letter) {
                        refused.push(letter);
                    }
                }
                Some((trail, units)) => {
                    *trail += &format!(",{how}{number}");
                    *units += 1;
                }
                None => drop(stock.insert(sku, (number.to_string(), 1))),
            }
        }
    }
    refused.sort();
    (stock.into_iter().map(|(sku, (trail, units))| vec![text(sku), text(&trail), int(units)]).collect(), refused)
}

#[test]
fn the_rows_of_a_query_fold_one_after_the_other() {
    for seed in 1..4 {
        let carts = carts(&mut Random::new(seed), 30);
        let (rows, refused) = naive_stock(&carts);
        assert!(!refused.is_empty(), "nothing is sold out");
        for (workers, epoch_records) in CUTS {
            let when = format!("seed {seed}, {workers} workers, epochs of {epoch_records}");
            let options = checkpointed(workers, epoch_records);
            let deployment = Deployment::replay(planned(STOCK), &cart_lines(&carts[..12]), options.clone());
            deployment.catch_up();
            let deployment = deployment.restart(planned(STOCK), options);
            deployment.ingest(&cart_lines(&carts[12..]));
            assert_eq!(deployment.rows("stock"), rows, "{when}");
            let letters = deployment.dead_letters().into_iter().map(|(_, letter)| {
                let event: Json = serde_json::from_slice(&letter.bytes).expect("the event");
                (event["n"].as_i64().expect("a number"), letter.fault.detail.clone())
            });
            let mut letters: Vec<_> = letters.collect();
            letters.sort();
            assert_eq!(letters, refused, "{when}");
            let answer = deployment.why("stock", deployment.encoded_rows("stock"));
            assert!(answer.rows.iter().all(|row| row.is_found), "{when}: {answer:?}");
        }
    }
}

#[test]
fn restarts_anywhere_change_nothing_of_any_of_them() {
    for (seed, sql, lines) in [
        (5, ORDERS, order_lines(&order_steps(&mut Random::new(5), 0, 250))),
        (6, STOCK, cart_lines(&carts(&mut Random::new(6), 120))),
    ] {
        let planned = planned(sql);
        let mut starts = Starts::default();
        let found = restarted(&planned, &lines, seed, &mut starts);
        assert!(starts.restored > 0 && starts.replayed > 0, "{starts:?}");
        let whole = Deployment::replay(planned, &lines, options());
        whole.catch_up();
        assert_eq!(crate::metamorphic::everything(&whole), found, "seed {seed}");
    }
}

const PRICES: &str = "
CREATE SOURCE price_events (n BIGINT NOT NULL, sku TEXT NOT NULL, cents BIGINT, at TIMESTAMPTZ NOT NULL)
  WITH (connector = 'log', topic = 'prices', event_time = 'at') FORMAT PLAIN ENCODE JSON;
CREATE TABLE vat (country TEXT PRIMARY KEY, percent NUMERIC(4, 1) NOT NULL DEFAULT 20.0, since DATE DEFAULT DATE '2020-01-01');
INSERT INTO vat VALUES ('DE', 19, DATE '2021-01-01'), ('FR', DEFAULT, NULL);
INSERT INTO vat (country) VALUES ('AT');
CREATE INDEX ON vat (country);
CREATE TABLE prices (sku TEXT PRIMARY KEY, cents BIGINT NOT NULL, changes BIGINT NOT NULL DEFAULT 0);
INSERT INTO prices (cents, sku) VALUES (100, 'a'), (200, 'b'), (300, 'c');
MERGE INTO prices p USING price_events e ON p.sku = e.sku
  WHEN MATCHED AND e.cents IS NULL THEN DELETE
  WHEN MATCHED THEN UPDATE SET cents = e.cents, changes = p.changes + 1
  WHEN NOT MATCHED THEN INSERT (sku, cents, changes) VALUES (e.sku, e.cents, DEFAULT);
CREATE INDEX ON prices (sku);
";

fn price(n: i64, sku: &str, cents: Option<i64>) -> String {
    line("prices", &json!({ "n": n, "sku": sku, "cents": cents, "at": at(n) }))
}

#[test]
fn rows_are_there_before_the_first_event_and_change_with_events_and_deployments() {
    let row = |sku: &str, cents: i64, changes: i64| vec![text(sku), int(cents), int(changes)];
    for (workers, epoch_records) in CUTS {
        let options = checkpointed(workers, epoch_records);
        let deployment = Deployment::replay(planned(PRICES), &[], options.clone());
        deployment.catch_up();
        assert_eq!(deployment.rows("prices"), [row("a", 100, 0), row("b", 200, 0), row("c", 300, 0)]);
        let countries: Vec<_> = deployment.rows("vat").iter().map(|row| (row[0].clone(), row[1].clone())).collect();
        let percent = |tenths| Value::Decimal(tenths, 1);
        assert_eq!(countries, [(text("AT"), percent(200)), (text("DE"), percent(190)), (text("FR"), percent(200))]);
        assert_eq!(deployment.rows("vat")[2][2], Value::Null, "a value that is written as NULL is not the default");
        deployment.ingest(&[price(1, "a", None), price(2, "b", Some(250)), price(3, "d", Some(7))]);
        let after = [row("b", 250, 1), row("c", 300, 0), row("d", 7, 0)];
        assert_eq!(deployment.rows("prices"), after);
        // A row that an event took away does not come back.
        let mut deployment = deployment.restart(planned(PRICES), checkpointed(4 - workers, epoch_records));
        assert_eq!(deployment.rows("prices"), after, "after a restart");
        switched(&mut deployment, PRICES, &["prices"]);
        assert_eq!(deployment.rows("prices"), after, "after a replay");
        let answer = deployment.why("prices", deployment.encoded_rows("prices"));
        let events: Vec<_> = answer.rows.iter().map(|row| (row.is_found, row.events.len())).collect();
        assert_eq!(events, [(true, 1), (true, 0), (true, 1)], "what was there before comes from no event");
        let changed = PRICES.replace("(300, 'c')", "(300, 'c'), (400, 'e'), (500, 'd')").replace("('DE', 19,", "('DE', 16,");
        switched(&mut deployment, &changed, &[]);
        assert_eq!(deployment.rows("prices"), [row("b", 250, 1), row("c", 300, 0), row("d", 7, 1), row("e", 400, 0)]);
        assert_eq!(deployment.rows("vat")[1][1], percent(160));
        let deployment = deployment.restart(planned(PRICES), options);
        assert_eq!(deployment.rows("prices"), after, "after a start with the rows before");
    }
}

fn sessions(retention: &str) -> String {
    format!(
        "CREATE SOURCE clicks (n BIGINT NOT NULL, k BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL)
           WITH (connector = 'log', topic = 'clicks', event_time = 'at', partitions = 3) FORMAT PLAIN ENCODE JSON;
         CREATE TABLE sessions (k BIGINT PRIMARY KEY, clicks BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL)
           WITH (retention = '{retention}', event_time = 'at');
         MERGE INTO sessions s USING clicks e ON s.k = e.k
           WHEN MATCHED THEN UPDATE SET clicks = s.clicks + 1, at = e.at
           WHEN NOT MATCHED THEN INSERT VALUES (e.k, 1, e.at);
         CREATE INDEX ON sessions (k);
         CREATE MATERIALIZED VIEW active AS SELECT count(*) AS keys, sum(clicks) AS clicks FROM sessions;
         CREATE INDEX ON active (keys);"
    )
}

#[test]
fn rows_older_than_the_retention_go_away_and_no_event_finds_them() {
    let (sql, life) = (sessions("10 seconds"), 10);
    for seed in 1..4 {
        let mut random = Random::new(seed);
        // Seconds pass in steps; now and then an event is late.
        let mut second = 0;
        let mut click = |n: i64| {
            second += random.below(4_i64);
            (n, random.below(6_i64), second - if random.one_in(5) { random.below(12_i64) } else { 0 })
        };
        let clicks: Vec<(i64, i64, i64)> = (0..150).map(&mut click).collect();
        let mut table: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for &(_, k, moment) in &clicks {
            let found = table.get(&k).filter(|(_, before)| before + life > moment).map_or(0, |(clicks, _)| *clicks);
            table.insert(k, (found + 1, moment));
        }
        let now = clicks.iter().map(|(_, _, moment)| *moment).max().expect("clicks");
        table.retain(|_, (_, moment)| *moment + life > now);
        let time = |moment: i64| Value::Timestamp(START_MICROS + moment * 1_000_000);
        let expected: Rows = table.iter().map(|(k, (clicks, moment))| vec![int(*k), int(*clicks), time(*moment)]).collect();
        let lines: Vec<String> = clicks
            .iter()
            .map(|(n, k, moment)| line("clicks", &json!({ "n": n, "k": k, "at": at(*moment) })))
            .collect();
        for (workers, epoch_records) in CUTS {
            let when = format!("seed {seed}, {workers} workers, epochs of {epoch_records}");
            let options = checkpointed(workers, epoch_records);
            let deployment = Deployment::replay(planned(&sql), &lines[..70], options.clone());
            deployment.catch_up();
            let mut deployment = deployment.restart(planned(&sql), options);
            deployment.ingest(&lines[70..]);
            assert_eq!(deployment.rows("sessions"), expected, "{when}");
            assert_eq!(deployment.rows("active")[0][0], int(expected.len() as i64), "{when}");
            switched(&mut deployment, &sql, &["sessions"]);
            assert_eq!(deployment.rows("sessions"), expected, "{when}, after a replay");
            let answer = deployment.why("sessions", deployment.encoded_rows("sessions"));
            assert!(answer.rows.iter().all(|row| row.is_found), "{when}: {answer:?}");
        }
    }
}

/// The log of the harness appends a year after the start, and the system's clock is some years beyond that.
#[test]
fn by_the_systems_clock_a_row_ends_when_events_are_appended_that_much_later() {
    let sql = sessions("3650 days");
    let (young, old) = (timestamp_text(START_MICROS + 365 * DAY_MICROS), timestamp_text(START_MICROS - 3_300 * DAY_MICROS));
    let click = |n: i64, k: i64, at: &str| line("clicks", &json!({ "n": n, "k": k, "at": at }));
    let first = [click(0, 1, &young), click(1, 1, &young), click(2, 1, &old), click(3, 2, &young), click(4, 3, &old)];
    let second = [click(5, 1, &young), click(6, 2, &young), click(7, 3, &old)];
    let clicks = |deployment: &Deployment| -> Rows {
        deployment.rows("sessions").into_iter().map(|row| row[..2].to_vec()).collect()
    };
    for (workers, epoch_records) in CUTS {
        let options = Options { clock: Clock::System, ..checkpointed(workers, epoch_records) };
        let deployment = Deployment::replay(planned(&sql), &first, options.clone());
        deployment.catch_up();
        assert_eq!(clicks(&deployment), [[int(2), int(1)]]);
        let mut deployment = deployment.restart(planned(&sql), options);
        deployment.ingest(&second);
        let expected = [[int(1), int(1)], [int(2), int(2)]];
        assert_eq!(clicks(&deployment), expected, "{workers} workers, epochs of {epoch_records}");
        switched(&mut deployment, &sql, &["sessions"]);
        assert_eq!(clicks(&deployment), expected, "after a replay");
        let answer = deployment.why("sessions", deployment.encoded_rows("sessions"));
        let events: Vec<_> = answer.rows.iter().map(|row| (row.is_found, row.events.len())).collect();
        assert_eq!(events, [(true, 1), (true, 2)], "{answer:?}");
    }
}

#[test]
fn a_view_shows_rows_that_are_young_enough() {
    let sql = "CREATE SOURCE clicks (n BIGINT NOT NULL, k BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL)
          WITH (connector = 'log', topic = 'clicks', event_time = 'at', partitions = 3) FORMAT PLAIN ENCODE JSON;
        CREATE MATERIALIZED VIEW recent WITH (retention = '10 seconds', event_time = 'at', max_age = '1s') AS SELECT n, at FROM clicks;
        CREATE INDEX ON recent (n);
        CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS events FROM recent;";
    let deployment = Deployment::replay(planned(sql), &[], checkpointed(2, 3));
    for n in 0..40 {
        deployment.ingest(&[line("clicks", &json!({ "n": n, "k": 1, "at": at(n) }))]);
    }
    let deployment = deployment.restart(planned(sql), checkpointed(3, 5));
    let numbers: Vec<_> = deployment.rows("recent").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(numbers, (30..40).map(int).collect::<Vec<_>>());
    assert_eq!(deployment.rows("counted"), [[int(10)]]);
}

#[test]
fn what_a_table_is_made_of_decides_whether_it_is_the_same() {
    let state = |sql: &str| {
        let states = KeptStates::of(&topology(sql)).specs.into_iter();
        states.filter(|state| state.name.starts_with("table ")).map(|state| state.fingerprint).collect::<Vec<_>>()
    };
    let stock = STOCK.to_owned();
    let changes = [
        (ORDERS.to_owned(), "'there is no such order'", "'no order'"),
        (ORDERS.to_owned(), "DEFAULT 1)", "DEFAULT 2)"),
        (TRAILS.to_owned(), "n % 7 <> 0", "n % 6 <> 0"),
        (TRAILS.to_owned(), "'/b'", "'/c'"),
        (stock.clone(), "<> 'nobody'", "<> 'somebody'"),
        (stock.clone(), "UNNEST(e.gifts)", "UNNEST(e.skus)"),
        (stock, "n * 1000", "n * 100"),
        (PRICES.to_owned(), "(200, 'b')", "(201, 'b')"),
        (sessions("1 day"), "retention = '1 day'", "retention = '2 days'"),
    ];
    for (sql, from, to) in changes {
        let changed = sql.replace(from, to);
        assert_ne!(changed, sql, "'{from}' is not there");
        assert_ne!(state(&changed), state(&sql), "'{to}' instead of '{from}'");
    }
    // The order of statements is a part of it, the names in them are not.
    let (first, rest) = TRAILS.split_once("-- It takes effect").expect("a comment");
    let (_, rest) = rest.split_once('\n').expect("a line");
    let second = rest.find("MERGE INTO trails t USING a e").expect("the second");
    let third = rest.find("-- The second key").expect("the third");
    let swapped = format!("{first}{}{}{}", &rest[second..third], &rest[..second], &rest[third..]);
    assert_ne!(state(&swapped), state(TRAILS));
    let renamed = TRAILS.replace("of_b", "labels").replace("AS label", "AS mark").replace("e.label", "e.mark");
    assert_eq!(state(&renamed), state(TRAILS));
}
