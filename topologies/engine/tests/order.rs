//! Events fold in the order of appending: tables whose key is not the aggregate's hold the same rows however the log is cut into epochs,
//! with any number of partitions and workers, after restarts, deployments and replays. What is expected is folded here, event by event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::run::{DeployOutcome, Options, Verify};
use language::topology::Topology;
use schemas::field::Value;
use schemas::position::Topic;
use sources::log::LogAppender;
use sources::record::Record;
use testkit::random::Random;

use crate::evolution::checkpointed;
use crate::harness::{Deployment, Producer, options, topology};
use crate::restarts::{Starts, restarted};

/// Users and posts have small numbers, so that many events concern one key from several partitions.
const IDS: u64 = 7;

fn sql(partitions: u32) -> String {
    format!(
        "CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post', partitions = {partitions})
           FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
         CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user', partitions = {partitions})
           FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent', schema.location = 'user.proto');
         CREATE TABLE trails (user_id BIGINT PRIMARY KEY, kind TEXT NOT NULL, trail TEXT NOT NULL);
         MERGE INTO trails t USING post_events e ON t.user_id = e.actor_id
           WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
           WHEN MATCHED THEN UPDATE SET kind = e.event_type, trail = t.trail || '/' || CAST(e.aggregate_id AS TEXT)
           WHEN NOT MATCHED THEN INSERT VALUES (e.actor_id, e.event_type, CAST(e.aggregate_id AS TEXT));
         CREATE INDEX ON trails (user_id);
         CREATE TABLE followed (user_id BIGINT PRIMARY KEY, trail TEXT NOT NULL);
         MERGE INTO followed f USING user_events e ON f.user_id = COALESCE(e.followed.followee_id, e.unfollowed.followee_id)
           WHEN MATCHED THEN UPDATE SET trail = f.trail || e.event_type || CAST(e.aggregate_id AS TEXT)
           WHEN NOT MATCHED THEN INSERT VALUES
             (COALESCE(e.followed.followee_id, e.unfollowed.followee_id), e.event_type || CAST(e.aggregate_id AS TEXT));
         CREATE INDEX ON followed (user_id);
         CREATE MATERIALIZED VIEW both AS
           SELECT t.user_id, t.kind, t.trail, f.trail AS followers FROM trails t JOIN followed f ON f.user_id = t.user_id;
         CREATE INDEX ON both (user_id);"
    )
}

/// An event as the tables read it.
#[derive(Clone, Debug)]
struct Sent {
    line: String,
    id: u64,
    kind: &'static str,
    aggregate: u64,
    /// the user who acts on a post, or who is followed
    user: u64,
}

