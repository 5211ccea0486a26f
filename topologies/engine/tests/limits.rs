//! Limits of one event: values, lists and joins have limits, and what exceeds one is quarantined by itself.

use engine::event_limits::EventLimits;
use engine::run::Options;
use language::load::{build, inline_beside};
use language::parse::TREE_DEPTH_MAX;
use schemas::dead_letter::Reason;
use schemas::field::Value;

use crate::harness::{Deployment, Producer, options, topology};

const NOTES: &str = "\
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE notes (note_id BIGINT PRIMARY KEY, text TEXT NOT NULL, number BIGINT, at TIMESTAMPTZ NOT NULL);
MERGE INTO notes USING post_events e ON notes.note_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.text, e.created.video_id, e.occurred_at);
";

/// A number that is much too large for whatever is made so many times.
const HUGE: u64 = 300_000_000_000;

struct Notes {
    deployment: Deployment,
    producer: Producer,
}

impl Notes {
    fn with(views: &str, options: Options) -> Self {
        Self { deployment: Deployment::start(topology(&format!("{NOTES}{views}")), options), producer: Producer::default() }
    }

    fn line(&self, note: u64, text: &str, number: u64) -> String {
        let payload = format!(r#"{{"author_id":"1","text":"{text}","visibility":"public","video_id":"{number}"}}"#);
        self.producer.post("post.created", note, 1, &payload)
    }

    /// The ids of a view's rows.
    fn ids(&self, view: &str) -> Vec<i64> {
        ids(&self.deployment, view)
    }

    /// The details of the errors of a view.
    fn details(&self, view: &str) -> Vec<String> {
        let errors = self.deployment.row_errors().into_iter().filter(|(error, _)| error.relation == view);
        errors.map(|(error, _)| error.detail).collect()
    }
}

fn ids(deployment: &Deployment, view: &str) -> Vec<i64> {
    let id = |row: &Vec<Value<'_>>| match row[0] {
        Value::Int(id) => id,
        ref other => panic!("{other:?} is no id"),
    };
    deployment.rows(view).iter().map(id).collect()
}

/// Expressions that make as much as `number` says, or more than the text of the third note.
const AMPLIFYING: [&str; 11] = [
    "lpad(text, number)",
    "rpad(text, number, 'ab')",
    "repeat(text, number)",
    "replace(text, 'x', repeat('y', CAST(number AS BIGINT)))",
    "lpad(text, number) || 'end'",
    "CASE WHEN number > 0 THEN upper(lpad(text, number)) ELSE text END",
    "char_length(rpad('', number))",
    "concat(repeat(text, number), text)",
    "regexp_replace(repeat(text, number), '(.)', '\\1\\1', 'g')",
    "translate(repeat(text, number), 'x', 'y')",
    "array_length(string_to_array(repeat(text, number), 'x'))",
];

#[test]
fn an_expression_that_would_make_too_much_fails_for_its_row_alone() {
    let mut views = String::new();
    for (number, expression) in AMPLIFYING.iter().enumerate() {
        views += &format!(
            "CREATE MATERIALIZED VIEW v{number} AS SELECT note_id, {expression} AS made FROM notes;\nCREATE INDEX ON v{number} (note_id);\n"
        );
    }
    let notes = Notes::with(&views, options());
    // All in one request, so that they are in one epoch and in one batch.
    notes.deployment.ingest(&[notes.line(1, "x", 3), notes.line(2, "x", HUGE), notes.line(3, "x", 4)]);
    for (number, expression) in AMPLIFYING.iter().enumerate() {
        let view = format!("v{number}");
        assert_eq!(notes.ids(&view), [1, 3], "{expression}: {:?}", notes.details(&view));
        let details = notes.details(&view);
        assert!(matches!(&details[..], [detail] if is_a_limit(detail)), "{expression}: {details:?}");
    }
}

fn is_a_limit(detail: &str) -> bool {
    detail.contains("a value has at most 1048576")
}

