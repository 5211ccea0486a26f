-- Messages of a file beside the statements.

CREATE SOURCE orders WITH (connector = 'log', topic = 'orders', event_time = 'placed_at')
  FORMAT PLAIN ENCODE PROTOBUF (message = 'shop.v1.Order', schema.location = 'orders.proto')
  DEDUPLICATE BY (order_id, status);

CREATE MATERIALIZED VIEW totals AS
  SELECT customer, status, CAST(sum(cents) AS BIGINT) AS cents, count(*) AS orders, count(note) AS notes FROM orders
  GROUP BY customer, status;
