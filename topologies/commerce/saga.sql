-- Orders that nobody confirmed or cancelled within 30 seconds. The time-out changes no state: the topic tells the service that undoes what
-- was begun for the order. Events are at most 5 seconds late, so 5 seconds more pass before it is told; then it is told once.
CREATE MATERIALIZED VIEW saga_timeouts AS
  SELECT order_id, customer_id, created_at + INTERVAL '30 seconds' AS due_at FROM orders
  WHERE created_at <= NOW() - INTERVAL '35 seconds' AND (left_pending_at IS NULL OR left_pending_at > created_at + INTERVAL '30 seconds');
CREATE INDEX ON saga_timeouts (due_at DESC, order_id);
CREATE INDEX ON saga_timeouts (order_id);
CREATE POLICY shop_reads_timeouts ON saga_timeouts FOR SELECT USING (jwt('service') = 'shop');
CREATE SINK compensations FROM saga_timeouts WITH (connector = 'log', topic = 'commerce.compensation') FORMAT CHANGELOG ENCODE JSON;
