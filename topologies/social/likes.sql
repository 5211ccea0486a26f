-- Who likes which post: the last like counts, and its time.
CREATE TABLE all_likes (
  post_id BIGINT,
  user_id BIGINT,
  liked_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (post_id, user_id)
);

MERGE INTO all_likes l USING post_events e
  ON l.post_id = e.aggregate_id AND l.user_id = COALESCE(e.liked.user_id, e.unliked.user_id)
  WHEN MATCHED AND e.event_type = 'post.unliked' THEN DELETE
  WHEN MATCHED AND e.event_type = 'post.liked' THEN UPDATE SET liked_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'post.liked' THEN INSERT VALUES (e.aggregate_id, e.liked.user_id, e.occurred_at);

-- Those of users who are there.
CREATE VIEW likes AS
  SELECT l.post_id, l.user_id, l.liked_at FROM all_likes l WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = l.user_id);

-- The likes of posts for everyone.
CREATE MATERIALIZED VIEW post_likes AS
  SELECT l.post_id, l.user_id, l.liked_at FROM likes l JOIN posts p ON p.post_id = l.post_id;
CREATE INDEX ON post_likes (post_id, liked_at DESC, user_id);
CREATE INDEX ON post_likes (user_id, post_id);
GRANT SELECT ON post_likes TO PUBLIC;