#[test]
fn a_series_of_times_without_end_fails_for_its_row_alone() {
    let views = "CREATE MATERIALIZED VIEW series AS SELECT n.note_id, count(*) AS n FROM notes n CROSS JOIN LATERAL generate_series(
           n.at, n.at + INTERVAL '200 years', CASE WHEN n.number > 100 THEN INTERVAL '1 second' ELSE INTERVAL '150 years' END) AS s(t)
           GROUP BY n.note_id;
         CREATE INDEX ON series (note_id);";
    let notes = Notes::with(views, options());
    notes.deployment.ingest(&[notes.line(1, "x", 3), notes.line(2, "x", HUGE), notes.line(3, "x", 4)]);
    assert_eq!(notes.ids("series"), [1, 3], "{:?}", notes.details("series"));
    assert!(matches!(&notes.details("series")[..], [detail] if is_a_limit(detail)), "{:?}", notes.details("series"));
}

#[test]
fn what_grows_with_the_square_of_a_text_fails_for_its_row_alone() {
    let views = "CREATE MATERIALIZED VIEW squares AS SELECT note_id, replace(text, 'x', text) AS made FROM notes;
         CREATE INDEX ON squares (note_id);
         CREATE MATERIALIZED VIEW patterns AS SELECT note_id, regexp_replace(text, 'x', text, 'g') AS made FROM notes;
         CREATE INDEX ON patterns (note_id);
         CREATE VIEW twice AS SELECT note_id, text || text AS t FROM notes;
         CREATE VIEW four AS SELECT note_id, t || t AS t FROM twice;
         CREATE MATERIALIZED VIEW eight AS SELECT note_id, t || t AS t FROM four;
         CREATE INDEX ON eight (note_id);";
    let notes = Notes::with(views, options());
    let long = "x".repeat(200_000);
    notes.deployment.ingest(&[notes.line(1, "xx", 0), notes.line(2, &long, 0), notes.line(3, "axb", 0)]);
    for view in ["squares", "patterns", "eight"] {
        assert_eq!(notes.ids(view), [1, 3], "{view}");
        assert!(matches!(&notes.details(view)[..], [detail] if is_a_limit(detail)), "{view}: {:?}", notes.details(view));
    }
}

#[test]
fn large_values_are_computed_in_parts_and_all_of_them_are_there() {
    let views = "CREATE MATERIALIZED VIEW padded AS SELECT note_id, char_length(lpad(text, number)) AS n FROM notes;
         CREATE INDEX ON padded (note_id);";
    let notes = Notes::with(views, options());
    // 200 values of a million bytes in one batch are more than are made at once.
    let lines: Vec<String> = (1..=200).map(|note| notes.line(note, "x", 1_000_000)).collect();
    notes.deployment.ingest(&lines);
    assert_eq!(notes.ids("padded"), (1..=200).collect::<Vec<i64>>());
    assert!(notes.deployment.row_errors().is_empty());
}

#[test]
fn a_group_whose_texts_are_too_long_together_is_quarantined_by_itself() {
    let views = "CREATE MATERIALIZED VIEW joined AS SELECT number, string_agg(text, ', ' ORDER BY note_id) AS t FROM notes GROUP BY number;
         CREATE INDEX ON joined (number);
         CREATE MATERIALIZED VIEW listed AS SELECT number, array_agg(text ORDER BY note_id) AS t FROM notes GROUP BY number;
         CREATE INDEX ON listed (number);";
    let notes = Notes::with(views, options());
    let long = "x".repeat(200_000);
    let lines: Vec<String> = (1..=8).map(|note| notes.line(note, &long, 7)).chain([notes.line(9, "x", 8)]).collect();
    notes.deployment.ingest(&lines);
    for view in ["joined", "listed"] {
        assert_eq!(notes.ids(view), [8], "{view}");
        assert!(
            matches!(&notes.details(view)[..], [detail] if detail.contains("1048576 bytes")),
            "{view}: {:?}",
            notes.details(view)
        );
    }
}

