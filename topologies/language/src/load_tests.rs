//! Statements that are told apart by their order: names that are dropped and created again, and errors that follow from others.

use super::*;
use crate::lineage::{lineage, text};
use crate::plan::graph::{NodeId, Operator, Session};

/// A source of the events of posts.
const POSTS: &str = "CREATE SOURCE a WITH (connector = 'log', topic = 'social.post', partitions = 8) \
                     FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');";
/// Another source of the same name, of the events of users.
const USERS: &str = "CREATE SOURCE a WITH (connector = 'log', topic = 'social.user') \
                     FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent', schema.location = 'user.proto');";

/// Statements with the messages that they name.
fn beside_messages(text: &str) -> Vec<SourceFile> {
    inline_beside("test.sql", text, &testkit::social::proto_files())
}

fn planned(text: &str) -> Topology {
    build(&beside_messages(text)).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn refused(text: &str) -> Vec<Diagnostic> {
    match build(&beside_messages(text)) {
        Ok(_) => panic!("it is accepted: {text}"),
        Err(errors) => errors,
    }
}

/// The names of the columns of a relation.
fn columns<'t>(topology: &'t Topology, relation: &str) -> Vec<&'t str> {
    topology.declarations[relation].columns.iter().map(|column| column.name.as_str()).collect()
}

/// The numbers of the tables from which a node is computed.
fn tables_of(topology: &Topology, node: NodeId) -> BTreeSet<usize> {
    let mut open = vec![node];
    let mut tables = BTreeSet::new();
    while let Some(node) = open.pop() {
        tables.extend(topology.table_at(node));
        open.extend(topology.graph.nodes[node].operator.inputs());
    }
    tables
}

#[test]
fn a_view_reads_the_last_table_of_a_name() {
    let topology = planned(&format!(
        "{POSTS}
         CREATE TABLE t (id BIGINT PRIMARY KEY, label TEXT);
         DROP TABLE t;
         CREATE TABLE t (post BIGINT PRIMARY KEY, author BIGINT);
         MERGE INTO t USING a e ON t.post = e.aggregate_id
           WHEN NOT MATCHED THEN INSERT VALUES (e.aggregate_id, e.created.author_id);
         CREATE MATERIALIZED VIEW v AS SELECT * FROM t WHERE author > 1;"
    ));
    assert_eq!(columns(&topology, "v"), ["post", "author"]);
    let tables = tables_of(&topology, topology.relations["v"]);
    let read: Vec<&crate::topology::Table> = tables.iter().map(|&number| &topology.tables[number]).collect();
    assert!(matches!(&read[..], [table] if table.columns[1].name == "author" && !table.merges.is_empty()), "{read:?}");
    assert!(text(&lineage(&topology)).contains("table   t (post)"), "{}", text(&lineage(&topology)));
}

#[test]
fn a_merge_reads_the_last_source_of_a_name() {
    for before in [format!("{USERS} DROP SOURCE a;"), format!("{POSTS} DROP SOURCE a; {USERS} DROP SOURCE a;")] {
        let topology = planned(&format!(
            "{before} {POSTS}
             CREATE TABLE t (id BIGINT PRIMARY KEY, author BIGINT);
             MERGE INTO t USING a e ON t.id = e.aggregate_id
               WHEN NOT MATCHED THEN INSERT VALUES (e.aggregate_id, e.created.author_id);"
        ));
        let merge = topology.tables[0].merges.first().expect("a MERGE");
        assert_eq!(topology.sources[merge.source].schema.topic(), "social.post", "{before}");
        assert!(text(&lineage(&topology)).contains("source  a  from topic social.post"), "{before}");
    }
}

#[test]
fn a_source_takes_the_place_of_a_dropped_one_of_its_topic() {
    let renamed = POSTS.replace("SOURCE a", "SOURCE b").replace("partitions = 8", "partitions = 2");
    let topology = planned(&format!("{POSTS} DROP SOURCE a; {renamed} CREATE VIEW v AS SELECT event_id FROM b;"));
    let sources: Vec<(&str, u32)> = topology.sources.iter().map(|source| (source.name.as_str(), source.partitions)).collect();
    assert_eq!(sources, [("b", 2)]);
    let raw = refused(&format!("{POSTS} DROP SOURCE a; {renamed} CREATE MATERIALIZED VIEW v AS SELECT event_id FROM b;"));
    assert!(raw.len() == 1 && raw[0].message.contains("every event of source 'b'"), "{raw:?}");
    let twice = refused(&format!("{POSTS} {renamed}"));
    assert!(twice.len() == 1 && twice[0].message.contains("already read by source 'a'"), "{twice:?}");
}

