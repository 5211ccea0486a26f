-- Money that came in, by the time of the payment. What happens to an order later takes nothing away.
CREATE VIEW payments AS
  SELECT o.order_id, o.paid_at, COALESCE(t.total_cents, 0) AS total_cents
  FROM orders o LEFT JOIN order_totals t ON t.order_id = o.order_id WHERE o.paid_at IS NOT NULL;

CREATE MATERIALIZED VIEW revenue_per_minute AS
  SELECT window_start, count(*) AS orders, CAST(sum(total_cents) AS BIGINT) AS revenue_cents
  FROM TUMBLE(payments, paid_at, INTERVAL '1 minute') GROUP BY window_start;
CREATE INDEX ON revenue_per_minute (window_start DESC);
CREATE POLICY shop_reads_minutes ON revenue_per_minute FOR SELECT USING (jwt('service') = 'shop');

CREATE MATERIALIZED VIEW revenue_per_hour AS
  SELECT window_start, count(*) AS orders, CAST(sum(total_cents) AS BIGINT) AS revenue_cents
  FROM TUMBLE(payments, paid_at, INTERVAL '1 hour') GROUP BY window_start;
CREATE INDEX ON revenue_per_hour (window_start DESC);
CREATE POLICY shop_reads_hours ON revenue_per_hour FOR SELECT USING (jwt('service') = 'shop');

-- An hour that begins every 5 minutes: the row of the latest whole hour is the one that began an hour ago.
CREATE MATERIALIZED VIEW revenue_hop_1h_5min AS
  SELECT window_start, count(*) AS orders, CAST(sum(total_cents) AS BIGINT) AS revenue_cents
  FROM HOP(payments, paid_at, INTERVAL '5 minutes', INTERVAL '1 hour') GROUP BY window_start;
CREATE INDEX ON revenue_hop_1h_5min (window_start DESC);
CREATE POLICY shop_reads_hops ON revenue_hop_1h_5min FOR SELECT USING (jwt('service') = 'shop');

-- The last hour by 5 minutes, as a page of the shop shows it: at most 13 rows, and they go by the clock.
CREATE MATERIALIZED VIEW revenue_last_hour AS
  SELECT window_start, count(*) AS orders, CAST(sum(total_cents) AS BIGINT) AS revenue_cents
  FROM TUMBLE(payments, paid_at, INTERVAL '5 minutes') WHERE paid_at > NOW() - INTERVAL '1 hour' GROUP BY window_start;
CREATE INDEX ON revenue_last_hour (window_start DESC);
CREATE POLICY shop_reads_last_hour ON revenue_last_hour FOR SELECT USING (jwt('service') = 'shop');