/// The place and text of every error of these statements, and how long it took to find them.
fn refused(views: &str) -> Vec<(usize, usize, String)> {
    let diagnostics = build(&inline_beside("t.sql", &format!("{NOTES}{views}"), &testkit::social::proto_files())).err().unwrap_or_default();
    let said = diagnostics.into_iter().map(|one| (one.location.line as usize, one.location.column as usize, one.message));
    said.collect()
}

#[test]
fn a_constant_that_costs_too_much_is_refused_at_its_place_at_once() {
    let cases = [
        ("SELECT note_id, repeat('x', 1000000000) AS r FROM notes;", "repeat"),
        ("SELECT note_id, lpad('x', 300000000000) AS r FROM notes;", "lpad"),
        ("SELECT note_id, text || repeat('x', 500 * 1000000) AS r FROM notes;", "repeat"),
        ("SELECT note_id, repeat(text, 2) || repeat('y', 1000000000) AS r FROM notes;", "repeat('y'"),
        ("SELECT note_id, repeat(s, 1000000000) AS r FROM (SELECT note_id, text, 'x' AS s FROM notes) n;", "repeat"),
        ("SELECT note_id, CASE WHEN number > 0 THEN rpad('', 2000000000) END AS r FROM notes;", "rpad"),
        ("SELECT note_id FROM notes WHERE text = repeat('x', 1000000000);", "repeat"),
    ];
    for (query, call) in cases {
        let said = refused(&format!("CREATE MATERIALIZED VIEW v AS\n{query}"));
        let [(line, column, message)] = &said[..] else { panic!("{query}: {said:?}") };
        assert!(message.contains("a value has at most 1048576"), "{query}: {message}");
        assert_eq!((*line, Some(*column)), (6, query.find(call).map(|at| at + 1)), "{query}");
    }
    // Known only when one view is put into another.
    let said = refused(
        "CREATE VIEW inner_view AS SELECT note_id, 1000000000 AS n FROM notes;
CREATE MATERIALIZED VIEW v AS SELECT note_id, repeat('x', n) AS r FROM inner_view;",
    );
    assert!(matches!(&said[..], [(6, _, message)] if message.contains("'repeat'")), "{said:?}");
    let clause =
        "  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, repeat('x', 1000000000));";
    let said = refused(&format!(
        "CREATE TABLE others (note_id BIGINT PRIMARY KEY, text TEXT);
MERGE INTO others USING post_events e ON others.note_id = e.aggregate_id
{clause}"
    ));
    let [(7, column, message)] = &said[..] else { panic!("{said:?}") };
    assert!(message.contains("'repeat'") && Some(*column) == clause.find("repeat").map(|at| at + 1), "{said:?}");
}

#[test]
fn queries_that_expand_without_end_are_refused_at_once() {
    let level = |number: usize, select: &str| format!(", w{} AS (SELECT {select} FROM w{number})", number + 1);
    let text: String = (0..60).map(|number| level(number, "note_id, t || t AS t")).collect();
    let relation: String = (0..60)
        .map(|number| {
            format!(", w{} AS (SELECT a.note_id, a.t FROM w{number} a JOIN w{number} b ON a.note_id = b.note_id)", number + 1)
        })
        .collect();
    for (levels, said_of) in [(text, "parts"), (relation, "operators")] {
        let query = format!("WITH w0 AS (SELECT note_id, text AS t FROM notes){levels} SELECT note_id, t FROM w60 WHERE t > 'a'");
        let said = refused(&format!("CREATE MATERIALIZED VIEW v AS {query};"));
        assert!(matches!(&said[..], [(.., message)] if message.contains(said_of)), "{said:?}");
    }
}

