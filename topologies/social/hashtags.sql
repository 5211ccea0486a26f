-- Hashtags of posts that live, and the posts of each.
CREATE VIEW post_hashtags AS SELECT post_id, created_at, unnest(hashtags) AS hashtag FROM posts;

CREATE MATERIALIZED VIEW hashtag_posts AS SELECT DISTINCT hashtag, created_at, post_id FROM post_hashtags;
CREATE INDEX ON hashtag_posts (hashtag, created_at DESC, post_id DESC);
GRANT SELECT ON hashtag_posts TO PUBLIC;

CREATE MATERIALIZED VIEW hashtag_counts AS SELECT hashtag, count(*) AS posts FROM hashtag_posts GROUP BY hashtag;
CREATE INDEX ON hashtag_counts (hashtag);
CREATE INDEX ON hashtag_counts (posts DESC, hashtag);
GRANT SELECT ON hashtag_counts TO PUBLIC;
