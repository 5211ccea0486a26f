//! Every form of statement, and scripts that are cut or nested as no one would write them.

use datafusion_sql::sqlparser::ast::Spanned;

use schemas::serving::Language;

use super::*;
use crate::stack::on_deep_stack;

/// Statements that architecture documents show, as far as they can be deployed.
const SCRIPT: &str = "\
-- posts, and who reads them: größer, 🎉
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');

CREATE TABLE posts (post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, text TEXT, created_at TIMESTAMPTZ);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id          -- continuous
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET text = e.updated.text
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.author_id, e.created.text, e.occurred_at);

CREATE MATERIALIZED VIEW following_feed AS SELECT f.follower_id AS user_id, p.* FROM follows f JOIN posts p ON p.author_id = f.followee_id
  WHERE NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_id = f.follower_id AND b.blocked_id = p.author_id);
CREATE INDEX ON following_feed (user_id, created_at DESC, post_id) WITH (limit = 600); /* an index /* is */ an order */
CREATE POLICY own_feed ON following_feed FOR SELECT USING (user_id = jwt('sub'));
GRANT SELECT ON posts, trending TO PUBLIC;
DROP MATERIALIZED VIEW IF EXISTS old_feed;
";

fn file(text: &str) -> SourceFile {
    SourceFile { path: "social.sql".into(), text: text.into() }
}

fn statements(text: &str) -> Vec<StatementKind> {
    let statements = parse(&[file(text)]).unwrap_or_else(|errors| panic!("{text}\n{}", errors[0]));
    statements.into_iter().map(|statement| statement.kind).collect()
}

fn statement(text: &str) -> StatementKind {
    let mut all = statements(text);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn texts(names: &[Name]) -> Vec<&str> {
    names.iter().map(|name| name.text.as_str()).collect()
}

#[test]
fn reads_the_script_of_the_architecture() {
    let kinds = statements(SCRIPT);
    let names: Vec<&str> = kinds.iter().map(kind_name).collect();
    assert_eq!(names, ["source", "table", "merge", "view", "index", "policy", "grant", "drop"]);
}

fn kind_name(kind: &StatementKind) -> &'static str {
    match kind {
        StatementKind::CreateSource { .. } => "source",
        StatementKind::CreateTable { .. } => "table",
        StatementKind::Merge { .. } => "merge",
        StatementKind::InsertRows { .. } => "rows",
        StatementKind::CreateView { .. } => "view",
        StatementKind::CreateIndex { .. } => "index",
        StatementKind::CreateSearchIndex { .. } => "full-text index",
        StatementKind::CreatePolicy { .. } => "policy",
        StatementKind::Grant { .. } => "grant",
        StatementKind::CreateSink { .. } => "sink",
        StatementKind::Drop { .. } => "drop",
    }
}

#[test]
fn a_file_may_hold_nothing() {
    for text in ["", " \n\t", ";;", "-- only a comment", "/* one */;\n", "\u{feff}"] {
        assert!(statements(text).is_empty(), "{text:?}");
    }
}

#[test]
fn source_with_every_option() {
    let text = r"create source Clicks with (CONNECTOR = 'log', topic = E'it\'s', partitions = 8,
        deduplication = '1 day 12 hours', retention = '30days') format plain encode json (message = 'a.B', schema.location = 'a.proto')";
    let StatementKind::CreateSource { name, connector, topic, events, encoding, partitions, deduplication, retention, .. } =
        statement(text)
    else {
        panic!("not a source");
    };
    assert_eq!((name.text.as_str(), connector, encoding), ("clicks", &schemas::source_connector::SOURCE_LOG, Encoding::Json));
    let SourceEvents::Schema(events) = events else { panic!("the events have a message") };
    assert_eq!((topic.as_str(), events.message.text.as_str(), partitions), ("it's", "a.B", Some(8)));
    assert_eq!(events.location.map(|location| location.text).as_deref(), Some("a.proto"));
    assert!(events.deduplication.is_some() && events.event_time.is_none() && events.told_apart_by.is_empty());
    assert_eq!(deduplication, Some(36 * 3_600_000_000));
    assert_eq!(retention, Some(30 * 86_400_000_000));
}

