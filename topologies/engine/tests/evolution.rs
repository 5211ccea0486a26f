//! A topology that changed between two runs: what is the same goes on from its state, what is new is computed from the log, and every
//! view is as if the new topology had been there from the first event.

use std::sync::Arc;
use std::time::Duration;

use engine::run::Options;
use testkit::random::Random;

use crate::harness::{Deployment, Producer, options, topology};

pub const SOURCES: &str = "
CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent', schema.location = 'user.proto');
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE follows (follower_id BIGINT, followee_id BIGINT, PRIMARY KEY (follower_id, followee_id));
MERGE INTO follows f USING user_events e
  ON f.follower_id = e.aggregate_id AND f.followee_id = COALESCE(e.followed.followee_id, e.unfollowed.followee_id)
  WHEN MATCHED AND e.event_type = 'user.unfollowed' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'user.followed' THEN INSERT VALUES (e.aggregate_id, e.followed.followee_id);
";

pub const BEFORE: &str = "
CREATE MATERIALIZED VIEW followers AS SELECT followee_id AS user_id, count(*) AS followers FROM follows GROUP BY followee_id;
CREATE INDEX ON followers (user_id);
CREATE MATERIALIZED VIEW event_counts AS SELECT event_type, count(*) AS events, max(aggregate_id) AS last FROM user_events GROUP BY event_type;
CREATE INDEX ON event_counts (event_type);
";

/// `followers` is changed, `event_counts` is the same, a table and what reads it are new, and so is a count over a stream.
pub const AFTER: &str = "
CREATE MATERIALIZED VIEW followers AS
  SELECT followee_id AS user_id, count(*) AS followers, max(follower_id) AS last FROM follows GROUP BY followee_id;
CREATE INDEX ON followers (user_id);
CREATE MATERIALIZED VIEW event_counts AS SELECT event_type, count(*) AS events, max(aggregate_id) AS last FROM user_events GROUP BY event_type;
CREATE INDEX ON event_counts (event_type);
CREATE TABLE posts (post_id BIGINT PRIMARY KEY, author_id BIGINT, text TEXT);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET text = e.updated.text
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.author_id, e.created.text);
CREATE MATERIALIZED VIEW feed AS SELECT f.follower_id AS user_id, p.post_id, p.text FROM follows f JOIN posts p ON p.author_id = f.followee_id;
CREATE INDEX ON feed (user_id, post_id);
CREATE MATERIALIZED VIEW actors AS SELECT aggregate_id AS user_id, count(*) AS events FROM user_events GROUP BY aggregate_id;
CREATE INDEX ON actors (user_id);
";

/// Follows, posts and their changes; some events are sent twice.
pub fn events(producer: &Producer, random: &mut Random, count: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for _ in 0..count {
        let (user, other, post) = (random.below(9) as u64, random.below(9) as u64, random.below(30) as u64);
        let line = match random.below(8) {
            0..3 => producer.user("user.followed", user, &format!(r#"{{"follower_id":"{user}","followee_id":"{other}"}}"#)),
            3 => producer.user("user.unfollowed", user, &format!(r#"{{"follower_id":"{user}","followee_id":"{other}"}}"#)),
            4..6 => producer.post(
                "post.created",
                post,
                user,
                &format!(r#"{{"author_id":"{user}","text":"t{post}","hashtags":[],"mentions":[],"media_ids":[],"visibility":"public"}}"#),
            ),
            6 => producer.post("post.updated", post, user, &format!(r#"{{"text":"u{other}","hashtags":[]}}"#)),
            _ => producer.post("post.deleted", post, user, "{}"),
        };
        lines.push(line);
        if random.one_in(6) {
            let again = random.pick(&lines).clone();
            lines.push(again);
        }
    }
    lines
}

pub fn checkpointed(workers: usize, epoch_records: usize) -> Options {
    Options { workers, epoch_records, checkpoint_interval: Duration::ZERO, ..options() }
}

#[test]
fn a_changed_topology_goes_on_as_if_it_had_always_been_there() {
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let producer = Producer::default();
        let before =
            Deployment::start(topology(&format!("{SOURCES}{BEFORE}")), checkpointed(1 + seed as usize % 3, 1 + random.below(9)));
        before.ingest(&events(&producer, &mut random, 120));
        let changed = Arc::new(topology(&format!("{SOURCES}{AFTER}")));
        let after = before.restart(Arc::clone(&changed), checkpointed(1 + random.below(3), 1 + random.below(9)));
        assert!(after.status().restored > 0, "seed {seed}: nothing was restored");
        let afresh = after.afresh(Arc::clone(&changed), options());
        assert_eq!(after.bytes(), afresh.bytes(), "seed {seed}: after the change");
        after.ingest(&events(&producer, &mut random, 60));
        let again = after.restart(Arc::clone(&changed), checkpointed(1 + random.below(3), 50));
        let afresh = again.afresh(changed, options());
        assert_eq!(again.bytes(), afresh.bytes(), "seed {seed}: after a restart of what was changed");
    }
}

#[test]
fn a_restart_keeps_what_was_quarantined_and_its_numbers() {
    let producer = Producer::default();
    let sql = format!("{SOURCES}{BEFORE}
        CREATE TABLE ages (user_id BIGINT PRIMARY KEY, age BIGINT NOT NULL);
        MERGE INTO ages USING user_events e ON ages.user_id = e.aggregate_id
          WHEN NOT MATCHED AND e.event_type = 'user.registered' THEN INSERT VALUES (e.aggregate_id, CAST(e.registered.bio AS BIGINT));
        CREATE INDEX ON ages (user_id);");
    let planned = Arc::new(topology(&sql));
    let before = Deployment::replay(Arc::clone(&planned), &[], checkpointed(2, 5));
    let register = |user: u64, bio: &str| {
        producer.user(
            "user.registered",
            user,
            &format!(r#"{{"username":"u","email":"e@x.org","display_name":"U","bio":"{bio}"}}"#),
        )
    };
    before.ingest(&[register(1, "41"), register(2, "many"), register(3, "7")]);
    let errors = before.row_errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let after = before.restart(Arc::clone(&planned), checkpointed(3, 5));
    assert_eq!(after.row_errors(), errors, "an error of an event that is not read again is kept");
    after.ingest(&[register(4, "none")]);
    assert_eq!(after.row_errors().len(), 2);
    assert_eq!(after.restart(planned, checkpointed(1, 5)).row_errors().len(), 2);
}
