-- The topics of the to-do application: JSON objects with an envelope. An event that comes again within a week is one event.
CREATE SOURCE task_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'tasks.task', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '7 days';

CREATE SOURCE chat_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'tasks.chat', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '7 days';
