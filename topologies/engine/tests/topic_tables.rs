//! Tables that records of a topic fill: the rows that a person would get who applies the records one by one, however they are cut and computed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::run::Options;
use language::builder::PARTITIONS_DEFAULT;
use language::topology::Topology;
use schemas::dead_letter::Reason;
use schemas::field::Value;
use schemas::position::{Offset, Partition, Topic};
use sources::log::{LogAppender as _, LogReader as _};
use sources::record::Record;
use testkit::random::Random;

use crate::harness::{Deployment, START_MICROS, options, topology};
use crate::metamorphic::everything;

const TABLES: &str = "
CREATE TABLE products (sku TEXT PRIMARY KEY, price BIGINT NOT NULL, note TEXT)
  WITH (connector = 'log', topic = 'products') FORMAT UPSERT ENCODE JSON;
CREATE TABLE accounts (id BIGINT PRIMARY KEY, name TEXT NOT NULL, balance NUMERIC(10,2))
  WITH (connector = 'log', topic = 'accounts') FORMAT DEBEZIUM ENCODE JSON;
CREATE MATERIALIZED VIEW totals AS SELECT name, count(*) AS accounts, sum(balance) AS balance FROM accounts GROUP BY name;
CREATE INDEX ON products (sku);
CREATE INDEX ON accounts (id);
";

const EVENTS: usize = 500;
const UNAVAILABLE: &str = "__debezium_unavailable_value";

fn planned() -> Arc<Topology> {
    Arc::new(topology(TABLES))
}

fn checkpointed(workers: usize, epoch_records: usize) -> Options {
    Options { workers, epoch_records, checkpoint_interval: Duration::ZERO, ..options() }
}

/// The rows of both tables, as records change them.
#[derive(Default)]
struct Naive {
    products: BTreeMap<String, (i64, Option<String>)>,
    /// name, hundredths, and the place of the last change
    accounts: BTreeMap<i64, (String, i64, i64)>,
}

/// A change of an account.
#[derive(Clone)]
enum AccountChange {
    /// the name is `None` where it is unavailable
    Put(i64, Option<String>, i64, i64),
    Delete(i64, i64),
    Truncate(i64),
}