#[test]
fn a_coalesce_in_a_coalesce_does_not_double_without_end() {
    let nested = |levels: usize| format!("{}number{}", "coalesce(1 + ".repeat(levels), ", 0)".repeat(levels));
    assert_eq!(refused(&format!("CREATE MATERIALIZED VIEW v AS SELECT note_id, {} AS n FROM notes;", nested(8))), []);
    let said = refused(&format!("CREATE MATERIALIZED VIEW v AS SELECT note_id, {} AS n FROM notes;", nested(30)));
    assert!(matches!(&said[..], [(.., message)] if message.contains("COALESCE")), "{said:?}");
    let levels: String =
        (0..60).map(|number| format!(", w{} AS (SELECT note_id, coalesce(n + 1, 0) AS n FROM w{number})", number + 1)).collect();
    let query = format!("WITH w0 AS (SELECT note_id, number AS n FROM notes){levels} SELECT note_id, n FROM w60 WHERE n > 5");
    let said = refused(&format!("CREATE MATERIALIZED VIEW v AS {query};"));
    assert!(matches!(&said[..], [(.., message)] if message.contains("COALESCE")), "{said:?}");
    let said = refused(&format!(
        "CREATE TABLE others (note_id BIGINT PRIMARY KEY, n BIGINT);
MERGE INTO others USING post_events e ON others.note_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, {});",
        nested(30).replace("number", "e.created.video_id")
    ));
    assert!(matches!(&said[..], [(.., message)] if message.contains("COALESCE")), "{said:?}");
}

#[test]
fn workers_compute_a_statement_at_the_limit_of_nesting() {
    let joined = format!("text{}", " || 'x'".repeat(TREE_DEPTH_MAX));
    let conditions: Vec<String> = (2..TREE_DEPTH_MAX).map(|n| format!("number + note_id <> {n}")).collect();
    let brackets = format!("{}number{}", "CASE WHEN number > 0 THEN 1 + 1 ELSE ".repeat(31), " END".repeat(31));
    let views = format!(
        "CREATE MATERIALIZED VIEW deep AS SELECT note_id, {joined} AS made, {} AS other, {brackets} AS one FROM notes;
         CREATE INDEX ON deep (note_id);",
        conditions.join(" AND ")
    );
    for workers in [1, 2] {
        let notes = Notes::with(&views, Options { workers, ..options() });
        notes.deployment.ingest(&[notes.line(1, "x", 0), notes.line(2, "x", 5)]);
        let made = || Value::Text("x".repeat(TREE_DEPTH_MAX + 1).into());
        let row = |note: i64, other: bool, one: i64| vec![Value::Int(note), made(), Value::Boolean(other), Value::Int(one)];
        assert_eq!(notes.deployment.rows("deep"), [row(1, true, 0), row(2, false, 2)]);
    }
    let deeper = format!("CREATE MATERIALIZED VIEW v AS SELECT note_id, {joined} || 'x' AS made FROM notes;");
    let said = refused(&deeper);
    assert!(matches!(&said[..], [(.., message)] if message.contains("follow one another")), "{said:?}");
}

#[test]
fn a_long_chain_of_views_neither_overflows_the_stack_nor_expands_without_end() {
    let mut views = String::from("CREATE VIEW c0 AS SELECT note_id, text AS t, number AS n FROM notes;\n");
    for level in 1..=300 {
        let one = (0..10).map(|_| " + 1").collect::<String>();
        views +=
            &format!("CREATE VIEW c{level} AS SELECT note_id, substr(t || t, 1, 10) AS t, n{one} AS n FROM c{};\n", level - 1);
    }
    views += "CREATE MATERIALIZED VIEW chain AS SELECT note_id, n, t FROM c300;\nCREATE INDEX ON chain (note_id);\n";
    let notes = Notes::with(&views, options());
    notes.deployment.ingest(&[notes.line(1, "x", 5)]);
    let rows = notes.deployment.rows("chain");
    assert_eq!(rows, [[Value::Int(1), Value::Int(3_005), Value::Text("xxxxxxxxxx".into())]]);
}

