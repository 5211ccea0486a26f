-- What a content delivery network still serves although it changed or went: the paths to purge. Paths are /posts/POST,
-- /media/MEDIA/VARIANT, /videos/VIDEO/VARIANT and /videos/VIDEO/manifest. A path leaves the list when it is published again or
-- removed.
CREATE TABLE assets (
  asset_path TEXT PRIMARY KEY,
  origin_etag TEXT NOT NULL,
  content_type TEXT NOT NULL,
  published_at TIMESTAMPTZ NOT NULL
);

MERGE INTO assets a USING asset_events e ON a.asset_path = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'asset.removed' THEN DELETE
  WHEN MATCHED AND e.event_type = 'asset.published' THEN UPDATE SET
    origin_etag = e.published.origin_etag, content_type = e.published.content_type, published_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'asset.published' THEN INSERT VALUES
    (e.aggregate_id, e.published.origin_etag, e.published.content_type, e.occurred_at);

-- Every form that a file or a video ever had, when it last changed, and whether it is gone.
CREATE VIEW media_paths AS
  SELECT media_id, owner_id, '/media/' || CAST(media_id AS TEXT) || '/' || variant AS asset_path, changed_at,
    status = 'deleted' OR NOT array_has(variants, variant) AS gone
  FROM (SELECT media_id, owner_id, unnest(past_variants) AS variant, variants, status, changed_at FROM all_media);
CREATE VIEW video_paths AS
  SELECT video_id, owner_id, '/videos/' || CAST(video_id AS TEXT) || '/' || variant AS asset_path, changed_at,
    status = 'deleted' OR (variant <> 'manifest' AND NOT array_has(variants, variant)) AS gone
  FROM (SELECT video_id, owner_id, unnest(array_append(past_variants, 'manifest')) AS variant, variants, status, changed_at FROM all_videos);

-- What each post shows.
CREATE VIEW post_media AS SELECT DISTINCT post_id, media_id FROM (SELECT post_id, unnest(media_ids) AS media_id FROM all_posts);
CREATE VIEW post_videos AS SELECT post_id, video_id FROM all_posts WHERE video_id IS NOT NULL;

-- All that a user leaves behind when he leaves.
CREATE VIEW departed_paths AS
  SELECT '/posts/' || CAST(p.post_id AS TEXT) AS asset_path, d.departed_at FROM all_posts p JOIN departed d ON d.user_id = p.author_id
  UNION ALL
  SELECT m.asset_path, d.departed_at FROM media_paths m JOIN departed d ON d.user_id = m.owner_id
  UNION ALL
  SELECT v.asset_path, d.departed_at FROM video_paths v JOIN departed d ON d.user_id = v.owner_id;

-- A post's page changes with the post and with what it shows; what a post showed goes out of the caches with the post, and comes
-- back when asked for.
CREATE VIEW stale_paths AS
  SELECT '/posts/' || CAST(post_id AS TEXT) AS asset_path, updated_at AS changed_at, deleted AS gone
  FROM all_posts WHERE updated_at IS NOT NULL
  UNION ALL
  SELECT asset_path, changed_at, gone FROM media_paths
  UNION ALL
  SELECT asset_path, changed_at, gone FROM video_paths
  UNION ALL
  SELECT '/posts/' || CAST(s.post_id AS TEXT), m.changed_at, FALSE FROM post_media s JOIN all_media m ON m.media_id = s.media_id
  UNION ALL
  SELECT '/posts/' || CAST(s.post_id AS TEXT), v.changed_at, FALSE FROM post_videos s JOIN all_videos v ON v.video_id = s.video_id
  UNION ALL
  SELECT m.asset_path, p.updated_at, FALSE
  FROM post_media s JOIN all_posts p ON p.post_id = s.post_id JOIN media_paths m ON m.media_id = s.media_id WHERE p.deleted
  UNION ALL
  SELECT v.asset_path, p.updated_at, FALSE FROM all_posts p JOIN video_paths v ON v.video_id = p.video_id WHERE p.deleted
  UNION ALL
  SELECT asset_path, departed_at, TRUE FROM departed_paths;

CREATE MATERIALIZED VIEW purges AS
  SELECT a.asset_path, max(s.changed_at) AS changed_at, bool_or(s.gone) AS gone
  FROM assets a JOIN stale_paths s ON s.asset_path = a.asset_path AND s.changed_at > a.published_at
  GROUP BY a.asset_path;
CREATE INDEX ON purges (changed_at DESC, asset_path);
CREATE INDEX ON purges (asset_path);
CREATE POLICY cdn_reads_purges ON purges FOR SELECT USING (jwt('service') = 'cdn');
