-- What I would rather see first, of the last day, by those I follow and across no block. In place of its time of creation a post has a
-- time that is
--   6 hours later for each doubling of 1 + its engagement (likes 1, comments 2, shares 3), ten doublings at most, and
--   6 hours later for each fourfold of 1 + my affinity to its author (the same weights, over what I did with all his posts), four at most.
-- That is the order of (1 + engagement) * sqrt(1 + affinity) * 2^(-age / 6 h), in steps and in integers alone. It does not change as time
-- passes, and a post that is liked all the time still seldom moves.
CREATE VIEW affinities AS
  SELECT a.user_id, p.author_id, sum(a.weight) AS affinity
  FROM (
    SELECT post_id, user_id, 1 AS weight FROM likes
    UNION ALL
    SELECT post_id, author_id, 2 FROM comments
    UNION ALL
    SELECT post_id, user_id, 3 FROM shares
  ) a
  JOIN posts p ON p.post_id = a.post_id
  GROUP BY a.user_id, p.author_id;
CREATE VIEW affinity_hours AS
  SELECT user_id, author_id,
    CASE WHEN affinity >= 255 THEN 24 WHEN affinity >= 63 THEN 18 WHEN affinity >= 15 THEN 12 WHEN affinity >= 3 THEN 6 ELSE 0 END AS hours
  FROM affinities;

CREATE VIEW post_scores AS SELECT post_id, sum(weight) AS score FROM engagement GROUP BY post_id;
CREATE VIEW recent_posts AS
  SELECT p.post_id, p.author_id, p.created_at,
    CASE WHEN s.score >= 1023 THEN 60 WHEN s.score >= 511 THEN 54 WHEN s.score >= 255 THEN 48 WHEN s.score >= 127 THEN 42
      WHEN s.score >= 63 THEN 36 WHEN s.score >= 31 THEN 30 WHEN s.score >= 15 THEN 24 WHEN s.score >= 7 THEN 18
      WHEN s.score >= 3 THEN 12 WHEN s.score >= 1 THEN 6 ELSE 0 END AS hours
  FROM living_posts p LEFT JOIN post_scores s ON s.post_id = p.post_id
  WHERE p.visibility <> 'private' AND p.created_at > NOW() - INTERVAL '1 day';

CREATE MATERIALIZED VIEW personalized_feed AS
  SELECT f.user_id, CAST(CAST(p.created_at AS BIGINT) + (p.hours + f.hours) * 3600000000 AS TIMESTAMPTZ) AS ranked_at, p.post_id
  FROM (
    SELECT o.follower_id AS user_id, o.followee_id AS author_id, COALESCE(a.hours, 0) AS hours
    FROM open_follows o LEFT JOIN affinity_hours a ON a.user_id = o.follower_id AND a.author_id = o.followee_id
  ) f
  JOIN recent_posts p ON p.author_id = f.author_id;
CREATE INDEX ON personalized_feed (user_id, ranked_at DESC, post_id DESC) WITH (limit = 600);
CREATE POLICY own_personalized_feed ON personalized_feed FOR SELECT USING (user_id = jwt('sub'));
