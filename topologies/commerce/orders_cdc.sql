-- The table `orders` of the shop's PostgreSQL, as Debezium tells its changes. The table had names of customers before it had their ids.
CREATE TABLE orders_cdc (
  id BIGINT PRIMARY KEY,
  customer_id TEXT,
  customer_name TEXT,
  product_name TEXT,
  quantity BIGINT,
  price NUMERIC(14, 2),
  order_date BIGINT,
  status TEXT
) WITH (connector = 'log', topic = 'cdc.public.orders') FORMAT DEBEZIUM ENCODE JSON;

CREATE MATERIALIZED VIEW database_orders AS
  SELECT id, customer_id, customer_name, product_name, quantity, price, order_date, status FROM orders_cdc;
CREATE INDEX ON database_orders (id);
CREATE POLICY shop_reads_database_orders ON database_orders FOR SELECT USING (jwt('service') = 'shop');

CREATE MATERIALIZED VIEW database_orders_by_product AS
  SELECT product_name, count(*) AS orders, CAST(sum(quantity) AS BIGINT) AS units, CAST(sum(price) AS NUMERIC(18, 2)) AS price_total
  FROM orders_cdc GROUP BY product_name;
CREATE INDEX ON database_orders_by_product (product_name);
CREATE POLICY shop_reads_products ON database_orders_by_product FOR SELECT USING (jwt('service') = 'shop');

CREATE MATERIALIZED VIEW database_orders_by_status AS
  SELECT status, count(*) AS orders, CAST(sum(quantity) AS BIGINT) AS units, CAST(sum(price) AS NUMERIC(18, 2)) AS price_total
  FROM orders_cdc GROUP BY status;
CREATE INDEX ON database_orders_by_status (status);
CREATE POLICY shop_reads_statuses ON database_orders_by_status FOR SELECT USING (jwt('service') = 'shop');

CREATE MATERIALIZED VIEW database_orders_total AS
  SELECT count(*) AS orders, CAST(sum(quantity) AS BIGINT) AS units, CAST(sum(price) AS NUMERIC(18, 2)) AS price_total FROM orders_cdc;
CREATE INDEX ON database_orders_total (orders);
CREATE POLICY shop_reads_total ON database_orders_total FOR SELECT USING (jwt('service') = 'shop');

-- The same as `orders_by_customer`, from the database instead of the events.
CREATE MATERIALIZED VIEW database_orders_by_customer AS
  SELECT COALESCE(customer_id, customer_name) AS customer, count(*) AS orders, CAST(sum(quantity) AS BIGINT) AS units,
    CAST(sum(price) AS NUMERIC(18, 2)) AS price_total,
    count(*) FILTER (WHERE status = 'PENDING') AS pending,
    count(*) FILTER (WHERE status = 'CONFIRMED') AS confirmed,
    count(*) FILTER (WHERE status = 'PAID') AS paid,
    count(*) FILTER (WHERE status = 'FULFILLED') AS fulfilled,
    count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
    COALESCE(CAST(sum(price) FILTER (WHERE status IN ('PAID', 'FULFILLED')) * 100 AS BIGINT), 0) AS paid_cents
  FROM orders_cdc GROUP BY COALESCE(customer_id, customer_name);
CREATE INDEX ON database_orders_by_customer (customer);
CREATE POLICY own_database_orders ON database_orders_by_customer FOR SELECT USING (customer = jwt('sub'));
CREATE POLICY shop_reads_database_customers ON database_orders_by_customer FOR SELECT USING (jwt('service') = 'shop');

-- The standing comparison: empty while the events and the database say the same. A change that one of them told first is here until the
-- other follows; what stays here was lost on the way.
CREATE MATERIALIZED VIEW order_disagreements AS
  SELECT COALESCE(e.customer_id, d.customer) AS customer, e.orders AS orders_by_events, d.orders AS orders_by_database,
    e.paid_cents AS paid_cents_by_events, d.paid_cents AS paid_cents_by_database
  FROM orders_by_customer e FULL JOIN database_orders_by_customer d ON d.customer = e.customer_id
  WHERE e.orders IS DISTINCT FROM d.orders OR e.pending IS DISTINCT FROM d.pending OR e.confirmed IS DISTINCT FROM d.confirmed
    OR e.paid IS DISTINCT FROM d.paid OR e.fulfilled IS DISTINCT FROM d.fulfilled OR e.cancelled IS DISTINCT FROM d.cancelled
    OR e.paid_cents IS DISTINCT FROM d.paid_cents;
CREATE INDEX ON order_disagreements (customer);
CREATE POLICY shop_reads_disagreements ON order_disagreements FOR SELECT USING (jwt('service') = 'shop');
