//! Sinks follow views: what a derived topic leads to is the view, across restarts and changed topologies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::follow::SinkTaskState;
use engine::run::{DeployOutcome, Options, Verify, ViewChange};
use schemas::position::{Offset, Partition, Topic};
use serde_json::Value;
use sinks::invalidations::Invalidated;
use sources::log::{LogAppender, LogReader};
use testkit::random::Random;

use crate::harness::{Deployment, Producer, options, topology};

const TABLES: &str = "
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE posts (post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, text TEXT NOT NULL);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET text = e.updated.text
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.author_id, e.created.text);
CREATE MATERIALIZED VIEW counts AS SELECT author_id, count(*) AS posts FROM posts GROUP BY author_id;
GRANT SELECT ON counts TO PUBLIC;
";
const SINKS: &str = "
CREATE SINK last FROM posts WITH (connector = 'log', topic = 'derived.posts') FORMAT UPSERT ENCODE JSON;
CREATE SINK by_author FROM counts WITH (connector = 'log', topic = 'derived.counts', key = 'author_id') FORMAT UPSERT ENCODE JSON;
CREATE SINK every FROM counts WITH (connector = 'log', topic = 'derived.changes') FORMAT CHANGELOG ENCODE JSON;
CREATE SINK stale FROM counts WITH (connector = 'log', type = 'invalidate', topic = 'derived.stale', key = 'count:{author_id}');
";

