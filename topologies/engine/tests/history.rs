//! The log no longer has its beginning: nothing computes a state from what is left of it unasked, and a topology that comes back has the
//! rows that it would have if it had never been away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::run::{DeployOutcome, DeployReport, Options, Storage, Verify, plan_change, plan_switch};
use epochs::coordinator::RetainedLimits;
use epochs::disk::simulated::SimulatedDisk;
use language::topology::Topology;
use schemas::position::{Offset, Partition, Topic};
use sources::log::LogReader;
use sources::memory::MemoryLog;
use testkit::random::Random;

use crate::evolution::{checkpointed, events};
use crate::harness::{Deployment, Producer, options, topology};
use crate::restarts::Observed;

const POST_EVENTS: &str = "
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
";
const USER_EVENTS: &str = "
CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent', schema.location = 'user.proto');
CREATE MATERIALIZED VIEW actors AS SELECT aggregate_id AS user_id, count(*) AS events FROM user_events GROUP BY aggregate_id;
CREATE INDEX ON actors (user_id);
";
const POSTS: &str = "
CREATE TABLE posts (post_id BIGINT PRIMARY KEY, text TEXT);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET text = e.updated.text
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.text);
CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n, max(text) AS last FROM posts;
CREATE INDEX ON n (n);
CREATE INDEX ON posts (post_id);
CREATE MATERIALIZED VIEW kinds AS SELECT event_type, count(*) AS events FROM post_events GROUP BY event_type;
CREATE INDEX ON kinds (event_type);
";

fn before() -> String {
    format!("{POST_EVENTS}{USER_EVENTS}{POSTS}")
}

/// The table has a column more, so that its rows are computed once more; `kinds` is another accumulation.
fn after() -> String {
    let table = POSTS
        .replace("text TEXT)", "text TEXT, author_id BIGINT)")
        .replace("e.created.text);", "e.created.text, e.created.author_id);");
    format!(
        "{POST_EVENTS}{USER_EVENTS}{}",
        table.replace("count(*) AS events FROM post_events", "max(aggregate_id) AS events FROM post_events")
    )
}

/// The posts are not there.
fn without_posts() -> String {
    USER_EVENTS.to_owned()
}

/// Options with which the log forgets what it may: after so many bytes also what only an earlier topology needs.
fn forgetful(workers: usize, epoch_records: usize) -> Options {
    let retained = RetainedLimits { bytes: 60_000, ..RetainedLimits::default() };
    Options { log_retention_bytes: Some(1), retained, ..checkpointed(workers, epoch_records) }
}

fn accepting(options: Options) -> Options {
    Options { accept_missing_history: true, ..options }
}

fn earliest(log: &MemoryLog, topic: &str) -> u64 {
    let topic = Topic::new(topic);
    let partitions = log.topic(&topic).expect("in memory").expect("a topic").partitions;
    (0..partitions).map(|partition| log.bounds(&topic, Partition(partition)).expect("in memory").0.0).sum()
}

/// Sends events until the beginning of both topics is gone.
fn trimmed(deployment: &Deployment, whole: &Deployment, producer: &Producer, random: &mut Random) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while ["social.post", "social.user"].iter().any(|topic| earliest(&deployment.log(), topic) < 20) {
        assert!(Instant::now() < deadline, "nothing was trimmed");
        both(deployment, whole, &events(producer, random, 30));
    }
}

/// The same events to a log that forgets and to one that keeps all.
fn both(deployment: &Deployment, whole: &Deployment, lines: &[String]) {
    deployment.ingest(lines);
    whole.ingest(lines);
}

fn refused(report: &DeployReport) -> &str {
    match &report.outcome {
        Some(DeployOutcome::Refused { reason }) => reason,
        other => panic!("it was not refused: {other:?}"),
    }
}

fn assert_switched(report: &DeployReport, when: &str) {
    assert!(matches!(report.outcome, Some(DeployOutcome::Switched { .. })), "{when}: {:?}", report.outcome);
}

