-- A post as a screen shows it, with its counts.
CREATE VIEW post_reply_counts AS SELECT reply_to AS post_id, count(*) AS replies FROM posts WHERE reply_to IS NOT NULL GROUP BY reply_to;
CREATE VIEW post_engagement_counts AS
  SELECT post_id,
    count(*) FILTER (WHERE kind = 'like') AS likes,
    count(*) FILTER (WHERE kind = 'comment') AS comments,
    count(*) FILTER (WHERE kind = 'share') AS shares
  FROM engagement GROUP BY post_id;

CREATE MATERIALIZED VIEW post_cards AS
  SELECT p.post_id, p.author_id, p.text, p.hashtags, p.media_ids, p.video_id, p.reply_to, p.created_at, p.updated_at,
    COALESCE(c.likes, 0) AS likes, COALESCE(c.comments, 0) AS comments, COALESCE(c.shares, 0) AS shares, COALESCE(r.replies, 0) AS replies,
    COALESCE(v.views, 0) AS views
  FROM posts p
  LEFT JOIN post_engagement_counts c ON c.post_id = p.post_id
  LEFT JOIN post_reply_counts r ON r.post_id = p.post_id
  LEFT JOIN view_events v ON v.post_id = p.post_id;
CREATE INDEX ON post_cards (post_id);
CREATE INDEX ON post_cards (author_id, created_at DESC, post_id DESC);
GRANT SELECT ON post_cards TO PUBLIC;
