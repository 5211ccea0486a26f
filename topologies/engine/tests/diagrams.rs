//! Diagrams as `explain` prints them: `diagrams/*`, and that those of the social network hold together.
//!
//! `UPDATE_GOLDEN=1 cargo test --release --workspace --test topologies` writes them again.

use std::collections::BTreeSet;
use std::path::Path;

use language::diagram::{BoxKind, Diagram};
use language::explain;
use language::lineage::{lineage, text};
use language::load::load;
use schemas::lineage::{Lineage, LineageKind};

use crate::golden;
use crate::harness::topology;

/// A bit of everything: a table, views that are kept and not, indexes, one of them of words, a limit, a session, a common table
/// expression, sinks.
const SQL: &str = "
    CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
    CREATE TABLE posts (post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, text TEXT, created_at TIMESTAMPTZ NOT NULL);
    MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
      WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
      WHEN NOT MATCHED AND e.event_type = 'post.created' THEN
        INSERT VALUES (e.aggregate_id, e.created.author_id, e.created.text, e.occurred_at);
    CREATE INDEX ON posts (post_id);
    CREATE VIEW \"said \"\"so\"\"\" AS SELECT post_id, author_id, created_at FROM posts WHERE text <> '\"';
    CREATE MATERIALIZED VIEW author_posts AS
      WITH kept AS (SELECT * FROM \"said \"\"so\"\"\") SELECT author_id, created_at, post_id FROM kept;
    CREATE INDEX newest ON author_posts (author_id, created_at DESC) WITH (limit = 5);
    CREATE MATERIALIZED VIEW author_sessions AS
      SELECT author_id, window_start, count(*) AS posts
      FROM SESSION(posts, created_at, INTERVAL '30 minutes', author_id) GROUP BY author_id, window_start, window_end;
    CREATE INDEX ON author_sessions (author_id, window_start DESC);
    CREATE INDEX post_words ON posts USING FULLTEXT (text) INCLUDE (post_id);
    CREATE SINK posts_out FROM posts WITH (connector = 'log', topic = 'derived.posts', key = 'post_id') FORMAT UPSERT ENCODE JSON;
    CREATE SINK post_cache FROM posts WITH (connector = 'redis', type = 'invalidate', key = 'post:{post_id}', mode = 'version');
";

#[test]
fn diagrams_are_as_they_were_reviewed() {
    let topology = topology(SQL);
    let lineage = lineage(&topology);
    golden::check("diagrams/all.txt", &text(&lineage));
    golden::check("diagrams/all.dot", &Diagram::of(&lineage).to_dot());
    golden::check("diagrams/all.mmd", &Diagram::of(&lineage).to_mermaid());
    let plan = explain::diagram(&topology, "author_posts").unwrap();
    golden::check("diagrams/author_posts.dot", &plan.to_dot());
    golden::check("diagrams/author_posts.mmd", &plan.to_mermaid());
    assert_eq!(explain::diagram(&topology, "nothing"), None);
}

fn social() -> language::topology::Topology {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../social")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_lineage_of_the_social_network_has_every_relation_and_index_and_no_loose_ends() {
    let topology = social();
    let Lineage { nodes, edges } = lineage(&topology);
    let ids: BTreeSet<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(ids.len(), nodes.len(), "two nodes have one id");
    assert!(edges.iter().all(|edge| ids.contains(edge.from.as_str()) && ids.contains(edge.to.as_str())), "{edges:?}");
    assert!(topology.relations.keys().all(|name| ids.contains(name.as_str())));
    let indexes: usize = topology.served.iter().map(|served| served.view.indexes.len()).sum();
    assert_eq!(nodes.iter().filter(|node| matches!(node.kind, LineageKind::Index { .. })).count(), indexes);
    assert_eq!(nodes.iter().filter(|node| matches!(node.kind, LineageKind::Search { .. })).count(), topology.searches.len());
    for node in &nodes {
        assert_eq!(node.columns.is_empty(), matches!(node.kind, LineageKind::Sink { .. }), "the columns of '{}'", node.id);
        let reads_nothing = !edges.iter().any(|edge| edge.to == node.id);
        assert_eq!(reads_nothing, matches!(node.kind, LineageKind::Source { .. }), "'{}'", node.id);
    }
    let reads = |from: &str, to: &str| edges.iter().any(|edge| edge.from == from && edge.to == to);
    assert!(reads("post_events", "all_posts") && reads("all_posts", "living_posts") && reads("living_posts", "following_feed"));
    assert!(!reads("all_posts", "following_feed"), "what is read through a view is not read by itself");
}

#[test]
fn the_plan_of_every_view_is_a_diagram_that_ends_in_its_indexes() {
    let topology = social();
    for served in &topology.served {
        let diagram = explain::diagram(&topology, &served.view.name).unwrap();
        let indexes: Vec<usize> =
            (0..diagram.shapes.len()).filter(|&number| diagram.shapes[number].kind == BoxKind::Index).collect();
        assert_eq!(indexes.len(), served.view.indexes.len(), "'{}'", served.view.name);
        let read: BTreeSet<usize> = diagram.arrows.iter().map(|(from, _)| *from).collect();
        let loose: Vec<usize> = (0..diagram.shapes.len()).filter(|number| !read.contains(number)).collect();
        assert_eq!(loose, indexes, "'{}' has steps that nothing reads", served.view.name);
    }
}
