//! Every answer balances: transfers between accounts, joined from credits and debits, polled all the time and across kills.
//!
//! A follow pays one to whom is followed, an unfollow takes it back. In each answer, which is of one moment, what was paid is what was
//! received; a view that were an event ahead of another would show money that nobody has.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use epochs::disk::simulated::Generator;
use serde_json::{Value, json};

use super::feed::{Feed, StopOnDrop};
use crate::answers::JsonRow;
use crate::lines::{event, followed, registered};
use crate::process::{Client, Launch, Server, eventually};

const ACCOUNTS: u64 = 40;
const TRANSFERS: u64 = 60_000;
const KILLS: usize = 5;
/// Answers that have to come between two kills.
const POLLS: usize = 150;
/// Different moments that they have to show.
const MOMENTS: usize = 25;
const POLLERS: usize = 2;

const TOPOLOGY: &str = "\
CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent', schema.location = 'user.proto');

CREATE TABLE accounts (account BIGINT PRIMARY KEY, opened_at TIMESTAMPTZ NOT NULL);
MERGE INTO accounts USING user_events e ON accounts.account = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'user.registered' THEN INSERT VALUES (e.aggregate_id, e.occurred_at);

CREATE TABLE transfers (payer BIGINT, payee BIGINT, paid_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (payer, payee));
MERGE INTO transfers t USING user_events e
  ON t.payer = e.aggregate_id AND t.payee = COALESCE(e.followed.followee_id, e.unfollowed.followee_id)
  WHEN MATCHED AND e.event_type = 'user.unfollowed' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'user.followed' THEN INSERT VALUES (e.aggregate_id, e.followed.followee_id, e.occurred_at);

CREATE VIEW credits AS SELECT payee AS account, count(*) AS amount FROM transfers GROUP BY payee;
CREATE VIEW debits AS SELECT payer AS account, count(*) AS amount FROM transfers GROUP BY payer;
CREATE MATERIALIZED VIEW balances AS
  SELECT a.account, COALESCE(c.amount, 0) AS credits, COALESCE(d.amount, 0) AS debits,
    COALESCE(c.amount, 0) - COALESCE(d.amount, 0) AS balance
  FROM accounts a LEFT JOIN credits c ON c.account = a.account LEFT JOIN debits d ON d.account = a.account;
CREATE INDEX ON balances (account);
GRANT SELECT ON balances TO PUBLIC;

CREATE MATERIALIZED VIEW total AS SELECT CAST(sum(balance) AS BIGINT) AS total, count(*) AS accounts FROM balances;
CREATE INDEX ON total (accounts);
GRANT SELECT ON total TO PUBLIC;
";

/// Follows and unfollows that look random; no one follows himself.
fn transfers() -> Vec<String> {
    let mut random = Generator::new(5);
    let mut number = ACCOUNTS;
    let mut user = || random.below(ACCOUNTS as usize) as u64 + 1;
    let mut transfer = || {
        number += 1;
        let (payer, payee) = (user(), user());
        (payer != payee).then(|| match user() % 3 {
            0 => {
                let payload = json!({ "follower_id": payer.to_string(), "followee_id": payee.to_string() });
                event(number, "social.user", "user.unfollowed", payer, payload).to_string()
            }
            _ => followed(number, payer, payee).to_string(),
        })
    };
    (0..TRANSFERS).filter_map(|_| transfer()).collect()
}

/// Observations of the pollers in one life, and altogether.
#[derive(Default)]
struct Seen {
    polls: AtomicUsize,
    /// different sums at different positions
    moments: Mutex<BTreeSet<(String, i64)>>,
}

fn number(row: &JsonRow, column: &str) -> i64 {
    match &row[column] {
        Value::String(digits) => digits.parse().unwrap(),
        number => number.as_i64().unwrap(),
    }
}

/// Polls until the server is gone; each answer has to balance.
fn poll(server: &Client, stop: &AtomicBool, seen: &Seen) {
    while !stop.load(Ordering::SeqCst) {
        for view in ["balances?limit=1000", "total"] {
            let Ok(answer) = server.try_get(&format!("/v1/views/{view}")) else { return };
            // A view that is not whole yet says so instead of showing a part.
            if answer.status == 503 {
                continue;
            }
            let rows = answer.rows();
            if view == "total" {
                let [total] = &rows[..] else { panic!("{rows:?}") };
                assert_eq!((number(total, "total"), number(total, "accounts")), (0, ACCOUNTS as i64), "{}", answer.text);
                continue;
            }
            let sum = |column: &str| rows.iter().map(|row| number(row, column)).sum::<i64>();
            assert_eq!(rows.len() as u64, ACCOUNTS);
            assert_eq!((sum("credits"), sum("balance")), (sum("debits"), 0), "{}", answer.text);
            assert!(
                rows.iter().all(|row| number(row, "balance") == number(row, "credits") - number(row, "debits")),
                "{}",
                answer.text
            );
            seen.moments.lock().unwrap().insert((answer.position.unwrap_or_default(), sum("credits")));
            seen.polls.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn every_answer_balances_also_across_kills() {
    let (data, topologies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(topologies.path().join("accounts.sql"), TOPOLOGY).unwrap();
    testkit::social::copy_proto_files(topologies.path());
    let launch = Launch {
        data: data.path(),
        topologies: topologies.path().to_str().unwrap(),
        more: &["--checkpoint-interval", "50ms"],
        ..Launch::default()
    };
    let server = Server::run_ready(&launch);
    let opened: Vec<String> = (1..=ACCOUNTS).map(|account| registered(account, account).to_string()).collect();
    let answer = server.try_post(opened.join("\n").as_bytes(), Some(&crate::process::operator())).unwrap();
    let position = answer.json()["position"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/v1/views/balances?wait=30000&after={position}"), None).rows().len() as u64, ACCOUNTS);
    drop(server);

    let feed = Feed::new(transfers());
    let seen = Seen::default();
    for kill in 1..=KILLS {
        let mut server = launch.server().unwrap_or_else(|mut process| panic!("{}", process.complaint()));
        let (client, stop) = (server.client.clone(), AtomicBool::new(false));
        let before = feed.acknowledged().len();
        std::thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            scope.spawn(|| feed.run(&client, &stop));
            (0..POLLERS).for_each(|_| drop(scope.spawn(|| poll(&client, &stop, &seen))));
            let moments = || seen.moments.lock().unwrap().len();
            let enough = || {
                seen.polls.load(Ordering::SeqCst) >= kill * POLLS
                    && moments() >= kill * MOMENTS
                    && feed.acknowledged().len() > before
            };
            eventually("answers", || enough().then_some(()));
            server.process.kill();
        });
    }
    let moments = seen.moments.lock().unwrap();
    let sums: BTreeSet<i64> = moments.iter().map(|(_, sum)| *sum).collect();
    println!("{} answers balanced, of {} moments, across {KILLS} kills", seen.polls.load(Ordering::SeqCst), moments.len());
    assert!(sums.len() > KILLS, "only {} different sums were seen: the accounts hardly moved", sums.len());
}