fn random_events(producer: &Producer, random: &mut Random, first: u64, count: usize) -> Vec<Sent> {
    let mut events: Vec<Sent> = Vec::new();
    for id in (first..).take(count) {
        if random.one_in(10) && !events.is_empty() {
            let again = random.pick(&events).clone();
            events.push(again);
        }
        let (aggregate, user) = (random.below(IDS as usize) as u64 + 1, random.below(IDS as usize) as u64 + 1);
        let kinds =
            ["post.liked", "post.unliked", "post.viewed", "post.liked", "post.deleted", "user.followed", "user.unfollowed"];
        let kind = *random.pick(&kinds);
        let line = match kind {
            "post.viewed" => producer.post(kind, aggregate, user, &format!(r#"{{"user_id":"{user}"}}"#)),
            "post.deleted" => producer.post(kind, aggregate, user, "{}"),
            "post.liked" | "post.unliked" => producer.post(kind, aggregate, user, &format!(r#"{{"user_id":"{user}"}}"#)),
            _ => producer.user(kind, aggregate, &format!(r#"{{"follower_id":"{aggregate}","followee_id":"{user}"}}"#)),
        };
        events.push(Sent { line, id, kind, aggregate, user });
    }
    events
}

fn lines(events: &[Sent]) -> Vec<String> {
    events.iter().map(|event| event.line.clone()).collect()
}

type Rows = Vec<Vec<Value<'static>>>;

/// The rows of `trails`, `followed` and `both` after these events, folded one after the other.
fn folded(events: &[Sent]) -> [Rows; 3] {
    let mut seen = BTreeSet::new();
    let mut trails: BTreeMap<u64, (String, String)> = BTreeMap::new();
    let mut followed: BTreeMap<u64, String> = BTreeMap::new();
    for Sent { kind, aggregate, user, .. } in events.iter().filter(|event| seen.insert(event.id)) {
        if kind.starts_with("user.") {
            *followed.entry(*user).or_default() += &format!("{kind}{aggregate}");
            continue;
        }
        match trails.get_mut(user) {
            Some(_) if *kind == "post.deleted" => drop(trails.remove(user)),
            Some((last, trail)) => {
                *last = (*kind).to_owned();
                *trail += &format!("/{aggregate}");
            }
            None => drop(trails.insert(*user, ((*kind).to_owned(), aggregate.to_string()))),
        }
    }
    let text = |text: &str| Value::Text(text.to_owned().into());
    let id = |id: &u64| Value::Int(*id as i64);
    let of_trails = trails.iter().map(|(user, (kind, trail))| vec![id(user), text(kind), text(trail)]).collect();
    let of_followed = followed.iter().map(|(user, trail)| vec![id(user), text(trail)]).collect();
    let both = trails.iter().filter_map(|(user, (kind, trail))| {
        followed.get(user).map(|followers| vec![id(user), text(kind), text(trail), text(followers)])
    });
    [of_trails, of_followed, both.collect()]
}

fn check(deployment: &Deployment, events: &[Sent], when: &str) {
    for (view, expected) in ["trails", "followed", "both"].into_iter().zip(folded(events)) {
        assert!(!expected.is_empty(), "{when}: '{view}' is to have rows");
        assert_eq!(deployment.rows(view), expected, "{when}: '{view}'");
    }
}

fn planned(partitions: u32) -> Arc<Topology> {
    Arc::new(topology(&sql(partitions)))
}

#[test]
fn epochs_partitions_and_workers_do_not_change_what_events_fold_to() {
    for (seed, partitions) in [(1, 1), (2, 3), (3, 8)] {
        let (producer, mut random) = (Producer::default(), Random::new(seed));
        let events = random_events(&producer, &mut random, 0, 300);
        for (workers, epoch_records) in [(1, 1), (1, 1_000), (2, 3), (3, 17), (3, 100)] {
            let options = Options { workers, epoch_records, ..options() };
            let deployment = Deployment::replay(planned(partitions), &lines(&events), options);
            deployment.catch_up();
            check(&deployment, &events, &format!("{partitions} partitions, {workers} workers, epochs of {epoch_records}"));
        }
    }
}

#[test]
fn events_fold_alike_while_they_come_and_when_they_are_replayed() {
    for (seed, partitions) in [(4, 8), (5, 3)] {
        let (producer, mut random) = (Producer::default(), Random::new(seed));
        let options = checkpointed(1 + random.below(3), *random.pick(&[3, 20, 1_000]));
        let mut deployment = Deployment::replay(planned(partitions), &[], options);
        let mut events = Vec::new();
        for _ in 0..40 {
            let count = 1 + random.below(9) * random.below(3);
            let more = random_events(&producer, &mut random, events.len() as u64 * 2, count);
            deployment.append(&lines(&more));
            events.extend(more);
            if random.one_in(2) {
                deployment.catch_up();
            }
        }
        deployment.catch_up();
        check(&deployment, &events, "live");
        for view in ["trails", "both"] {
            let report = deployment.deploy(&sql(partitions), &[view], Verify::Refuse);
            assert!(matches!(report.outcome, Some(DeployOutcome::Switched { .. })), "{report:?}");
            assert!(report.backfill.1 > 0, "nothing was read once more: {report:?}");
            check(&deployment, &events, "after a replay");
        }
        // A column more: the table is another one, and is computed from the log.
        let changed = sql(partitions).replace("kind TEXT NOT NULL, trail TEXT NOT NULL)", "kind TEXT NOT NULL, trail TEXT)");
        deployment.begin_deploy(&changed, &[], Verify::Refuse, Arc::default());
        let more = random_events(&producer, &mut random, events.len() as u64 * 2, 60);
        for part in more.chunks(7) {
            deployment.append(&lines(part));
        }
        events.extend(more);
        let report = deployment.deployed();
        assert!(matches!(report.outcome, Some(DeployOutcome::Switched { .. })), "{report:?}");
        deployment.catch_up();
        check(&deployment, &events, "after a deployment while events came");
        let deployment = deployment.restart(planned(partitions), checkpointed(2, 5));
        check(&deployment, &events, "after a start with another topology");
    }
}

#[test]
fn restarts_do_not_change_what_events_fold_to() {
    for (seed, partitions) in [(6, 3), (7, 8)] {
        let (producer, mut random) = (Producer::default(), Random::new(seed));
        let events = random_events(&producer, &mut random, 0, 400);
        let planned = planned(partitions);
        let mut starts = Starts::default();
        let found = restarted(&planned, &lines(&events), seed, &mut starts);
        assert!(starts.restored > 0 && starts.replayed > 0, "{starts:?}");
        let whole = Deployment::replay(planned, &lines(&events), options());
        whole.catch_up();
        check(&whole, &events, "in one go");
        assert_eq!(crate::metamorphic::everything(&whole), found, "seed {seed}");
    }
}

#[test]
fn the_events_of_a_row_are_found_in_the_same_order() {
    let (producer, mut random) = (Producer::default(), Random::new(8));
    let events = random_events(&producer, &mut random, 0, 150);
    let deployment = Deployment::replay(planned(8), &lines(&events), Options { epoch_records: 11, ..options() });
    deployment.catch_up();
    for view in ["trails", "followed", "both"] {
        let rows = deployment.encoded_rows(view);
        let answer = deployment.why(view, rows.clone());
        assert!(!rows.is_empty() && answer.rows.iter().all(|row| row.is_found), "'{view}': {answer:?}");
    }
}

/// Each of 64 users likes a post and then takes back the like of another one, in one append; the posts lie in eight partitions.
#[test]
fn what_a_user_did_last_is_what_they_did_last() {
    let sql = "CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post', partitions = 8)
          FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
        CREATE TABLE last_action (user_id BIGINT PRIMARY KEY, kind TEXT NOT NULL, at TIMESTAMPTZ NOT NULL);
        MERGE INTO last_action l USING post_events e ON l.user_id = e.actor_id
          WHEN MATCHED THEN UPDATE SET kind = e.event_type, at = e.occurred_at
          WHEN NOT MATCHED THEN INSERT VALUES (e.actor_id, e.event_type, e.occurred_at);
        CREATE INDEX ON last_action (user_id);";
    for is_slow in [false, true] {
        let producer = Producer::default();
        let mut deployment = Deployment::replay(Arc::new(topology(sql)), &[], checkpointed(2, 1_000));
        for user in 0..64 {
            let (first, second) = (user / 8 + 1, user % 8 + 1);
            let of_user = format!(r#"{{"user_id":"{user}"}}"#);
            let both =
                [producer.post("post.liked", first, user, &of_user), producer.post("post.unliked", second, user, &of_user)];
            if is_slow {
                both.into_iter().for_each(|line| deployment.ingest(&[line]));
            } else {
                deployment.append(&both);
            }
        }
        deployment.catch_up();
        let check = |deployment: &Deployment, when: &str| {
            let unliked = Value::Text("post.unliked".into());
            let rows = deployment.rows("last_action");
            let wrong: Vec<_> = rows.iter().filter(|row| row[1] != unliked).map(|row| &row[0]).collect();
            assert_eq!((rows.len(), wrong.len()), (64, 0), "{when}, slow {is_slow}: {wrong:?}");
        };
        check(&deployment, "live");
        let report = deployment.deploy(sql, &["last_action"], Verify::Refuse);
        assert!(matches!(report.outcome, Some(DeployOutcome::Switched { .. })), "{report:?}");
        check(&deployment, "after a replay");
        let other = sql.replace("at TIMESTAMPTZ NOT NULL", "at TIMESTAMPTZ");
        let deployment = deployment.restart(Arc::new(topology(&other)), checkpointed(1, 3));
        check(&deployment, "after a start with another topology");
    }
}

/// Letters have numbers, by which they are sent again: those must not depend on epochs either.
#[test]
fn dead_letters_are_numbered_in_the_order_of_appending() {
    let planned = planned(8);
    let log = Deployment::replay(Arc::clone(&planned), &[], options()).log();
    for number in 0..60_u32 {
        let value = format!("no event {number}").into_bytes();
        let topic = if number % 3 == 0 { "social.user" } else { "social.post" };
        let key = number.wrapping_mul(0x9E37_79B9).to_be_bytes().to_vec();
        log.append(&Topic::new(topic), vec![Record { key, value, timestamp: 0 }]).expect("appended");
    }
    let expected: Vec<(u64, String)> = (0..60).map(|number| (number + 1, format!("no event {number}"))).collect();
    for (workers, epoch_records) in [(1, 1), (3, 7), (2, 1_000)] {
        let storage = Arc::new(epochs::disk::simulated::SimulatedDisk::new(0));
        let options = Options { workers, epoch_records, ..options() };
        let deployment = Deployment::go_on(Arc::clone(&planned), Arc::clone(&log), storage, options);
        deployment.catch_up();
        let letters =
            deployment.dead_letters().into_iter().map(|(id, letter)| (id, String::from_utf8_lossy(&letter.bytes).into_owned()));
        assert_eq!(letters.collect::<Vec<_>>(), expected, "{workers} workers, epochs of {epoch_records}");
    }
}