impl AccountChange {
    fn line(&self, random: &mut Random) -> String {
        let envelope = match self {
            Self::Put(id, name, balance, lsn) => {
                let (op, before) = *random.pick(&[("c", "null"), ("r", "null"), ("u", "null")]);
                let (name, cents) = (name.as_deref().unwrap_or(UNAVAILABLE), format!("{}.{:02}", balance / 100, balance % 100));
                format!(
                    r#"{{"before":{before},"after":{{"id":{id},"name":"{name}","balance":"{cents}"}},"source":{{"lsn":{lsn}}},"op":"{op}"}}"#
                )
            }
            Self::Delete(id, lsn) => {
                format!(r#"{{"before":{{"id":{id},"name":"","balance":null}},"after":null,"source":{{"lsn":{lsn}}},"op":"d"}}"#)
            }
            Self::Truncate(lsn) => format!(r#"{{"source":{{"lsn":{lsn}}},"op":"t"}}"#),
        };
        let wrapped = format!(r#"{{"schema":{{"type":"struct"}},"payload":{envelope}}}"#);
        let event = if random.one_in(2) { envelope } else { wrapped };
        format!(r#"{{"topic":"accounts","event":{event}}}"#)
    }
}

impl Naive {
    fn change(&mut self, change: &AccountChange) {
        match change {
            AccountChange::Put(id, name, balance, lsn) => {
                let before = self.accounts.get(id).cloned();
                if before.as_ref().is_some_and(|(_, _, known)| lsn <= known) {
                    return;
                }
                let name = name.clone().or(before.map(|(name, _, _)| name));
                // A name that is nowhere is NULL, which no account has.
                if let Some(name) = name {
                    self.accounts.insert(*id, (name, *balance, *lsn));
                }
            }
            AccountChange::Delete(id, lsn) => {
                if self.accounts.get(id).is_some_and(|(_, _, known)| lsn > known) {
                    self.accounts.remove(id);
                }
            }
            AccountChange::Truncate(_) => self.accounts.clear(),
        }
    }

    fn products(&self) -> Vec<Vec<Value<'static>>> {
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, |text| Value::Text(text.into()));
        self.products.iter().map(|(sku, (price, note))| vec![text(&Some(sku.clone())), Value::Int(*price), text(note)]).collect()
    }

    fn accounts(&self) -> Vec<Vec<Value<'static>>> {
        let row = |(id, (name, balance, _)): (&i64, &(String, i64, i64))| {
            vec![Value::Int(*id), Value::Text(name.clone().into()), Value::Decimal((*balance).into(), 2)]
        };
        self.accounts.iter().map(row).collect()
    }
}

/// Lines and the rows after the last of them. Now and then a connector begins once more with changes that it has sent already.
fn history(seed: u64) -> (Vec<String>, Naive) {
    let mut random = Random::new(seed);
    let (mut naive, mut lines) = (Naive::default(), Vec::new());
    let mut sent: Vec<AccountChange> = Vec::new();
    while lines.len() < EVENTS {
        if random.one_in(3) {
            lines.push(product(&mut random, &mut naive));
            continue;
        }
        let lsn = sent.len() as i64 + 1;
        let id = random.below(12_u64) as i64;
        let change = match random.below(40_u64) {
            0 => AccountChange::Truncate(lsn),
            1..6 => AccountChange::Delete(id, lsn),
            6..9 => AccountChange::Put(id, None, random.below(10_000_u64) as i64, lsn),
            number => AccountChange::Put(id, Some(format!("n{}", number % 4)), random.below(10_000_u64) as i64, lsn),
        };
        let again = if random.one_in(25) { sent.len().saturating_sub(6) } else { sent.len() };
        for change in sent[again..].iter().chain([&change]) {
            naive.change(change);
            lines.push(change.line(&mut random));
            if let AccountChange::Delete(id, _) = change {
                lines.push(format!(r#"{{"topic":"accounts","key":{{"id":{id}}},"event":null}}"#));
            }
        }
        sent.push(change);
    }
    (lines, naive)
}

fn product(random: &mut Random, naive: &mut Naive) -> String {
    let sku = format!("A{}", random.below(9_u64));
    if random.one_in(4) {
        naive.products.remove(&sku);
        let key = if random.one_in(2) { format!("\"{sku}\"") } else { format!("{{\"sku\":\"{sku}\"}}") };
        return format!(r#"{{"topic":"products","key":{key},"event":null}}"#);
    }
    let (price, note) = (random.below(100_u64) as i64, random.one_in(2).then(|| format!("x{}", random.below(3_u64))));
    let said = note.as_ref().map_or_else(String::new, |note| format!(",\"note\":\"{note}\""));
    naive.products.insert(sku.clone(), (price, note));
    match random.below(3_u64) {
        0 => format!(r#"{{"topic":"products","key":"{sku}","event":{{"price":{price}{said}}}}}"#),
        1 => format!(r#"{{"topic":"products","key":"{sku}","event":{{"sku":"{sku}","price":{price}{said}}}}}"#),
        _ => format!(r#"{{"topic":"products","event":{{"sku":"{sku}","price":{price}{said}}}}}"#),
    }
}

#[test]
fn epochs_workers_and_restarts_change_no_row() {
    let planned = planned();
    for seed in 1..5 {
        let (lines, naive) = history(seed);
        let straight = Deployment::replay(Arc::clone(&planned), &lines, Options { epoch_records: 1_000, ..options() });
        straight.catch_up();
        assert_eq!(straight.rows("products"), naive.products(), "seed {seed}");
        assert_eq!(straight.rows("accounts"), naive.accounts(), "seed {seed}");
        assert!(straight.dead_letters().is_empty(), "seed {seed}");
        let expected = everything(&straight);
        for (workers, epoch_records) in [(1, 1), (2, 7), (3, 100)] {
            let half = lines.len() / 2;
            let cut = Deployment::replay(Arc::clone(&planned), &lines[..half], checkpointed(workers, epoch_records));
            cut.catch_up();
            let cut = cut.restart(Arc::clone(&planned), checkpointed(4 - workers, epoch_records));
            cut.ingest(&lines[half..]);
            assert_eq!(everything(&cut), expected, "seed {seed}, {workers} workers, epochs of {epoch_records} records");
        }
    }
}

fn of_topic(topic: &str, records: &[(&str, &str)], deployment: &Deployment) {
    let record = |(key, value): &(&str, &str)| Record {
        key: key.as_bytes().to_vec(),
        value: value.as_bytes().to_vec(),
        timestamp: START_MICROS,
    };
    deployment.log().append(&Topic::new(topic), records.iter().map(record).collect()).expect("the log takes them");
    deployment.catch_up();
}

#[test]
fn records_as_other_producers_write_them_are_read() {
    let deployment = Deployment::replay(planned(), &[], options());
    of_topic(
        "products",
        &[
            ("A1", r#"{"price":1}"#),
            (r#"{"sku":"A2"}"#, r#"{"price":2}"#),
            ("A3", r#"{"price":3}"#),
            ("A1", ""),
            ("\"A3\"", "null"),
        ],
        &deployment,
    );
    let row = |sku: &str, price| vec![Value::Text(sku.to_owned().into()), Value::Int(price), Value::Null];
    assert_eq!(deployment.rows("products"), [row("A2", 2)]);
    of_topic(
        "accounts",
        &[(r#"{"id":1}"#, r#"{"op":"c","after":{"id":1,"name":"a","balance":1074.4}}"#), (r#"{"id":1}"#, "")],
        &deployment,
    );
    assert_eq!(deployment.rows("accounts").len(), 1, "a record without a value follows a deletion, and is none");
}

#[test]
fn a_record_that_does_not_fit_is_a_letter_with_its_path_and_changes_nothing() {
    let deployment = Deployment::replay(planned(), &[], options());
    of_topic("products", &[("A1", r#"{"price":1}"#), ("A1", r#"{"price":"x"}"#), ("", "")], &deployment);
    let envelopes = [
        ("", r#"{"op":"c","after":{"id":1,"name":"a","balance":"1.5"}}"#),
        ("", r#"{"op":"u","after":{"id":1,"name":"a","balance":"1.505"}}"#),
        ("", r#"{"op":"u","before":{"id":1},"after":{"id":2,"name":"a","balance":null}}"#),
        ("", r#"{"schema":{},"payload":{"op":"u","after":{"id":1,"name":null}}}"#),
    ];
    of_topic("accounts", &envelopes, &deployment);
    let told: Vec<(String, Reason, Option<String>)> = deployment
        .dead_letters()
        .into_iter()
        .map(|(_, letter)| (letter.topic.clone(), letter.fault.reason, letter.fault.field.clone()))
        .collect();
    let letter = |topic: &str, reason, field: &str| (topic.to_owned(), reason, Some(field.to_owned()));
    assert_eq!(
        told,
        [
            letter("products", Reason::WrongType, "price"),
            letter("products", Reason::MissingField, "key"),
            letter("accounts", Reason::WrongType, "after.balance"),
            letter("accounts", Reason::KeyMismatch, "after.id"),
            letter("accounts", Reason::NullInRequired, "payload.after.name"),
        ]
    );
    assert_eq!((deployment.rows("products").len(), deployment.rows("accounts").len()), (1, 1));
}

/// Sums the first offsets that the partitions of a topic still have.
fn forgotten(deployment: &Deployment, topic: &str) -> u64 {
    let (log, topic) = (deployment.log(), Topic::new(topic));
    let first = |partition| log.bounds(&topic, Partition(partition)).expect("a partition").0.0;
    (0..PARTITIONS_DEFAULT).map(first).sum()
}

#[test]
fn the_rows_do_not_need_the_beginning_of_the_log() {
    let planned = planned();
    let (lines, naive) = history(7);
    let forgetful = |workers| Options { log_retention_bytes: Some(1), ..checkpointed(workers, 20) };
    let deployment = Deployment::replay(Arc::clone(&planned), &lines, forgetful(2));
    deployment.catch_up();
    let nothing = ["products", "accounts"].map(|topic| format!(r#"{{"topic":"{topic}","key":"7000","event":null}}"#));
    let deadline = Instant::now() + Duration::from_secs(60);
    while ["products", "accounts"].iter().any(|topic| forgotten(&deployment, topic) < 20) {
        assert!(Instant::now() < deadline, "the log forgot nothing");
        deployment.ingest(&nothing);
    }
    let deployment = deployment.restart(planned, forgetful(1));
    assert_eq!((deployment.rows("products"), deployment.rows("accounts")), (naive.products(), naive.accounts()));
    deployment.ingest(&[r#"{"topic":"accounts","event":{"op":"t"}}"#.to_owned()]);
    assert_eq!(deployment.rows("accounts"), Vec::<Vec<Value<'_>>>::new());
}

#[test]
fn the_events_of_a_row_are_those_that_gave_it_what_it_holds() {
    let lines = [
        r#"{"topic":"accounts","event":{"op":"c","after":{"id":1,"name":"a","balance":"1.00"},"source":{"lsn":1}}}"#,
        r#"{"topic":"accounts","event":{"op":"c","after":{"id":2,"name":"b","balance":"2.00"},"source":{"lsn":2}}}"#,
        r#"{"topic":"accounts","event":{"op":"t","source":{"lsn":3}}}"#,
        r#"{"topic":"accounts","event":{"op":"c","after":{"id":1,"name":"c","balance":"3.00"},"source":{"lsn":4}}}"#,
        r#"{"topic":"accounts","event":{"op":"u","after":{"id":1,"name":"c","balance":"4.00"},"source":{"lsn":5}}}"#,
        r#"{"topic":"accounts","event":{"op":"u","after":{"id":1,"name":"c","balance":"4.00"},"source":{"lsn":6}}}"#,
        r#"{"topic":"accounts","event":{"op":"c","after":{"id":3,"name":"d","balance":"5.00"},"source":{"lsn":7}}}"#,
    ];
    let deployment = Deployment::replay(planned(), &lines.map(str::to_owned), options());
    deployment.catch_up();
    let rows = deployment.encoded_rows("accounts");
    let answer = deployment.why("accounts", rows);
    let told: Vec<Vec<i64>> = answer.rows.iter().map(|row| row.events.iter().map(|event| lsn(&event.json)).collect()).collect();
    // The update that changed nothing gave nothing.
    assert_eq!(told, [vec![4, 5], vec![7]]);
}

fn lsn(json: &str) -> i64 {
    let event: serde_json::Value = serde_json::from_str(json).expect("an envelope");
    event["source"]["lsn"].as_i64().expect("a number")
}

#[test]
fn parts_of_records_are_columns_of_sources_and_of_tables() {
    let sql = "
CREATE SOURCE clicks (page TEXT) INCLUDE KEY AS k, PARTITION AS p, OFFSET AS o, TIMESTAMP AS t, PAYLOAD AS raw
  WITH (connector = 'log', topic = 'clicks', partitions = 1) FORMAT PLAIN ENCODE JSON;
CREATE MATERIALIZED VIEW last_clicks AS
  SELECT page, max(k) AS k, max(p) AS p, max(o) AS o, max(t) AS t, max(CAST(raw AS TEXT)) AS raw FROM clicks GROUP BY page;
CREATE INDEX ON last_clicks (page);
CREATE TABLE t (id BIGINT PRIMARY KEY, a TEXT) WITH (connector = 'log', topic = 't', partitions = 1)
  FORMAT UPSERT ENCODE JSON INCLUDE OFFSET AS o, TIMESTAMP AS changed_at, PAYLOAD AS raw;
CREATE INDEX ON t (id);
";
    let deployment = Deployment::replay(Arc::new(topology(sql)), &[], options());
    let lines = [
        r#"{"topic":"clicks","key":"u1","event":{"page":"/a","more":1}}"#,
        r#"{"topic":"clicks","event":{"page":"/b"}}"#,
        r#"{"topic":"t","event":{"id":1,"a":"x"}}"#,
        r#"{"topic":"t","event":{"id":1,"a":"y","b":true}}"#,
    ];
    deployment.ingest(&lines.map(str::to_owned));
    let times = |topic: &str| {
        let read = deployment.log().read(&Topic::new(topic), Partition(0), Offset(0), 10, 1 << 20).expect("records");
        read.records.iter().map(|record| (record.offset.0, record.timestamp)).collect::<Vec<_>>()
    };
    let text = |text: &str| Value::Text(text.to_owned().into());
    let place = |(offset, time): (u64, i64)| (Value::Int(i64::try_from(offset).expect("few records")), Value::Timestamp(time));
    let ((first, first_at), (second, second_at)) = (place(times("clicks")[0]), place(times("clicks")[1]));
    let clicks = deployment.rows("last_clicks");
    assert_eq!(clicks[0][..5], [text("/a"), text("u1"), Value::Int(0), first, first_at]);
    assert_eq!(clicks[1][..5], [text("/b"), Value::Null, Value::Int(0), second, second_at]);
    assert!(matches!(&clicks[0][5], Value::Text(raw) if raw.contains("\"more\"")), "{clicks:?}");
    let (last, last_at) = place(times("t")[1]);
    let rows = deployment.rows("t");
    assert_eq!((rows.len(), &rows[0][..4]), (1, &[Value::Int(1), text("y"), last, last_at][..]));
}
