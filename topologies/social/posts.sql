-- Posts that live, of users who are there. A delete is final: what is left of the post is empty and never shown, and keeps its id from being used again, also
-- by a creation that is delivered once more when nobody remembers its event any longer.
CREATE TABLE all_posts (
  post_id BIGINT PRIMARY KEY,
  author_id BIGINT NOT NULL,
  text TEXT NOT NULL,
  hashtags TEXT[],
  mentions BIGINT[],
  media_ids BIGINT[],
  video_id BIGINT,
  reply_to BIGINT,
  visibility TEXT,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ,
  deleted BOOLEAN NOT NULL
);

-- An update of what was deleted changes what nobody sees; to ask for `deleted` here would send every like through this table.
MERGE INTO all_posts USING post_events e ON all_posts.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN UPDATE SET
    text = '', hashtags = NULL, mentions = NULL, updated_at = e.occurred_at, deleted = TRUE
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET
    text = e.updated.text, hashtags = e.updated.hashtags, updated_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.author_id, e.created.text, e.created.hashtags, e.created.mentions, e.created.media_ids,
     e.created.video_id, e.created.reply_to, e.created.visibility, e.occurred_at, NULL, FALSE);

-- A post that says nothing of its visibility is for everyone; one that says something unknown is for its author alone.
CREATE VIEW living_posts AS
  SELECT p.post_id, p.author_id, p.text, p.hashtags, p.mentions, p.media_ids, p.video_id, p.reply_to,
    CASE WHEN COALESCE(p.visibility, '') IN ('', 'public') THEN 'public' WHEN p.visibility = 'followers' THEN 'followers' ELSE 'private' END
      AS visibility, p.created_at, p.updated_at
  FROM all_posts p WHERE NOT p.deleted AND NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = p.author_id);

-- Those for everyone: what every view that everyone reads is made of.
CREATE MATERIALIZED VIEW posts AS
  SELECT post_id, author_id, text, hashtags, mentions, media_ids, video_id, reply_to, visibility, created_at, updated_at
  FROM living_posts WHERE visibility = 'public';
CREATE INDEX ON posts (post_id);
GRANT SELECT ON posts TO PUBLIC;