#[test]
fn sessions_are_those_of_the_last_relation_of_a_name() {
    let view =
        |column: &str| format!("CREATE VIEW v AS SELECT {column}, window_start FROM SESSION(t, moment, INTERVAL '1 minute');");
    let topology = planned(&format!(
        "CREATE TABLE t (id BIGINT PRIMARY KEY, moment TIMESTAMPTZ NOT NULL);
         {}
         DROP VIEW v;
         DROP TABLE t;
         CREATE TABLE t (moment TIMESTAMPTZ NOT NULL, other BIGINT PRIMARY KEY);
         {}",
        view("id"),
        view("other")
    ));
    assert_eq!(columns(&topology, "v"), ["other", "window_start"]);
    assert_eq!(tables_of(&topology, topology.relations["v"]), BTreeSet::from([1]));
    let times = topology.graph.nodes.iter().filter_map(|node| match &node.operator {
        Operator::Session(Session { time, .. }) => Some(*time),
        _ => None,
    });
    assert_eq!(times.collect::<Vec<_>>(), [1, 0], "the time is another column of the second table");
}

#[test]
fn views_that_need_one_another_are_told_where_nothing_else_is() {
    let circle = "CREATE VIEW a AS SELECT id FROM b; CREATE VIEW b AS SELECT id FROM a;";
    let lines: Vec<String> = refused(circle).into_iter().map(|error| error.message).collect();
    assert_eq!(lines, ["relation 'b' does not exist", "relation 'a' does not exist"]);
    let missing = "CREATE VIEW a AS SELECT n.id FROM nowhere n JOIN b ON n.id = b.id; CREATE VIEW b AS SELECT id FROM a;";
    let lines: Vec<String> = refused(missing).into_iter().map(|error| error.message).collect();
    assert_eq!(lines, ["relation 'nowhere' does not exist"]);
}

#[test]
fn a_constant_that_the_optimiser_makes_has_the_limits_of_a_value() {
    let view = |bytes: usize| {
        format!(
            "CREATE TABLE t (id BIGINT PRIMARY KEY);
             CREATE MATERIALIZED VIEW v AS SELECT id, repeat('x', {bytes}) || repeat('y', {bytes}) AS text FROM t;"
        )
    };
    assert_eq!(columns(&planned(&view(500_000)), "v"), ["id", "text"]);
    let errors = refused(&view(600_000));
    let said = "the value has 1200000 bytes, and a value has at most 1048576";
    assert!(errors.len() == 1 && errors[0].message == said && errors[0].location.line == 2, "{errors:?}");
}

#[test]
fn too_many_files_of_messages_and_two_of_one_name_are_refused_at_their_places() {
    let refused = |paths: Vec<String>| {
        let notes = "CREATE SOURCE a (id BIGINT) WITH (connector = 'log', topic = 'notes') FORMAT PLAIN ENCODE JSON;";
        let mut files = vec![inline("a/test.sql", notes)];
        files.extend(paths.iter().map(|path| inline(path, "syntax = 'proto3';")));
        build(&files).err().map(|errors| (errors[0].location.file.to_string(), errors[0].message.clone()))
    };
    let numbered = |count: usize| (0..count).map(|number| format!("a/{number}.proto")).collect();
    assert_eq!(refused(numbered(PROTO_FILES_MAX)), None);
    let (place, message) = refused(numbered(PROTO_FILES_MAX + 1)).expect("one file too many");
    assert!(place == "a/256.proto" && message.contains("257 .proto files, and at most 256"), "{place}: {message}");
    let (place, message) = refused(vec!["a/x.proto".into(), "b/x.proto".into()]).expect("two files of one name");
    assert!(place == "b/x.proto" && message.contains("'a/x.proto' has the name 'x.proto' too"), "{place}: {message}");
}

#[test]
fn the_topics_of_sources_tables_and_sinks_are_read_without_a_plan() {
    let json = USERS.replace("PROTOBUF", "JSON");
    let table = "CREATE TABLE p (id BIGINT PRIMARY KEY) WITH (connector = 'log', topic = 'p') FORMAT UPSERT ENCODE JSON;";
    let sink = "CREATE SINK s FROM p WITH (connector = 'log', topic = 'p_out') FORMAT UPSERT ENCODE JSON;";
    let files = [inline("test.sql", &format!("{POSTS} {json} {table} {sink} DROP SOURCE a;")), inline("x.proto", "no statement")];
    let expected = [("p", Encoding::Json), ("social.post", Encoding::Protobuf), ("social.user", Encoding::Json)];
    let declared = |files: &[SourceFile]| declared_topics(files).unwrap();
    assert_eq!(declared(&files).derived, [Topic::new("p_out")].into());
    assert_eq!(declared(&files).encodings, expected.map(|(topic, encoding)| (Topic::new(topic), encoding)).into());
    assert!(declared(&[inline("test.sql", "no statement")]).encodings.is_empty());
    let earlier = "CREATE SOURCE a WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE JSON (message = 'a.B');";
    let expected = [(Topic::new("t"), Encoding::Json)].into();
    assert_eq!(declared(&[inline("test.sql", earlier)]).encodings, expected, "statements of a version with messages built in");
}
