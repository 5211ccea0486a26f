//! An aggregate without GROUP BY has one row, always: also when the dataflow begins with records that add up to nothing, as after a start or
//! a deployment, and in everything that reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::run::{DeployOutcome, Verify};
use schemas::field::Value;
use testkit::random::Random;

use crate::evolution::checkpointed;
use crate::harness::{Deployment, Producer, topology};

const NOTES: &str = "
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE notes (note_id BIGINT PRIMARY KEY, answers BIGINT);
MERGE INTO notes USING post_events e ON notes.note_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.reply_to);
";

/// Questions that nobody has answered, in the ways in which a plan subtracts.
const OPEN: [(&str, &str); 4] = [
    (
        "not_exists",
        "SELECT note_id FROM notes q WHERE answers IS NULL AND NOT EXISTS (SELECT 1 FROM notes a WHERE a.answers = q.note_id)",
    ),
    (
        "outer_join",
        "SELECT q.note_id FROM notes q LEFT JOIN notes a ON a.answers = q.note_id AND a.note_id <> q.note_id
         WHERE q.answers IS NULL AND a.note_id IS NULL",
    ),
    ("difference", "SELECT note_id FROM notes WHERE answers IS NULL EXCEPT SELECT answers FROM notes WHERE answers IS NOT NULL"),
    (
        "ranked",
        "SELECT note_id FROM (SELECT note_id, ROW_NUMBER() OVER (PARTITION BY note_id ORDER BY note_id) AS place FROM (
           SELECT note_id FROM notes q WHERE answers IS NULL AND NOT EXISTS (SELECT 1 FROM notes a WHERE a.answers = q.note_id)
         ) o) r WHERE place <= 1",
    ),
];

fn aggregates() -> String {
    let views = OPEN.iter().map(|(name, rows)| {
        format!(
            "CREATE MATERIALIZED VIEW {name} AS
               SELECT count(*) AS n, min(note_id) AS least, max(note_id) AS most, count(DISTINCT note_id) AS different,
                 array_agg(note_id ORDER BY note_id) AS list, bool_or(note_id > 0) AS truth
               FROM ({rows}) o;
             CREATE MATERIALIZED VIEW {name}_beside AS
               SELECT n.note_id, (SELECT count(*) FROM ({rows}) o) AS open FROM notes n;
             CREATE INDEX ON {name}_beside (note_id);"
        )
    });
    views.collect()
}

/// Each note, and the one that it answers.
type Notes = BTreeMap<i64, Option<i64>>;

fn check(deployment: &Deployment, notes: &Notes, when: &str) {
    let is_open = |id: i64| !notes.values().any(|answers| *answers == Some(id));
    let open: Vec<i64> = notes.iter().filter(|(id, answers)| answers.is_none() && is_open(**id)).map(|(id, _)| *id).collect();
    let count = Value::Int(open.len() as i64);
    let or_null = |id: Option<&i64>| id.map_or(Value::Null, |id| Value::Int(*id));
    let (list, any) = match &open[..] {
        [] => (Value::Null, Value::Null),
        open => (Value::List(open.iter().map(|id| Value::Int(*id)).collect()), Value::Boolean(true)),
    };
    let row = vec![count.clone(), or_null(open.first()), or_null(open.last()), count.clone(), list, any];
    let beside: Vec<Vec<Value<'static>>> = notes.keys().map(|id| vec![Value::Int(*id), count.clone()]).collect();
    for (view, _) in OPEN {
        assert_eq!(deployment.rows(view), [row.clone()], "{when}: '{view}' over {notes:?}");
        assert_eq!(deployment.rows(&format!("{view}_beside")), beside, "{when}: '{view}_beside' over {notes:?}");
    }
}

fn created(producer: &Producer, note: i64, answers: Option<i64>) -> String {
    let reply_to = answers.map_or("null".to_owned(), |answers| format!("\"{answers}\""));
    let payload = format!(
        r#"{{"author_id":"1","text":"t","hashtags":[],"mentions":[],"media_ids":[],"visibility":"public","reply_to":{reply_to}}}"#
    );
    producer.post("post.created", note as u64, 1, &payload)
}

