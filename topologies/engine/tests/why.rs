//! Origins of rows: exact for every operator, and enough to make the row again.
//!
//! The property is told by the engine itself: replaying nothing but the events that are named gives the row, and without one of them it
//! is not the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::lineage::{LineageLimits, NamedEvent, ORIGINS_MAX, RowAnswer, Unfinished};
use engine::run::Options;
use epochs::disk::simulated::SimulatedDisk;
use language::load::load;
use language::plan::graph::{NodeId, Operator, Semijoin, TopK};
use language::topology::Topology;
use schemas::field::{FieldKind, Value};
use schemas::row::Row;
use sources::memory::MemoryLog;
use testkit::random::Random;

use crate::harness::{Deployment, Producer, options, topology};
use crate::metamorphic::events;

const TABLES: &str = "\
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent', schema.location = 'user.proto');
CREATE TABLE posts (post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, text TEXT NOT NULL, tags TEXT[], created_at TIMESTAMPTZ NOT NULL, edits BIGINT NOT NULL);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET text = e.updated.text
  WHEN MATCHED AND e.event_type = 'post.shared' THEN UPDATE SET edits = posts.edits + 1
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.author_id, e.created.text, e.created.hashtags, e.occurred_at, 0);
CREATE TABLE follows (follower_id BIGINT, followee_id BIGINT, PRIMARY KEY (follower_id, followee_id));
MERGE INTO follows f USING user_events e
  ON f.follower_id = e.aggregate_id AND f.followee_id = COALESCE(e.followed.followee_id, e.unfollowed.followee_id)
  WHEN MATCHED AND e.event_type = 'user.unfollowed' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'user.followed' THEN INSERT VALUES (e.aggregate_id, e.followed.followee_id);
";

