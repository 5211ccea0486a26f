-- Posts that live. A delete is final: an update that comes after it finds nothing to change.
CREATE TABLE posts (
  post_id BIGINT PRIMARY KEY,
  author_id BIGINT NOT NULL,
  text TEXT NOT NULL,
  hashtags TEXT[],
  mentions BIGINT[],
  reply_to BIGINT,
  visibility TEXT,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ
);

MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET
    text = e.updated.text, hashtags = e.updated.hashtags, updated_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.author_id, e.created.text, e.created.hashtags, e.created.mentions, e.created.reply_to,
     e.created.visibility, e.occurred_at, NULL);

CREATE INDEX ON posts (post_id);
GRANT SELECT ON posts TO PUBLIC;