/// Asks, answers and takes back, and ends with every question answered if `is_closed`.
fn random_notes(producer: &Producer, random: &mut Random, notes: &mut Notes, next: &mut i64, is_closed: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut create = |notes: &mut Notes, answers: Option<i64>| {
        *next += 1;
        notes.insert(*next, answers);
        lines.push(created(producer, *next, answers));
    };
    for _ in 0..random.below(4) {
        let known: Vec<i64> = notes.keys().copied().collect();
        let answers = (!known.is_empty() && random.one_in(2)).then(|| *random.pick(&known));
        create(notes, answers);
    }
    let open = |notes: &Notes| {
        let is_open = |id: i64| !notes.values().any(|answers| *answers == Some(id));
        notes.iter().find(|(id, answers)| answers.is_none() && is_open(**id)).map(|(id, _)| *id)
    };
    while let Some(id) = open(notes).filter(|_| is_closed) {
        create(notes, Some(id));
    }
    if !notes.is_empty() && random.one_in(4) && !is_closed {
        let known: Vec<i64> = notes.keys().copied().collect();
        let gone = *random.pick(&known);
        notes.remove(&gone);
        lines.push(producer.post("post.deleted", gone as u64, 1, "{}"));
    }
    lines
}

#[test]
fn a_start_leaves_the_one_row_of_an_aggregate_without_groups() {
    let planned = Arc::new(topology(&format!("{NOTES}{}", aggregates())));
    for seed in 0..6 {
        let (producer, mut random) = (Producer::default(), Random::new(seed));
        let (mut notes, mut next) = (Notes::new(), 0);
        let mut deployment = Deployment::replay(Arc::clone(&planned), &[], checkpointed(1 + random.below(3), 4));
        deployment.catch_up();
        check(&deployment, &notes, "before anything came");
        deployment.ingest(&[created(&producer, 1000, None), created(&producer, 1001, Some(1000))]);
        notes.extend([(1000, None), (1001, Some(1000))]);
        for round in 0..5 {
            let lines = random_notes(&producer, &mut random, &mut notes, &mut next, round % 2 == 0);
            deployment.ingest(&lines);
            check(&deployment, &notes, &format!("seed {seed}, round {round}"));
            deployment = deployment.restart(Arc::clone(&planned), checkpointed(1 + random.below(3), 4));
            check(&deployment, &notes, &format!("seed {seed}, round {round}, after a start"));
        }
    }
}

#[test]
fn a_deployment_gives_an_aggregate_without_groups_its_one_row() {
    for seed in 0..4 {
        let (producer, mut random) = (Producer::default(), Random::new(seed));
        let (mut notes, mut next) = (Notes::new(), 0);
        let with = format!("{NOTES}{}", aggregates());
        let bare = format!("{NOTES}CREATE INDEX ON notes (note_id);");
        let mut deployment = Deployment::start(topology(&bare), checkpointed(1 + seed as usize % 3, 4));
        deployment.ingest(&[created(&producer, 1000, None), created(&producer, 1001, Some(1000))]);
        notes.extend([(1000, None), (1001, Some(1000))]);
        deployment.ingest(&random_notes(&producer, &mut random, &mut notes, &mut next, seed < 3));
        let deploy = |deployment: &mut Deployment, sql: &str, replay: &[&str]| {
            let report = deployment.deploy(sql, replay, Verify::Not);
            assert!(matches!(report.outcome, Some(DeployOutcome::Switched { .. })), "{report:?}");
        };
        deploy(&mut deployment, &with, &[]);
        check(&deployment, &notes, &format!("seed {seed}, deployed"));
        deploy(&mut deployment, &with, &["not_exists", "difference_beside"]);
        check(&deployment, &notes, &format!("seed {seed}, replayed"));
        deployment.ingest(&random_notes(&producer, &mut random, &mut notes, &mut next, true));
        check(&deployment, &notes, &format!("seed {seed}, and it goes on"));
    }
}
