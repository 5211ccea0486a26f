//! Rows on which an expression fails: they are quarantined by name, all others flow on, and the error goes when its row does.

use engine::run::Options;
use schemas::field::Value;

use crate::harness::{Deployment, Producer, options, topology};

const TABLES: &str = "\
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE posts (post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, text TEXT NOT NULL, score BIGINT);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET text = e.updated.text
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.author_id, e.created.text, e.created.video_id);
";

/// Posts with a score, sent one by one.
struct Posts {
    deployment: Deployment,
    producer: Producer,
}

/// Current errors: relation, failure in words, count.
type Errors = Vec<(String, String, i64)>;

impl Posts {
    fn with(views: &str, workers: usize) -> Self {
        let topology = topology(&format!("{TABLES}{views}"));
        Self { deployment: Deployment::start(topology, Options { workers, ..options() }), producer: Producer::default() }
    }

    fn create(&self, post: u64, score: u64, text: &str) {
        let payload = format!(r#"{{"author_id":"{}","text":"{text}","visibility":"public","video_id":"{score}"}}"#, post % 2 + 1);
        self.deployment.ingest(&[self.producer.post("post.created", post, 1, &payload)]);
    }

    fn update(&self, post: u64, text: &str) {
        self.deployment.ingest(&[self.producer.post("post.updated", post, 1, &format!(r#"{{"text":"{text}"}}"#))]);
    }

    fn delete(&self, post: u64) {
        self.deployment.ingest(&[self.producer.post("post.deleted", post, 1, "{}")]);
    }

    fn rows(&self, view: &str) -> Vec<Vec<i64>> {
        let number = |value: &Value<'_>| match value {
            Value::Int(value) => *value,
            Value::Decimal(units, 0) => i64::try_from(*units).expect("a small number"),
            other => panic!("{other:?} is not a whole number"),
        };
        self.deployment.rows(view).iter().map(|row| row.iter().map(number).collect()).collect()
    }

    fn errors(&self) -> Errors {
        let errors = self.deployment.row_errors().into_iter();
        errors.map(|(error, count)| (error.relation, error.detail, count)).collect()
    }
}

fn error(relation: &str, detail: &str) -> Errors {
    vec![(relation.to_owned(), detail.to_owned(), 1)]
}

#[test]
fn a_row_that_divides_by_zero_is_quarantined_until_it_is_deleted() {
    for workers in [1, 2] {
        let posts = Posts::with("CREATE MATERIALIZED VIEW ratios AS SELECT post_id, 100 / score AS ratio FROM posts;", workers);
        posts.create(1, 5, "a");
        posts.create(2, 0, "b");
        posts.create(3, 50, "c");
        assert_eq!(posts.rows("ratios"), [[1, 20], [3, 2]]);
        assert_eq!(posts.errors(), error("ratios", "division by zero"));
        let (found, _) = &posts.deployment.row_errors()[0];
        assert!(found.expression.contains("100") && found.expression.contains("score"), "{}", found.expression);
        assert_eq!(found.row, r#"{"post_id":2,"author_id":1,"text":"b","score":0}"#);

        posts.update(2, "still zero");
        assert_eq!(posts.errors().len(), 1, "the old row's error is gone, the new row's is there");
        assert!(posts.deployment.row_errors()[0].0.row.contains("still zero"));
        posts.delete(2);
        assert_eq!(posts.errors(), []);
        assert_eq!(posts.rows("ratios"), [[1, 20], [3, 2]]);
    }
}

#[test]
fn what_does_not_fit_into_a_bigint_is_an_error_and_never_wraps() {
    let largest = i64::MAX as u64;
    for (expression, bad, good, result) in [
        ("score + 1", largest, 1, 2),
        ("score * 2", largest / 2 + 1, 4, 8),
        ("-2 - score", largest, 1, -3),
        ("-(-1 - score)", largest, 2, 3),
        ("abs(-1 - score)", largest, 2, 3),
        ("(-1 - score) / -1", largest, 2, 3),
        ("CAST(score AS INT) + 1", 3_000_000_000, 5, 6),
    ] {
        let posts = Posts::with(&format!("CREATE MATERIALIZED VIEW v AS SELECT post_id, {expression} AS n FROM posts;"), 1);
        posts.create(1, bad, "bad");
        posts.create(2, good, "good");
        assert_eq!(posts.rows("v"), [[2, result]], "{expression}");
        assert_eq!(posts.errors().len(), 1, "{expression}: {:?}", posts.errors());
        posts.delete(1);
        assert_eq!(posts.errors(), [], "{expression}");
    }
}

#[test]
fn a_text_that_is_no_number_fails_its_cast_until_it_is_one() {
    let posts = Posts::with("CREATE MATERIALIZED VIEW v AS SELECT post_id, CAST(text AS BIGINT) AS n FROM posts;", 1);
    posts.create(1, 1, "twelve");
    posts.create(2, 1, "12");
    assert_eq!(posts.rows("v"), [[2, 12]]);
    assert_eq!(posts.errors(), error("v", "'twelve' is not a value of type BIGINT"));
    posts.update(1, "13");
    assert_eq!(posts.rows("v"), [[1, 13], [2, 12]]);
    assert_eq!(posts.errors(), []);
}

#[test]
fn a_condition_that_fails_is_an_error_and_no_verdict() {
    let posts = Posts::with(
        "CREATE MATERIALIZED VIEW large AS SELECT post_id FROM posts WHERE 100 / score > 10;
         CREATE MATERIALIZED VIEW small AS SELECT post_id FROM posts WHERE NOT 100 / score > 10;",
        1,
    );
    posts.create(1, 2, "a");
    posts.create(2, 0, "b");
    posts.create(3, 60, "c");
    assert_eq!((posts.rows("large"), posts.rows("small")), (vec![vec![1]], vec![vec![3]]));
    let relations: Vec<String> = posts.errors().into_iter().map(|(relation, _, _)| relation).collect();
    assert_eq!(relations, ["large", "small"]);
}

#[test]
fn what_a_guard_excludes_does_not_fail() {
    let posts = Posts::with(
        "CREATE MATERIALIZED VIEW a AS SELECT post_id, CASE WHEN score = 0 THEN -1 ELSE 100 / score END AS n FROM posts;
         CREATE MATERIALIZED VIEW b AS SELECT post_id, COALESCE(NULLIF(score, 0), 7) AS n FROM posts;
         CREATE MATERIALIZED VIEW c AS SELECT post_id FROM posts WHERE score <> 0 AND 100 / score > 10;
         CREATE MATERIALIZED VIEW d AS SELECT post_id, 100 / score AS n FROM posts WHERE score <> 0;
         CREATE MATERIALIZED VIEW e AS SELECT post_id, 100 / n AS n FROM (SELECT post_id, score AS n FROM posts WHERE score > 0) t;",
        1,
    );
    posts.create(1, 0, "a");
    posts.create(2, 4, "b");
    assert_eq!(posts.rows("a"), [[1, -1], [2, 25]]);
    assert_eq!(posts.rows("b"), [[1, 7], [2, 4]]);
    assert_eq!(posts.rows("c"), [[2]]);
    assert_eq!((posts.rows("d"), posts.rows("e")), (vec![vec![2, 25]], vec![vec![2, 25]]));
    assert_eq!(posts.errors(), []);
}

#[test]
fn an_aggregate_goes_on_without_the_row_that_fails() {
    for workers in [1, 3] {
        let posts = Posts::with(
            "CREATE MATERIALIZED VIEW sums AS SELECT author_id, CAST(sum(100 / score) AS BIGINT) AS n, count(*) AS posts FROM posts GROUP BY author_id;",
            workers,
        );
        posts.create(1, 10, "a");
        posts.create(2, 10, "b");
        posts.create(3, 0, "c");
        posts.create(5, 20, "d");
        assert_eq!(posts.rows("sums"), [[1, 10, 1], [2, 15, 2]]);
        assert_eq!(posts.errors().len(), 1);
        posts.delete(3);
        assert_eq!(posts.rows("sums"), [[1, 10, 1], [2, 15, 2]]);
        assert_eq!(posts.errors(), []);
    }
}

#[test]
fn a_sum_beyond_38_digits_is_an_error_of_its_group_until_it_fits_again() {
    for workers in [1, 2] {
        let posts = Posts::with(
            "CREATE MATERIALIZED VIEW sums AS
               SELECT author_id, CAST(sum(score * 10000000000000000000) / 10000000000000000000 AS BIGINT) AS n FROM posts GROUP BY author_id;",
            workers,
        );
        posts.create(1, i64::MAX as u64, "a");
        posts.create(2, 5, "b");
        assert_eq!(posts.rows("sums"), [[1, 5], [2, i64::MAX]]);
        posts.create(3, i64::MAX as u64, "c");
        assert_eq!(posts.rows("sums"), [[1, 5]]);
        let errors = posts.errors();
        assert!(errors.len() == 1 && errors[0].0 == "sums" && errors[0].1.contains("out of range"), "{errors:?}");
        posts.delete(1);
        assert_eq!(posts.rows("sums"), [[1, 5], [2, i64::MAX]]);
        assert_eq!(posts.errors(), []);
    }
}

#[test]
fn an_error_below_a_join_takes_only_its_own_row() {
    let posts = Posts::with(
        "CREATE MATERIALIZED VIEW pairs AS SELECT a.post_id, b.post_id AS other_id FROM posts a JOIN posts b ON b.post_id = 6 / a.score;
         CREATE MATERIALIZED VIEW alone AS SELECT a.post_id FROM posts a
           WHERE NOT EXISTS (SELECT 1 FROM posts b WHERE b.post_id = 6 / a.score);",
        1,
    );
    posts.create(1, 6, "a");
    posts.create(2, 0, "b");
    posts.create(3, 3, "c");
    posts.create(4, 1, "d");
    assert_eq!(posts.rows("pairs"), [[1, 1], [3, 2]]);
    assert_eq!(posts.rows("alone"), [[4]]);
    assert!(!posts.errors().is_empty());
    posts.delete(2);
    assert_eq!(posts.rows("pairs"), [[1, 1]]);
    assert_eq!(posts.rows("alone"), [[3], [4]]);
    assert_eq!(posts.errors(), []);
}

const STRICT: &str = "\
CREATE TABLE replies (post_id BIGINT PRIMARY KEY, reply_to BIGINT NOT NULL, ratio BIGINT);
MERGE INTO replies USING post_events e ON replies.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET ratio = 10 / (replies.ratio - 1)
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.reply_to, 100 / e.created.video_id);
CREATE INDEX ON replies (post_id);
";

#[test]
fn a_merge_quarantines_an_event_that_breaks_the_table() {
    for workers in [1, 2] {
        let posts = Posts::with(STRICT, workers);
        let create = |post: u64, more: &str| {
            let payload = format!(r#"{{"author_id":"1","text":"t","visibility":""{more}}}"#);
            posts.deployment.ingest(&[posts.producer.post("post.created", post, 1, &payload)]);
        };
        create(1, r#","reply_to":"9","video_id":"50""#);
        create(2, r#","video_id":"50""#);
        create(3, r#","reply_to":"9","video_id":"0""#);
        create(4, r#","reply_to":"9","video_id":"100""#);
        assert_eq!(posts.rows("replies"), [[1, 9, 2], [4, 9, 1]]);
        let details: Vec<String> =
            posts.errors().into_iter().map(|(relation, detail, _)| format!("{relation}: {detail}")).collect();
        assert_eq!(details, ["replies: division by zero", "replies: NULL in column 'reply_to', which is NOT NULL"]);

        // A value that depends on the row found: the update is quarantined, the row stays as it was.
        posts.update(1, "x");
        posts.update(4, "x");
        assert_eq!(posts.rows("replies"), [[1, 9, 10], [4, 9, 1]]);
        assert_eq!(posts.errors().len(), 3);
        // The events stay in the log, and so do their errors. That an update of this row would fail is no matter of a delete.
        posts.delete(4);
        assert_eq!(posts.rows("replies"), [[1, 9, 10]]);
        assert_eq!(posts.errors().len(), 3);
    }
}

#[test]
fn an_event_without_a_key_is_quarantined() {
    let posts = Posts::with(
        "CREATE TABLE replied (reply_to BIGINT PRIMARY KEY, last_post_id BIGINT NOT NULL);
         MERGE INTO replied USING post_events e ON replied.reply_to = e.created.reply_to
           WHEN MATCHED AND e.event_type = 'post.created' THEN UPDATE SET last_post_id = e.aggregate_id
           WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.created.reply_to, e.aggregate_id);
         CREATE INDEX ON replied (reply_to);",
        1,
    );
    let create = |post: u64, more: &str| {
        let payload = format!(r#"{{"author_id":"1","text":"t","visibility":""{more}}}"#);
        posts.deployment.ingest(&[posts.producer.post("post.created", post, 1, &payload)]);
    };
    create(1, r#","reply_to":"7""#);
    create(2, "");
    create(3, r#","reply_to":"7""#);
    posts.delete(1);
    assert_eq!(posts.rows("replied"), [[7, 3]]);
    assert_eq!(posts.errors(), error("replied", "the primary key is NULL"));
}
