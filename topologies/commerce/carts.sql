-- Carts that are being filled, and those that somebody filled and left.
CREATE VIEW cart_steps AS
  SELECT event_id, event_type, aggregate_id AS cart_id, COALESCE(payload ->> 'customer_id', actor_id) AS customer_id, payload ->> 'sku' AS sku,
    COALESCE(CAST(payload ->> 'qty' AS BIGINT), 1) AS qty, occurred_at
  FROM cart_events WHERE event_type IN ('cart.item_added', 'cart.item_removed', 'cart.checked_out');

CREATE TABLE carts (
  cart_id TEXT PRIMARY KEY,
  customer_id TEXT,
  changed_at TIMESTAMPTZ NOT NULL,
  checked_out_at TIMESTAMPTZ
);

MERGE INTO carts c USING cart_steps s ON c.cart_id = s.cart_id
  WHEN MATCHED AND c.checked_out_at IS NOT NULL THEN RAISE 'the cart is checked out'
  WHEN MATCHED AND s.event_type = 'cart.checked_out' THEN UPDATE SET changed_at = s.occurred_at, checked_out_at = s.occurred_at
  WHEN MATCHED THEN UPDATE SET customer_id = COALESCE(s.customer_id, c.customer_id), changed_at = s.occurred_at
  WHEN NOT MATCHED AND s.event_type = 'cart.item_added' THEN INSERT VALUES (s.cart_id, s.customer_id, s.occurred_at, NULL)
  WHEN NOT MATCHED THEN RAISE 'there is no such cart';

CREATE TABLE cart_items (
  cart_id TEXT,
  sku TEXT,
  qty BIGINT NOT NULL,
  added_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (cart_id, sku)
);

MERGE INTO cart_items i USING cart_steps s ON i.cart_id = s.cart_id AND i.sku = s.sku
  WHEN MATCHED AND s.event_type = 'cart.item_removed' AND s.qty >= i.qty THEN DELETE
  WHEN MATCHED AND s.event_type = 'cart.item_removed' AND s.qty > 0 THEN UPDATE SET qty = i.qty - s.qty
  WHEN MATCHED AND s.event_type = 'cart.item_added' AND s.qty > 0 THEN UPDATE SET qty = i.qty + s.qty
  WHEN NOT MATCHED AND s.event_type = 'cart.item_added' AND s.qty > 0 THEN INSERT VALUES (s.cart_id, s.sku, s.qty, s.occurred_at);

CREATE MATERIALIZED VIEW cart_contents AS
  SELECT c.customer_id, i.cart_id, i.sku, p.name, i.qty, i.qty * p.price_cents AS total_cents
  FROM cart_items i JOIN carts c ON c.cart_id = i.cart_id LEFT JOIN products p ON p.sku = i.sku WHERE c.checked_out_at IS NULL;
CREATE INDEX ON cart_contents (customer_id, cart_id, sku);
CREATE POLICY own_carts ON cart_contents FOR SELECT USING (customer_id = jwt('sub'));

-- What is done in a cart within 30 minutes of one another is one session; those of the last 30 days.
CREATE VIEW recent_cart_steps AS SELECT cart_id, customer_id, event_type, occurred_at FROM cart_steps WHERE occurred_at > NOW() - INTERVAL '30 days';
CREATE MATERIALIZED VIEW cart_sessions AS
  SELECT cart_id, max(customer_id) AS customer_id, window_start AS started_at, max(occurred_at) AS last_at, count(*) AS steps,
    bool_or(event_type = 'cart.checked_out') AS checked_out
  FROM SESSION(recent_cart_steps, occurred_at, INTERVAL '30 minutes', cart_id) GROUP BY cart_id, window_start, window_end;
CREATE INDEX ON cart_sessions (cart_id, started_at DESC);
CREATE INDEX ON cart_sessions (started_at DESC, cart_id);
CREATE POLICY shop_reads_cart_sessions ON cart_sessions FOR SELECT USING (jwt('service') = 'shop');

-- Nothing happened in the cart for 30 minutes, and there is something in it. The first step after that takes it off the list.
CREATE VIEW cart_values AS
  SELECT i.cart_id, CAST(sum(i.qty) AS BIGINT) AS units, CAST(sum(i.qty * p.price_cents) AS BIGINT) AS total_cents
  FROM cart_items i LEFT JOIN products p ON p.sku = i.sku GROUP BY i.cart_id;
CREATE MATERIALIZED VIEW abandoned_carts AS
  SELECT c.cart_id, c.customer_id, c.changed_at AS abandoned_at, v.units, v.total_cents
  FROM carts c JOIN cart_values v ON v.cart_id = c.cart_id
  WHERE c.checked_out_at IS NULL AND c.changed_at <= NOW() - INTERVAL '30 minutes';
CREATE INDEX ON abandoned_carts (abandoned_at DESC, cart_id);
CREATE INDEX ON abandoned_carts (customer_id, abandoned_at DESC, cart_id);
CREATE POLICY own_abandoned_carts ON abandoned_carts FOR SELECT USING (customer_id = jwt('sub'));
CREATE POLICY shop_reads_abandoned_carts ON abandoned_carts FOR SELECT USING (jwt('service') = 'shop');
