-- Orders of a shop. Events say what happened to each; the views say how things are, and are current within milliseconds.

-- One JSON object per event. A column is the member of that name. Other members stay in the log, and may become columns later.
CREATE SOURCE order_events (
  event_id TEXT NOT NULL,
  event TEXT NOT NULL,
  order_id BIGINT NOT NULL,
  customer TEXT,
  amount NUMERIC(12, 2),
  at TIMESTAMPTZ NOT NULL
) WITH (connector = 'log', topic = 'orders', event_time = 'at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (event_id) WITHIN INTERVAL '7 days';

-- The orders as they are now: each event changes the row of its order, in the order in which the events were sent.
CREATE TABLE orders (
  order_id BIGINT PRIMARY KEY,
  customer TEXT NOT NULL,
  amount NUMERIC(12, 2) NOT NULL,
  status TEXT NOT NULL,
  placed_at TIMESTAMPTZ NOT NULL
);
MERGE INTO orders o USING order_events e ON o.order_id = e.order_id
  WHEN MATCHED AND e.event = 'paid' THEN UPDATE SET status = 'paid'
  WHEN MATCHED AND e.event = 'cancelled' THEN DELETE
  WHEN NOT MATCHED AND e.event = 'placed' THEN INSERT VALUES (e.order_id, e.customer, e.amount, 'open', e.at);

-- A view that everybody may read. Its index says by which columns it is read and in which order its rows come.
CREATE MATERIALIZED VIEW customer_totals AS
  SELECT customer, count(*) AS orders, sum(amount) AS amount, count(*) FILTER (WHERE status = 'paid') AS paid
  FROM orders GROUP BY customer;
CREATE INDEX ON customer_totals (customer);
GRANT SELECT ON customer_totals TO PUBLIC;

-- A view of which everybody sees their own rows: those whose customer is the 'sub' of the reader's token.
CREATE MATERIALIZED VIEW my_orders AS SELECT customer, placed_at, order_id, amount, status FROM orders;
CREATE INDEX ON my_orders (customer, placed_at DESC, order_id DESC) WITH (limit = 100);
CREATE POLICY own_orders ON my_orders FOR SELECT USING (customer = jwt('sub'));
