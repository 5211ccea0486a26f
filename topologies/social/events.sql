-- What became of an event: its envelope by its id, for ten minutes of the clock, since events without end can't be kept. Its
-- payload is in the views. Who caused an event sees it; a service with the claim service = 'events' sees all.
CREATE MATERIALIZED VIEW recent_events AS
  SELECT event_id, 'social.user' AS topic, event_type, schema_version, CAST(aggregate_id AS TEXT) AS aggregate_id,
    occurred_at, actor_id, trace_parent FROM user_events WHERE occurred_at > NOW() - INTERVAL '10 minutes'
  UNION ALL
  SELECT event_id, 'social.account', event_type, schema_version, CAST(aggregate_id AS TEXT),
    occurred_at, actor_id, trace_parent FROM account_events WHERE occurred_at > NOW() - INTERVAL '10 minutes'
  UNION ALL
  SELECT event_id, 'social.conversation', event_type, schema_version, aggregate_id,
    occurred_at, actor_id, trace_parent FROM conversation_events WHERE occurred_at > NOW() - INTERVAL '10 minutes'
  UNION ALL
  SELECT event_id, 'social.post', event_type, schema_version, CAST(aggregate_id AS TEXT),
    occurred_at, actor_id, trace_parent FROM post_events WHERE occurred_at > NOW() - INTERVAL '10 minutes'
  UNION ALL
  SELECT event_id, 'social.video', event_type, schema_version, CAST(aggregate_id AS TEXT),
    occurred_at, actor_id, trace_parent FROM video_events WHERE occurred_at > NOW() - INTERVAL '10 minutes'
  UNION ALL
  SELECT event_id, 'social.stream', event_type, schema_version, CAST(aggregate_id AS TEXT),
    occurred_at, actor_id, trace_parent FROM stream_events WHERE occurred_at > NOW() - INTERVAL '10 minutes'
  UNION ALL
  SELECT event_id, 'social.media', event_type, schema_version, CAST(aggregate_id AS TEXT),
    occurred_at, actor_id, trace_parent FROM media_events WHERE occurred_at > NOW() - INTERVAL '10 minutes'
  UNION ALL
  SELECT event_id, 'social.notification', event_type, schema_version, CAST(aggregate_id AS TEXT),
    occurred_at, actor_id, trace_parent FROM notification_events WHERE occurred_at > NOW() - INTERVAL '10 minutes'
  UNION ALL
  SELECT event_id, 'social.search', event_type, schema_version, CAST(aggregate_id AS TEXT),
    occurred_at, actor_id, trace_parent FROM search_events WHERE occurred_at > NOW() - INTERVAL '10 minutes'
  UNION ALL
  SELECT event_id, 'social.asset', event_type, schema_version, aggregate_id,
    occurred_at, actor_id, trace_parent FROM asset_events WHERE occurred_at > NOW() - INTERVAL '10 minutes';
CREATE INDEX ON recent_events (event_id);
CREATE POLICY own_events ON recent_events FOR SELECT USING (actor_id = jwt('sub'));
CREATE POLICY events_reads_events ON recent_events FOR SELECT USING (jwt('service') = 'events');
