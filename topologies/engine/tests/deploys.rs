//! A topology that takes over while events come: at one epoch, with the rows that it would have had from the first event on, and
//! without a trace when it does not take over.

use std::sync::{Arc, Mutex};

use engine::run::{DeployOutcome, DeployReport, Verify, ViewChange};
use testkit::random::Random;

use crate::evolution::{AFTER, BEFORE, SOURCES, checkpointed, events};
use crate::harness::{Deployment, Producer, options, topology};

fn switched(report: &DeployReport) -> u64 {
    match &report.outcome {
        Some(DeployOutcome::Switched { epoch }) => *epoch,
        other => panic!("it did not take over: {other:?}"),
    }
}

#[test]
fn a_topology_that_takes_over_is_as_if_it_had_always_been_there() {
    for seed in 0..8 {
        let mut random = Random::new(seed);
        let producer = Producer::default();
        let workers = 1 + seed as usize % 3;
        let (before, after) = (format!("{SOURCES}{BEFORE}"), format!("{SOURCES}{AFTER}"));
        let mut deployment = Deployment::start(topology(&before), checkpointed(workers, 1 + random.below(9)));
        deployment.ingest(&events(&producer, &mut random, 120));
        let kept = deployment.index_ids("event_counts");
        deployment.begin_deploy(&after, &[], Verify::Not, Arc::default());
        for _ in 0..random.below(30) {
            deployment.append(&events(&producer, &mut random, 5));
        }
        let report = deployment.deployed();
        switched(&report);
        let changes: Vec<_> = report.views.iter().map(|(name, change)| (name.as_str(), *change)).collect();
        assert_eq!(
            changes,
            [
                ("actors", ViewChange::Added),
                ("event_counts", ViewChange::Kept),
                ("feed", ViewChange::Added),
                ("followers", ViewChange::Changed)
            ]
        );
        assert_eq!(deployment.index_ids("event_counts"), kept, "seed {seed}: an identical view was filled again");
        deployment.ingest(&events(&producer, &mut random, 40));
        let changed = Arc::new(topology(&after));
        assert_eq!(
            deployment.bytes(),
            deployment.afresh(Arc::clone(&changed), options()).bytes(),
            "seed {seed}: after the switch"
        );

        let mut deployment = deployment.restart(Arc::clone(&changed), checkpointed(1 + random.below(3), 1 + random.below(9)));
        assert_eq!(deployment.bytes(), deployment.afresh(changed, options()).bytes(), "seed {seed}: after a restart");

        let report = deployment.deploy(&before, &[], Verify::Not);
        switched(&report);
        assert_eq!(report.views["feed"], ViewChange::Removed);
        deployment.ingest(&events(&producer, &mut random, 20));
        assert_eq!(deployment.views(), ["event_counts", "followers"]);
        let back = Arc::new(topology(&before));
        assert_eq!(deployment.bytes(), deployment.afresh(Arc::clone(&back), options()).bytes(), "seed {seed}: after going back");
        let again = deployment.restart(Arc::clone(&back), checkpointed(2, 7));
        assert_eq!(again.bytes(), again.afresh(back, options()).bytes(), "seed {seed}: after going back and a restart");
    }
}

