-- Who follows whom, of users who are there. A user who follows himself follows nobody.
CREATE TABLE all_follows (
  follower_id BIGINT,
  followee_id BIGINT,
  followed_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (follower_id, followee_id)
);

MERGE INTO all_follows f USING user_events e
  ON f.follower_id = e.aggregate_id AND f.followee_id = COALESCE(e.followed.followee_id, e.unfollowed.followee_id)
  WHEN MATCHED AND e.event_type = 'user.unfollowed' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'user.followed' AND e.followed.followee_id <> e.aggregate_id THEN INSERT VALUES
    (e.aggregate_id, e.followed.followee_id, e.occurred_at);

CREATE MATERIALIZED VIEW follows AS
  SELECT f.follower_id, f.followee_id, f.followed_at FROM all_follows f
  WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = f.follower_id)
    AND NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = f.followee_id);
CREATE INDEX ON follows (follower_id, followee_id);
CREATE INDEX ON follows (followee_id, follower_id);
GRANT SELECT ON follows TO PUBLIC;

CREATE MATERIALIZED VIEW follower_counts AS SELECT followee_id AS user_id, count(*) AS followers FROM follows GROUP BY followee_id;
CREATE INDEX ON follower_counts (user_id);
CREATE INDEX ON follower_counts (followers DESC, user_id);
GRANT SELECT ON follower_counts TO PUBLIC;

CREATE MATERIALIZED VIEW following_counts AS SELECT follower_id AS user_id, count(*) AS following FROM follows GROUP BY follower_id;
CREATE INDEX ON following_counts (user_id);
GRANT SELECT ON following_counts TO PUBLIC;
