-- A user as a screen shows him, with his counts.
CREATE VIEW author_counts AS SELECT author_id AS user_id, count(*) AS posts FROM posts GROUP BY author_id;

CREATE MATERIALIZED VIEW profile_cards AS
  SELECT u.user_id, u.username, u.display_name, u.bio, u.registered_at,
    COALESCE(r.followers, 0) AS followers, COALESCE(g.following, 0) AS following, COALESCE(a.posts, 0) AS posts
  FROM profiles u
  LEFT JOIN follower_counts r ON r.user_id = u.user_id
  LEFT JOIN following_counts g ON g.user_id = u.user_id
  LEFT JOIN author_counts a ON a.user_id = u.user_id;
CREATE INDEX ON profile_cards (user_id);
CREATE INDEX ON profile_cards (username, user_id);
GRANT SELECT ON profile_cards TO PUBLIC;
