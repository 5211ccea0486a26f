-- Videos. A delete is final; what is left of a deleted video are the paths that a cache may still have.
CREATE TABLE all_videos (
  video_id BIGINT PRIMARY KEY,
  owner_id BIGINT NOT NULL,
  title TEXT NOT NULL,
  description TEXT,
  status TEXT NOT NULL,
  failure TEXT,
  variants TEXT[],
  past_variants TEXT[],
  manifest_url TEXT,
  duration_ms BIGINT,
  uploaded_at TIMESTAMPTZ NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL
);

MERGE INTO all_videos v USING video_events e ON v.video_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'video.deleted' THEN UPDATE SET
    title = '', description = NULL, status = 'deleted', failure = NULL, changed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'video.processing_completed' AND v.status <> 'deleted' THEN UPDATE SET
    status = 'ready', failure = NULL, variants = e.processing_completed.variants,
    past_variants = array_union(COALESCE(v.past_variants, make_array()), e.processing_completed.variants),
    manifest_url = e.processing_completed.manifest_url, duration_ms = e.processing_completed.duration_ms, changed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'video.processing_failed' AND v.status <> 'deleted' THEN UPDATE SET
    status = 'failed', failure = e.processing_failed.reason, changed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'video.metadata_updated' AND v.status <> 'deleted' THEN UPDATE SET
    title = COALESCE(e.metadata_updated.title, v.title), description = COALESCE(e.metadata_updated.description, v.description),
    changed_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'video.uploaded' THEN INSERT VALUES
    (e.aggregate_id, e.uploaded.owner_id, e.uploaded.title, NULL, 'processing', NULL, NULL, NULL, NULL, NULL, e.occurred_at,
     e.occurred_at);

-- Those of users who are there.
CREATE VIEW present_videos AS
  SELECT v.video_id, v.owner_id, v.uploaded_at, v.title, v.description, v.status, v.failure, v.variants, v.manifest_url, v.duration_ms
  FROM all_videos v WHERE v.status <> 'deleted' AND NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = v.owner_id);

-- Who watched a video on which day (UTC), how often and for how long: what all figures are made of.
CREATE TABLE video_watches (
  video_id BIGINT,
  day TIMESTAMPTZ,
  viewer_id BIGINT,
  views BIGINT NOT NULL,
  watched_ms BIGINT NOT NULL,
  PRIMARY KEY (video_id, day, viewer_id)
);

MERGE INTO video_watches w USING video_events e
  ON w.video_id = e.aggregate_id AND w.day = date_trunc('day', e.occurred_at) AND w.viewer_id = e.viewed.viewer_id
  WHEN MATCHED AND e.event_type = 'video.viewed' THEN UPDATE SET
    views = w.views + 1, watched_ms = w.watched_ms + GREATEST(e.viewed.watched_ms, 0)
  WHEN NOT MATCHED AND e.event_type = 'video.viewed' THEN INSERT VALUES
    (e.aggregate_id, date_trunc('day', e.occurred_at), e.viewed.viewer_id, 1, GREATEST(e.viewed.watched_ms, 0));

CREATE VIEW video_days AS
  SELECT video_id, day, CAST(sum(views) AS BIGINT) AS views, count(*) AS unique_viewers, CAST(sum(watched_ms) AS BIGINT) AS watched_ms
  FROM video_watches GROUP BY video_id, day;
CREATE VIEW video_viewers AS
  SELECT video_id, viewer_id, CAST(sum(views) AS BIGINT) AS views, CAST(sum(watched_ms) AS BIGINT) AS watched_ms FROM video_watches GROUP BY video_id, viewer_id;
CREATE VIEW video_totals AS
  SELECT video_id, CAST(sum(views) AS BIGINT) AS views, count(*) AS unique_viewers, CAST(sum(watched_ms) AS BIGINT) AS watched_ms FROM video_viewers GROUP BY video_id;

CREATE MATERIALIZED VIEW videos AS
  SELECT v.video_id, v.owner_id, v.uploaded_at, v.title, v.description, v.status, v.failure, v.manifest_url, v.duration_ms,
    COALESCE(t.views, 0) AS views
  FROM present_videos v LEFT JOIN video_totals t ON t.video_id = v.video_id;
CREATE INDEX ON videos (video_id);
CREATE INDEX ON videos (owner_id, uploaded_at DESC, video_id DESC);
GRANT SELECT ON videos TO PUBLIC;

-- What a player can choose from.
CREATE MATERIALIZED VIEW video_variants AS
  SELECT DISTINCT video_id, variant FROM (SELECT video_id, unnest(variants) AS variant FROM present_videos WHERE status = 'ready');
CREATE INDEX ON video_variants (video_id, variant);
GRANT SELECT ON video_variants TO PUBLIC;

-- How his videos do is for the owner's eyes.
CREATE MATERIALIZED VIEW video_analytics AS
  SELECT v.owner_id, v.video_id, t.views, t.unique_viewers, t.watched_ms
  FROM present_videos v JOIN video_totals t ON t.video_id = v.video_id;
CREATE INDEX ON video_analytics (owner_id, video_id);
CREATE POLICY own_video_analytics ON video_analytics FOR SELECT USING (owner_id = jwt('sub'));

CREATE MATERIALIZED VIEW video_analytics_daily AS
  SELECT v.owner_id, v.video_id, d.day, d.views, d.unique_viewers, d.watched_ms
  FROM present_videos v JOIN video_days d ON d.video_id = v.video_id;
CREATE INDEX ON video_analytics_daily (owner_id, video_id, day DESC);
CREATE POLICY own_daily_analytics ON video_analytics_daily FOR SELECT USING (owner_id = jwt('sub'));
