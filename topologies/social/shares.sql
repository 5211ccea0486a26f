-- Who shared which post: once, however often he says it.
CREATE TABLE all_shares (
  post_id BIGINT,
  user_id BIGINT,
  shared_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (post_id, user_id)
);

MERGE INTO all_shares s USING post_events e ON s.post_id = e.aggregate_id AND s.user_id = e.shared.user_id
  WHEN NOT MATCHED AND e.event_type = 'post.shared' THEN INSERT VALUES (e.aggregate_id, e.shared.user_id, e.occurred_at);

-- Those of users who are there.
CREATE VIEW shares AS
  SELECT s.post_id, s.user_id, s.shared_at FROM all_shares s WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = s.user_id);

CREATE MATERIALIZED VIEW post_shares AS
  SELECT s.post_id, s.user_id, s.shared_at FROM shares s JOIN posts p ON p.post_id = s.post_id;
CREATE INDEX ON post_shares (post_id, shared_at DESC, user_id);
GRANT SELECT ON post_shares TO PUBLIC;