/// A source that nothing read before, and the events of it that came before anybody did.
#[test]
fn a_topic_that_was_not_read_before_is_read_from_its_beginning() {
    let users = "CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent', schema.location = 'user.proto');
        CREATE MATERIALIZED VIEW joined AS SELECT aggregate_id AS user_id, count(*) AS events FROM user_events GROUP BY aggregate_id;
        CREATE INDEX ON joined (user_id);";
    let both = format!("{users}
        CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
        CREATE MATERIALIZED VIEW written AS SELECT actor_id AS user_id, count(*) AS posts FROM post_events GROUP BY actor_id;
        CREATE INDEX ON written (user_id);");
    let producer = Producer::default();
    let mut random = Random::new(3);
    let planned = Arc::new(topology(&both));
    let lines: Vec<String> = events(&producer, &mut random, 60);
    // The log has both topics, the topology reads one of them.
    let ahead = Deployment::replay(Arc::clone(&planned), &lines, checkpointed(1, 5));
    let mut deployment = Deployment::go_on(
        Arc::new(topology(users)),
        ahead.log(),
        Arc::new(epochs::disk::simulated::SimulatedDisk::new(0)),
        checkpointed(2, 5),
    );
    deployment.catch_up();
    let report = deployment.deploy(&both, &[], Verify::Not);
    switched(&report);
    deployment.ingest(&events(&producer, &mut random, 30));
    assert_eq!(deployment.bytes(), deployment.afresh(Arc::clone(&planned), options()).bytes());
    let again = deployment.restart(Arc::clone(&planned), checkpointed(1, 5));
    assert_eq!(again.bytes(), again.afresh(planned, options()).bytes());
}

#[test]
fn rows_are_compared_and_a_difference_refuses() {
    let producer = Producer::default();
    let mut random = Random::new(5);
    let (before, after) = (
        format!("{SOURCES}{BEFORE}"),
        format!("{SOURCES}{BEFORE}").replace("count(*) AS followers", "count(*) * 2 AS followers"),
    );
    let mut deployment = Deployment::start(topology(&before), checkpointed(2, 5));
    deployment.ingest(&events(&producer, &mut random, 80));
    let bytes = deployment.bytes();
    let recorded = Arc::new(Mutex::new(Vec::new()));
    deployment.begin_deploy(&after, &[], Verify::Refuse, Arc::clone(&recorded));
    let report = deployment.deployed();
    assert_eq!(report.outcome, Some(DeployOutcome::Differs));
    let [difference] = &report.differences[..] else { panic!("{:?}", report.differences) };
    let (equal, old, new) = difference.counts.clone().expect("the columns are the same");
    assert_eq!((difference.view.as_str(), equal), ("followers", 0));
    assert!(old > 0 && old == new && difference.goes.len() as u64 == old.min(20), "{difference:?}");
    let doubled = |row: &Vec<String>| vec![row[0].clone(), (2 * row[1].parse::<u64>().expect("a count")).to_string()];
    assert_eq!(difference.goes.iter().map(doubled).collect::<Vec<_>>(), difference.comes);
    assert_eq!((deployment.bytes(), &recorded.lock().expect("no panic")[..]), (bytes, &[false][..]), "a trace is left");

    // The same rows in other words.
    let same = before.replace("count(*) AS followers", "count(*) + 0 AS followers");
    let report = deployment.deploy(&same, &[], Verify::Refuse);
    switched(&report);
    let report = deployment.deploy(&after, &[], Verify::Report);
    switched(&report);
    assert!(report.differences[0].differs());
    deployment.ingest(&events(&producer, &mut random, 20));
    assert_eq!(deployment.bytes(), deployment.afresh(Arc::new(topology(&after)), options()).bytes());
}

#[test]
fn a_view_is_computed_once_more_from_the_log() {
    let producer = Producer::default();
    let mut random = Random::new(9);
    let sql = format!("{SOURCES}{BEFORE}");
    let mut deployment = Deployment::start(topology(&sql), checkpointed(2, 5));
    deployment.ingest(&events(&producer, &mut random, 100));
    let (bytes, kept, replayed) = (deployment.bytes(), deployment.index_ids("event_counts"), deployment.index_ids("followers"));
    let report = deployment.deploy(&sql, &["followers"], Verify::Refuse);
    switched(&report);
    assert!(report.backfill.1 > 0 && report.backfill.0 == report.backfill.1, "nothing was read: {report:?}");
    assert_eq!((deployment.bytes(), deployment.index_ids("event_counts")), (bytes, kept));
    assert_ne!(deployment.index_ids("followers"), replayed);
    let planned = Arc::new(topology(&sql));
    deployment.ingest(&events(&producer, &mut random, 30));
    let again = deployment.restart(Arc::clone(&planned), checkpointed(1, 5));
    assert_eq!(again.bytes(), again.afresh(planned, options()).bytes(), "the state that was computed once more is kept wrongly");
}

/// A filter by time over a stream keeps its state while another state is computed from the log, in times of its own.
#[test]
fn a_filter_by_time_that_is_kept_knows_nothing_of_what_is_read_once_more() {
    let producer = Producer::default();
    let mut random = Random::new(21);
    let recent = "CREATE MATERIALIZED VIEW recent AS SELECT aggregate_id AS user_id, occurred_at FROM user_events
          WHERE occurred_at > NOW() - INTERVAL '40 seconds';
        CREATE INDEX ON recent (user_id);";
    let before = format!("{SOURCES}{recent}");
    let after = format!("{SOURCES}{AFTER}{recent}");
    let mut deployment = Deployment::start(topology(&before), checkpointed(2, 5));
    deployment.ingest(&events(&producer, &mut random, 90));
    let report = deployment.deploy(&after, &[], Verify::Not);
    switched(&report);
    assert!(report.backfill.1 > 0, "nothing was read once more: {report:?}");
    deployment.ingest(&events(&producer, &mut random, 40));
    let planned = Arc::new(topology(&after));
    assert_eq!(deployment.bytes(), deployment.afresh(Arc::clone(&planned), options()).bytes());
    // The same at a start.
    let restarted =
        deployment.restart(Arc::new(topology(&before)), checkpointed(1, 5)).restart(Arc::clone(&planned), checkpointed(2, 5));
    assert_eq!(restarted.bytes(), restarted.afresh(planned, options()).bytes());
}

#[test]
fn errors_of_rows_are_those_of_the_topology_that_is_served() {
    let producer = Producer::default();
    let view = |divisor: &str| {
        format!(
            "{SOURCES}
            CREATE TABLE names (user_id BIGINT PRIMARY KEY, name TEXT);
            MERGE INTO names USING user_events e ON names.user_id = e.aggregate_id
              WHEN MATCHED AND e.event_type = 'user.deleted' THEN DELETE
              WHEN NOT MATCHED AND e.event_type = 'user.registered' THEN INSERT VALUES (e.aggregate_id, e.registered.username);
            CREATE MATERIALIZED VIEW shares AS SELECT user_id, 100 / ({divisor}) AS share FROM names;
            CREATE INDEX ON shares (user_id);"
        )
    };
    let register =
        |user: u64| producer.user("user.registered", user, r#"{"username":"u","email":"e@x.org","display_name":"U","bio":"b"}"#);
    let mut deployment = Deployment::start(topology(&view("user_id - 2")), checkpointed(2, 5));
    deployment.ingest(&[register(1), register(2), register(3)]);
    assert_eq!(deployment.row_errors().len(), 1);
    switched(&deployment.deploy(&view("(user_id - 1) * (user_id - 3)"), &[], Verify::Not));
    assert_eq!(deployment.row_errors().len(), 2);
    deployment.ingest(&[producer.user("user.deleted", 1, "{}")]);
    assert_eq!(deployment.row_errors().len(), 1);
    switched(&deployment.deploy(&view("user_id"), &[], Verify::Not));
    assert_eq!(deployment.row_errors(), []);
}

#[test]
fn a_deployment_that_fails_leaves_everything_as_it_was() {
    let producer = Producer::default();
    let mut random = Random::new(13);
    let sql = format!("{SOURCES}{BEFORE}");
    let mut deployment = Deployment::start(topology(&sql), checkpointed(1, 50));
    deployment.ingest(&events(&producer, &mut random, 50));
    let bytes = deployment.bytes();
    // The topic is there with as many partitions as its source said first.
    let other = sql.replace("topic = 'social.post')", "topic = 'social.post', partitions = 3)");
    assert_ne!(other, sql);
    let report = deployment.deploy(&other, &[], Verify::Not);
    let Some(DeployOutcome::Failed { reason }) = &report.outcome else { panic!("{report:?}") };
    assert!(reason.contains("social.post") && reason.contains("partitions"), "{reason}");
    assert_eq!(deployment.bytes(), bytes);
    deployment.ingest(&events(&producer, &mut random, 20));
    assert_eq!(deployment.bytes(), deployment.afresh(Arc::new(topology(&sql)), options()).bytes());
}
