-- Orders as a state machine: PENDING -> CONFIRMED -> PAID -> FULFILLED, or CANCELLED from PENDING and CONFIRMED. Any other step goes to the
-- dead letters with the state that refused it, and changes nothing. The times of the steps are those at which they happened.
CREATE TABLE orders (
  order_id TEXT PRIMARY KEY,
  customer_id TEXT,
  currency TEXT,
  card TEXT,
  lines JSONB,
  state TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  left_pending_at TIMESTAMPTZ,
  paid_at TIMESTAMPTZ,
  changed_at TIMESTAMPTZ NOT NULL,
  cancel_reason TEXT
);

MERGE INTO orders o USING order_events e ON o.order_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'order.created' THEN INSERT VALUES
    (e.aggregate_id, e.payload ->> 'customer_id', e.payload ->> 'currency', e.payload ->> 'card', e.payload -> 'lines', 'PENDING', e.occurred_at,
     NULL, NULL, e.occurred_at, NULL)
  WHEN NOT MATCHED AND e.event_type IN ('order.confirmed', 'order.paid', 'order.fulfilled', 'order.cancelled') THEN
    RAISE 'there is no such order'
  WHEN MATCHED AND e.event_type = 'order.confirmed' AND o.state = 'PENDING' THEN UPDATE SET
    state = 'CONFIRMED', left_pending_at = e.occurred_at, changed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'order.paid' AND o.state = 'CONFIRMED' THEN UPDATE SET
    state = 'PAID', paid_at = e.occurred_at, changed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'order.fulfilled' AND o.state = 'PAID' THEN UPDATE SET state = 'FULFILLED', changed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'order.cancelled' AND o.state IN ('PENDING', 'CONFIRMED') THEN UPDATE SET
    state = 'CANCELLED', left_pending_at = COALESCE(o.left_pending_at, e.occurred_at), changed_at = e.occurred_at,
    cancel_reason = e.payload ->> 'reason'
  WHEN MATCHED AND e.event_type IN ('order.created', 'order.confirmed', 'order.paid', 'order.fulfilled', 'order.cancelled') THEN
    RAISE 'the order is ' || o.state;

-- The lines of an order as they were when it was created.
CREATE VIEW order_lines AS
  SELECT o.order_id, o.state, l.line ->> 'sku' AS sku, CAST(l.line ->> 'qty' AS BIGINT) AS qty,
    CAST(l.line ->> 'unit_price_cents' AS BIGINT) AS unit_price_cents
  FROM orders o, LATERAL jsonb_array_elements(o.lines) AS l(line);

CREATE VIEW order_totals AS
  SELECT order_id, CAST(sum(qty) AS BIGINT) AS units, CAST(sum(qty * unit_price_cents) AS BIGINT) AS total_cents FROM order_lines GROUP BY order_id;

-- The customer follows the state of his orders here, the latest change first.
CREATE MATERIALIZED VIEW order_states AS
  SELECT o.order_id, o.customer_id, o.state, COALESCE(t.units, 0) AS units, COALESCE(t.total_cents, 0) AS total_cents, o.currency, o.created_at,
    o.changed_at, o.cancel_reason
  FROM orders o LEFT JOIN order_totals t ON t.order_id = o.order_id;
CREATE INDEX ON order_states (customer_id, changed_at DESC, order_id);
CREATE INDEX ON order_states (order_id);
CREATE INDEX ON order_states (state, created_at, order_id);
CREATE POLICY own_orders ON order_states FOR SELECT USING (customer_id = jwt('sub'));
CREATE POLICY shop_reads_orders ON order_states FOR SELECT USING (jwt('service') = 'shop');

CREATE MATERIALIZED VIEW orders_by_customer AS
  SELECT customer_id, count(*) AS orders,
    count(*) FILTER (WHERE state = 'PENDING') AS pending,
    count(*) FILTER (WHERE state = 'CONFIRMED') AS confirmed,
    count(*) FILTER (WHERE state = 'PAID') AS paid,
    count(*) FILTER (WHERE state = 'FULFILLED') AS fulfilled,
    count(*) FILTER (WHERE state = 'CANCELLED') AS cancelled,
    COALESCE(CAST(sum(total_cents) FILTER (WHERE state IN ('PAID', 'FULFILLED')) AS BIGINT), 0) AS paid_cents
  FROM order_states GROUP BY customer_id;
CREATE INDEX ON orders_by_customer (customer_id);
CREATE INDEX ON orders_by_customer (paid_cents DESC, customer_id);
CREATE POLICY own_order_counts ON orders_by_customer FOR SELECT USING (customer_id = jwt('sub'));
CREATE POLICY shop_reads_order_counts ON orders_by_customer FOR SELECT USING (jwt('service') = 'shop');
