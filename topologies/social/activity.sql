-- When people post for everyone. Deleted posts have been posted all the same.
CREATE TABLE posted (
  post_id BIGINT PRIMARY KEY,
  author_id BIGINT NOT NULL,
  posted_at TIMESTAMPTZ NOT NULL
);
MERGE INTO posted USING post_events e ON posted.post_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' AND COALESCE(e.created.visibility, '') IN ('', 'public') THEN INSERT VALUES (e.aggregate_id, e.created.author_id, e.occurred_at);

-- These counts name nobody: who leaves has posted all the same.
CREATE MATERIALIZED VIEW hourly_posts AS
  SELECT window_start, count(*) AS posts, count(DISTINCT author_id) AS authors
  FROM TUMBLE(posted, posted_at, INTERVAL '1 hour') GROUP BY window_start;
CREATE INDEX ON hourly_posts (window_start DESC);
GRANT SELECT ON hourly_posts TO PUBLIC;

-- Posts of one author at most 30 minutes apart belong together.
CREATE VIEW all_sessions AS
  SELECT author_id AS user_id, window_start AS session_start, max(posted_at) AS last_post_at, count(*) AS posts
  FROM SESSION(posted, posted_at, INTERVAL '30 minutes', author_id) GROUP BY author_id, window_start, window_end;
CREATE MATERIALIZED VIEW author_sessions AS
  SELECT s.user_id, s.session_start, s.last_post_at, s.posts FROM all_sessions s
  WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = s.user_id);
CREATE INDEX ON author_sessions (user_id, session_start DESC);
GRANT SELECT ON author_sessions TO PUBLIC;
