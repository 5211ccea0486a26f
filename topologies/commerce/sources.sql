-- The topics of the shop. An event is a JSON object with an envelope: an id of its own, a type, the aggregate that it is of, the time at
-- which it happened, and a payload. Relays of an outbox send again what they may have sent: an id counts once in 31 days.
CREATE SOURCE product_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'commerce.product', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '31 days';

CREATE SOURCE inventory_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'commerce.inventory', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '31 days';

CREATE SOURCE cart_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'commerce.cart', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '31 days';

CREATE SOURCE order_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'commerce.order', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '31 days';

-- Devices send a lot: a reading that comes again after an hour counts again.
CREATE SOURCE telemetry_events (
  event_id UUID NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER, aggregate_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, actor_id TEXT, payload JSONB
) WITH (connector = 'log', topic = 'commerce.telemetry', event_time = 'occurred_at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '1 hour';