fn assert_names_the_loss(reason: &str) {
    for part in ["'table posts'", "'social.post'", "begins at offset", "--accept-missing-history"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(!reason.contains("actors"), "what is kept is not lost: {reason}");
}

/// A topology on a log that forgets, and the same on one that keeps all.
fn pair(sql: &str, options: Options) -> (Deployment, Deployment) {
    let whole = Options { log_retention_bytes: None, ..options.clone() };
    (Deployment::start(topology(sql), options), Deployment::start(topology(sql), whole))
}

#[test]
fn fault_51_what_can_not_be_computed_in_full_is_refused_and_a_topology_that_comes_back_has_its_rows() {
    for seed in 0..6 {
        let (mut random, producer) = (Random::new(seed), Producer::default());
        let (mut deployment, whole) = pair(&before(), forgetful(1 + seed as usize % 3, 1 + random.below(9)));
        trimmed(&deployment, &whole, &producer, &mut random);
        assert_eq!(deployment.bytes(), whole.bytes(), "seed {seed}");

        assert_names_the_loss(refused(&deployment.deploy(&after(), &[], Verify::Not)));
        let replay = deployment.deploy(&before(), &["n"], Verify::Not);
        assert!(refused(&replay).contains("once more") && !refused(&replay).contains("--accept"), "{replay:?}");
        assert_eq!(deployment.bytes(), whole.bytes(), "seed {seed}: something changed");

        assert_switched(&deployment.deploy_with_loss(&after()), "somebody insists");
        both(&deployment, &whole, &events(&producer, &mut random, 40));
        assert_ne!(deployment.rows("n"), whole.rows("n"), "seed {seed}: nothing was lost, so this shows nothing");
        if seed % 2 == 1 {
            let planned = Arc::new(topology(&after()));
            deployment = deployment.restart(planned, forgetful(1 + random.below(3), 1 + random.below(9)));
            both(&deployment, &whole, &events(&producer, &mut random, 30));
        }
        let change =
            plan_switch(&topology(&before()), deployment.deployment_handle(), deployment.log().as_ref(), &BTreeSet::new());
        let change = change.expect("it can be read");
        assert!(change.lost.is_empty() && change.restored.iter().any(|(name, _)| name == "table posts"), "{change:?}");

        let report = deployment.deploy(&before(), &[], Verify::Not);
        assert_switched(&report, "it comes back");
        assert_eq!(report.backfill, (0, 0), "seed {seed}: something was computed from the log");
        assert_eq!(deployment.bytes(), whole.bytes(), "seed {seed}: after it came back");
        both(&deployment, &whole, &events(&producer, &mut random, 40));
        assert_eq!(deployment.bytes(), whole.bytes(), "seed {seed}: after more events");
        let planned = Arc::new(topology(&before()));
        let again = deployment.restart(planned, forgetful(1 + random.below(3), 1 + random.below(9)));
        assert_eq!(again.bytes(), whole.bytes(), "seed {seed}: after a restart");
        // Nothing is held back for it any more.
        let held_at = earliest(&again.log(), "social.post");
        let deadline = Instant::now() + Duration::from_secs(60);
        while earliest(&again.log(), "social.post") < held_at + 20 {
            assert!(Instant::now() < deadline, "seed {seed}: the log is trimmed no more");
            both(&again, &whole, &events(&producer, &mut random, 30));
        }
        assert_eq!(again.bytes(), whole.bytes(), "seed {seed}: at the end");
    }
}

#[test]
fn a_start_with_an_edited_topology_is_refused_and_goes_on_with_the_one_before() {
    let (mut random, producer) = (Random::new(31), Producer::default());
    let (deployment, whole) = pair(&before(), forgetful(2, 5));
    trimmed(&deployment, &whole, &producer, &mut random);
    let (old, new) = (Arc::new(topology(&before())), Arc::new(topology(&after())));
    let (log, storage) = deployment.stop();
    let change = plan_change(&new, Some(old.as_ref()), log.as_ref(), &storage).expect("it can be read");
    assert!(change.lost.iter().any(|lost| lost.state == "table posts" && lost.earliest > Offset(0)), "{change:?}");
    let start = |topology: &Arc<Topology>, storage: &Storage, options: Options| {
        Deployment::try_go_on(Arc::clone(topology), Arc::clone(&log), Arc::clone(storage), options)
    };
    let error = start(&new, &storage, forgetful(1, 5)).err().expect("it is refused").to_string();
    assert_names_the_loss(&error);
    // Nor from nothing.
    let nothing: Storage = Arc::new(SimulatedDisk::new(0));
    let error = start(&old, &nothing, forgetful(1, 5)).err().expect("it is refused").to_string();
    assert!(error.contains("'table posts'") && error.contains("'actors'"), "{error}");

    let deployment = start(&old, &storage, forgetful(2, 5)).expect("it goes on");
    deployment.catch_up();
    assert_eq!(deployment.bytes(), whole.bytes(), "a start that was refused changed something");
    let (_, storage) = deployment.stop();
    let deployment = start(&new, &storage, accepting(forgetful(1, 5))).expect("somebody insists");
    deployment.catch_up();
    assert_ne!(deployment.rows("n"), whole.rows("n"));
    both(&deployment, &whole, &events(&producer, &mut random, 40));
    let (_, storage) = deployment.stop();
    // The directory is put back.
    let deployment = start(&old, &storage, forgetful(3, 5)).expect("what it needs is kept");
    deployment.catch_up();
    assert_eq!(deployment.bytes(), whole.bytes(), "after it came back");
    both(&deployment, &whole, &events(&producer, &mut random, 40));
    assert_eq!(deployment.bytes(), whole.bytes(), "after more events");
    let deployment = deployment.restart(old, forgetful(1, 50));
    assert_eq!(deployment.bytes(), whole.bytes(), "after a restart");
}

/// Cuts off at a switch and goes on with what is on the disk: the same rows, of the topology before or of the next.
#[test]
fn a_run_that_is_cut_off_at_a_switch_goes_on_with_the_same_rows() {
    for seed in 0..6 {
        let (mut random, producer) = (Random::new(100 + seed), Producer::default());
        let (deployment, whole) = pair(&before(), forgetful(2, 1 + random.below(9)));
        trimmed(&deployment, &whole, &producer, &mut random);
        let (log, storage) = deployment.stop();
        // From here on its content can be taken at any moment.
        let disk = Observed::new(Observed::of(storage.as_ref()));
        let (old, new) = (Arc::new(topology(&before())), Arc::new(topology(&after())));
        let mut deployment = Deployment::go_on(Arc::clone(&old), Arc::clone(&log), Arc::clone(&disk) as Storage, forgetful(2, 5));
        deployment.catch_up();
        let restarted = |planned: &Arc<Topology>, options: Options, image: SimulatedDisk| {
            let again = Deployment::go_on(Arc::clone(planned), Arc::clone(&log), Arc::new(image), options);
            again.catch_up();
            again.bytes()
        };
        let keeping = || Options { log_retention_bytes: None, ..forgetful(1, 7) };
        assert_switched(&deployment.deploy_with_loss(&after()), "somebody insists");
        let image = disk.image();
        deployment.catch_up();
        assert_eq!(restarted(&new, accepting(keeping()), image), deployment.bytes(), "seed {seed}: cut off at the switch");
        let count = random.below(60);
        both(&deployment, &whole, &events(&producer, &mut random, count));
        assert_switched(&deployment.deploy(&before(), &[], Verify::Not), "it comes back");
        let image = disk.image();
        assert_eq!(restarted(&old, keeping(), image), whole.bytes(), "seed {seed}: cut off when it came back");
        assert_eq!(deployment.bytes(), whole.bytes(), "seed {seed}");
    }
}

#[test]
fn a_topic_that_nothing_read_in_between_is_read_on_where_it_was_left() {
    let (mut random, producer) = (Random::new(51), Producer::default());
    let (mut deployment, whole) = pair(&before(), forgetful(2, 5));
    trimmed(&deployment, &whole, &producer, &mut random);
    assert_switched(&deployment.deploy(&without_posts(), &[], Verify::Not), "what is dropped loses nothing");
    let planned = Arc::new(topology(&without_posts()));
    let mut deployment = deployment.restart(planned, forgetful(1, 5));
    let lines = events(&producer, &mut random, 60);
    deployment.append_as(&topology(&before()), &lines);
    deployment.catch_up();
    whole.ingest(&lines);
    // A new state of that topic can't be computed in full, the one that it had can.
    assert_names_the_loss(refused(&deployment.deploy(&after(), &[], Verify::Not)));
    assert_switched(&deployment.deploy(&before(), &[], Verify::Not), "it comes back");
    deployment.catch_up();
    assert_eq!(deployment.bytes(), whole.bytes(), "after it came back");
    both(&deployment, &whole, &events(&producer, &mut random, 40));
    assert_eq!(deployment.bytes(), whole.bytes(), "after more events");
}

#[test]
fn states_of_earlier_topologies_are_given_up_beyond_the_limits_and_that_is_said() {
    let (mut random, producer) = (Random::new(71), Producer::default());
    let bounded = || Options { retained: RetainedLimits { bytes: 2_000, ..RetainedLimits::default() }, ..forgetful(1, 5) };
    let (mut deployment, whole) = pair(&before(), bounded());
    trimmed(&deployment, &whole, &producer, &mut random);
    assert_switched(&deployment.deploy_with_loss(&after()), "somebody insists");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !deployment.deployment_handle().retained().is_empty() {
        assert!(Instant::now() < deadline, "it is held for ever");
        deployment.ingest(&events(&producer, &mut random, 30));
    }
    assert_names_the_loss(refused(&deployment.deploy(&before(), &[], Verify::Not)));
    assert_switched(&deployment.deploy_with_loss(&before()), "somebody insists");
}

/// A log that has everything needs nothing to be kept, and nothing is refused.
#[test]
fn a_log_that_has_its_beginning_is_computed_from() {
    let (mut random, producer) = (Random::new(81), Producer::default());
    let mut deployment = Deployment::start(topology(&before()), checkpointed(2, 5));
    deployment.ingest(&events(&producer, &mut random, 80));
    for sql in [after(), before(), without_posts(), after()] {
        assert_switched(&deployment.deploy(&sql, &[], Verify::Not), "the log has everything");
        deployment.append_as(&topology(&before()), &events(&producer, &mut random, 20));
        deployment.catch_up();
        let afresh = deployment.afresh(Arc::new(topology(&sql)), options());
        assert_eq!(deployment.bytes(), afresh.bytes());
    }
}
