-- The topics of the coding assistant's services: JSON objects with an envelope. An event that comes again within a week is one event.
CREATE SOURCE agent_conversation_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'agents.conversation', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '7 days';

CREATE SOURCE agent_task_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'agents.task', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '7 days';

CREATE SOURCE build_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'agents.build', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '7 days';

CREATE SOURCE repository_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'agents.repository', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '7 days';
