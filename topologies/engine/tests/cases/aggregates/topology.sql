-- Requests of a service: of the stream one row a route is kept, of the table every value.

CREATE SOURCE requests (id BIGINT NOT NULL, route TEXT NOT NULL, status INTEGER, took DOUBLE PRECISION, bytes BIGINT, at TIMESTAMPTZ)
  WITH (connector = 'log', topic = 'requests', event_time = 'at') FORMAT PLAIN ENCODE JSON;

CREATE TABLE kept_requests (id BIGINT PRIMARY KEY, route TEXT NOT NULL, status INTEGER, took DOUBLE PRECISION, bytes BIGINT);
MERGE INTO kept_requests k USING requests r ON k.id = r.id
  WHEN MATCHED AND r.status IS NULL THEN DELETE
  WHEN MATCHED THEN UPDATE SET status = r.status, took = r.took, bytes = r.bytes
  WHEN NOT MATCHED AND r.status IS NOT NULL THEN INSERT VALUES (r.id, r.route, r.status, r.took, r.bytes);

-- The latest request of each route, and figures that need no row.
CREATE MATERIALIZED VIEW latest_requests AS
  SELECT route, arg_max(id, at) AS latest, min_by(id, took) AS fastest, last_value(status ORDER BY at) AS status, stddev_pop(bytes) AS spread,
    regr_count(bytes, took) AS pairs, bit_or(status) AS bits, any_value(bytes) AS bytes
  FROM requests GROUP BY route;

CREATE MATERIALIZED VIEW latencies AS
  SELECT route, median(took) AS middle, percentile_disc(0.9) WITHIN GROUP (ORDER BY took) AS late,
    percentile_cont(ARRAY[0, 0.5, 1]) WITHIN GROUP (ORDER BY took DESC) AS spread, mode() WITHIN GROUP (ORDER BY status) AS usual,
    max(took) FILTER (WHERE status < 500) AS slowest, approx_count_distinct(status) AS statuses,
    approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY bytes) AS bytes
  FROM kept_requests GROUP BY route;

CREATE MATERIALIZED VIEW relations AS
  SELECT corr(bytes, took) AS related, regr_slope(bytes, took) AS slope, var_samp(bytes) AS variance, every(status = 200) AS fine
  FROM kept_requests;