fn events(producer: &Producer, random: &mut Random, count: usize) -> Vec<String> {
    let event = |_| {
        let post = 1 + random.below(40) as u64;
        match random.below(4) {
            0 => producer.post("post.deleted", post, 1, "{}"),
            1 => producer.post("post.updated", post, 1, &format!(r#"{{"text":"{}","hashtags":[]}}"#, random.below(5))),
            _ => {
                let author = 1 + random.below(5);
                let payload = format!(
                    r#"{{"author_id":"{author}","text":"new","hashtags":[],"mentions":[],"media_ids":[],"video_id":null,"visibility":"public","reply_to":null}}"#
                );
                producer.post("post.created", post, 1, &payload)
            }
        }
    };
    (0..count).map(event).collect()
}

/// The records of a topic with their operation, without those that say how far it is.
fn records(deployment: &Deployment, topic: &str) -> Vec<(String, String, Value)> {
    let records =
        deployment.log().read(&Topic::new(topic), Partition(0), Offset(0), usize::MAX, usize::MAX).expect("a topic").records;
    let records = records.into_iter().map(|record| {
        let value: Value = serde_json::from_slice(&record.value).expect("JSON");
        (value["headers"]["op"].as_str().expect("an operation").to_owned(), String::from_utf8(record.key).expect("a text"), value)
    });
    records.filter(|(operation, ..)| operation != "commit").collect()
}

fn last_rows(deployment: &Deployment, topic: &str) -> BTreeSet<String> {
    let mut rows = BTreeMap::new();
    for (operation, key, value) in records(deployment, topic) {
        match operation.as_str() {
            "upsert" => drop(rows.insert(key, value["row"].to_string())),
            "delete" => assert!(rows.remove(&key).is_some(), "{key} was not there"),
            "reset" => assert!(rows.is_empty(), "it begins once"),
            other => panic!("{other}"),
        }
    }
    rows.into_values().collect()
}

fn counted_rows(deployment: &Deployment, topic: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for (_, _, value) in records(deployment, topic).into_iter().filter(|(operation, ..)| operation != "reset") {
        let count = counts.entry(value["row"].to_string()).or_default();
        *count += value["diff"].as_i64().expect("a difference");
        assert!((0..=1).contains(count), "{value}");
    }
    counts.into_iter().filter(|(_, count)| *count > 0).map(|(row, _)| row).collect()
}

/// The rows of a view as sinks write them.
fn rows(deployment: &Deployment, view: &str, names: &[&str]) -> BTreeSet<String> {
    let json = |values: &Vec<schemas::field::Value<'static>>| {
        let members = names.iter().zip(values).map(|(name, value)| {
            let mut json = String::new();
            value.write_json(&mut json);
            ((*name).to_owned(), serde_json::from_str::<Value>(&json).expect("JSON"))
        });
        Value::Object(members.collect()).to_string()
    };
    deployment.rows(view).iter().map(json).collect()
}

fn assert_followed(deployment: &Deployment) {
    deployment.sinks();
    let posts = rows(deployment, "posts", &["post_id", "author_id", "text"]);
    let counts = rows(deployment, "counts", &["author_id", "posts"]);
    assert_eq!(last_rows(deployment, "derived.posts"), posts);
    assert_eq!(last_rows(deployment, "derived.counts"), counts);
    assert_eq!(counted_rows(deployment, "derived.changes"), counts);
}

fn checkpointed(random: &mut Random) -> Options {
    let epoch_records = *random.pick(&[1, 7, 40]);
    Options { workers: 1 + random.below(2), epoch_records, checkpoint_interval: Duration::ZERO, ..options() }
}

#[test]
fn derived_topics_lead_to_their_views_across_restarts() {
    let topology = Arc::new(topology(&format!("{TABLES}{SINKS}")));
    let (producer, mut random) = (Producer::default(), Random::new(1));
    let mut deployment = Deployment::replay(Arc::clone(&topology), &[], checkpointed(&mut random));
    // They begin while there is nothing: all that they tell from then on are changes.
    deployment.sinks();
    for _ in 0..6 {
        deployment.ingest(&events(&producer, &mut random, 60));
        assert_followed(&deployment);
        deployment = deployment.restart(Arc::clone(&topology), checkpointed(&mut random));
    }
    assert_followed(&deployment);
    let stale = records(&deployment, "derived.stale");
    let keys: BTreeSet<(String, String)> =
        stale.iter().map(|(_, key, value)| (value["headers"]["position"].to_string(), key.clone())).collect();
    assert_eq!(keys.len(), stale.len(), "a key comes once in an epoch");
    let changes = records(&deployment, "derived.changes");
    let changed: BTreeSet<(String, String)> = changes
        .iter()
        .filter(|(operation, ..)| operation != "reset")
        .map(|(_, _, value)| (value["headers"]["position"].to_string(), format!("count:{}", value["row"]["author_id"])))
        .collect();
    let keys: BTreeSet<(String, String)> = keys.into_iter().filter(|(_, key)| !key.is_empty()).collect();
    assert!(!keys.is_empty());
    assert_eq!(keys, changed, "exactly what changed");
}

#[test]
fn another_order_of_a_view_leaves_its_topics_as_they_are_and_another_content_halts_them() {
    let (producer, mut random) = (Producer::default(), Random::new(2));
    let before = Arc::new(topology(&format!("{TABLES}{SINKS}")));
    let deployment = Deployment::replay(before, &[], checkpointed(&mut random));
    deployment.ingest(&events(&producer, &mut random, 60));
    deployment.sinks();
    let indexed = Arc::new(topology(&format!("{TABLES}{SINKS} CREATE INDEX ON counts (posts DESC);")));
    let deployment = deployment.restart(indexed, checkpointed(&mut random));
    deployment.ingest(&events(&producer, &mut random, 60));
    assert_followed(&deployment);
    let written = records(&deployment, "derived.counts").len();
    let other = format!("{TABLES}{SINKS}").replace("count(*) AS posts", "count(DISTINCT text) AS posts");
    let deployment = deployment.restart(Arc::new(topology(&other)), checkpointed(&mut random));
    deployment.ingest(&events(&producer, &mut random, 60));
    for report in deployment.sinks() {
        let is_halted = matches!(report.state, SinkTaskState::Halted(_));
        assert_eq!(is_halted, report.name != "last", "{report:?}");
    }
    assert_eq!(records(&deployment, "derived.counts").len(), written, "nothing is mixed with what was there");
    // Under another topic it begins with everything.
    let renamed = other.replace("derived.counts", "derived.counts2");
    let deployment = deployment.restart(Arc::new(topology(&renamed)), checkpointed(&mut random));
    deployment.sinks();
    assert_eq!(last_rows(&deployment, "derived.counts2"), rows(&deployment, "counts", &["author_id", "posts"]));
}

#[test]
fn a_deployment_leaves_topics_going_on_and_begins_those_that_are_new() {
    let (producer, mut random) = (Producer::default(), Random::new(4));
    let before = topology(&format!("{TABLES}{SINKS}"));
    let mut deployment = Deployment::replay(Arc::new(before), &[], checkpointed(&mut random));
    deployment.ingest(&events(&producer, &mut random, 60));
    deployment.sinks();
    let more = "CREATE SINK more FROM counts WITH (connector = 'log', topic = 'derived.more') FORMAT CHANGELOG ENCODE JSON;";
    let after = format!("{TABLES}{SINKS}{more} CREATE INDEX ON counts (posts DESC);");
    deployment.begin_deploy(&after, &[], Verify::Not, Arc::default());
    for _ in 0..20 {
        deployment.append(&events(&producer, &mut random, 3));
    }
    let report = deployment.deployed();
    assert_eq!(report.views["counts"], ViewChange::Changed);
    deployment.ingest(&events(&producer, &mut random, 60));
    let assert_all = |deployment: &Deployment| {
        assert_followed(deployment);
        assert_eq!(counted_rows(deployment, "derived.more"), rows(deployment, "counts", &["author_id", "posts"]));
    };
    assert_all(&deployment);
    let mut deployment = deployment.restart(Arc::new(topology(&after)), checkpointed(&mut random));
    deployment.ingest(&events(&producer, &mut random, 60));
    assert_all(&deployment);
    let fewer = after.replace(more, "");
    let report = deployment.deploy(&fewer, &[], Verify::Not);
    assert!(matches!(report.outcome, Some(DeployOutcome::Switched { .. })), "{report:?}");
    assert_eq!(deployment.sinks().iter().map(|sink| sink.name.as_str()).filter(|name| *name == "more").count(), 0);
    assert_eq!(deployment.sinks().len(), 4);
    deployment.ingest(&events(&producer, &mut random, 20));
    assert_followed(&deployment);
}

#[test]
fn a_view_that_is_computed_once_more_to_the_same_rows_leaves_its_topics_going_on() {
    let sql = format!("{TABLES}{SINKS}");
    let (producer, mut random) = (Producer::default(), Random::new(6));
    let mut deployment = Deployment::replay(Arc::new(topology(&sql)), &[], checkpointed(&mut random));
    // Sinks begin while there is nothing: all that they tell from then on are changes.
    deployment.sinks();
    for _ in 0..3 {
        deployment.ingest(&events(&producer, &mut random, 60));
        deployment.begin_deploy(&sql, &["counts"], Verify::Not, Arc::default());
        // Some of them are on their way to the sinks when it takes over.
        for _ in 0..20 {
            deployment.append(&events(&producer, &mut random, 3));
        }
        let report = deployment.deployed();
        assert!(matches!(report.outcome, Some(DeployOutcome::Switched { .. })), "{report:?}");
        assert_eq!((report.views["counts"], report.views["posts"]), (ViewChange::Changed, ViewChange::Changed), "{report:?}");
        deployment.catch_up();
        let reports = deployment.sinks();
        assert!(reports.iter().all(|report| report.state == SinkTaskState::Attached), "{reports:?}");
        assert_followed(&deployment);
    }
    let resets = records(&deployment, "derived.changes").iter().filter(|(operation, ..)| operation == "reset").count();
    assert_eq!(resets, 1, "it began once, and has told everything once");
    let deployment = deployment.restart(Arc::new(topology(&sql)), checkpointed(&mut random));
    deployment.ingest(&events(&producer, &mut random, 60));
    assert_followed(&deployment);
}

#[test]
fn a_view_that_is_computed_once_more_to_other_rows_halts_its_topic_and_no_other() {
    let users = "CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF
          (message = 'social.v1.UserEvent', schema.location = 'user.proto');";
    let last = "CREATE TABLE last_action (user_id BIGINT PRIMARY KEY, kind TEXT NOT NULL);
        MERGE INTO last_action l USING ACTIONS ON l.user_id = e.actor_id
          WHEN MATCHED THEN UPDATE SET kind = e.event_type
          WHEN NOT MATCHED THEN INSERT VALUES (e.actor_id, e.event_type);
        CREATE INDEX ON last_action (user_id);
        CREATE SINK of_last FROM last_action WITH (connector = 'log', topic = 'derived.last') FORMAT CHANGELOG ENCODE JSON;";
    let both = "(SELECT actor_id, event_type FROM post_events UNION ALL SELECT actor_id, event_type FROM user_events) AS e";
    let before = format!("{TABLES}{SINKS}");
    let after = format!("{before}{users}{}", last.replace("ACTIONS", both));
    let (producer, mut random) = (Producer::default(), Random::new(8));
    let mut deployment = Deployment::replay(Arc::new(topology(&before)), &[], checkpointed(&mut random));
    let later = topology(&after);
    for source in &later.sources {
        deployment.log().create_topic(&Topic::new(source.schema.topic()), source.partitions).expect("a topic");
    }
    // It is there before the posts, but is read only when the topology has its source.
    let profile = r#"{"username":"a","email":"a@example.com","display_name":"A","bio":""}"#;
    deployment.append_as(&later, &[producer.user("user.registered", 1, profile)]);
    deployment.ingest(&events(&producer, &mut random, 60));
    let report = deployment.deploy(&after, &[], Verify::Not);
    assert!(matches!(report.outcome, Some(DeployOutcome::Switched { .. })), "{report:?}");
    deployment.catch_up();
    let read_late = deployment.rows("last_action");
    deployment.sinks();
    let told = records(&deployment, "derived.last").len();
    let report = deployment.deploy(&after, &["last_action"], Verify::Not);
    assert!(matches!(report.outcome, Some(DeployOutcome::Switched { .. })), "{report:?}");
    assert_ne!(deployment.rows("last_action"), read_late, "both orders of the events lead to the same, so this shows nothing");
    deployment.ingest(&events(&producer, &mut random, 60));
    // What was told of the rows before does not lead to those that are there now.
    let reports = deployment.sinks();
    let is_halted = |report: &&engine::follow::SinkTaskReport| matches!(report.state, SinkTaskState::Halted(_));
    let names: Vec<&str> = reports.iter().filter(is_halted).map(|report| report.name.as_str()).collect();
    assert_eq!((names, records(&deployment, "derived.last").len()), (vec!["of_last"], told), "{reports:?}");
    assert_followed(&deployment);
}

#[test]
fn a_table_that_only_a_sink_follows_is_kept_and_not_served_to_anybody() {
    let topology = topology(&format!("{TABLES}{SINKS}"));
    let posts = topology.served.iter().find(|served| served.view.name == "posts").expect("it is kept");
    assert_eq!(posts.view.access, schemas::serving::Access::Denied);
    assert_eq!(topology.sinks.len(), 4);
}

#[test]
fn what_becomes_stale_is_told_while_it_runs_and_after_a_restart_from_where_a_reader_was() {
    let topology = Arc::new(topology(&format!("{TABLES}{SINKS}")));
    let (producer, mut random) = (Producer::default(), Random::new(3));
    let options = Options { checkpoint_interval: Duration::from_secs(3_600), ..options() };
    let deployment = Deployment::replay(Arc::clone(&topology), &[], options.clone());
    // The feed begins behind the first epoch, which must not have the events.
    deployment.sinks();
    deployment.ingest(&events(&producer, &mut random, 20));
    deployment.sinks();
    let feed = |deployment: &Deployment| deployment.invalidations().feed("stale").expect("a feed");
    let Some(Invalidated::Everything(begin)) = feed(&deployment).after(None) else { panic!("it begins with everything") };
    deployment.ingest(&events(&producer, &mut random, 20));
    deployment.sinks();
    let Some(Invalidated::Stale(told, end)) = feed(&deployment).after(Some(begin)) else { panic!("it goes on") };
    assert!(!told.is_empty() && feed(&deployment).after(Some(end)).is_none());
    let keys: BTreeSet<&String> = told.iter().flat_map(|(_, keys)| keys.iter()).collect();
    assert!(keys.iter().all(|key| key.starts_with("count:")), "{keys:?}");
}
