-- How often posts that live have been seen.
CREATE VIEW view_events AS
  SELECT aggregate_id AS post_id, count(*) AS views FROM post_events WHERE event_type = 'post.viewed' GROUP BY aggregate_id;

CREATE MATERIALIZED VIEW post_views AS
  SELECT v.post_id, v.views FROM view_events v JOIN posts p ON p.post_id = v.post_id;
CREATE INDEX ON post_views (post_id);
CREATE INDEX ON post_views (views DESC, post_id DESC);
GRANT SELECT ON post_views TO PUBLIC;
