//! sum and avg of DOUBLE PRECISION, from statements to rows: exact in any order, after retractions and after a restart.

use std::sync::Arc;

use engine::run::Options;
use schemas::field::Value;
use testkit::random::Random;

use crate::harness::{Deployment, Producer, options, topology};

const STATEMENTS: &str = "
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE amounts (id BIGINT PRIMARY KEY, account BIGINT NOT NULL, amount DOUBLE PRECISION);
MERGE INTO amounts USING post_events e ON amounts.id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET amount = CAST(NULLIF(e.updated.text, '') AS DOUBLE PRECISION)
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.author_id, CAST(NULLIF(e.created.text, '') AS DOUBLE PRECISION));
CREATE MATERIALIZED VIEW totals AS
  SELECT account, sum(amount) AS total, avg(amount) AS mean, sum(amount) FILTER (WHERE amount > 0) AS income,
    avg(DISTINCT amount) AS distinct_mean
  FROM amounts GROUP BY account;
CREATE INDEX ON totals (account);
CREATE MATERIALIZED VIEW all_of_them AS SELECT sum(amount) AS total, avg(amount) AS mean FROM amounts;
CREATE MATERIALIZED VIEW streamed AS
  SELECT event_type, sum(CAST(NULLIF(e.created.text, '') AS DOUBLE PRECISION)) AS total FROM post_events e WHERE e.event_type = 'post.created'
  GROUP BY event_type;
";

struct Accounts {
    producer: Producer,
}

impl Accounts {
    fn create(&self, id: u64, account: u64, amount: &str) -> String {
        let payload = format!(r#"{{"author_id":"{account}","text":"{amount}","visibility":"public"}}"#);
        self.producer.post("post.created", id, 1, &payload)
    }

    fn update(&self, id: u64, amount: &str) -> String {
        self.producer.post("post.updated", id, 1, &format!(r#"{{"text":"{amount}"}}"#))
    }

    fn delete(&self, id: u64) -> String {
        self.producer.post("post.deleted", id, 1, "{}")
    }
}

/// Floats by their bits, so that signs of zero and NaN count.
fn rows(deployment: &Deployment, view: &str) -> Vec<Vec<Option<f64>>> {
    let number = |value: &Value<'_>| match value {
        Value::Null => None,
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        other => panic!("{other:?} is not a number"),
    };
    deployment.rows(view).iter().map(|row| row.iter().map(number).collect()).collect()
}

#[test]
fn totals_are_exact_and_what_is_taken_back_leaves_nothing() {
    let accounts = Accounts { producer: Producer::default() };
    let deployment = Deployment::start(topology(STATEMENTS), options());
    let amounts = ["1e308", "0.1", "-1e308", "0.1", "0.1", "", "0.1", "0.1", "0.1", "0.1", "0.1", "0.1", "0.1", "1e308"];
    let lines: Vec<String> = (1..).zip(amounts).map(|(id, amount)| accounts.create(id, 1, amount)).collect();
    deployment.ingest(&lines);
    deployment.ingest(&[accounts.delete(14), accounts.create(20, 2, "-0.0"), accounts.create(21, 3, "")]);
    deployment.ingest(&[accounts.update(1, "7"), accounts.update(3, "-7")]);
    // Ten times 0.1, seven and minus seven: what doubles lose on the way is there. The exact sum is a little more than 1, and so much
    // that the double above 1.0 / 12.0 is nearer to the mean.
    let expected = [Some(1.0), Some(1.0), Some((1.0_f64 / 12.0).next_up()), Some(8.0), Some(0.1 / 3.0)];
    assert_eq!(rows(&deployment, "totals")[0], expected);
    assert_eq!(
        rows(&deployment, "totals")[1..],
        [vec![Some(2.0), Some(0.0), Some(0.0), None, Some(0.0)], vec![Some(3.0), None, None, None, None],]
    );
    assert!(rows(&deployment, "totals")[1][1].is_some_and(|zero| zero.is_sign_positive()), "rows hold one zero");

    let overflow = "value out of range: overflow: the result is beyond DOUBLE PRECISION";
    deployment.ingest(&[accounts.update(1, "1.7e308"), accounts.update(2, "1.7e308")]);
    let errors: Vec<(String, String)> =
        deployment.row_errors().into_iter().map(|(error, _)| (error.relation, error.detail)).collect();
    assert_eq!(errors, [("all_of_them".to_owned(), overflow.to_owned()), ("totals".to_owned(), overflow.to_owned())]);
    deployment.ingest(&[accounts.update(1, "Infinity"), accounts.update(2, "1")]);
    assert_eq!(rows(&deployment, "totals")[0][1], Some(f64::INFINITY));
    deployment.ingest(&[accounts.update(3, "-Infinity")]);
    assert!(rows(&deployment, "totals")[0][1].is_some_and(f64::is_nan));
    deployment.ingest(&(1..=21).map(|id| accounts.delete(id)).collect::<Vec<_>>());
    assert_eq!((rows(&deployment, "totals"), rows(&deployment, "all_of_them")), (vec![], vec![vec![None, None]]));
    assert!(deployment.row_errors().is_empty());
}

#[test]
fn the_same_amounts_lead_to_the_same_bytes_in_any_order_with_a_restart_in_between() {
    let accounts = Accounts { producer: Producer::default() };
    let mut random = Random::new(11);
    let mut amounts: Vec<(u64, String)> = (1..=200)
        .map(|id| {
            let magnitude = *random.pick(&["e-310", "e300", "e15", "e-3", ""]);
            (id, format!("{}.{}{magnitude}", random.below(2_000) as i64 - 1_000, random.below(1_000_000)))
        })
        .collect();
    let run = |amounts: &[(u64, String)], workers: usize| {
        let deployment = Deployment::start(topology(STATEMENTS), Options { workers, ..options() });
        let lines: Vec<String> = amounts.iter().map(|(id, amount)| accounts.create(*id, id % 3, amount)).collect();
        deployment.ingest(&lines[..120]);
        deployment.ingest(&(1_000..1_050).map(|id| accounts.create(id, id % 3, "1.1e300")).collect::<Vec<_>>());
        let topology = Arc::clone(&deployment.topology);
        let deployment = deployment.restart(topology, Options { workers: 3 - workers, ..options() });
        deployment.ingest(&lines[120..]);
        deployment.ingest(&(1_000..1_050).map(|id| accounts.delete(id)).collect::<Vec<_>>());
        deployment.bytes()
    };
    let expected = run(&amounts, 1);
    for workers in [1, 2] {
        (1..amounts.len()).for_each(|place| amounts.swap(place, random.below(place + 1)));
        assert!(run(&amounts, workers) == expected, "another order on {workers} workers leads to other rows");
    }
}
