-- Images and other files. A delete is final; what is left of a deleted file are the paths that a cache may still have.
CREATE TABLE all_media (
  media_id BIGINT PRIMARY KEY,
  owner_id BIGINT NOT NULL,
  mime TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  title TEXT,
  description TEXT,
  status TEXT NOT NULL,
  variants TEXT[],
  past_variants TEXT[],
  uploaded_at TIMESTAMPTZ NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL
);

MERGE INTO all_media m USING media_events e ON m.media_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'media.deleted' THEN UPDATE SET
    title = NULL, description = NULL, status = 'deleted', changed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'media.processing_completed' AND m.status <> 'deleted' THEN UPDATE SET
    status = 'ready', variants = e.processing_completed.variants,
    past_variants = array_union(COALESCE(m.past_variants, make_array()), e.processing_completed.variants), changed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'media.metadata_updated' AND m.status <> 'deleted' THEN UPDATE SET
    title = COALESCE(e.metadata_updated.title, m.title), description = COALESCE(e.metadata_updated.description, m.description),
    changed_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'media.uploaded' THEN INSERT VALUES
    (e.aggregate_id, e.uploaded.owner_id, e.uploaded.mime, e.uploaded.bytes, NULL, NULL, 'processing', NULL, NULL, e.occurred_at,
     e.occurred_at);

-- Those of users who are there.
CREATE VIEW present_media AS
  SELECT m.media_id, m.owner_id, m.uploaded_at, m.mime, m.bytes, m.title, m.description, m.status, m.variants
  FROM all_media m WHERE m.status <> 'deleted' AND NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = m.owner_id);

CREATE MATERIALIZED VIEW media AS
  SELECT media_id, owner_id, uploaded_at, mime, bytes, title, description, status FROM present_media;
CREATE INDEX ON media (media_id);
CREATE INDEX ON media (owner_id, uploaded_at DESC, media_id DESC);
GRANT SELECT ON media TO PUBLIC;

-- The forms in which a file can be fetched.
CREATE MATERIALIZED VIEW media_variants AS
  SELECT DISTINCT media_id, variant FROM (SELECT media_id, unnest(variants) AS variant FROM present_media WHERE status = 'ready');
CREATE INDEX ON media_variants (media_id, variant);
GRANT SELECT ON media_variants TO PUBLIC;
