//! The fingerprints by which states, views and sinks are found again by a later version of the program: they may not change by themselves.
//!
//! `UPDATE_GOLDEN=1` writes the file again. A line of it that differs is a state that everybody has to compute from the log once more: only
//! a plan that changes on purpose, or a function that computes something else, may do that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use engine::follow;
use language::plan::graph::{CountBeyond, Join, Map, Operator, Reduce, Repeat, Semijoin, Session, TemporalFilter, TopK, Unnest, Window};
use language::plan::kept::{KeptStates, identities, plan_fingerprint, row_fingerprints, view_fingerprints};
use language::plan::scalar::Scalar;
use language::topology::Topology;

use crate::golden;
use crate::harness::topology;

const SQL: &str = include_str!("identities/topology.sql");

fn kind(operator: &Operator) -> &'static str {
    match operator {
        Operator::Source(_) => "source",
        Operator::Table(_) => "table",
        Operator::Constant(_) => "constant",
        Operator::Map(Map { .. }) => "map",
        Operator::TemporalFilter(TemporalFilter { .. }) => "temporal filter",
        Operator::Join(Join { .. }) => "join",
        Operator::Semijoin(Semijoin { anti: false, .. }) => "semijoin",
        Operator::Semijoin(Semijoin { anti: true, .. }) => "antijoin",
        Operator::CountBeyond(CountBeyond { .. }) => "count beyond",
        Operator::Reduce(Reduce { .. }) => "reduce",
        Operator::Distinct(_) => "distinct",
        Operator::TopK(TopK { .. }) => "top-k",
        Operator::Union(_) => "union",
        Operator::Unnest(Unnest { .. }) => "unnest",
        Operator::Repeat(Repeat { .. }) => "repeat",
        Operator::Session(Session { .. }) => "session",
        Operator::Window(Window { .. }) => "window",
    }
}

/// Everything with an identity, a line each.
fn text(topology: &Topology) -> String {
    let mut text = String::new();
    let mut line = |what: &str, name: &str, identity: &dyn std::fmt::Display| {
        writeln!(text, "{identity} {what} {name}").expect("a text can be written to");
    };
    line("plan", "", &plan_fingerprint(topology));
    KeptStates::of(topology).specs.iter().for_each(|state| line("state", &state.name, &state.fingerprint));
    view_fingerprints(topology).iter().for_each(|(name, identity)| line("view", name, identity));
    row_fingerprints(topology).iter().for_each(|(name, identity)| line("rows", name, identity));
    follow::identities(topology).iter().for_each(|(name, identity)| line("sink", name, identity));
    let (owners, of_nodes) = (topology.owners(), identities(topology));
    for node in topology.used_nodes() {
        line(kind(&topology.graph.nodes[node].operator), &owners[node], &of_nodes[node]);
    }
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The kinds of the expressions that a topology evaluates.
fn expression_kinds(topology: &Topology) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    let mut take = |scalar: &Scalar| {
        let Scalar::Computed(computed) = scalar else { return };
        let walked = computed.expression.apply(|part| {
            kinds.insert(part.variant_name().to_owned());
            Ok(TreeNodeRecursion::Continue)
        });
        walked.expect("walking does not fail");
    };
    for node in topology.used_nodes() {
        if let Operator::Map(Map { predicates, outputs, .. }) = &topology.graph.nodes[node].operator {
            predicates.iter().chain(outputs).for_each(&mut take);
        }
    }
    kinds
}

#[test]
fn fingerprints_are_what_they_were() {
    let planned = topology(SQL);
    let operators: BTreeSet<&str> =
        planned.used_nodes().into_iter().map(|node| kind(&planned.graph.nodes[node].operator)).collect();
    assert_eq!(operators.len(), 16, "the topology is to have every operator: {operators:?}");
    let expected = [
        "Between",
        "BinaryExpr",
        "Case",
        "Cast",
        "Column",
        "InList",
        "IsNotFalse",
        "IsNotNull",
        "IsNull",
        "IsTrue",
        "IsUnknown",
        "Like",
        "Literal",
        "Negative",
        "Not",
        "ScalarFunction",
    ];
    let found = expression_kinds(&planned);
    // The optimizer writes some in other words.
    let missing: Vec<_> = expected.into_iter().filter(|kind| !found.contains(*kind)).collect();
    assert!(missing.len() <= 3, "expressions of the kinds {missing:?} are missing from {found:?}");
    golden::check("identities/fingerprints.txt", &text(&planned));
}

/// Statements that differ in what is only for people, or in their order.
#[test]
fn names_and_places_are_no_part_of_a_state() {
    let state = |sql: &str| -> BTreeMap<String, String> {
        let states = KeptStates::of(&topology(sql));
        states.specs.into_iter().map(|state| (state.name, state.fingerprint.to_string())).collect()
    };
    let before = state(SQL);
    let renamed = SQL
        .replace("likes BIGINT NOT NULL", "hearts BIGINT NOT NULL")
        .replace("SET likes = p.likes + 1", "SET hearts = p.hearts + 1")
        .replace("p.likes > 1000", "p.hearts > 1000")
        .replace("likes", "hearts");
    assert_eq!(state(&renamed), before);
    // One more source before the others moves every number.
    let moved = format!(
        "CREATE SOURCE media_events WITH (connector = 'log', topic = 'social.media') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.MediaEvent', schema.location = 'media.proto');
         CREATE MATERIALIZED VIEW uploads AS SELECT event_type, count(*) AS n FROM media_events GROUP BY event_type;
         CREATE INDEX ON uploads (event_type);{SQL}"
    );
    let after = state(&moved);
    assert!(before.iter().all(|(name, identity)| after.get(name) == Some(identity)), "{before:?} {after:?}");
}

#[test]
fn what_a_state_depends_on_is_part_of_it() {
    let state = |sql: &str, name: &str| {
        let states = KeptStates::of(&topology(sql)).specs;
        let found = states.into_iter().find(|state| state.name == name);
        found.unwrap_or_else(|| panic!("there is no state '{name}'")).fingerprint.to_string()
    };
    let changes = [
        ("table posts", "p.likes + 1", "p.likes + 2"),
        ("table posts", "p.likes > 1000", "p.likes > 1001"),
        ("table posts", "0, 1.5, e.occurred_at", "0, 1.6, e.occurred_at"),
        ("table posts", "likes BIGINT NOT NULL", "likes BIGINT"),
        ("table posts", "partitions = 4", "partitions = 5"),
        (
            "table posts",
            "WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE",
            "WHEN MATCHED AND e.event_type = 'post.shared' THEN DELETE",
        ),
        ("table follows", "deduplication = '1 day'", "deduplication = '2 days'"),
        ("table follows", "FORMAT PLAIN ENCODE JSON", "FORMAT PLAIN ENCODE PROTOBUF"),
        ("deduplication of user_events", "deduplication = '1 day'", "deduplication = '2 days'"),
        ("event_counts", "max(occurred_at)", "min(occurred_at)"),
        ("recent", "INTERVAL '1 hour'", "INTERVAL '2 hours'"),
    ];
    for (name, from, to) in changes {
        let changed = SQL.replace(from, to);
        assert_ne!(changed, SQL, "'{from}' is not in the topology");
        assert_ne!(state(&changed, name), state(SQL, name), "'{name}' with '{to}' instead of '{from}'");
    }
}
