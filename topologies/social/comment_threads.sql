-- The comments of a post as a thread: in the order of `path`, the ids from the root down to the comment, each answer comes
-- directly below what it answers, and answers to one comment in the order of their ids.

-- The place of a comment outlives it, so that what answers it keeps its own.
CREATE TABLE comment_places (
  post_id BIGINT,
  comment_id BIGINT,
  parent_id BIGINT,
  commented_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (post_id, comment_id)
);

MERGE INTO comment_places c USING post_events e ON c.post_id = e.aggregate_id AND c.comment_id = e.commented.comment_id
  WHEN NOT MATCHED AND e.event_type = 'post.commented'
    AND (e.commented.parent_id IS NULL OR e.commented.parent_id <> e.commented.comment_id) THEN INSERT VALUES
    (e.aggregate_id, e.commented.comment_id, e.commented.parent_id, e.occurred_at);

-- Each step joins the paths that it has with themselves, so that four steps make paths of up to 16 comments. `above_id` is what
-- comes before the path: NULL at a root. A parent that is unknown counts as none.
CREATE VIEW paths_of_1 AS
  SELECT c.post_id, c.comment_id, p.comment_id AS above_id, make_array(c.comment_id) AS path
  FROM comment_places c LEFT JOIN comment_places p ON p.post_id = c.post_id AND p.comment_id = c.parent_id;
CREATE VIEW paths_of_2 AS
  SELECT c.post_id, c.comment_id, a.above_id, CASE WHEN a.path IS NULL THEN c.path ELSE array_concat(a.path, c.path) END AS path
  FROM paths_of_1 c LEFT JOIN paths_of_1 a ON a.post_id = c.post_id AND a.comment_id = c.above_id;
CREATE VIEW paths_of_4 AS
  SELECT c.post_id, c.comment_id, a.above_id, CASE WHEN a.path IS NULL THEN c.path ELSE array_concat(a.path, c.path) END AS path
  FROM paths_of_2 c LEFT JOIN paths_of_2 a ON a.post_id = c.post_id AND a.comment_id = c.above_id;
CREATE VIEW paths_of_8 AS
  SELECT c.post_id, c.comment_id, a.above_id, CASE WHEN a.path IS NULL THEN c.path ELSE array_concat(a.path, c.path) END AS path
  FROM paths_of_4 c LEFT JOIN paths_of_4 a ON a.post_id = c.post_id AND a.comment_id = c.above_id;
CREATE VIEW paths_of_16 AS
  SELECT c.post_id, c.comment_id, a.above_id, CASE WHEN a.path IS NULL THEN c.path ELSE array_concat(a.path, c.path) END AS path
  FROM paths_of_8 c LEFT JOIN paths_of_8 a ON a.post_id = c.post_id AND a.comment_id = c.above_id;

-- SQL without recursion ends somewhere: a comment deeper than 16 has the last 16 ids of its path and, in `continues_id`, the
-- comment above them. A deleted comment has neither text nor author.
CREATE MATERIALIZED VIEW comment_threads AS
  SELECT t.post_id, t.path, t.comment_id, n.parent_id, cardinality(t.path) AS depth, t.above_id AS continues_id, c.author_id, c.text,
    n.commented_at, c.comment_id IS NULL AS deleted
  FROM paths_of_16 t
  JOIN comment_places n ON n.post_id = t.post_id AND n.comment_id = t.comment_id
  JOIN posts p ON p.post_id = t.post_id
  LEFT JOIN comments c ON c.post_id = t.post_id AND c.comment_id = t.comment_id;
CREATE INDEX ON comment_threads (post_id, path);
GRANT SELECT ON comment_threads TO PUBLIC;
