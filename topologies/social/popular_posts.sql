-- The hundred posts with the most engagement of all time.
CREATE MATERIALIZED VIEW popular_posts AS
  SELECT post_id, sum(weight) AS score FROM engagement GROUP BY post_id ORDER BY score DESC, post_id DESC LIMIT 100;
CREATE INDEX ON popular_posts (score DESC, post_id DESC);
GRANT SELECT ON popular_posts TO PUBLIC;
