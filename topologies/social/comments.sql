-- Comments, with the post they belong to and the comment they answer.
CREATE TABLE all_comments (
  post_id BIGINT,
  comment_id BIGINT,
  parent_id BIGINT,
  author_id BIGINT NOT NULL,
  text TEXT NOT NULL,
  commented_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (post_id, comment_id)
);

MERGE INTO all_comments c USING post_events e
  ON c.post_id = e.aggregate_id AND c.comment_id = COALESCE(e.commented.comment_id, e.comment_deleted.comment_id)
  WHEN MATCHED AND e.event_type = 'post.comment_deleted' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'post.commented' THEN INSERT VALUES
    (e.aggregate_id, e.commented.comment_id, e.commented.parent_id, e.commented.author_id, e.commented.text, e.occurred_at);

-- Those of users who are there.
CREATE VIEW comments AS
  SELECT c.post_id, c.comment_id, c.parent_id, c.author_id, c.text, c.commented_at FROM all_comments c
  WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = c.author_id);

-- The comments of posts for everyone, oldest first.
CREATE MATERIALIZED VIEW post_comments AS
  SELECT c.post_id, c.comment_id, c.parent_id, c.author_id, c.text, c.commented_at FROM comments c JOIN posts p ON p.post_id = c.post_id;
CREATE INDEX ON post_comments (post_id, commented_at, comment_id);
GRANT SELECT ON post_comments TO PUBLIC;