#[test]
fn a_list_is_not_repeated_for_each_of_its_elements_and_a_row_that_carries_too_much_is_quarantined() {
    let views = "CREATE VIEW words AS SELECT note_id, text, string_to_array(text, ' ') AS parts FROM notes;
         CREATE MATERIALIZED VIEW linear AS SELECT note_id, count(*) AS n FROM (SELECT note_id, unnest(parts) AS part FROM words) u GROUP BY note_id;
         CREATE INDEX ON linear (note_id);
         CREATE MATERIALIZED VIEW carried AS SELECT note_id, max(char_length(body)) AS n
           FROM (SELECT note_id, text || '.' AS body, unnest(parts) AS part FROM words) u GROUP BY note_id;
         CREATE INDEX ON carried (note_id);";
    // The list has 600 kB, and the rows of its elements, if each had it, 12 GB.
    let tight = Options { event_limits: EventLimits { rows: 1_000_000, bytes: 64 << 20 }, ..options() };
    let notes = Notes::with(views, tight);
    let long = vec!["x"; 20_000].join(" ");
    notes.deployment.ingest(&[notes.line(1, "a b", 0)]);
    notes.deployment.ingest(&[notes.line(2, &long, 0)]);
    assert_eq!(notes.ids("linear"), [1, 2]);
    assert_eq!(notes.ids("carried"), [1], "its text of 40 kB is carried 20,000 times");
    assert!(matches!(&notes.details("carried")[..], [detail] if detail.contains("20000 rows")), "{:?}", notes.details("carried"));
    assert_eq!(notes.deployment.dead_letter_reasons(), []);
}

const PAIRS: &str = "\
CREATE VIEW members AS SELECT note_id, unnest(string_to_array(text, ' ')) AS member FROM notes;
CREATE MATERIALIZED VIEW pairs AS SELECT a.note_id, a.member AS one, b.member AS other FROM members a JOIN members b ON a.note_id = b.note_id;
CREATE INDEX ON pairs (note_id);
CREATE MATERIALIZED VIEW sizes AS SELECT note_id, count(*) AS n FROM members GROUP BY note_id;
CREATE INDEX ON sizes (note_id);
";

fn group(members: usize) -> String {
    (0..members).map(|member| format!("m{member}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_event_of_which_a_join_makes_too_much_is_a_dead_letter_and_all_others_are_visible() {
    for workers in [1, 3] {
        let tight = || Options { workers, event_limits: EventLimits { rows: 100_000, bytes: 64 << 20 }, ..options() };
        let notes = Notes::with(PAIRS, tight());
        notes.deployment.ingest(&[notes.line(1, &group(10), 0)]);
        // Of 3,000 members there are nine million pairs.
        let mixed = [notes.line(2, &group(20), 0), notes.line(3, &group(3_000), 0), notes.line(4, &group(30), 0)];
        notes.deployment.ingest(&mixed);
        notes.deployment.ingest(&[notes.line(5, &group(2), 0)]);
        assert_eq!(notes.ids("sizes"), [1, 2, 4, 5]);
        assert_eq!(notes.ids("pairs").len(), 100 + 400 + 900 + 4);
        let letters = notes.deployment.dead_letter_reasons();
        assert!(
            matches!(&letters[..], [(Reason::OverBudget, detail)] if detail.contains("'pairs'") && detail.contains("100000 rows")),
            "{letters:?}"
        );
        let before = notes.deployment.bytes();
        let shared = notes.deployment.topology.clone();
        let again = notes.deployment.restart(shared, tight());
        assert_eq!(again.bytes(), before, "a restart comes to the same rows");
        assert_eq!(again.dead_letter_reasons(), letters);
        again.ingest(&[notes.producer.post(
            "post.created",
            6,
            1,
            r#"{"author_id":"1","text":"a b","visibility":"public","video_id":"0"}"#,
        )]);
        assert_eq!(ids(&again, "sizes"), [1, 2, 4, 5, 6]);
    }
}

#[test]
fn an_epoch_whose_events_make_too_much_only_together_is_computed() {
    let tight = Options { event_limits: EventLimits { rows: 20_000, bytes: 64 << 20 }, ..options() };
    let notes = Notes::with(PAIRS, tight);
    let lines: Vec<String> = (1..=40).map(|note| notes.line(note, &group(80), 0)).collect();
    notes.deployment.ingest(&lines);
    assert_eq!(notes.ids("sizes"), (1..=40).collect::<Vec<i64>>());
    assert_eq!(notes.deployment.dead_letter_reasons(), []);
}
