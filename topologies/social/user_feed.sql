-- What a user has posted, newest first.
CREATE MATERIALIZED VIEW user_feed AS SELECT author_id AS user_id, created_at, post_id FROM posts;
CREATE INDEX ON user_feed (user_id, created_at DESC, post_id DESC) WITH (limit = 600);
GRANT SELECT ON user_feed TO PUBLIC;
