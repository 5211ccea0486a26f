//! `NOW()` below OR and NOT, in CASE and in the SELECT list: rows change as time passes, although nothing of them comes. What is expected is
//! computed here from the latest state of every task, after each event.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::field::Value;
use schemas::time::timestamp_text;
use serde_json::json;
use testkit::random::Random;

use crate::evolution::checkpointed;
use crate::harness::{Deployment, START_MICROS, topology};

const SQL: &str = "
CREATE SOURCE task_events (n BIGINT NOT NULL, id BIGINT NOT NULL, due_at TIMESTAMPTZ, done BOOLEAN NOT NULL, at TIMESTAMPTZ NOT NULL)
  WITH (connector = 'log', topic = 'tasks', event_time = 'at', partitions = 3) FORMAT PLAIN ENCODE JSON;
CREATE TABLE tasks (id BIGINT PRIMARY KEY, due_at TIMESTAMPTZ, done BOOLEAN NOT NULL);
MERGE INTO tasks t USING task_events e ON t.id = e.id
  WHEN MATCHED THEN UPDATE SET due_at = e.due_at, done = e.done
  WHEN NOT MATCHED THEN INSERT VALUES (e.id, e.due_at, e.done);
CREATE MATERIALIZED VIEW closed AS SELECT id FROM tasks WHERE due_at < NOW() OR done;
CREATE INDEX ON closed (id);
CREATE MATERIALIZED VIEW ahead AS SELECT id FROM tasks WHERE NOT (due_at <= NOW() AND due_at > NOW() - INTERVAL '5 seconds');
CREATE INDEX ON ahead (id);
CREATE MATERIALIZED VIEW states AS SELECT id, due_at < NOW() AS late,
    CASE WHEN done THEN 'done' WHEN due_at < NOW() - INTERVAL '5 seconds' THEN 'overdue' WHEN due_at < NOW() THEN 'due'
      WHEN due_at IS NULL THEN 'never' ELSE 'open' END AS state
  FROM tasks;
CREATE INDEX ON states (id);
CREATE MATERIALIZED VIEW counts AS SELECT state, count(*) AS tasks FROM states GROUP BY state;
CREATE INDEX ON counts (state);
";

/// A task: the second at which it is due, and true if it is done.
type Task = (Option<i64>, bool);
type Rows = Vec<Vec<Value<'static>>>;

fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}

fn state(&(due, done): &Task, now: i64) -> &'static str {
    match due {
        _ if done => "done",
        Some(due) if due < now - 5 => "overdue",
        Some(due) if due < now => "due",
        None => "never",
        Some(_) => "open",
    }
}

/// The rows of `closed`, `ahead`, `states` and `counts`.
fn expected(tasks: &BTreeMap<i64, Task>, now: i64) -> [Rows; 4] {
    let ids = |wanted: &dyn Fn(&Task) -> bool| -> Rows {
        tasks.iter().filter(|(_, task)| wanted(task)).map(|(id, _)| vec![Value::Int(*id)]).collect()
    };
    let closed = ids(&|(due, done)| due.is_some_and(|due| due < now) || *done);
    let ahead = ids(&|(due, _)| due.is_some_and(|due| !(due <= now && due > now - 5)));
    let late = |due: Option<i64>| due.map_or(Value::Null, |due| Value::Boolean(due < now));
    let states = tasks.iter().map(|(id, task)| vec![Value::Int(*id), late(task.0), text(state(task, now))]).collect();
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    tasks.values().for_each(|task| *counts.entry(state(task, now)).or_default() += 1);
    [closed, ahead, states, counts.into_iter().map(|(state, tasks)| vec![text(state), Value::Int(tasks)]).collect()]
}

fn line(n: i64, id: i64, (due, done): Task, now: i64) -> String {
    let at = |second: i64| timestamp_text(START_MICROS + second * 1_000_000);
    let event = json!({ "n": n, "id": id, "due_at": due.map(at), "done": done, "at": at(now) });
    json!({ "topic": "tasks", "event": event }).to_string()
}

#[test]
fn rows_change_when_the_clock_passes_a_bound_wherever_it_is_compared() {
    for seed in 1..4 {
        for workers in 1..4 {
            let mut random = Random::new(seed);
            let options = || checkpointed(workers, 1_000);
            let mut deployment = Deployment::start(topology(SQL), options());
            let (mut tasks, mut now) = (BTreeMap::new(), 0);
            for n in 0..80 {
                now += random.below(3_i64);
                let due = (!random.one_in(6)).then(|| now + random.below(16_i64) - 4);
                let (id, task) = (random.below(9_i64), (due, random.one_in(5)));
                tasks.insert(id, task);
                deployment.ingest(&[line(n, id, task, now)]);
                if n == 40 {
                    deployment = deployment.restart(Arc::new(topology(SQL)), options());
                }
                for (view, rows) in ["closed", "ahead", "states", "counts"].into_iter().zip(expected(&tasks, now)) {
                    assert_eq!(deployment.rows(view), rows, "seed {seed}, {workers} workers, event {n}: '{view}'");
                }
            }
            let answer = deployment.why("states", deployment.encoded_rows("states"));
            assert!(answer.rows.iter().all(|row| row.is_found), "{answer:?}");
        }
    }
}