#[test]
fn source_without_options_that_can_be_left_out() {
    let text = "CREATE SOURCE s WITH (topic = 'it''s', connector = 'log') FORMAT PLAIN ENCODE PROTOBUF (message = 'a.B');";
    let StatementKind::CreateSource { topic, topic_location, encoding, partitions, deduplication, retention, .. } =
        statement(text)
    else {
        panic!("not a source");
    };
    assert_eq!((topic.as_str(), encoding), ("it's", Encoding::Protobuf));
    assert_eq!((topic_location.column, topic_location.length), (31, 7));
    assert_eq!((partitions, deduplication, retention), (None, None, None));
}

#[test]
fn table_with_a_key_of_one_column_or_more() {
    let one =
        "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, \"Text\" VARCHAR(20) NULL, tags TEXT[] NOT NULL, n NUMERIC(10, 2))";
    let StatementKind::CreateTable { columns, primary_key, .. } = statement(one) else { panic!("not a table") };
    let shown: Vec<(String, String, bool)> =
        columns.iter().map(|column| (column.name.text.clone(), column.data_type.to_string(), column.not_null)).collect();
    let expected =
        [("id", "BIGINT", true), ("Text", "VARCHAR(20)", false), ("tags", "TEXT[]", true), ("n", "NUMERIC(10,2)", false)];
    assert_eq!(shown, expected.map(|(name, data_type, not_null)| (name.into(), data_type.into(), not_null)));
    assert_eq!(texts(&primary_key), ["id"]);
    assert_eq!((columns[1].data_type_location.column, columns[1].data_type_location.length), (56, 11));

    let two = "CREATE TABLE t (a BIGINT, PRIMARY KEY (b, a), b TEXT, c DOUBLE PRECISION)";
    let StatementKind::CreateTable { columns, primary_key, .. } = statement(two) else { panic!("not a table") };
    assert_eq!(texts(&primary_key), ["b", "a"]);
    assert_eq!(columns.iter().map(|column| column.not_null).collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn merge_with_every_clause() {
    let text = "MERGE INTO posts AS p USING post_events ON p.id = post_events.id
        WHEN NOT MATCHED BY TARGET AND x > 1 THEN INSERT (id, \"Text\") VALUES (post_events.id, 'a' || b)
        WHEN NOT MATCHED THEN DO NOTHING
        WHEN MATCHED AND a THEN UPDATE SET a = 1, b = b + 1
        WHEN MATCHED AND CASE WHEN a THEN b ELSE c END THEN DO NOTHING
        WHEN MATCHED THEN RAISE 'it is ' || p.state WHEN MATCHED THEN DELETE";
    let StatementKind::Merge { table, target_alias, source, source_alias, on, clauses } = statement(text) else {
        panic!("not a merge");
    };
    let MergeSource::Relation(source) = source else { panic!("not a source") };
    assert_eq!((table.text.as_str(), source.text.as_str()), ("posts", "post_events"));
    assert_eq!((target_alias.map(|name| name.text), source_alias), (Some("p".into()), None));
    assert_eq!(on.to_string(), "p.id = post_events.id");
    let shown: Vec<String> = clauses.iter().map(shown_clause).collect();
    assert_eq!(
        shown,
        [
            "line 2 not matched x > 1: insert id, Text values post_events.id, 'a' || b",
            "line 3 not matched: nothing",
            "line 4 matched a: a = 1, b = b + 1",
            "line 5 matched CASE WHEN a THEN b ELSE c END: nothing",
            "line 6 matched: raise 'it is ' || p.state",
            "line 6 matched: delete",
        ]
    );
}

fn shown_clause(clause: &MergeClause) -> String {
    let matched = if clause.matched { "matched" } else { "not matched" };
    let condition = clause.condition.as_ref().map(|condition| format!(" {condition}")).unwrap_or_default();
    let action = match &clause.action {
        MergeAction::Insert { columns, values } => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("insert {} values {}", texts(columns).join(", "), values.join(", "))
        }
        MergeAction::Update(set) => {
            let set: Vec<String> = set.iter().map(|(name, value)| format!("{} = {value}", name.text)).collect();
            set.join(", ")
        }
        MergeAction::Delete => "delete".into(),
        MergeAction::DoNothing => "nothing".into(),
        MergeAction::Raise(reason) => format!("raise {reason}"),
    };
    format!("line {} {matched}{condition}: {action}", clause.location.line)
}

#[test]
fn a_merge_reads_a_query_and_a_table_has_rows_defaults_and_an_end() {
    let text = "MERGE INTO t USING (SELECT e.id, l.sku FROM e, UNNEST(e.skus) l(sku)) AS s ON t.id = s.id WHEN MATCHED THEN DELETE";
    let StatementKind::Merge { source: MergeSource::Query(query), source_alias, .. } = statement(text) else { panic!("no query") };
    assert_eq!((source_alias.map(|name| name.text), query.to_string().contains("skus")), (Some("s".into()), true));
    let text = "CREATE TABLE t (id BIGINT DEFAULT -(1) PRIMARY KEY, n BIGINT DEFAULT 1 + 2 NOT NULL, at TIMESTAMPTZ)
        WITH (retention = '2 days', event_time = 'at')";
    let StatementKind::CreateTable { columns, defaults, retention, .. } = statement(text) else { panic!("not a table") };
    let defaults: Vec<String> = defaults.iter().map(|(name, value)| format!("{}: {value}", name.text)).collect();
    assert_eq!((defaults.join(", "), columns[1].not_null), ("id: -(1), n: 1 + 2".into(), true));
    let retention = retention.map(|retention| (retention.micros, retention.event_time.text));
    assert_eq!(retention, Some((172_800_000_000, "at".into())));
    let StatementKind::InsertRows { table, columns, rows } = statement("INSERT INTO t (id, n) VALUES (1, DEFAULT), (2, 3)") else {
        panic!("no rows");
    };
    assert_eq!((table.text.as_str(), texts(&columns), rows.len()), ("t", vec!["id", "n"], 2));
}

#[test]
fn views_with_all_that_queries_have() {
    for query in [
        "SELECT count(DISTINCT a), string_agg(b, ',' ORDER BY c DESC), array_agg(b ORDER BY c) FROM t GROUP BY d HAVING count(*) > 1",
        "WITH a AS (SELECT 1 AS x) SELECT DISTINCT * FROM a UNION ALL SELECT x FROM b EXCEPT SELECT y FROM c",
        "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC) AS n FROM t) AS ranked WHERE n <= 10",
        "SELECT a FROM t LEFT JOIN u USING (id) RIGHT JOIN v ON v.id = t.id AND v.a > 1 FULL JOIN w ON w.id = t.id ORDER BY a LIMIT 10",
        "SELECT p.id, tag FROM posts p CROSS JOIN UNNEST(p.hashtags) AS h(tag)",
        "SELECT decayed_sum(1.0, created_at, INTERVAL '6 hours') FROM t WHERE created_at > now() - INTERVAL '1 hour'",
        "SELECT window_start, count(*) FILTER (WHERE a) FROM TUMBLE(posts, created_at, INTERVAL '5 MINUTES') GROUP BY window_start",
        "SELECT e.created.author_id, a::TEXT, CAST(b AS BIGINT), c IS DISTINCT FROM d, x[1], ARRAY[1, 2] FROM e",
        "VALUES (1, 'a'), (2, 'b')",
    ] {
        let StatementKind::CreateView { name, materialized, columns, .. } =
            statement(&format!("CREATE VIEW \"My view\" (a, B) AS {query};"))
        else {
            panic!("not a view");
        };
        assert_eq!((name.text.as_str(), materialized, texts(&columns)), ("My view", false, vec!["a", "b"]));
    }
    let kind = statement("CREATE MATERIALIZED VIEW v AS SELECT 1");
    assert!(matches!(kind, StatementKind::CreateView { materialized: true, columns, .. } if columns.is_empty()));
}

#[test]
fn a_kept_view_says_for_how_long_its_pages_may_be_used() {
    let max_age = |options: &str| match statement(&format!("CREATE MATERIALIZED VIEW v (a) {options} AS SELECT 1")) {
        StatementKind::CreateView { max_age, .. } => max_age,
        other => panic!("{other:?}"),
    };
    assert_eq!((max_age(""), max_age("WITH (max_age = '5s')"), max_age("WITH (max_age = '1 h')")), (None, Some(5), Some(3_600)));
    let refused = |options: &str| {
        let text = format!("CREATE MATERIALIZED VIEW v {options} AS SELECT 1");
        parse(&[SourceFile { path: "v.sql".into(), text: text.into() }]).unwrap_err()[0].to_string()
    };
    for (option, words) in [
        ("max_age = '1500 ms'", "whole seconds up to 31536000, not '1500 ms'"),
        ("max_age = '400 days'", "whole seconds up to 31536000"),
        ("max_age = '0s'", "longer than no time"),
        ("max_age = 5", "is a duration, not '5'"),
        ("maxage = '5s'", "did you mean 'max_age'?"),
    ] {
        let error = refused(&format!("WITH ({option})"));
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn full_text_index() {
    let plain = statement("CREATE INDEX ON posts USING FULLTEXT (text)");
    let StatementKind::CreateSearchIndex { name: None, view, searched, included, options } = plain else {
        panic!("not an index")
    };
    assert_eq!((view.text.as_str(), texts(&searched), texts(&included)), ("posts", vec!["text"], vec![]));
    assert_eq!(options, SearchOptions { stemmer: None, prefix_letters: 2, suggested: None, popularity: None });
    for (given, stemmer) in [
        ("tokenizer = 'simple'", None),
        ("tokenizer = 'en'", Some(Language::English)),
        ("tokenizer = 'EN', stemmer = 'none'", None),
        ("stemmer = 'german', tokenizer = 'en'", Some(Language::German)),
    ] {
        let text = format!(
            "CREATE INDEX i ON v USING FULLTEXT (a, b) INCLUDE (c) WITH ({given}, prefix = 3, suggest = 'a', popularity = 'c')"
        );
        let StatementKind::CreateSearchIndex { name, searched, included, options, .. } = statement(&text) else {
            panic!("{text}")
        };
        assert_eq!((name.unwrap().text.as_str(), texts(&searched), texts(&included)), ("i", vec!["a", "b"], vec!["c"]));
        assert_eq!((options.stemmer, options.prefix_letters), (stemmer, 3), "{given}");
        assert_eq!((options.suggested.unwrap().text.as_str(), options.popularity.unwrap().text.as_str()), ("a", "c"));
    }
}

#[test]
fn index_policy_grant_and_drop() {
    let StatementKind::CreateIndex { name, view, columns, limit } =
        statement("CREATE INDEX newest ON feed (user_id ASC, at DESC, \"Id\") WITH (LIMIT = '600')")
    else {
        panic!("not an index");
    };
    let columns: Vec<(&str, bool)> = columns.iter().map(|(name, descending)| (name.text.as_str(), *descending)).collect();
    assert_eq!((name.map(|name| name.text), view.text.as_str(), limit), (Some("newest".into()), "feed", Some(600)));
    assert_eq!(columns, [("user_id", false), ("at", true), ("Id", false)]);

    let StatementKind::CreatePolicy { name, view, using } =
        statement("CREATE POLICY own ON feed TO PUBLIC USING (a = jwt('sub') OR b)")
    else {
        panic!("not a policy");
    };
    assert_eq!((name.text.as_str(), view.text.as_str(), using.to_string().as_str()), ("own", "feed", "a = jwt('sub') OR b"));

    let StatementKind::Grant { views } = statement("GRANT SELECT ON TABLE a, b TO public") else { panic!("not a grant") };
    assert_eq!(texts(&views), ["a", "b"]);

    for (words, expected) in [
        ("SOURCE", DropKind::Source),
        ("TABLE", DropKind::Table),
        ("VIEW", DropKind::View),
        ("MATERIALIZED VIEW", DropKind::MaterializedView),
        ("INDEX", DropKind::Index),
        ("POLICY", DropKind::Policy),
        ("SINK", DropKind::Sink),
    ] {
        for condition in ["", "IF EXISTS "] {
            let StatementKind::Drop { kind, name, if_exists } = statement(&format!("DROP {words} {condition}a RESTRICT")) else {
                panic!("not a drop");
            };
            assert_eq!((kind, name.text.as_str(), if_exists), (expected, "a", !condition.is_empty()));
        }
    }
}

#[test]
fn places_count_characters_from_the_start_of_the_file() {
    let text =
        "-- ü🎉\r\n/* ü */\tCREATE VIEW \"Grüße\" AS\r\n\tSELECT 'ü' AS a, unknown_column FROM t;\r\nCREATE VIEW b AS SELECT 1";
    let statements = parse(&[file(text)]).unwrap();
    let StatementKind::CreateView { name, query, .. } = &statements[0].kind else { panic!("not a view") };
    assert_eq!((name.location.line, name.location.column, name.location.length), (2, 21, 7));
    assert_eq!(&*name.location.line_text, "/* ü */\tCREATE VIEW \"Grüße\" AS");
    let select = query.body.as_select().expect("a select");
    let place = statements[0].locate(select.projection[1].span());
    assert_eq!((place.line, place.column, place.length), (3, 19, 14));
    let whole = &statements[0].location;
    assert_eq!((whole.line, whole.column, whole.length), (2, 9, 22));
    assert_eq!(statements[0].locate(Span::empty()), *whole);
    assert_eq!((statements[1].location.line, statements[1].location.column, statements[1].location.length), (4, 1, 25));
}

#[test]
fn spans_beyond_the_file_have_a_place() {
    let index = FileIndex::new(&file("a\nbc"));
    let at = |line, column| datafusion_sql::sqlparser::tokenizer::Location::new(line, column);
    for span in [
        Span::new(at(9, 9), at(9, 12)),
        Span::new(at(2, 9), at(1, 1)),
        Span::new(at(u64::MAX, u64::MAX), at(1, 1)),
        Span::empty(),
    ] {
        assert_eq!(index.locate(span).length, 1);
    }
    let lines = Span::new(at(1, 1), at(2, 3));
    assert_eq!(index.text_of(lines), "a");
}

#[test]
fn every_statement_with_an_error_is_reported_in_order_over_files() {
    let good = "CREATE VIEW a AS SELECT 1;";
    let first = file(&format!("CREATE VEW a;\n{good} SELECT 1;\n;{good}\nDROP x"));
    let second = SourceFile { path: "b.sql".into(), text: format!("{good}GRANT; CREATE VIEW c AS SELECT 'open").into() };
    let errors = parse(&[first, second]).unwrap_err();
    let places: Vec<(&str, usize, usize)> =
        errors.iter().map(|error| (&*error.location.file, error.location.line, error.location.column)).collect();
    let expected = [("social.sql", 1, 8), ("social.sql", 2, 28), ("social.sql", 4, 6), ("b.sql", 1, 32), ("b.sql", 1, 58)];
    assert_eq!(places, expected);
}

#[test]
fn cutting_a_script_anywhere_never_panics() {
    for (at, _) in SCRIPT.char_indices() {
        for text in [&SCRIPT[..at], &SCRIPT[at..]] {
            for error in parse(&[file(text)]).err().unwrap_or_default() {
                assert!(error.location.line <= text.split('\n').count() && error.location.length >= 1, "{error}");
                assert!(error.to_string().starts_with("error: "));
            }
        }
    }
}

#[test]
fn leaving_out_or_repeating_any_token_never_panics() {
    let mut tokens = Vec::new();
    Tokenizer::new(&TopologyDialect, SCRIPT).tokenize_with_location_into_buf(&mut tokens).unwrap();
    let words: Vec<String> = tokens.iter().map(|token| token.token.to_string()).collect();
    for at in 0..words.len() {
        let without = [&words[..at], &words[at + 1..]].concat().concat();
        let twice = [&words[..=at], &words[at..]].concat().concat();
        let with_bracket = [&words[..at], &["(".to_owned()], &words[at..]].concat().concat();
        for text in [without, twice, with_bracket] {
            for error in parse(&[file(&text)]).err().unwrap_or_default() {
                assert!(!error.message.is_empty() && !error.message.contains("Line:"), "{error}");
            }
        }
    }
}

/// Text before, what is repeated, what is innermost, what closes.
const NESTED: &[[&str; 4]] = &[
    ["SELECT 1 FROM ", "(", "t", ")"],
    ["SELECT ", "(", "1", ")"],
    ["", "(", "SELECT 1", ")"],
    ["", "SELECT * FROM (", "SELECT 1", ")"],
    ["", "SELECT (", "1", ")"],
    ["SELECT ", "(SELECT 1 FROM (", "a", "))"],
    ["", "WITH a AS (", "SELECT 1", ")"],
    ["", "(VALUES ((1),", "1", ")"],
    ["SELECT ", "CASE WHEN true THEN ", "1", " END"],
    ["SELECT ", "abs(", "1", ")"],
    ["SELECT ", "ROW(", "1", ")"],
    ["SELECT ", "f((SELECT ", "a", "))"],
    ["SELECT ", "a IN (", "1", ")"],
    ["SELECT ", "EXISTS (SELECT ", "1", ")"],
    ["SELECT ", "CAST(", "1", " AS INT)"],
    ["SELECT * FROM ", "LATERAL (SELECT * FROM ", "t", ")"],
    ["SELECT 1 FROM ", "UNNEST(", "a", ")"],
    ["SELECT 1 FROM a ", "JOIN (b ", "", ")"],
    ["SELECT 1 FROM a ", "JOIN b ", "", "ON true "],
    ["SELECT 1 GROUP BY ", "ROLLUP (", "1", ")"],
    ["SELECT sum(x) OVER (PARTITION BY ", "(", "1", ")"],
    ["SELECT ARRAY", "[", "1", "]"],
    ["SELECT ", "{a: ", "1", "}"],
    ["SELECT CAST(1 AS ", "ARRAY<", "INT", ">"],
    ["SELECT CAST(1 AS INT", "[]", "", ""],
    ["SELECT a", "[1]", "", ""],
    ["SELECT f", "(1)", "", ""],
    ["SELECT ", "NOT ", "true", ""],
    ["SELECT ", "- ", "1", ""],
    ["SELECT ", "INTERVAL ", "1", ""],
    ["SELECT ", "a.", "a", ""],
    ["SELECT 1", "::int", "", ""],
    ["SELECT 1", "+ 1", "", ""],
    ["SELECT 1 ", "UNION SELECT 1 ", "", ""],
    ["SELECT 1 ", "AND 1 ", "", ""],
    ["SELECT 1 ", "IS NULL ", "", ""],
    ["SELECT 1 ", "IS DISTINCT FROM 1 ", "", ""],
    ["SELECT 1 ", "AT TIME ZONE 'UTC' ", "", ""],
    ["SELECT 1 ", "BETWEEN 1 AND 2 ", "", ""],
    ["SELECT 1 ", "IN (1) ", "", ""],
    ["SELECT 1 ", "COLLATE x ", "", ""],
    ["SELECT 1 ", "+ CASE WHEN true THEN 1 ELSE 2 END ", "", ""],
];

#[test]
fn deep_nesting_is_an_error_and_every_depth_comes_back() {
    for [before, open, inner, close] in NESTED {
        for depth in [BRACKETS_DEPTH_MAX / 2, BRACKETS_DEPTH_MAX - 1, TREE_DEPTH_MAX - 10, 20_000] {
            let text = format!("CREATE VIEW v AS {before}{}{inner}{}", open.repeat(depth), close.repeat(depth));
            // Were a bracket read twice where it is once here, this would not come back.
            let outcome = on_deep_stack(|| parse(&[file(&text)])).unwrap();
            assert!(depth < TREE_DEPTH_MAX || outcome.is_err(), "{before}{open}");
        }
    }
}

#[test]
fn prefixes_inside_of_brackets_add_up() {
    let nested = format!("{}(", "INTERVAL ".repeat(TREE_DEPTH_MAX - 10)).repeat(BRACKETS_DEPTH_MAX);
    let errors = parse(&[file(&format!("CREATE VIEW v AS SELECT {nested}"))]).unwrap_err();
    assert_eq!(errors[0].message, format!("more than {TREE_DEPTH_MAX} operators follow one another"));
}

#[test]
fn wide_statements_are_fine() {
    let list = vec!["1"; 20_000].join(", ");
    statement(&format!("CREATE VIEW v AS SELECT a FROM t WHERE a IN ({list})"));
    let alternatives = vec!["a = 1"; TREE_DEPTH_MAX - 10].join(" OR ");
    statement(&format!("CREATE VIEW v AS SELECT {list} FROM t WHERE {alternatives}"));
    let columns: Vec<String> = (0..1000).map(|n| format!("c{n} BIGINT")).collect();
    statement(&format!("CREATE TABLE t ({}, PRIMARY KEY (c0))", columns.join(", ")));
}
