-- Messages of a company of its own, with the envelope.

CREATE SOURCE order_events WITH (connector = 'log', topic = 'shop.order')
  FORMAT PLAIN ENCODE PROTOBUF (message = 'shop.v1.OrderEvent', schema.location = 'order.proto');

CREATE TABLE orders (
  number TEXT PRIMARY KEY, customer_id BIGINT NOT NULL, skus TEXT[], cents BIGINT NOT NULL, status TEXT NOT NULL, voucher TEXT,
  expected_at TIMESTAMPTZ, placed_at TIMESTAMPTZ NOT NULL);
MERGE INTO orders o USING order_events e ON o.number = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'order.paid' THEN UPDATE SET status = 'paid', voucher = e.paid.voucher
  WHEN MATCHED AND e.event_type = 'parcel.sent' THEN UPDATE SET status = 'sent', expected_at = e.sent.expected_at
  WHEN NOT MATCHED AND e.event_type = 'order.placed' THEN
    INSERT VALUES (e.aggregate_id, e.placed.customer_id, e.placed.skus, e.placed.cents, 'placed', NULL, NULL, e.occurred_at);

CREATE MATERIALIZED VIEW customers AS
  SELECT customer_id, count(*) AS orders, CAST(sum(cents) AS BIGINT) AS cents FROM orders GROUP BY customer_id;