/// The history that every operator is asked about; events are known by their number.
fn history() -> Vec<String> {
    let producer = Producer::with_step(60 * 1_000_000);
    let created = |post: u64, author: u64, tags: &str| {
        let payload = format!(r#"{{"author_id":"{author}","text":"t","visibility":"public","hashtags":[{tags}]}}"#);
        producer.post("post.created", post, author, &payload)
    };
    let follow = |event: &str, follower: u64, followee: u64| {
        producer.user(
            &format!("user.{event}"),
            follower,
            &format!(r#"{{"follower_id":"{follower}","followee_id":"{followee}"}}"#),
        )
    };
    let mut lines = vec![
        created(10, 1, "\"a\",\"b\""),                             // 0
        created(11, 1, "\"a\""),                                   // 1
        created(12, 2, ""),                                        // 2
        follow("followed", 5, 1),                                  // 3
        follow("followed", 6, 1),                                  // 4
        follow("followed", 5, 2),                                  // 5
        producer.post("post.updated", 10, 1, r#"{"text":"u"}"#),   // 6
        producer.post("post.updated", 10, 1, r#"{"text":"v"}"#),   // 7
        follow("unfollowed", 6, 1),                                // 8
        follow("followed", 6, 1),                                  // 9
        producer.post("post.shared", 11, 3, r#"{"user_id":"3"}"#), // 10
        producer.post("post.shared", 11, 4, r#"{"user_id":"4"}"#), // 11
        created(13, 3, "\"b\""),                                   // 12
        producer.post("post.deleted", 13, 3, "{}"),                // 13
    ];
    // An event that comes twice is one.
    lines.push(lines[0].clone());
    lines
}

/// The number that an event was given when it was made.
fn number(event: &NamedEvent) -> u64 {
    let digits = event.event_id.as_ref().and_then(|id| id.rsplit('-').next()).expect("an id has parts");
    u64::from_str_radix(digits, 16).expect("the number is hexadecimal")
}

/// For each row of the view `v` after these events, as text, the numbers of the events that made it.
fn explained(views: &str, lines: &[String]) -> Vec<(String, Vec<u64>)> {
    let topology = Arc::new(topology(&format!("{TABLES}{views}")));
    let deployment = Deployment::replay(topology, lines, options());
    deployment.catch_up();
    explained_by(&deployment)
}

/// The same for a deployment that has seen its events.
fn explained_by(deployment: &Deployment) -> Vec<(String, Vec<u64>)> {
    let rows: BTreeSet<Row> = deployment.encoded_rows("v").into_iter().collect();
    let rows: Vec<Row> = rows.into_iter().collect();
    let answer = deployment.why("v", rows.clone());
    assert_eq!((answer.unfinished, answer.gaps.len()), (None, 0));
    let view = &deployment.topology.served.iter().find(|served| served.view.name == "v").expect("it is declared").view;
    let text = |row: &Row| {
        let mut at = 0;
        let fields = view.columns.iter().map(|column| {
            let mut text = String::new();
            column.kind.read(row.as_bytes(), at).write_json(&mut text);
            at = column.kind.end(row.as_bytes(), at);
            text
        });
        fields.collect::<Vec<_>>().join(" ")
    };
    rows.iter()
        .zip(answer.rows)
        .map(|(row, found)| {
            assert!(found.is_found && !found.is_cut, "{}", text(row));
            (text(row), found.events.iter().map(number).collect::<BTreeSet<_>>().into_iter().collect())
        })
        .collect()
}

fn check(select: &str, expected: &[(&str, &[u64])]) {
    check_after(&history(), "", select, expected);
}

fn check_after(lines: &[String], tables: &str, select: &str, expected: &[(&str, &[u64])]) {
    let found = explained(&format!("{tables}CREATE MATERIALIZED VIEW v AS {select}; CREATE INDEX ON v (k);"), lines);
    let found: Vec<(&str, &[u64])> = found.iter().map(|(row, events)| (row.as_str(), events.as_slice())).collect();
    assert_eq!(found, expected, "{select}");
}

#[test]
fn tables_name_the_events_that_gave_a_row_what_it_holds() {
    check(
        "SELECT post_id AS k, text, edits FROM posts",
        &[("10 \"v\" 0", &[0, 7]), ("11 \"t\" 2", &[1, 10, 11]), ("12 \"t\" 0", &[2])],
    );
    check("SELECT follower_id AS k, followee_id FROM follows", &[("5 1", &[3]), ("5 2", &[5]), ("6 1", &[9])]);
}

#[test]
fn what_a_clause_depended_on_is_named_with_the_event() {
    const TABLE: &str = "\
CREATE TABLE shared (post_id BIGINT PRIMARY KEY, text TEXT NOT NULL, shares BIGINT NOT NULL);
MERGE INTO shared USING post_events e ON shared.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.shared' THEN UPDATE SET shares = shared.shares + 1
  WHEN MATCHED AND e.event_type = 'post.updated' AND shared.shares = 0 THEN UPDATE SET text = 'nobody shared it'
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET text = e.updated.text
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN UPDATE SET shares = 0
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.text, 0);
";
    let producer = Producer::default();
    let created = |post: u64| producer.post("post.created", post, 1, r#"{"author_id":"1","text":"t","visibility":"public"}"#);
    let lines = [
        created(1),                                                       // 0
        created(2),                                                       // 1
        producer.post("post.shared", 1, 3, r#"{"user_id":"3"}"#),         // 2
        producer.post("post.updated", 1, 1, r#"{"text":"overwritten"}"#), // 3
        producer.post("post.updated", 1, 1, r#"{"text":"u"}"#),           // 4
        producer.post("post.deleted", 1, 1, "{}"),                        // 5
        producer.post("post.updated", 2, 1, r#"{"text":"u"}"#),           // 6
    ];
    // That the first is not the text of a post that nobody shared is due to the event that shared it.
    let expected: [(&str, &[u64]); 2] = [("1 \"u\" 0", &[0, 2, 4, 5]), ("2 \"nobody shared it\" 0", &[1, 6])];
    check_after(&lines, TABLE, "SELECT post_id AS k, text, shares FROM shared", &expected);
}

#[test]
fn filters_joins_and_unions_name_one_event_for_each_part() {
    check("SELECT post_id + 1 AS k FROM posts WHERE author_id = 1 AND edits > 0", &[("12", &[1, 10, 11])]);
    check(
        "SELECT f.follower_id AS k, p.post_id FROM follows f JOIN posts p ON p.author_id = f.followee_id",
        &[("5 10", &[0, 3, 7]), ("5 11", &[1, 3, 10, 11]), ("5 12", &[2, 5]), ("6 10", &[0, 7, 9]), ("6 11", &[1, 9, 10, 11])],
    );
    check(
        "SELECT post_id AS k, 'post' AS of FROM posts WHERE post_id > 11 UNION ALL SELECT follower_id AS k, 'follow' AS of FROM follows",
        &[("5 \"follow\"", &[3, 5]), ("6 \"follow\"", &[9]), ("12 \"post\"", &[2])],
    );
    check(
        "SELECT p.post_id AS k, f.follower_id FROM posts p LEFT JOIN follows f ON f.followee_id = p.author_id AND f.follower_id = 6",
        &[("10 6", &[0, 7, 9]), ("11 6", &[1, 9, 10, 11]), ("12 null", &[2])],
    );
}

#[test]
fn of_what_matches_one_is_named() {
    check(
        "SELECT post_id AS k FROM posts p WHERE EXISTS (SELECT 1 FROM follows f WHERE f.followee_id = p.author_id)",
        &[("10", &[0, 3, 7]), ("11", &[1, 3, 10, 11]), ("12", &[2, 5])],
    );
    check(
        "SELECT post_id AS k FROM posts p WHERE NOT EXISTS (SELECT 1 FROM follows f WHERE f.followee_id = p.author_id AND f.follower_id = 6)",
        &[("12", &[2])],
    );
    check("SELECT DISTINCT author_id AS k FROM posts", &[("1", &[0, 7]), ("2", &[2])]);
}

#[test]
fn aggregates_name_what_they_add_up_and_extremes_the_row_that_has_them() {
    check("SELECT author_id AS k, count(*) AS n FROM posts GROUP BY author_id", &[("1 2", &[0, 1, 7, 10, 11]), ("2 1", &[2])]);
    check("SELECT author_id AS k, max(post_id) AS n FROM posts GROUP BY author_id", &[("1 11", &[1, 10, 11]), ("2 12", &[2])]);
    check(
        "SELECT author_id AS k, count(*) FILTER (WHERE edits > 5) AS n FROM posts GROUP BY author_id",
        &[("1 0", &[0, 7]), ("2 0", &[2])],
    );
    let newest: &[(&str, &[u64])] = &[("1 11", &[1, 10, 11]), ("2 12", &[2])];
    check("SELECT author_id AS k, arg_max(post_id, created_at) AS n FROM posts GROUP BY author_id", newest);
    check("SELECT author_id AS k, first_value(post_id ORDER BY created_at DESC) AS n FROM posts GROUP BY author_id", newest);
    check("SELECT author_id AS k, last_value(post_id ORDER BY edits, created_at) AS n FROM posts GROUP BY author_id", newest);
    check(
        "SELECT author_id AS k, mode() WITHIN GROUP (ORDER BY edits) AS n FROM posts GROUP BY author_id",
        &[("1 0", &[0, 7]), ("2 0", &[2])],
    );
    check(
        "SELECT author_id AS k, percentile_disc(1) WITHIN GROUP (ORDER BY post_id) AS n FROM posts GROUP BY author_id",
        &[("1 11", &[0, 1, 7, 10, 11]), ("2 12", &[2])],
    );
    check("SELECT count(*) AS k FROM follows WHERE follower_id > 50", &[("0", &[])]);
    check(
        "SELECT actor_id AS k, count(*) AS n FROM post_events GROUP BY actor_id",
        &[("1 4", &[0, 1, 6, 7]), ("2 1", &[2]), ("3 3", &[10, 12, 13]), ("4 1", &[11])],
    );
}

#[test]
fn rows_of_a_ranking_name_their_own_events() {
    let ranked = "SELECT post_id AS k FROM (SELECT post_id, author_id, ROW_NUMBER() OVER (PARTITION BY author_id ORDER BY created_at DESC) AS r FROM posts) t WHERE r <= 1";
    check(ranked, &[("11", &[1, 10, 11]), ("12", &[2])]);
    check(
        "SELECT post_id AS k, unnest(tags) AS tag FROM posts",
        &[("10 \"a\"", &[0, 7]), ("10 \"b\"", &[0, 7]), ("11 \"a\"", &[1, 10, 11])],
    );
}

#[test]
fn functions_over_windows_name_the_rows_that_they_are_read_from() {
    check(
        "SELECT post_id AS k, rank() OVER (ORDER BY post_id) AS n FROM posts",
        &[("10 1", &[0, 7]), ("11 2", &[1, 10, 11]), ("12 3", &[2])],
    );
    check(
        "SELECT post_id AS k, lag(text) OVER (ORDER BY post_id) AS before FROM posts",
        &[("10 null", &[0, 7]), ("11 \"v\"", &[0, 1, 7, 10, 11]), ("12 \"t\"", &[1, 2, 10, 11])],
    );
    check(
        "SELECT post_id AS k, count(*) OVER (ORDER BY post_id ROWS 1 PRECEDING) AS n FROM posts",
        &[("10 1", &[0, 7]), ("11 2", &[0, 1, 7, 10, 11]), ("12 2", &[1, 2, 10, 11])],
    );
    check(
        "SELECT post_id AS k, max(edits) OVER (PARTITION BY author_id) AS n FROM posts",
        &[("10 2", &[0, 1, 7, 10, 11]), ("11 2", &[1, 10, 11]), ("12 0", &[2])],
    );
    check(
        "SELECT DISTINCT ON (author_id) author_id AS k, post_id FROM posts ORDER BY author_id, post_id DESC",
        &[("1 11", &[1, 10, 11]), ("2 12", &[2])],
    );
    check(
        "SELECT author_id AS k, count(*) AS n FROM posts GROUP BY ROLLUP (author_id)",
        &[("1 2", &[0, 1, 7, 10, 11]), ("2 1", &[2]), ("null 3", &[0, 1, 2, 7, 10, 11])],
    );
    // Each post is in two windows.
    check(
        "SELECT post_id AS k, count(*) AS n FROM HOP(posts, created_at, INTERVAL '1 minute', INTERVAL '2 minutes') GROUP BY post_id",
        &[("10 2", &[0, 7]), ("11 2", &[1, 10, 11]), ("12 2", &[2])],
    );
}

#[test]
fn windows_and_the_clock_are_those_of_the_view() {
    // Events are a minute apart: posts 10 and 11 are within the gap, and post 12 is another author's.
    check(
        "SELECT author_id AS k, count(*) AS n FROM SESSION(posts, created_at, INTERVAL '90 seconds', author_id) GROUP BY author_id, window_start, window_end",
        &[("1 2", &[0, 1, 7, 10, 11]), ("2 1", &[2])],
    );
    let recent = "created_at > NOW() - INTERVAL '690 seconds'";
    check(&format!("SELECT post_id AS k FROM posts WHERE {recent}"), &[("12", &[2])]);
    check(&format!("SELECT count(*) AS k FROM posts WHERE {recent}"), &[("1", &[2])]);
}

#[test]
fn counting_beyond_a_bound_names_what_lies_beyond() {
    check(
        "SELECT m.k, count(*) AS n FROM (SELECT followee_id AS k, follower_id AS bound FROM follows WHERE follower_id = 5) m
           JOIN (SELECT author_id, post_id - 5 AS at FROM posts) p ON p.author_id = m.k AND p.at > m.bound GROUP BY m.k",
        &[("1 1", &[1, 3, 10, 11]), ("2 1", &[2, 5])],
    );
}

#[test]
fn events_of_a_log_with_gaps_are_named_too() {
    let view = "CREATE MATERIALIZED VIEW v AS SELECT post_id AS k, text, edits FROM posts; CREATE INDEX ON v (k);";
    let topology = Arc::new(topology(&format!("{TABLES}{view}")));
    let log = Arc::new(MemoryLog::with_gaps());
    let deployment = Deployment::go_on(topology, log, Arc::new(SimulatedDisk::new(0)), options());
    deployment.ingest(&history());
    let expected: [(&str, &[u64]); 3] = [("10 \"v\" 0", &[0, 7]), ("11 \"t\" 2", &[1, 10, 11]), ("12 \"t\" 0", &[2])];
    let found = explained_by(&deployment);
    let found: Vec<(&str, &[u64])> = found.iter().map(|(row, events)| (row.as_str(), events.as_slice())).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_the_log_has_lost_is_said() {
    let sql = format!(
        "{TABLES}CREATE MATERIALIZED VIEW v AS SELECT author_id AS k, count(*) AS n FROM posts GROUP BY author_id; CREATE INDEX ON v (k);"
    );
    let deployment = Deployment::replay(Arc::new(topology(&sql)), &history(), options());
    deployment.catch_up();
    let log = deployment.log();
    let whole = deployment.why("v", deployment.encoded_rows("v"));
    let event = whole.rows[0].events[0].clone();
    sources::log::LogAppender::trim(log.as_ref(), &event.topic, event.partition, schemas::position::Offset(event.offset.0 + 1))
        .expect("it is trimmed");
    let answer = deployment.why("v", deployment.encoded_rows("v"));
    assert_eq!(
        answer.gaps.keys().map(|(topic, partition)| (topic.as_str(), *partition)).collect::<Vec<_>>(),
        [("social.post", event.partition)]
    );
    assert!(!answer.rows[0].is_found, "the count can't be what it was");
    assert_eq!(answer.unfinished, None::<Unfinished>);
    let mut other = Row::empty();
    [9, 1].into_iter().for_each(|value| FieldKind::Int64.write(&Value::Int(value), &mut other));
    let nobody = deployment.why("v", vec![other]);
    assert_eq!(nobody.rows, [RowAnswer::default()], "there is no such row");
}

#[test]
fn many_events_are_cut_and_that_is_said() {
    let sql = format!("{TABLES}CREATE MATERIALIZED VIEW v AS SELECT count(*) AS k FROM follows; CREATE INDEX ON v (k);");
    let producer = Producer::default();
    let followers = ORIGINS_MAX as u64 + 1;
    let lines: Vec<String> = (1..=followers)
        .map(|user| producer.user("user.followed", user, &format!(r#"{{"follower_id":"{user}","followee_id":"7"}}"#)))
        .collect();
    let deployment = Deployment::replay(Arc::new(topology(&sql)), &lines, options());
    deployment.catch_up();
    let answer = deployment.why("v", deployment.encoded_rows("v"));
    let row = &answer.rows[0];
    assert_eq!((row.is_found, row.is_cut, row.events.len(), answer.records), (true, true, ORIGINS_MAX, followers));
}

#[test]
fn a_limit_ends_a_search_and_is_named() {
    let sql = format!(
        "{TABLES}CREATE MATERIALIZED VIEW v AS SELECT author_id AS k, count(*) AS n FROM posts GROUP BY author_id; CREATE INDEX ON v (k);"
    );
    let deployment = Deployment::replay(Arc::new(topology(&sql)), &history(), options());
    deployment.catch_up();
    let ask = |limits: LineageLimits| deployment.why_within("v", deployment.encoded_rows("v"), limits);
    let all = LineageLimits::default();
    let records = ask(all).records;
    for (limits, expected) in [
        (LineageLimits { records, ..all }, None),
        (LineageLimits { records: records - 1, ..all }, Some(Unfinished::Records { records_max: records - 1 })),
        (LineageLimits { rows: 3, ..all }, Some(Unfinished::Rows { relation: "posts".into(), rows_max: 3 })),
        (LineageLimits { duration: Duration::ZERO, ..all }, Some(Unfinished::Time { duration_max: Duration::ZERO })),
    ] {
        let answer = ask(limits);
        assert_eq!(answer.unfinished, expected);
        assert_eq!(answer.rows[0].is_found, expected.is_none());
    }
}

/// Returns the nodes that a view is made of.
fn nodes_of(topology: &Topology, view: &str) -> Vec<NodeId> {
    let mut open = vec![topology.served.iter().find(|served| served.view.name == view).expect("it is served").node];
    let mut nodes = Vec::new();
    while let Some(node) = open.pop() {
        if !nodes.contains(&node) {
            nodes.push(node);
            open.extend(topology.graph.nodes[node].operator.inputs());
        }
    }
    nodes
}

/// Nodes of a view by what they have to do with rows that their own events do not make again.
#[derive(Default)]
struct SuspectNodes {
    antijoins: BTreeSet<NodeId>,
    reductions: BTreeSet<NodeId>,
    rankings: BTreeSet<NodeId>,
}

impl SuspectNodes {
    fn of(topology: &Topology, view: &str) -> Self {
        let mut suspects = Self::default();
        for node in nodes_of(topology, view) {
            match &topology.graph.nodes[node].operator {
                Operator::Semijoin(Semijoin { anti: true, .. }) => suspects.antijoins.insert(node),
                Operator::Reduce(_) => suspects.reductions.insert(node),
                Operator::TopK(TopK { rank, offset, .. }) if *rank || *offset > 0 => suspects.rankings.insert(node),
                _ => false,
            };
        }
        suspects
    }

    /// Returns true if rows of the view may need more than their own events (`docs/WHY.md`): they sum up what an anti-join left, and what it
    /// took away has no event; or they have a place among sums, which is a matter of the others.
    fn excuse(&self) -> bool {
        // A node stands behind those that it reads.
        let stands_behind = |above: &BTreeSet<NodeId>, below: &BTreeSet<NodeId>| match (above.last(), below.first()) {
            (Some(above), Some(below)) => above > below,
            _ => false,
        };
        stands_behind(&self.reductions, &self.antijoins) || stands_behind(&self.rankings, &self.reductions)
    }
}

/// The topology with one view.
fn only(topology: &Topology, view: &str) -> Topology {
    let mut one = Topology { sources: topology.sources.clone(), tables: topology.tables.clone(), ..Topology::default() };
    one.graph.nodes.clone_from(&topology.graph.nodes);
    one.relations.clone_from(&topology.relations);
    one.declarations.clone_from(&topology.declarations);
    one.served.extend(topology.served.iter().filter(|served| served.view.name == view).cloned());
    one
}

/// The view's rows when there have been no other events; the clock is moved to where it was by a copy of one of them, which is none.
fn replayed(topology: &Topology, view: &str, events: &[&NamedEvent], latest: &str) -> Vec<Row> {
    let line = |event: &NamedEvent, json: &str| format!(r#"{{"topic":"{}","event":{json}}}"#, event.topic);
    let mut lines: Vec<String> = events.iter().map(|event| line(event, &event.json)).collect();
    if let Some(last) = events.last() {
        let mut copy: serde_json::Value = serde_json::from_str(&last.json).expect("an event is JSON");
        copy["occurred_at"] = latest.into();
        lines.push(line(last, &copy.to_string()));
    }
    let deployment = Deployment::replay(Arc::new(only(topology, view)), &lines, Options { workers: 1, ..options() });
    deployment.catch_up();
    deployment.encoded_rows(view)
}

/// Views of the social network, each with the number of its sampled rows that their own events do not make again.
const EXCUSED: [(&str, usize); 1] = [("conversation_details", 1)];

/// Findings about the events of some rows of every view.
#[derive(Default)]
struct Findings {
    /// reasons why a search had no answer, by view
    unanswered: BTreeMap<String, String>,
    /// rows that their events do not make again, by view
    missing: BTreeMap<String, BTreeSet<Row>>,
    /// number of rows that were replayed without one of their events
    tried: usize,
    /// number of those that were not made again
    needed: usize,
}

impl Findings {
    /// Replays the events of a row, and then all but one of them.
    fn replay(&mut self, topology: &Topology, (view, row): (&str, &Row), found: &RowAnswer, latest: &str, random: &mut Random) {
        let all: Vec<&NamedEvent> = found.events.iter().collect();
        if !replayed(topology, view, &all, latest).contains(row) {
            self.missing.entry(view.to_owned()).or_default().insert(row.clone());
        } else if !all.is_empty() {
            let left_out = random.below(all.len());
            let others: Vec<&NamedEvent> =
                all.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, event)| *event).collect();
            self.tried += 1;
            self.needed += usize::from(!replayed(topology, view, &others, latest).contains(row));
        }
    }

    /// Asserts that all rows were found, and that the events were enough for all but the excused ones.
    fn check(&self, topology: &Topology) {
        assert!(self.unanswered.is_empty(), "{:#?}", self.unanswered);
        let missing: Vec<(&str, usize)> = self.missing.iter().map(|(view, rows)| (view.as_str(), rows.len())).collect();
        let unexcused: Vec<_> = missing.iter().filter(|(view, _)| !SuspectNodes::of(topology, view).excuse()).collect();
        assert!(unexcused.is_empty(), "events are not enough, without an anti-join or a rank above an aggregate: {unexcused:?}");
        assert_eq!(missing, EXCUSED, "rows that their own events do not make again: the list would be {missing:?}");
    }
}

/// For rows of every view of the social network: the events are found, they are enough, and mostly none of them is too much.
#[test]
fn the_events_of_a_row_make_it_again() {
    const ROWS: usize = 3;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../social");
    let topology = Arc::new(load(&folder).unwrap_or_else(|error| panic!("{error}")));
    let lines = events(1);
    let latest = lines
        .iter()
        .filter_map(|line| line.split("\"occurred_at\":\"").nth(1)?.split('"').next())
        .max()
        .expect("events have times");
    let deployment = Deployment::replay(Arc::clone(&topology), &lines, options());
    deployment.catch_up();
    let (mut random, mut findings) = (Random::new(7), Findings::default());
    for view in deployment.views() {
        let rows: Vec<Row> = deployment.encoded_rows(&view).into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        if rows.is_empty() {
            continue;
        }
        let sample: Vec<Row> = (0..ROWS).map(|_| random.pick(&rows).clone()).collect();
        let answer = deployment.why(&view, sample.clone());
        for (row, found) in sample.iter().zip(&answer.rows) {
            if found.is_found && answer.unfinished.is_none() {
                findings.replay(&topology, (view.as_str(), row), found, latest, &mut random);
            } else {
                findings.unanswered.insert(view.clone(), format!("not found: {:?}", answer.unfinished));
            }
        }
    }
    findings.check(&topology);
    let Findings { tried, needed, .. } = findings;
    println!("{needed} of {tried} events were needed");
    assert!(tried > 100 && needed * 10 >= tried * 8, "only {needed} of {tried} events were needed for their rows");
}
