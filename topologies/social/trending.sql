-- What is talked about now. Scores decay with a half-life of 6 hours, yet their order does not change while nothing happens, so an idle
-- network costs nothing. `score` is the binary logarithm of the decayed sum; decayed_value(score, at, INTERVAL '6 hours') gives the sum.
CREATE MATERIALIZED VIEW trending AS
  SELECT post_id, decayed_sum(weight, engaged_at, INTERVAL '6 hours') AS score FROM engagement GROUP BY post_id;
CREATE INDEX ON trending (score DESC, post_id DESC);
CREATE INDEX ON trending (post_id);
GRANT SELECT ON trending TO PUBLIC;

CREATE MATERIALIZED VIEW trending_last_hour AS
  SELECT post_id,
    count(*) FILTER (WHERE kind = 'like') AS likes,
    count(*) FILTER (WHERE kind = 'comment') AS comments,
    count(*) FILTER (WHERE kind = 'share') AS shares,
    sum(weight) AS score
  FROM engagement WHERE engaged_at > NOW() - INTERVAL '1 hour' AND engaged_at <= NOW() GROUP BY post_id;
CREATE INDEX ON trending_last_hour (score DESC, post_id DESC);
GRANT SELECT ON trending_last_hour TO PUBLIC;

CREATE MATERIALIZED VIEW trending_last_day AS
  SELECT post_id,
    count(*) FILTER (WHERE kind = 'like') AS likes,
    count(*) FILTER (WHERE kind = 'comment') AS comments,
    count(*) FILTER (WHERE kind = 'share') AS shares,
    sum(weight) AS score
  FROM engagement WHERE engaged_at > NOW() - INTERVAL '1 day' AND engaged_at <= NOW() GROUP BY post_id;
CREATE INDEX ON trending_last_day (score DESC, post_id DESC);
GRANT SELECT ON trending_last_day TO PUBLIC;
